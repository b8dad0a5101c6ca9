"""Fixed request count: each level's requests are dealt to its users, and the level ends with the last one.

    locust -f locustfiles/cases.py,shapes/request_count.py --headless --counts 100@10,200@20,500@50

100 requests by 10 users, then 200 by 20, then 500 by 50: exactly as many, on any number of workers. No
user waits between its requests, so that as many are in flight as there are users until the last was
dealt; then the level runs out, for about as long as one request takes. What is counted is tasks: a
task that sends one request makes the two the same. Nothing of a level is left out as warm-up.
"""

from locust.runners import STATE_INIT

from harness.schedule import REQUEST_COUNT, CountedLevel, Quota, counted_steps, parse_counts
from shapes._base import HarnessShape, Tick, add_options

add_options(REQUEST_COUNT)

#: Just under the second between two ticks: a level that ends is noticed at once.
_WAIT_S = 0.95


class RequestCount(HarnessShape):
    """100 requests by 10 users, 200 by 20 and 500 by 50 by default."""

    spec = REQUEST_COUNT
    load_options = REQUEST_COUNT.option_names
    counts_tasks = True
    whole_holds = True
    _left: tuple[CountedLevel, ...] = ()
    _level: CountedLevel | None = None
    _repeated = False

    def check_options(self) -> None:
        """Raises ValueError on options or user classes that cannot be run."""
        counted_steps(parse_counts(self.options["counts"]), self.options["spawn_rate_per_s"])
        for user_class in self._environment.user_classes:
            if not getattr(user_class, "counts_tasks", False):
                raise ValueError(
                    f"{user_class.__name__} is no closed-loop ServiceUser of harness.engine, "
                    "and of others the requests cannot be counted out"
                )
            if nested := next((task for task in user_class.tasks if isinstance(task, type)), None):
                raise ValueError(
                    f"{user_class.__name__}: {nested.__name__} is a TaskSet, whose tasks cannot be "
                    "counted out: make it a method with @task"
                )

    @property
    def step_name(self) -> str | None:
        """What the level is called in the run's phases."""
        return f"{self._level.tasks}-by-{self._level.users}" if self._level else None

    def tick(self) -> Tick:
        """The level that lasts, until all its requests have ended; None after the last."""
        quota: Quota | None = getattr(self._environment, "quota", None)
        if quota is None:
            self.refuse("requests cannot be counted: add `import harness.plugin` to the locustfile")
            return None
        if self.runner is not None and self.runner.state == STATE_INIT:
            self._left, self._level = parse_counts(self.options["counts"]), None
        level = self._level
        if level is None or quota.wait(_WAIT_S):
            if not self._left:
                self.stop_reason = f"all requests of {self.options['counts']} have ended"
                return None
            level = self._begin_next(quota)
        elif self.held_since_s(level.users) is not None and self.get_current_user_count() == 0:
            self.stop_reason = f"no user is left after {quota.ended} of {level.tasks} requests"
            return None
        # Locust acts on what differs from the tick before, and the next level may have as many users.
        rate: float = self.options["spawn_rate_per_s"] * (1 + 1e-9 * self._repeated)
        return level.users, rate

    def _begin_next(self, quota: Quota) -> CountedLevel:
        before, level = self._level, self._left[0]
        self._repeated = not self._repeated if before and before.users == level.users else False
        self._level, self._left = level, self._left[1:]
        quota.open(level.tasks, level.users)
        return level
