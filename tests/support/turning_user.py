"""A user for tests: its service turns bad 4 s after its first request, and answers 503 from then on."""

import time

from locust import between, task

import harness.plugin  # noqa: F401
from harness.engine import ServiceUser

TURNS_AFTER_S = 4.0
FIRST: list[float] = []


class TurningUser(ServiceUser):
    wait_time = between(0.01, 0.1)

    @task
    def work(self) -> None:
        FIRST[:] = FIRST or [time.monotonic()]
        status = 503 if time.monotonic() - FIRST[0] > TURNS_AFTER_S else 200
        self.client.post(f"/work?status={status}", json={}, name="/work", category="simple")
