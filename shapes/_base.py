"""What the bundled shapes share: options, the plan, the pace, and why they ended.

A shape of your own with a plan needs this much (options it declares are in the command line, the
environment and the web form, and are kept in the manifest):

    SPEC = ShapeSpec("two_levels", "10 users, then 20", (), lambda _: concurrency_steps([10, 20], 30, 10))
    add_options(SPEC)

    class TwoLevels(PlannedShape):
        spec = SPEC
        load_options = SPEC.option_names
"""

import argparse
import contextlib
import sys
from typing import Any, ClassVar

from locust import LoadTestShape, events
from locust.runners import STATE_RUNNING

from harness.schedule import (
    ARRIVALS_PER_S,
    Course,
    Feedback,
    ShapeSpec,
    Steps,
    Target,
    as_tokens,
)

_USAGE = 2

Tick = tuple[int, float] | None


def add_options(spec: ShapeSpec) -> None:
    """Add the options of a shape to Locust's. One that another shape has added is theirs in common."""

    def listener(parser: Any, **_: Any) -> None:
        for option in spec.options:
            with contextlib.suppress(argparse.ArgumentError):
                parser.add_argument(
                    option.flag,
                    type=option.type,
                    default=option.default,
                    env_var=option.env_var,
                    help=option.help,
                    choices=option.choices or None,
                )

    events.init_command_line_parser.add_listener(listener)


class HarnessShape(LoadTestShape):
    """Access to options and to the run's feedback; `stop_reason` goes into the manifest.

    One instance serves every test of a Locust process: `begin` is called before each.
    """

    abstract = True
    spec: ClassVar[ShapeSpec]
    load_options: ClassVar[tuple[str, ...]] = ()
    stop_reason: str = ""
    _listens: bool = False
    _spread_at_s: float = 0.0
    _all_ran: bool = False

    def begin(self) -> None:
        """Forget the test before. Locust may call this again before the second tick."""
        self.stop_reason = ""
        self._spread_at_s, self._all_ran = 0.0, False
        if not self._listens and self.runner is not None:
            self._listens = True
            self._environment.events.spawning_complete.add_listener(self._note_spread)

    def reset_time(self) -> None:
        super().reset_time()
        self.begin()

    @property
    def options(self) -> dict[str, Any]:
        """The values of the spec's options, as they are now."""
        given = vars(self._environment.parsed_options)
        return {name: given[name] for name in self.spec.option_names}

    @property
    def feedback(self) -> Feedback | None:
        """What the run knows of the step that lasts; None without `import harness.plugin`."""
        found: Feedback | None = getattr(self._environment, "feedback", None)
        return found

    def held_since_s(self, users: int) -> float | None:
        """Since when, in seconds of run time, the `users` that Locust was asked for all run.

        None while they do not: in a ramp, and while a worker that joined is given its share. Users that
        end of themselves later do not count as missing.
        """
        runner = self.runner
        if runner is None or runner.state != STATE_RUNNING or runner.target_user_count != users:
            return None
        if not self._all_ran:
            # A master says that all users are spawned 0.1 s after it asked for the last of them.
            if runner.user_count < users:
                return None
            self._all_ran, self._spread_at_s = True, self.get_run_time()
        return self._spread_at_s

    def _note_spread(self, **_: Any) -> None:
        assert self.runner is not None, "it tells that its users are spread"  # noqa: S101
        self._spread_at_s = self.get_run_time()
        self._all_ran = self.runner.user_count >= self.runner.target_user_count

    def in_users(self, plan: Steps) -> Steps:
        """The plan in users, whatever `load_unit` its levels are in. Raises ValueError."""
        if self.options.get("load_unit") != ARRIVALS_PER_S:
            return plan
        classes = self._environment.user_classes
        return as_tokens(plan, [getattr(each, "arrivals_per_user", None) for each in classes])

    def refuse(self, text: str) -> None:
        """End the test before it begins with a line for the user and exit code 2; return this from tick."""
        name = type(self).__name__
        print(f"harness: {name}: {text}", file=sys.stderr, flush=True)
        self._environment.process_exit_code = _USAGE
        self.stop_reason = text

    def lacks_feedback(self) -> bool:
        """Whether the shape cannot do without feedback and there is none; says so."""
        if self.feedback is not None:
            return False
        self.refuse("needs to know how each step fares: add `import harness.plugin` to the locustfile")
        return True

    @property
    def _environment(self) -> Any:
        assert self.runner is not None, "Locust sets the runner before it asks for a tick"  # noqa: S101
        return self.runner.environment


class PlannedShape(HarnessShape):
    """Carries out the plan of its spec, stage by stage: a slow ramp delays a hold and never shortens it."""

    abstract = True
    needs_feedback: ClassVar[bool] = False
    _course: Course | None = None

    def begin(self) -> None:
        super().begin()
        self._course = None

    def schedule(self) -> Steps:
        """The plan as the options give it now, in users. Raises ValueError on options that cannot be run."""
        return self.in_users(self.spec.plan(self.options))

    def reason_to_stop(self, course: Course) -> str | None:  # noqa: ARG002 - for subclasses
        """Asked while a stage is held, and last when `course.hold_over`: words to end the test, or None."""
        return None

    def reason_at_the_end(self) -> str:
        """Why the test ended, when the whole plan was carried out."""
        return ""

    def tick(self) -> Tick:
        """What Locust should be running now; None ends the test."""
        if self._course is None:
            if self.needs_feedback and self.lacks_feedback():
                return None
            self._course = Course(self.schedule())
        course = self._course
        target = course.target
        assert target is not None, "a plan has a stage"  # noqa: S101
        held_since_s = self.held_since_s(target.users)
        course.observe(self.get_run_time(), held_since_s)
        if course.out_of_reach:
            self.stop_reason = _out_of_reach(target, course.waited_s)
            return None
        if held_since_s is not None and (reason := self.reason_to_stop(course)):
            self.stop_reason = reason
            return None
        if course.hold_over:
            course.next_stage()
        if (target := course.target) is None:
            self.stop_reason = self.reason_at_the_end()
            return None
        return target.users, target.spawn_rate_per_s


def _out_of_reach(target: Target, waited_s: float) -> str:
    return f"{target.users} users were still not running {waited_s:.0f} s after they were asked for"
