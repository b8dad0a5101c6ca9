"""Medical cases of three kinds, from users that send one, wait for the assessment, think, and go on.

    locust -f locustfiles/cases.py                                                   # web UI
    locust -f locustfiles/cases.py --headless -u 20 -r 10 -t 1m
    locust -f locustfiles/cases.py,shapes/concurrency_steps.py --headless --processes 2

The weights are the mix of the load: half of the users bring simple cases, three in ten moderate
ones, two in ten complex ones.
"""

import harness.plugin  # noqa: F401 - gives every test a run folder, a verdict and an exit code
from locustfiles._cases import CaseUser


class SimpleCaseUser(CaseUser):
    weight = 5
    category = "simple"


class ModerateCaseUser(CaseUser):
    weight = 3
    category = "moderate"


class ComplexCaseUser(CaseUser):
    weight = 2
    category = "complex"
