"""The plan of each kind of user alone and then all together."""

from collections import Counter
from itertools import islice
from typing import Any

import pytest
from locust.dispatch import _kl_generator

from harness.schedule import Stage, alone_then_mixed
from harness.schedule._alone_then_mixed import FIRST_S, shares_of

OPTIONS: dict[str, Any] = {
    "mixed_users": 20,
    "alone_s": 30.0,
    "mixed_s": 60.0,
    "pause_s": 2.0,
    "spawn_rate_per_s": 10.0,
}

SHARES = [
    pytest.param(20, (5, 3, 2), (10, 6, 4), id="exact"),
    pytest.param(10, (5, 3, 2), (5, 3, 2), id="the weights themselves"),
    pytest.param(3, (98, 1, 1), (1, 1, 1), id="as many users as kinds"),
    pytest.param(4, (98, 1, 1), (2, 1, 1), id="the rare kinds have one each"),
    pytest.param(7, (1, 1), (4, 3), id="a remainder goes to the first"),
    pytest.param(100, (0.5, 0.25, 0.25), (50, 25, 25), id="weights need not be whole"),
]


@pytest.mark.parametrize(("users", "weights", "expected"), SHARES)
def test_shares(users: int, weights: tuple[float, ...], expected: tuple[int, ...]) -> None:
    assert shares_of(users, weights) == expected


@pytest.mark.parametrize("users", [10, 20, 33, 50, 128])
@pytest.mark.parametrize("weights", [(5, 3, 2), (8, 1, 1), (1, 1, 1), (7, 2)])
def test_locust_spreads_a_mix_the_same_within_one_user(users: int, weights: tuple[int, ...]) -> None:
    spread = Counter(islice(_kl_generator(list(enumerate(weights))), users))
    ours = shares_of(users, weights)
    assert sum(ours) == users
    assert all(abs(ours[kind] - spread[kind]) <= 1 for kind in range(len(weights)))


def test_steps_are_parted_by_pauses_and_the_mix_comes_last() -> None:
    plan = alone_then_mixed([5, 3, 2], OPTIONS, first=[1])
    assert plan.stages == (
        Stage(1, 10.0, FIRST_S),
        Stage(0, 1.0, 2.0),
        Stage(10, 10.0, 30.0),
        Stage(0, 10, 2.0),
        Stage(6, 10.0, 30.0),
        Stage(0, 6, 2.0),
        Stage(4, 10.0, 30.0),
        Stage(0, 4, 2.0),
        Stage(20, 10.0, 60.0),
    )


WRONG = [
    pytest.param([1], {}, "two user classes", id="one kind"),
    pytest.param([1, 1, 1], {"mixed_users": 2}, "mixed_users must be at least 3", id="too few users"),
    pytest.param([1, 1], {"alone_s": 0.0}, "alone_s must be above 0", id="no time alone"),
    pytest.param([1, 1], {"mixed_s": -1.0}, "mixed_s must be above 0", id="negative time"),
    pytest.param([1, 1], {"pause_s": 0.0}, "pause_s must be above 0", id="no pause"),
    pytest.param([1, 1], {"spawn_rate_per_s": 0.0}, "spawn_rate_per_s must be above 0", id="no rate"),
]


@pytest.mark.parametrize(("weights", "changed", "words"), WRONG)
def test_what_cannot_be_run(weights: list[float], changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        alone_then_mixed(weights, OPTIONS | changed)
