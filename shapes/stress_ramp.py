"""Stress ramp: more users at every step, until a step's own error rate is too high.

    locust -f locustfiles/cases.py,shapes/stress_ramp.py --headless --stress-to 100 --stress-hold-s 20

10 to 200 users by 10, 30 s each, unless the options say otherwise. The ramp ends at a step whose error
rate exceeds 5 %: as soon as the lower end of the rate's interval does, or when the rate itself does at
the step's end, with at least 40 requests.
"""

from harness.schedule import STRESS_RAMP, Course, exceeds_error_rate
from shapes._base import PlannedShape, add_options

add_options(STRESS_RAMP)


class StressRamp(PlannedShape):
    """10 to 200 concurrent users by 10, 30 s each, until more than 5 % of a step's requests fail."""

    spec = STRESS_RAMP
    load_options = STRESS_RAMP.option_names
    needs_feedback = True

    def reason_to_stop(self, course: Course) -> str | None:
        feedback = self.feedback
        outcome = feedback.step(self.options["stress_settle_s"]) if feedback else None
        if outcome is None:
            return None
        limit = self.options["stress_max_error_percent"]
        return exceeds_error_rate(outcome, limit, ended=course.hold_over)

    def reason_at_the_end(self) -> str:
        return f"no step had more than {self.options['stress_max_error_percent']:g} % errors"
