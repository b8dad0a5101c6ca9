"""A locustfile for tests: users of counting_service.py, one built on the harness, two on stock Locust.

The class is chosen on the command line: WorkUser, StockFastUser or StockUser.
"""

from typing import Any

from locust import FastHttpUser, HttpUser, between, task

import harness.plugin  # noqa: F401
from harness.engine import Answer, ServiceUser


def check_work(response: Any) -> Answer:
    return Answer(reason=None if response.json()["ok"] else "not ok", llm_calls=2)


class WorkUser(ServiceUser):
    wait_time = between(0.01, 0.1)

    @task
    def work(self) -> None:
        self.client.post(
            "/work", json={"n": 1}, name="/work", category="simple", case_id="c", check=check_work
        )


class StockFastUser(FastHttpUser):
    wait_time = between(0.01, 0.1)

    @task
    def work(self) -> None:
        self.client.post("/work", json={"n": 1}, name="/work")


class StockUser(HttpUser):
    wait_time = between(0.01, 0.1)

    @task
    def work(self) -> None:
        self.client.post("/work", json={"n": 1}, name="/work")


class HangingUser(ServiceUser):
    """Sends one request, whose answer comes long after any drain deadline of the tests."""

    @task
    def hang(self) -> None:
        self.client.post("/work?delay_s=100", json={}, name="/work", category="simple", check=check_work)


class FailingUser(ServiceUser):
    """Half of what it sends is answered with 503."""

    wait_time = between(0.01, 0.1)

    @task
    def fine(self) -> None:
        self.client.post("/work", json={}, name="/work", category="simple", check=check_work)

    @task
    def broken(self) -> None:
        self.client.post("/work?status=503", json={}, name="/work", category="simple", check=check_work)
