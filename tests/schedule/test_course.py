"""Oracle: a hold counts from the moment its target was reached, and no stage is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.schedule import Course, Stage, Steps, Target, concurrency_steps

PLAN = Steps((Stage(10, 10, 3), Stage(20, 10, 3)))


def _carry_out(plan: Steps, ramps_s: list[float]) -> list[tuple[int, float]]:
    """A runner that ticks once a second and takes so long for each ramp: users and seconds held."""
    course, now_s, asked_s, held = Course(plan), 0.0, 0.0, []
    while (target := course.target) is not None:
        reached_s = asked_s + ramps_s[course.index]
        course.observe(now_s, reached_s if now_s >= reached_s else None)
        assert not course.out_of_reach
        if course.hold_over:
            held.append((target.users, now_s - reached_s))
            course.next_stage()
            asked_s = now_s
        now_s += 1
    return held


@pytest.mark.parametrize(
    "ramps_s",
    [
        pytest.param([0, 0], id="ramps that take no time"),
        pytest.param([1, 1], id="ramps as planned"),
        pytest.param([9.5, 25], id="ramps that take longer than the whole stage was to"),
    ],
)
def test_every_stage_is_held_for_its_length_and_at_most_a_tick_more(ramps_s: list[float]) -> None:
    held = _carry_out(PLAN, ramps_s)
    assert [users for users, _ in held] == [10, 20]
    assert all(2.95 <= seconds < 4 for _, seconds in held)


@given(
    levels=st.lists(st.integers(1, 50), min_size=1, max_size=6),
    hold_s=st.floats(0.5, 20),
    ramps_s=st.lists(st.floats(0, 29), min_size=6, max_size=6),
)
def test_no_stage_is_skipped_or_shortened(levels: list[int], hold_s: float, ramps_s: list[float]) -> None:
    held = _carry_out(concurrency_steps(levels, hold_s, 10), ramps_s)
    assert [users for users, _ in held] == levels
    assert all(hold_s - 0.051 <= seconds <= hold_s + 1 for _, seconds in held)


def test_the_hold_stands_still_while_users_are_spread_anew() -> None:
    course = Course(PLAN)
    course.observe(0, None)
    course.observe(1, reached_at_s=1)
    course.observe(2, reached_at_s=1)  # 1 s held
    course.observe(3, None)  # a worker joins
    course.observe(9, reached_at_s=8)  # and its share is spread at 8 s: 1 s more
    assert (course.held_s, course.hold_over) == (2, False)
    course.observe(10, reached_at_s=8)
    assert course.hold_over


def test_users_that_never_come_are_given_up() -> None:
    """Twice the ramp of 1 s, and 30 s."""
    course = Course(PLAN)
    course.observe(32, None)
    assert not course.out_of_reach
    course.observe(32.5, None)
    assert course.out_of_reach


def test_it_ends_after_the_last_stage() -> None:
    course = Course(PLAN)
    assert course.target == Target(10, 10)
    course.next_stage()
    assert course.target == Target(20, 10)
    assert course.planned_ramp_s == 1
    course.next_stage()
    assert course.target is None
    assert not course.hold_over
    assert not course.out_of_reach
    assert course.planned_ramp_s == 0
