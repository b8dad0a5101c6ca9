"""Locustfile of benchmarks/engine.py: stock Locust users, without anything of the harness.

The class is chosen on the command line. With BENCH_TIMES_FILE set, the start and the response time of every
request are written there at the end, unrounded, which Locust's own statistics do not keep.
"""

import os
import random
import time
from array import array
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, HttpUser, constant_throughput, events

PACED_PER_S = float(os.environ.get("BENCH_PACED_PER_S", "1"))


def _get(user: Any) -> None:
    user.client.get("/fixed")


class StockFastUser(FastHttpUser):
    """Sends, waits for the answer, sends again."""

    tasks = [_get]  # noqa: RUF012 - as Locust declares it


class StockUser(HttpUser):
    """The same over requests."""

    tasks = [_get]  # noqa: RUF012 - as Locust declares it


class PacedFastUser(FastHttpUser):
    """Sends BENCH_PACED_PER_S requests a second, fewer if the answers take too long for that."""

    wait_time = constant_throughput(PACED_PER_S)
    tasks = [_get]  # noqa: RUF012 - as Locust declares it

    def on_start(self) -> None:
        # Users spawned in one step would otherwise send in step for ever.
        gevent.sleep(random.random() / PACED_PER_S)


if times_file := os.environ.get("BENCH_TIMES_FILE", ""):
    starts_s, times_ms = array("d"), array("d")

    def _note(response_time: float, start_time: float | None = None, **_: Any) -> None:
        starts_s.append(time.time() - response_time / 1000 if start_time is None else start_time)
        times_ms.append(response_time)

    def _write(**_: Any) -> None:
        Path(times_file).write_bytes((starts_s + times_ms).tobytes())

    events.request.add_listener(_note)  # type: ignore[no-untyped-call]  # Locust's own has no types
    events.quitting.add_listener(_write)  # type: ignore[no-untyped-call]  # as above
