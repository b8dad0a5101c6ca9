"""The same medical cases in an open loop: they arrive at their own rate, answered or not.

    locust -f locustfiles/case_arrivals.py --headless -u 20 -r 20 -t 1m          # 20 cases/s
    locust -f locustfiles/case_arrivals.py,shapes/stress_ramp.py --headless --load-unit arrivals_per_s

A user is one arrival per second; see docs/open-loop.md. Half of the arrivals are simple cases, three in
ten moderate ones, two in ten complex ones.
"""

import harness.plugin  # noqa: F401 - gives every test a run folder, a verdict and an exit code
from harness.engine import ArrivalUser
from locustfiles._cases import CaseUser


class CaseArrival(CaseUser, ArrivalUser):
    """Arrivals of one category."""

    abstract = True
    arrivals_per_user = 1.0


class SimpleCaseArrival(CaseArrival):
    weight = 5
    category = "simple"


class ModerateCaseArrival(CaseArrival):
    weight = 3
    category = "moderate"


class ComplexCaseArrival(CaseArrival):
    weight = 2
    category = "complex"
