"""Concurrency steps: climb to each level of users and hold it, then end.

    locust -f locustfiles/cases.py,shapes/concurrency_steps.py --headless --levels 10,20,50 --hold-s 30

The levels, the hold and the spawn rate are options of the command line and of the web form. With
`--load-unit arrivals_per_s` and an ArrivalUser the levels are arrivals per second.
"""

from harness.schedule import CONCURRENCY_STEPS
from shapes._base import PlannedShape, add_options

add_options(CONCURRENCY_STEPS)


class ConcurrencySteps(PlannedShape):
    """10, 20 and 50 concurrent users by default, 30 s each."""

    spec = CONCURRENCY_STEPS
    load_options = CONCURRENCY_STEPS.option_names
