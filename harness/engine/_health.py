"""The load generator's own health, once a second: is it keeping up, or measuring itself.

A heartbeat every 20 ms notes how late it comes. A busy or starved event loop shows there before
it shows in response times. What is noted costs a fraction of a millisecond per second.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import gevent
import psutil

from harness.engine._arrival_counts import ArrivalCounts
from harness.engine._arrivals import current_counts
from harness.engine._clock import now_us
from harness.engine._recorder import Recorder
from harness.runs import LATE_HEARTBEAT_MS

HEARTBEAT_S = 0.02
HEARTBEAT_MS = 1000 * HEARTBEAT_S

#: Linux: nanoseconds in which the calling thread ran, and in which it waited for a CPU to run on.
_SCHEDULER = Path("/proc/thread-self/schedstat")


@dataclass(slots=True)
class Heartbeats:
    """Heartbeats since the last look. Those that a stall swallowed are counted as late as they were.

    Were they left out, a loop that stands still for a second would show one late heartbeat where
    50 were due, and the 99th percentile of its lag would not tell.

    >>> beats = Heartbeats()
    >>> beats.note(1.0), beats.note(45.0)  # due 45, 25 and 5 ms ago
    (1, 3)
    >>> beats.count, beats.late, beats.worst_ms
    (4, 2, 45.0)
    """

    count: int = 0
    late: int = 0
    worst_ms: float | None = None

    def note(self, lag_ms: float) -> int:
        """Note a heartbeat that came that late; returns how many were due with it."""
        due = 1 + int(lag_ms // HEARTBEAT_MS) if lag_ms > 0 else 1
        self.count += due
        if lag_ms > LATE_HEARTBEAT_MS:
            self.late += math.ceil((lag_ms - LATE_HEARTBEAT_MS) / HEARTBEAT_MS)
        self.worst_ms = max(lag_ms, self.worst_ms or 0.0)
        return due


class BusyMeter:
    """Percent of the time since the last look, of one CPU: of the whole process, of this thread.

    A thread is busy while it runs and while it waits for a CPU: one that other programs keep from
    running has as little idle time as one that computes. Where the system does not tell how
    long it waited, busy is the time in which it ran.
    """

    def __init__(self) -> None:
        self._before = self._look()

    def percent(self) -> tuple[float, float]:
        """CPU of all threads of the process, and how busy this thread was."""
        (wall, process, busy), self._before = self._before, self._look()
        seconds = max(self._before[0] - wall, 1e-9)
        return 100 * (self._before[1] - process) / seconds, 100 * (self._before[2] - busy) / seconds

    def _look(self) -> tuple[float, float, float]:
        try:
            ran_ns, waited_ns = map(int, _SCHEDULER.read_bytes().split()[:2])
            busy_s = (ran_ns + waited_ns) / 1e9
        except (OSError, ValueError):
            busy_s = time.thread_time()
        return time.perf_counter(), time.process_time(), busy_s


class OtherLoop(Protocol):
    """An event loop beside gevent's, in a thread of its own, that keeps its own heartbeats."""

    def take(self) -> tuple[Heartbeats, float]:
        """Heartbeats since the last call, and how busy the loop's thread was, in percent of one CPU."""


#: The loop of the process's AsyncUsers, once there is one.
other_loops: list[OtherLoop] = []


class HealthMonitor:
    """Two greenlets that feed `recorder.record_generator` until `stop`.

    With `other_loops`, a second's heartbeats are those of the loop that was worse off in it, and
    the busy time that of the busier thread: what is measured in either is no better than that.
    `arrivals` gives the counts of the arrival schedule, or None in a closed loop.
    """

    def __init__(
        self,
        recorder: Recorder,
        user_count: Callable[[], int],
        arrivals: Callable[[], ArrivalCounts | None] = current_counts,
    ) -> None:
        self._recorder = recorder
        self._user_count = user_count
        self._arrivals = arrivals
        self._beats = Heartbeats()
        self._greenlets = [gevent.spawn(self._beat), gevent.spawn(self._report)]

    def stop(self) -> None:
        gevent.killall(self._greenlets)

    def _beat(self) -> None:
        due = time.perf_counter() + HEARTBEAT_S
        while True:
            gevent.sleep(max(due - time.perf_counter(), 0))
            due += HEARTBEAT_S * self._beats.note(1000 * (time.perf_counter() - due))

    def _report(self) -> None:
        meter = BusyMeter()
        psutil.cpu_percent()  # the first call has nothing to compare with
        while True:
            gevent.sleep(1)
            beats, self._beats = self._beats, Heartbeats()
            process_percent, busy_percent = meter.percent()
            for other in other_loops:
                their_beats, their_busy_percent = other.take()
                beats = max(beats, their_beats, key=_badness)
                busy_percent = max(busy_percent, their_busy_percent)
            machine_percent = psutil.cpu_percent()
            counts = self._arrivals()
            taken = counts.take() if counts is not None else None
            # Stamp and count at one instant: Little's law compares them with the rows' own times.
            at_us, in_flight = now_us(), self._recorder.in_flight
            self._recorder.record_generator(
                (
                    at_us,
                    process_percent,
                    beats.worst_ms,
                    beats.count,
                    beats.late,
                    in_flight,
                    self._user_count(),
                    taken.worst_delay_us / 1000 if taken else None,
                    taken.due if taken else None,
                    taken.late if taken else None,
                    taken.dropped if taken else None,
                    self._recorder.next_sequence,
                    busy_percent,
                    machine_percent,
                )
            )


def _badness(beats: Heartbeats) -> tuple[float, float]:
    return beats.late / max(beats.count, 1), beats.worst_ms or 0.0
