"""How much memory the processes of a run take, looked at from outside while it lasts."""

import threading
import time
from collections import defaultdict
from statistics import median
from types import TracebackType
from typing import Self

import psutil

EVERY_S = 0.25
MB = 1_000_000


class MemoryWatch:
    """Resident bytes of every process with `word` in its command line, several times a second.

    The process whose parent is none of them is the master; forked workers have its command line.
    """

    def __init__(self, word: str) -> None:
        self._word = word
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._found: dict[int, list[tuple[float, int]]] = defaultdict(list)
        self._master = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def master_peak(self) -> int:
        """The most that the master had."""
        return max(size for _, size in self._found[self._master])

    def master_between(self, begin_s: float, end_s: float) -> int:
        """The master's median between two moments, in seconds since the first look at it."""
        looks = self._found[self._master]
        chosen = [size for at_s, size in looks if begin_s <= at_s - looks[0][0] < end_s]
        return int(median(chosen))

    @property
    def workers_peak(self) -> int:
        """The most that a worker had."""
        return max(size for pid, looks in self._found.items() if pid != self._master for _, size in looks)

    def _look(self) -> None:
        while not self._over.wait(EVERY_S):
            if not self._master:
                self._master = self._root()
            try:
                root = psutil.Process(self._master) if self._master else None
                for process in (root, *root.children(recursive=True)) if root else ():
                    self._found[process.pid].append((time.monotonic(), process.memory_info().rss))
            except psutil.Error:
                continue  # gone in this moment

    def _root(self) -> int:
        found: dict[int, int] = {}
        for process in psutil.process_iter(["cmdline", "ppid"]):
            if any(self._word in word for word in process.info["cmdline"] or ()):
                found[process.pid] = process.info["ppid"]
        return min((pid for pid, parent in found.items() if parent not in found), default=0)
