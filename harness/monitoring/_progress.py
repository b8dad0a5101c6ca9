"""Live progress of a run on the terminal: one line, rewritten on a terminal, repeated elsewhere."""

import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

import numpy as np

WINDOW_S = 10.0


class RecentWindow:
    """The requests of the last ten seconds, as (done µs, response time ms, is an error)."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, float, bool]] = deque()
        self.requests = 0
        self.errors = 0

    def extend(self, samples: Iterable[tuple[int, float, bool]]) -> None:
        for sample in samples:
            self._samples.append(sample)
            self.requests += 1
            self.errors += sample[2]

    def figures(self, now_us: int, elapsed_s: float) -> tuple[float, float | None]:
        """Requests per second and p95 in ms over the window; workers report every 3 s."""
        horizon_us = now_us - WINDOW_S * 1e6
        while self._samples and self._samples[0][0] < horizon_us:
            self._samples.popleft()
        seconds = max(min(WINDOW_S, elapsed_s), 1.0)
        times_ms = [sample[1] for sample in self._samples]
        p95_ms = float(np.quantile(times_ms, 0.95)) if times_ms else None
        return len(times_ms) / seconds, p95_ms


@dataclass(slots=True, frozen=True)
class Snapshot:
    """A run at one moment. `left_s` is None where the length of the run is not known."""

    phase: str
    users: int
    requests_per_s: float
    p95_ms: float | None
    errors: int
    requests: int
    elapsed_s: float
    left_s: float | None


def progress_line(snapshot: Snapshot) -> str:
    """One line of at most 80 columns.

    >>> progress_line(Snapshot("20-users", 20, 31.4, 812.0, 0, 950, 41.0, 49.0))
    '00:41  20-users      20 users    31.4 req/s  p95   812 ms  errors 0  left 00:49'
    """
    p95 = f"{snapshot.p95_ms:5.0f} ms" if snapshot.p95_ms is not None else "    - ms"
    line = (
        f"{_clock(snapshot.elapsed_s)}  {snapshot.phase[:12]:<12}{snapshot.users:4d} users  "
        f"{snapshot.requests_per_s:6.1f} req/s  p95 {p95}  errors {snapshot.errors}"
    )
    return line if snapshot.left_s is None else f"{line}  left {_clock(snapshot.left_s)}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    return f"{minutes:02d}:{rest:02d}"


class ProgressPrinter:
    """Shows snapshots. On a terminal the line is rewritten every second, else every five."""

    def __init__(self, stream: TextIO | None = None, plain_every_s: float = 5.0) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._plain_every_s = plain_every_s
        self._last_s = -plain_every_s
        self._dirty = False

    def show(self, snapshot: Snapshot) -> None:
        if self._terminal:
            self._stream.write(f"\r\x1b[2K{progress_line(snapshot)}")
            self._dirty = True
        elif snapshot.elapsed_s - self._last_s >= self._plain_every_s:
            self._last_s = snapshot.elapsed_s
            self._stream.write(progress_line(snapshot) + "\n")
        self._stream.flush()

    def clear(self) -> None:
        """The run is over: leave the cursor at the start of an empty line, ready for the next run."""
        self._last_s = -self._plain_every_s
        if self._dirty:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
            self._dirty = False
