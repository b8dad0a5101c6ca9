"""A locustfile for tests: users of misbehaving_service.py.

The class is chosen on the command line; $FAULT is the path whose fault `FaultUser` asks for.
"""

import os
from itertools import count
from typing import Any

from locust import constant, task

import harness.plugin  # noqa: F401
from harness.engine import Answer, ServiceUser, SseReader

FAULT = os.environ.get("FAULT", "/hang")
NAMES = 1000
NUMBERS = count()


def is_right(response: Any) -> Answer:
    return Answer(reason=None if response.json()["ok"] else "not ok")


def is_wrong_in_its_own_words(response: Any) -> Answer:
    """As a check that quotes what it was given: no two texts of a run are the same."""
    return Answer(reason=f"no patient {os.getpid()}-{next(NUMBERS)} in the answer")


class WorkUser(ServiceUser):
    """Asks for what is right, and nothing else."""

    wait_time = constant(0.02)
    request_timeout_s = 2.0
    max_response_bytes = 8 << 20

    @task
    def work(self) -> None:
        self.client.post("/work", json={"n": 1}, name="/work", category="simple", check=is_right)


class FaultUser(WorkUser):
    """Half of its requests ask for the fault."""

    @task
    def fault(self) -> None:
        events = SseReader() if FAULT == "/events" else None
        self.client.post(FAULT, json={}, name="fault", category="faulty", check=is_right, events=events)


class NamesUser(ServiceUser):
    """A name of its own for each of a thousand endpoints."""

    wait_time = constant(0.002)

    @task
    def one_of_many(self) -> None:
        name = f"/patients/{next(NUMBERS) % NAMES:04d}/cases"
        self.client.post("/work", json={}, name=name, category="simple", check=is_right)


class MessagesUser(ServiceUser):
    """An error text of its own for each request."""

    wait_time = constant(0.002)

    @task
    def wrong(self) -> None:
        self.client.post("/work", json={}, name="/work", category="simple", check=is_wrong_in_its_own_words)
