"""Each kind of user alone, one after the other, then all together: what they cost each other.

    users
      20 |                         _________   all kinds, in their shares
      10 |  _____                  |
       6 |  |   |  _____           |
       4 |  |   |  |   |  _____    |
       0 |__|   |__|   |__|   |____|          time
           simple  mod.  complex   mixed

A kind has as many users alone as it has in the mix, so that what is compared differs only in whom it
runs beside. Between two steps there are no users: Locust takes away the latest first, whatever their
kind, and a step must not begin with those of the one before.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.schedule._spec import SPAWN_RATE_PER_S, ShapeOption, ShapeSpec
from harness.schedule._steps import Stage, Steps

#: How long a kind of user that comes in a fixed number runs, before all others.
FIRST_S = 3.0

#: What the picture of the plan shows: the shares of `locustfiles/end_to_end.py`.
_SHARES = (5, 3, 2)


def shares_of(users: int, weights: Sequence[float]) -> tuple[int, ...]:
    """Users by kind, in proportion to the weights and at least one each; they add up to `users`.

    Largest remainders. Locust's own choice in the mix differs by at most one user of a kind. Raises
    ValueError for fewer users than kinds.

    >>> shares_of(20, [5, 3, 2]), shares_of(4, [98, 1, 1])
    ((10, 6, 4), (2, 1, 1))
    """
    if users < len(weights):
        raise ValueError(f"mixed_users must be at least {len(weights)}, one of each kind, not {users}")
    exact = [users * weight / sum(weights) for weight in weights]
    counts = [max(1, math.floor(each)) for each in exact]
    order = sorted(range(len(weights)), key=lambda kind: counts[kind] - exact[kind])
    while sum(counts) < users:
        counts[order[0]] += 1
        order = order[1:] + order[:1]
    while sum(counts) > users:
        most = max(range(len(weights)), key=lambda kind: (counts[kind] > 1, counts[kind] - exact[kind]))
        counts[most] -= 1
    return tuple(counts)


def alone_then_mixed(
    weights: Sequence[float], options: Mapping[str, Any], first: Sequence[int] = ()
) -> Steps:
    """The plan: steps at even places, pauses between them; the last step is the mix.

    `first` are the numbers of users of kinds that run before the others and are not in the mix.
    Raises ValueError, with a message fit for the user, for what cannot be run.

    >>> plan = alone_then_mixed([5, 3, 2], {
    ...     "mixed_users": 20, "alone_s": 45, "mixed_s": 90, "pause_s": 2, "spawn_rate_per_s": 10})
    >>> [stage.users for stage in plan.stages]
    [10, 0, 6, 0, 4, 0, 20]
    """
    if len(weights) < 2:
        raise ValueError("needs at least two user classes: with one there is nothing to mix")
    for name in ("alone_s", "mixed_s", "pause_s", "spawn_rate_per_s"):
        if not options[name] > 0:
            raise ValueError(f"{name} must be above 0, not {options[name]:g}")
    rate, pause = options["spawn_rate_per_s"], options["pause_s"]
    steps = [(users, FIRST_S) for users in first]
    steps += [(users, options["alone_s"]) for users in shares_of(options["mixed_users"], weights)]
    steps.append((options["mixed_users"], options["mixed_s"]))
    stages: list[Stage] = []
    for users, hold_s in steps:
        if stages:
            # All at once: nobody is measured while they leave.
            stages.append(Stage(0, max(1.0, stages[-1].users), pause))
        stages.append(Stage(users, rate, hold_s))
    return Steps(tuple(stages))


ALONE_THEN_MIXED = ShapeSpec(
    "alone_then_mixed",
    "each kind of user alone, one after the other, then all together",
    (
        ShapeOption("mixed_users", 20, "users of the mix, of which each kind alone has its share"),
        ShapeOption("alone_s", 45.0, "seconds to hold each kind alone"),
        ShapeOption("mixed_s", 90.0, "seconds to hold the mix"),
        ShapeOption("pause_s", 2.0, "seconds without users between two steps"),
        SPAWN_RATE_PER_S,
    ),
    lambda options: alone_then_mixed(_SHARES, options),
)
