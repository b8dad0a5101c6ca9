"""Load as a function of elapsed time: stages that are climbed to and then held.

    users
      50 |                    ________
      20 |         ______----'        |
      10 |  ______/                   |
       0 |_/                          |____ time
           ramp hold ramp hold ramp hold

Pure arithmetic: no clock, no Locust. A shape asks `target_at(elapsed_s)` once a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Stage:
    """Climb (or descend) to `users` at `spawn_rate_per_s`, then hold for `hold_s` seconds."""

    users: int
    spawn_rate_per_s: float
    hold_s: float


@dataclass(slots=True, frozen=True)
class Target:
    """What the generator should be doing now: this many users, approached at this rate."""

    users: int
    spawn_rate_per_s: float


@dataclass(slots=True, frozen=True)
class Steps:
    """A sequence of stages. `ramp_s` of a stage is the users to add or remove over its rate."""

    stages: tuple[Stage, ...]

    def boundaries_s(self) -> tuple[float, ...]:
        """The end of each stage, in seconds from the start.

        >>> concurrency_steps([10, 20], hold_s=30, spawn_rate_per_s=10).boundaries_s()
        (31.0, 62.0)
        """
        ends = []
        clock_s, users = 0.0, 0
        for stage in self.stages:
            clock_s += abs(stage.users - users) / stage.spawn_rate_per_s + stage.hold_s
            users = stage.users
            ends.append(clock_s)
        return tuple(ends)

    @property
    def duration_s(self) -> float:
        """Planned length of the whole schedule."""
        return self.boundaries_s()[-1]

    def target_at(self, elapsed_s: float) -> Target | None:
        """The stage that `elapsed_s` falls in; None once the schedule has ended."""
        for stage, end_s in zip(self.stages, self.boundaries_s(), strict=True):
            if elapsed_s < end_s:
                return Target(stage.users, stage.spawn_rate_per_s)
        return None


def concurrency_steps(levels: Sequence[int], hold_s: float, spawn_rate_per_s: float) -> Steps:
    """Hold each level of concurrent users in turn.

    `levels`: users per step, each at least 1. Raises ValueError, with a message fit for the
    user, when a value cannot be run.

    >>> concurrency_steps([10, 20, 50], hold_s=30, spawn_rate_per_s=10).target_at(40)
    Target(users=20, spawn_rate_per_s=10)
    """
    if not levels:
        raise ValueError("levels must name at least one number of users, such as 10,20,50")
    if any(level < 1 for level in levels):
        raise ValueError(f"levels must all be at least 1, not {','.join(map(str, levels))}")
    if not hold_s > 0:
        raise ValueError(f"hold must be longer than 0 seconds, not {hold_s:g}")
    if not spawn_rate_per_s > 0:
        raise ValueError(f"spawn rate must be above 0 users per second, not {spawn_rate_per_s:g}")
    return Steps(tuple(Stage(level, spawn_rate_per_s, hold_s) for level in levels))


def parse_levels(text: str) -> list[int]:
    """Levels as written on a command line.

    >>> parse_levels("10, 20,50")
    [10, 20, 50]
    """
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ValueError(f"levels must be whole numbers separated by commas, not {text!r}") from None
