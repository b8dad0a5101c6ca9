"""A locustfile for tests: open-loop users of counting_service.py.

The class is chosen on the command line. A user of `PoissonWork` and `EvenWork` is worth ten
arrivals per second.
"""

from typing import Any

from locust import TaskSet, task

import harness.plugin  # noqa: F401
from harness.engine import Answer, ArrivalUser


def check_work(response: Any) -> Answer:
    return Answer(reason=None if response.json()["ok"] else "not ok", llm_calls=2)


class PoissonWork(ArrivalUser):
    arrivals_per_user = 10

    @task
    def work(self) -> None:
        self.client.post("/work", json={"n": 1}, name="/work", category="simple", check=check_work)


class EvenWork(PoissonWork):
    arrivals = "constant"


class CappedWork(PoissonWork):
    max_in_flight = 3


class TooMuch(PoissonWork):
    arrivals_per_user = 5000


class Browse(TaskSet):
    @task
    def page(self) -> None:
        self.client.post("/work", json={})


class Nested(ArrivalUser):
    tasks = [Browse]  # noqa: RUF012 - as Locust's users write it
