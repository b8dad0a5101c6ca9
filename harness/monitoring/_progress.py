"""Live progress of a run on the terminal: one line, rewritten on a terminal, repeated elsewhere."""

import math
import sys
from dataclasses import dataclass, field
from typing import TextIO

import numpy as np
import numpy.typing as npt

from harness.monitoring._live_judge import clock

WINDOW_S = 10

# Response times are counted in buckets that grow by 0.5 %, from 10 µs to some 3 hours.
_LEAST_MS, _GROWTH = 0.01, 1.005
_BUCKETS = 4096

Times = npt.NDArray[np.float64]


@dataclass(slots=True)
class _Second:
    requests: int = 0
    buckets: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BUCKETS, dtype=np.int64))


class RecentWindow:
    """The requests of the last ten seconds, counted per second; its size does not depend on the load."""

    def __init__(self) -> None:
        self._seconds: dict[int, _Second] = {}
        self.requests = 0
        self.errors = 0

    def extend(self, done_us: npt.NDArray[np.int64], response_ms: Times, *, errors: int, now_us: int) -> None:
        """Add requests that are done, of which `errors` failed. Done later than now counts as now."""
        self.requests += len(done_us)
        self.errors += errors
        now_s = now_us // 1_000_000
        done_s = np.minimum(done_us // 1_000_000, now_s)
        self._forget(now_s)
        # A shipment holds a few seconds; what is older than the window is left out.
        for second in range(max(int(done_s.min(initial=now_s)), now_s - WINDOW_S + 1), now_s + 1):
            here = response_ms[done_s == second]
            if len(here):
                kept = self._seconds.setdefault(second, _Second())
                kept.requests += len(here)
                kept.buckets += np.bincount(_bucket(here), minlength=_BUCKETS)

    def median_ms(self, now_us: int) -> float | None:
        """The median response time over the window, within 0.3 %."""
        self._forget(now_us // 1_000_000)
        requests = sum(second.requests for second in self._seconds.values())
        return self._quantile_ms(0.5, requests) if requests else None

    def figures(self, now_us: int, elapsed_s: float) -> tuple[float, float | None]:
        """Requests per second and p95 in ms (within 0.3 %) over the window; workers report every 3 s."""
        now_s = now_us // 1_000_000
        self._forget(now_s)
        covered_s = now_us / 1e6 - (now_s - WINDOW_S + 1)
        requests = sum(second.requests for second in self._seconds.values())
        if not requests:
            return 0.0, None
        return requests / max(min(covered_s, elapsed_s), 1.0), self._quantile_ms(0.95, requests)

    def _quantile_ms(self, q: float, requests: int) -> float:
        counted = np.cumsum(sum(second.buckets for second in self._seconds.values()))
        bucket = int(np.searchsorted(counted, math.ceil(q * requests)))
        return float(_LEAST_MS * _GROWTH ** (bucket + 0.5))

    def _forget(self, now_s: int) -> None:
        for second in [second for second in self._seconds if second <= now_s - WINDOW_S]:
            del self._seconds[second]


def _bucket(response_ms: Times) -> npt.NDArray[np.int64]:
    ratio = np.maximum(response_ms, _LEAST_MS) / _LEAST_MS
    numbers = (np.log(ratio) / math.log(_GROWTH)).astype(np.int64)
    return np.minimum(numbers, _BUCKETS - 1)


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
        f"{clock(snapshot.elapsed_s)}  {snapshot.phase[:12]:<12}{snapshot.users:4d} users  "
        f"{snapshot.requests_per_s:6.1f} req/s  p95 {p95}  errors {snapshot.errors}"
    )
    return line if snapshot.left_s is None else f"{line}  left {clock(snapshot.left_s)}"


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

    def warn(self, line: str) -> None:
        """A line that stays, above the progress."""
        self._stream.write(f"\r\x1b[2K{line}\n" if self._dirty else f"{line}\n")
        self._stream.flush()
        self._dirty = False

    def clear(self) -> None:
        """The run is over: leave the cursor at the start of an empty line, ready for the next run."""
        self._last_s = -self._plain_every_s
        if self._dirty:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
            self._dirty = False
