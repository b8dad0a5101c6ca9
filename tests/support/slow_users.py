"""A locustfile for tests: users of counting_service.py that take 0.8 s each to come into being.

No spawn rate makes them come sooner, as on a generator with too much to do.
"""

from typing import Any

import gevent
from locust import constant, task

import harness.plugin  # noqa: F401
from harness.engine import ServiceUser


class SlowToSpawn(ServiceUser):
    wait_time = constant(0.1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        gevent.sleep(0.8)

    @task
    def work(self) -> None:
        self.client.post("/work", json={}, name="/work", category="simple")
