"""Spike: a baseline, a sudden peak, and the baseline again, to see how fast the service recovers.

locust -f locustfiles/cases.py,shapes/spike.py --headless --spike-baseline 10 --spike-peak 100
"""

from harness.schedule import SPIKE
from shapes._base import PlannedShape, add_options

add_options(SPIKE)


class Spike(PlannedShape):
    """10 users, 100 within a second, and 10 again."""

    spec = SPIKE
    load_options = SPIKE.option_names
