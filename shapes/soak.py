"""Soak: one load for hours; the report tests response time, errors and memory for drift.

locust -f locustfiles/cases.py,shapes/soak.py --headless --soak-users 20 --soak-minutes 120
"""

from harness.schedule import SOAK
from shapes._base import PlannedShape, add_options

add_options(SOAK)


class Soak(PlannedShape):
    """20 users for two hours."""

    spec = SOAK
    load_options = SOAK.option_names
