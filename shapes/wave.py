"""Wave: a day compressed, from the quiet of the night to the peak at noon and back.

locust -f locustfiles/cases.py,shapes/wave.py --headless --wave-low 5 --wave-high 50 --wave-day-minutes 24
"""

from harness.schedule import WAVE
from shapes._base import PlannedShape, add_options

add_options(WAVE)


class Wave(PlannedShape):
    """5 users at midnight, 50 at noon, a day in 24 minutes."""

    spec = WAVE
    load_options = WAVE.option_names
