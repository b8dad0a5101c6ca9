"""How a plan is carried out: stage by stage, however long the ramps really take.

    planned   /‾‾‾‾|/‾‾‾‾|        a ramp as fast as planned
    observed  __/‾‾‾‾|__/‾‾‾‾|    slow ramps: each hold begins when its users run, and has its full length

A stage's hold counts from the moment its target was reached, and stands still while users are being
spread anew (a worker joined). So no stage is skipped or shortened; the run takes longer than planned.
"""

from dataclasses import dataclass

from harness.schedule._steps import Stage, Steps, Target

#: What a ramp may take beyond twice its planned time, before its target counts as out of reach.
GRACE_S = 30.0

# The ticks that tell the time are a second apart, and one may come a moment early.
_TICK_SLACK_S = 0.05


@dataclass(slots=True)
class Course:
    """Where a plan stands. Times are passed in, in seconds since the start.

    >>> course = Course(Steps((Stage(10, 10, 2), Stage(20, 10, 2))))
    >>> course.observe(0.0, None)
    >>> course.observe(6.0, reached_at_s=5.0)  # a slow ramp: the hold began at 5 s
    >>> course.hold_over, course.held_s
    (False, 1.0)
    >>> course.observe(7.0, reached_at_s=5.0)
    >>> course.hold_over
    True
    >>> course.next_stage()
    >>> course.target
    Target(users=20, spawn_rate_per_s=10)
    """

    plan: Steps
    grace_s: float = GRACE_S
    index: int = 0
    held_s: float = 0.0
    waited_s: float = 0.0
    _last_s: float = 0.0

    @property
    def stage(self) -> Stage | None:
        """The stage that lasts now; None once all are over."""
        return self.plan.stages[self.index] if self.index < len(self.plan.stages) else None

    @property
    def target(self) -> Target | None:
        """What the generator should be doing now; None once the plan is carried out."""
        return None if self.stage is None else Target(self.stage.users, self.stage.spawn_rate_per_s)

    @property
    def hold_over(self) -> bool:
        """Whether the present stage has been held for its whole length."""
        return self.stage is not None and self.held_s >= self.stage.hold_s - _TICK_SLACK_S

    @property
    def out_of_reach(self) -> bool:
        """Whether the users of the present stage are longer in coming than twice the ramp and a grace."""
        return self.stage is not None and self.waited_s > 2 * self.planned_ramp_s + self.grace_s

    @property
    def planned_ramp_s(self) -> float:
        """What the ramp to the present stage takes at its spawn rate, in seconds."""
        if self.stage is None:
            return 0.0
        before = self.plan.stages[self.index - 1].users if self.index else 0
        return abs(self.stage.users - before) / self.stage.spawn_rate_per_s

    def observe(self, now_s: float, reached_at_s: float | None) -> None:
        """Tell since when the users of the present stage all run; None while they do not.

        Never goes to the next stage by itself.
        """
        if reached_at_s is None:
            self.waited_s += max(0.0, now_s - self._last_s)
        else:
            self.held_s += max(0.0, now_s - max(self._last_s, reached_at_s))
            self.waited_s = 0.0
        self._last_s = now_s

    def next_stage(self) -> None:
        """Go on; the next stage's hold begins when its own target is reached."""
        self.index += 1
        self.held_s = self.waited_s = 0.0
