"""Concurrency steps: climb to each level of users and hold it, then end.

    locust -f locustfiles/cases.py,shapes/concurrency_steps.py --headless --levels 10,20,50 --hold-s 30

The levels, the hold and the spawn rate are options of the command line and of the web form.
"""

from typing import Any

from locust import LoadTestShape, events

from harness.schedule import Steps, concurrency_steps, parse_levels


@events.init_command_line_parser.add_listener
def _add_options(parser: Any, **_: Any) -> None:
    parser.add_argument(
        "--levels", default="10,20,50", env_var="HARNESS_LEVELS", help="users per step, separated by commas"
    )
    parser.add_argument(
        "--hold-s", type=float, default=30.0, env_var="HARNESS_HOLD_S", help="seconds to hold each level"
    )
    parser.add_argument(
        "--spawn-rate-per-s",
        type=float,
        default=10.0,
        env_var="HARNESS_SPAWN_RATE_PER_S",
        help="users added or removed per second between levels",
    )


class ConcurrencySteps(LoadTestShape):
    """10, 20 and 50 concurrent users by default, 30 s each."""

    def schedule(self) -> Steps:
        """The plan as the options give it now. Raises ValueError on options that cannot be run."""
        assert self.runner is not None, "Locust sets the runner before it asks for a tick"  # noqa: S101
        options = self.runner.environment.parsed_options
        assert options is not None, "the command line always has options"  # noqa: S101
        return concurrency_steps(parse_levels(options.levels), options.hold_s, options.spawn_rate_per_s)

    def tick(self) -> tuple[int, float] | None:
        """What Locust should be running now; None ends the test."""
        target = self.schedule().target_at(self.get_run_time())
        return None if target is None else (target.users, target.spawn_rate_per_s)
