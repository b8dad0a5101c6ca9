"""Open loop: levels in arrivals per second become users that stand for so many of them each."""

import dataclasses
from collections.abc import Iterable

from harness.schedule._steps import Steps


def as_tokens(plan: Steps, arrivals_per_user: Iterable[float | None]) -> Steps:
    """The plan in users, where its levels count arrivals per second.

    `arrivals_per_user`: of each user class of the test; None for a class that does not stand for
    arrivals. Raises ValueError, fit for the user, unless all stand for the same number and every level is
    a whole number of users.

    >>> from harness.schedule import concurrency_steps
    >>> [stage.users for stage in as_tokens(concurrency_steps([20, 50], 30, 10), [5.0, 5.0]).stages]
    [4, 10]
    """
    worths = set(arrivals_per_user)
    if None in worths or not worths:
        raise ValueError("load_unit arrivals_per_s needs user classes that are ArrivalUser, and no other")
    if len(worths) > 1:
        listed = ", ".join(f"{worth:g}" for worth in sorted(filter(None, worths)))
        raise ValueError(
            f"load_unit arrivals_per_s needs the same arrivals_per_user in all user classes, not {listed}"
        )
    worth = worths.pop()
    assert worth is not None, "told above"  # noqa: S101
    stages = []
    for stage in plan.stages:
        users = stage.users / worth
        if abs(users - round(users)) > 1e-9 * max(users, 1) or round(users) < 1:
            raise ValueError(
                f"{stage.users} arrivals/s are not a whole number of users with arrivals_per_user = {worth:g}"
            )
        stages.append(
            dataclasses.replace(stage, users=round(users), spawn_rate_per_s=stage.spawn_rate_per_s / worth)
        )
    return Steps(tuple(stages))
