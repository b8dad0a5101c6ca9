"""Oracle: ramp time is users to add over the rate; the stage then holds for hold_s."""

import doctest

import pytest

from harness import schedule
from harness.schedule import Target, concurrency_steps, parse_levels

STEPS = concurrency_steps([10, 20, 50], hold_s=30, spawn_rate_per_s=10)


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(schedule._steps).failed == 0


@pytest.mark.parametrize(
    ("elapsed_s", "users"),
    [
        pytest.param(0, 10, id="from the first moment"),
        pytest.param(30.9, 10, id="1 s ramp and 30 s hold"),
        pytest.param(31, 20, id="the end of a stage belongs to the next"),
        pytest.param(62, 50, id="second boundary: 31 + 1 + 30"),
        pytest.param(94.9, 50, id="last: 62 + 3 + 30 = 95"),
    ],
)
def test_target_at(elapsed_s: float, users: int) -> None:
    assert STEPS.target_at(elapsed_s) == Target(users, 10)


def test_it_ends_after_the_last_stage() -> None:
    assert STEPS.duration_s == 95
    assert STEPS.target_at(95) is None


def test_a_lower_level_takes_its_ramp_too() -> None:
    assert concurrency_steps([30, 10], hold_s=5, spawn_rate_per_s=10).boundaries_s() == (8, 15)


@pytest.mark.parametrize(
    ("levels", "hold_s", "rate", "says"),
    [
        pytest.param([], 30, 10, "at least one", id="no level"),
        pytest.param([10, 0], 30, 10, "at least 1, not 10,0", id="a level of nobody"),
        pytest.param([10], 0, 10, "longer than 0 seconds, not 0", id="no hold"),
        pytest.param([10], 30, 0, "above 0 users per second, not 0", id="no rate"),
    ],
)
def test_what_cannot_be_run_is_refused(levels: list[int], hold_s: float, rate: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        concurrency_steps(levels, hold_s, rate)


def test_levels_are_read_from_text() -> None:
    assert parse_levels("10, 20,,50") == [10, 20, 50]
    with pytest.raises(ValueError, match="whole numbers separated by commas, not '10;20'"):
        parse_levels("10;20")
