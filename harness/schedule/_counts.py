"""A fixed number of requests per level of concurrency: `100@10,200@20,500@50`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.schedule._spec import SPAWN_RATE_PER_S, ShapeOption, ShapeSpec
from harness.schedule._steps import Stage, Steps

#: What a request is taken to last where a plan is drawn before anything was measured.
DRAWN_REQUEST_S = 1.0


@dataclass(slots=True, frozen=True)
class CountedLevel:
    """`tasks` in all, begun by `users` at once."""

    tasks: int
    users: int


def parse_counts(text: str) -> tuple[CountedLevel, ...]:
    """Levels as written on a command line. Raises ValueError, with a message fit for the user.

    >>> parse_counts("100@10, 200@20")
    (CountedLevel(tasks=100, users=10), CountedLevel(tasks=200, users=20))
    """
    levels = tuple(_parse_level(part.strip()) for part in text.split(",") if part.strip())
    if not levels:
        raise ValueError("counts must name at least one level, such as 100@10 for 100 requests by 10 users")
    return levels


def counted_steps(levels: Sequence[CountedLevel], spawn_rate_per_s: float) -> Steps:
    """The levels as they would go if every request lasted a second; how long it does, the service decides.

    >>> counted_steps(parse_counts("100@10,200@20"), 10).duration_s
    22.0
    """
    if not spawn_rate_per_s > 0:
        raise ValueError(f"spawn rate must be above 0 users per second, not {spawn_rate_per_s:g}")
    return Steps(
        tuple(
            Stage(level.users, spawn_rate_per_s, level.tasks / level.users * DRAWN_REQUEST_S)
            for level in levels
        )
    )


def _parse_level(part: str) -> CountedLevel:
    tasks, _, users = part.partition("@")
    try:
        level = CountedLevel(int(tasks), int(users))
    except ValueError:
        raise ValueError(f"counts must be REQUESTS@USERS, such as 100@10, not {part!r}") from None
    if level.users < 1 or level.tasks < level.users:
        raise ValueError(f"a level needs at least one user, and a request for each of them, not {part!r}")
    return level


def _plan(options: Mapping[str, Any]) -> Steps:
    return counted_steps(parse_counts(options["counts"]), options["spawn_rate_per_s"])


REQUEST_COUNT = ShapeSpec(
    "request_count",
    "a fixed number of requests at each number of users (drawn as if each request lasted 1 s)",
    (
        ShapeOption(
            "counts",
            "100@10,200@20,500@50",
            "requests and users of each level, as REQUESTS@USERS, separated by commas",
        ),
        SPAWN_RATE_PER_S,
    ),
    _plan,
)
