"""A locustfile for tests of the load generator's health: small requests as fast as can be, and cases.

The class is chosen on the command line. $ARRIVALS_PER_USER is the rate of one user of FastArrival.
"""

import os
import random

from locust import constant, task

import harness.plugin  # noqa: F401
from harness.engine import ArrivalUser, ServiceUser
from locustfiles._cases import CORPUS, DECK, check_assessment


class FastArrival(ArrivalUser):
    arrivals_per_user = float(os.environ.get("ARRIVALS_PER_USER", "1"))

    @task
    def look(self) -> None:
        self.client.get("/", name="/")


class BusyUser(ServiceUser):
    """Does not think: the next request follows the answer."""

    wait_time = constant(0)

    @task
    def look(self) -> None:
        self.client.get("/", name="/")


def open_case(user: ServiceUser) -> None:
    """A case, in the mix of locustfiles/cases.py."""
    (category,) = random.choices(("simple", "moderate", "complex"), (5, 3, 2))
    drawn = DECK.draw(category, "circular")
    assert drawn is not None
    case_id, case = drawn
    user.client.post(
        "/api/cases",
        name="/api/cases",
        json={"case_id": case_id, **case.request},
        category=category,
        case_id=case_id,
        check=lambda response: check_assessment(response, case),
    )


class CaseArrival(ArrivalUser):
    corpus = CORPUS
    arrivals_per_user = float(os.environ.get("ARRIVALS_PER_USER", "1"))

    @task
    def open_case(self) -> None:
        open_case(self)


class BusyCaseUser(ServiceUser):
    wait_time = constant(0)
    corpus = CORPUS

    @task
    def open_case(self) -> None:
        open_case(self)
