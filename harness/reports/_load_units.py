"""What the load of a step is told in: users in a closed loop, arrivals/s in an open one."""

from collections.abc import Sequence

from harness.analysis import ComponentStep, LoadStep
from harness.reports._format import number

Loaded = LoadStep | ComponentStep


def is_open(steps: Sequence[Loaded]) -> bool:
    """Whether every step asked for arrivals, so that its users are only those who had to carry them."""
    return bool(steps) and all(step.arrivals_per_s for step in steps)


def load_unit(steps: Sequence[Loaded]) -> str:
    return "arrivals/s" if is_open(steps) else "users"


def loads(steps: Sequence[Loaded]) -> list[float]:
    """The load of each step, in `load_unit` of all of them."""
    opened = is_open(steps)
    return [(step.arrivals_per_s or 0.0) if opened else step.users for step in steps]


def load_words(step: Loaded) -> str:
    """The load of one step: `20 users` or `7.5 arrivals/s`."""
    return f"{number(loads([step])[0], 4)} {load_unit([step])}"
