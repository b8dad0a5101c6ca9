"""What a bundled shape is, apart from Locust: a name, its options, and the plan they give.

The shape in `shapes/` and `harness shapes show` read the same `ShapeSpec`, so that the picture of a
plan is the plan.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.schedule._steps import Steps

USERS = "users"
ARRIVALS_PER_S = "arrivals_per_s"


@dataclass(slots=True, frozen=True)
class ShapeOption:
    """One option of a shape: on the command line, in the environment, in the web form, in harness.toml.

    Its type is that of `default`: int, float or str.

    >>> ShapeOption("hold_s", 30.0, "seconds to hold each level").flag
    '--hold-s'
    """

    name: str
    default: int | float | str
    help: str
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    @property
    def env_var(self) -> str:
        return f"HARNESS_{self.name.upper()}"

    @property
    def type(self) -> type[int] | type[float] | type[str]:
        return type(self.default)


@dataclass(slots=True, frozen=True)
class ShapeSpec:
    """A shape in `shapes/<name>.py`. `plan` takes the value of every option and gives the load over time.

    `plan` raises ValueError, with a message fit for the user, for values that cannot be run. A shape
    that finds its load as it goes gives the longest way that it may take. `title` is one line;
    `usage` is the end of a Locust line.
    """

    name: str
    title: str
    options: tuple[ShapeOption, ...]
    plan: Callable[[Mapping[str, Any]], Steps]

    @property
    def option_names(self) -> tuple[str, ...]:
        return tuple(option.name for option in self.options)

    def defaults(self) -> dict[str, Any]:
        """Every option at its default."""
        return {option.name: option.default for option in self.options}


SPAWN_RATE_PER_S = ShapeOption(
    "spawn_rate_per_s", 10.0, "users added or removed per second from one level to the next"
)

LOAD_UNIT = ShapeOption(
    "load_unit",
    USERS,
    "what the levels of a shape count: users, or arrivals per second (needs an ArrivalUser class)",
    (USERS, ARRIVALS_PER_S),
)
