"""How late the asyncio loop of this process is, in the same heartbeats as the gevent hub's."""

import asyncio
import time

from harness.engine._health import HEARTBEAT_S, BusyMeter, Heartbeats, other_loops

#: How often the busy time of the loop's thread is looked at; only that thread can ask for it.
_BUSY_S = 0.5


class LoopWatch:
    """Made on the loop's own thread; `HealthMonitor` takes from it, once a second, on the hub's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._beats = Heartbeats()
        self._meter = BusyMeter()
        self._busy_percent = 0.0
        self._due_s = time.perf_counter() + HEARTBEAT_S
        self._busy_due_s = time.perf_counter() + _BUSY_S
        self._timer = loop.call_later(HEARTBEAT_S, self._beat)
        other_loops.append(self)

    def take(self) -> tuple[Heartbeats, float]:
        """Heartbeats since the last call, and how busy the thread was lately, in percent of one CPU."""
        beats, self._beats = self._beats, Heartbeats()
        return beats, self._busy_percent

    def stop(self) -> None:
        self._timer.cancel()
        other_loops.remove(self)

    def _beat(self) -> None:
        at_s = time.perf_counter()
        self._due_s += HEARTBEAT_S * self._beats.note(1000 * (at_s - self._due_s))
        if at_s >= self._busy_due_s:
            self._busy_percent = self._meter.percent()[1]
            self._busy_due_s = at_s + _BUSY_S
        self._timer = self._loop.call_later(max(self._due_s - at_s, 0), self._beat)
