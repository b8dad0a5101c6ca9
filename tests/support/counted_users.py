"""A locustfile for tests of counted requests: users that give up, and users that cannot be counted.

The class is chosen on the command line.
"""

from locust import TaskSet, task
from locust.exception import StopUser

import harness.plugin  # noqa: F401
from harness.engine import ServiceUser


class QuitterUser(ServiceUser):
    """Sends two requests, then leaves for good."""

    sent = 0

    @task
    def work(self) -> None:
        if self.sent == 2:
            raise StopUser
        self.sent += 1
        self.client.post("/work", json={}, name="/work")


class Browse(TaskSet):
    @task
    def page(self) -> None:
        self.client.post("/work", json={}, name="/work")


class NestedUser(ServiceUser):
    tasks = [Browse]  # noqa: RUF012 - as Locust's users write it
