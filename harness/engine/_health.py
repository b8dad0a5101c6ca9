"""The load generator's own health, once a second: is it keeping up, or measuring itself.

A heartbeat every 20 ms notes how late it comes. A busy or starved event loop shows there before
it shows in response times.
"""

import time
from collections.abc import Callable

import gevent
import psutil

from harness.engine._clock import now_us
from harness.engine._recorder import Recorder
from harness.runs import LATE_HEARTBEAT_MS

HEARTBEAT_S = 0.02


class HealthMonitor:
    """Two greenlets that feed `recorder.record_generator` until `stop`."""

    def __init__(self, recorder: Recorder, user_count: Callable[[], int]) -> None:
        self._recorder = recorder
        self._user_count = user_count
        self._lags_ms: list[float] = []
        self._greenlets = [gevent.spawn(self._beat), gevent.spawn(self._report)]

    def stop(self) -> None:
        gevent.killall(self._greenlets)

    def _beat(self) -> None:
        while True:
            due = time.perf_counter() + HEARTBEAT_S
            gevent.sleep(HEARTBEAT_S)
            self._lags_ms.append((time.perf_counter() - due) * 1000)

    def _report(self) -> None:
        process = psutil.Process()
        process.cpu_percent()
        while True:
            gevent.sleep(1)
            lags_ms, self._lags_ms = self._lags_ms, []
            self._recorder.record_generator(
                (
                    now_us(),
                    process.cpu_percent(),
                    max(lags_ms, default=None),
                    len(lags_ms),
                    sum(lag > LATE_HEARTBEAT_MS for lag in lags_ms),
                    self._recorder.in_flight,
                    self._user_count(),
                    None,
                    None,
                    None,
                    None,
                    self._recorder.next_sequence,
                )
            )
