"""A locustfile for tests: users of stamping_service.py, in an open and in a closed loop.

The class is chosen on the command line; each process asks for a path of its own, so that the
service knows what each was served. $ARRIVALS_PER_USER is the rate of one user of the open loops.
"""

import os

from locust import constant, task

import harness.plugin  # noqa: F401
from harness.engine import ArrivalUser, ServiceUser


class PoissonArrivals(ArrivalUser):
    arrivals_per_user = float(os.environ.get("ARRIVALS_PER_USER", "20"))

    @task
    def work(self) -> None:
        self.client.get(f"/job/{os.getpid()}", name="/job")


class ConstantArrivals(PoissonArrivals):
    arrivals = "constant"


class ClosedLoop(ServiceUser):
    wait_time = constant(0.02)

    @task
    def work(self) -> None:
        self.client.get(f"/job/{os.getpid()}", name="/job")
