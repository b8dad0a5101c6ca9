"""A locustfile for tests: `Completions` on a generator that stands still again and again at first.

From the first request on, for `STALLS_S` seconds, its event loop is blocked for 60 ms of every 200 ms.
"""

import time
from typing import Any

import gevent
from locust import task

import harness.plugin  # noqa: F401
from harness.engine import ServiceUser
from tests.support.completion_users import KEY, complete

STALLS_S = 6.0

_begun: list[Any] = []


def _stall() -> None:
    end = time.monotonic() + STALLS_S
    while time.monotonic() < end:
        gevent.sleep(0.14)
        until = time.monotonic() + 0.06
        while time.monotonic() < until:  # computes: `time.sleep` is gevent's here, and blocks nothing
            pass


class StalledCompletions(ServiceUser):
    headers = KEY

    @task
    def complete(self) -> None:
        if not _begun:
            _begun.append(gevent.spawn(_stall))
        complete(self)
