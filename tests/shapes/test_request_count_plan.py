"""A fixed number of tasks, dealt: nothing twice, nothing kept back, nobody left with a pile."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.schedule import Budget, CountedLevel, counted_steps, parse_counts


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        pytest.param("100@10", [(100, 10)], id="one level"),
        pytest.param("100@10,200@20,500@50", [(100, 10), (200, 20), (500, 50)], id="the original three"),
        pytest.param(" 5@5 , 6@5 ,", [(5, 5), (6, 5)], id="spaces and a last comma"),
    ],
)
def test_counts(text: str, levels: list[tuple[int, int]]) -> None:
    assert parse_counts(text) == tuple(CountedLevel(*level) for level in levels)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "at least one level", id="nothing"),
        pytest.param("100", "REQUESTS@USERS, such as 100@10, not '100'", id="no users"),
        pytest.param("100@x", "not '100@x'", id="not a number"),
        pytest.param("100@0", "at least one user", id="nobody"),
        pytest.param("5@10", "a request for each of them, not '5@10'", id="users with nothing to do"),
    ],
)
def test_counts_that_cannot_be_run(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_counts(text)


def test_a_plan_is_drawn_at_a_second_per_request() -> None:
    steps = counted_steps(parse_counts("100@10,60@20"), spawn_rate_per_s=10)
    assert [(stage.users, stage.hold_s) for stage in steps.stages] == [(10, 10.0), (20, 3.0)]


def test_half_of_the_share_of_what_is_left() -> None:
    """100 tasks and two generators with half of the users each."""
    budget = Budget()
    budget.open(100)
    assert [budget.grant("a", 0.5), budget.grant("b", 0.5), budget.grant("a", 0.5)] == [25, 19, 14]
    assert budget.left == 100 - 25 - 19 - 14


def test_what_a_generator_gives_back_is_dealt_again() -> None:
    budget = Budget()
    budget.open(10)
    assert budget.grant("a", 1.0) == 5
    budget.note("a", ended=2, returned=3)
    assert (budget.left, budget.under_way) == (8, 0)


def test_what_a_lost_generator_had_is_lost_and_holds_nothing_up() -> None:
    budget = Budget()
    budget.open(2)
    budget.grant("a", 1.0)
    budget.grant("b", 1.0)
    budget.note("a", ended=1, returned=0)
    assert not budget.complete
    budget.forget("b")
    assert (budget.complete, budget.lost) == (True, 1)


@given(
    tasks=st.integers(1, 500),
    users=st.lists(st.integers(1, 20), min_size=1, max_size=8),
    seed=st.integers(0, 1000),
)
def test_every_task_is_begun_once_whoever_is_slow(tasks: int, users: list[int], seed: int) -> None:
    """Generators of different speed, each asking when it has fewer tasks than users."""
    draw = random.Random(seed)
    budget = Budget()
    budget.open(tasks)
    held = dict.fromkeys(range(len(users)), 0)
    ended = dict.fromkeys(held, 0)
    while not budget.complete:
        generator = draw.choice(list(held))
        if held[generator] < users[generator]:
            held[generator] += budget.grant(str(generator), users[generator] / sum(users))
        if held[generator]:
            held[generator] -= 1
            ended[generator] += 1
            budget.note(str(generator), ended[generator], 0)
    assert sum(ended.values()) == tasks


@pytest.mark.parametrize("split", [(10,), (5, 5), (3, 3, 2, 2), (9, 1)], ids=str)
def test_at_the_end_nobody_waits_for_long(split: tuple[int, ...]) -> None:
    """Tasks of one second each by 10 users: 100 take 10 s at best, and at most two tasks longer."""
    budget = Budget()
    budget.open(100)
    held = [0] * len(split)
    begun = [0] * len(split)
    seconds = 0
    while not budget.complete:
        seconds += 1
        for place, users in enumerate(split):
            busy = 0
            while busy < users:
                if held[place] < users:
                    held[place] += budget.grant(str(place), users / 10)
                if not held[place]:
                    break
                held[place] -= 1
                busy += 1
            begun[place] += busy
        for place, tasks in enumerate(begun):
            budget.note(str(place), tasks, 0)
    assert 10 <= seconds <= 12
