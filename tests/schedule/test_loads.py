"""Oracle: levels and lengths that one can count on a picture of the plan."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.schedule import SHAPES, ShapeOption, Stage, Steps, as_tokens, concurrency_steps, wave


def _plan(name: str, **options: Any) -> Steps:
    spec = SHAPES[name]
    return spec.plan({**spec.defaults(), **options})


def test_the_stress_ramp_is_twenty_steps_of_30_s() -> None:
    plan = _plan("stress_ramp")
    assert [stage.users for stage in plan.stages] == list(range(10, 201, 10))
    assert {stage.hold_s for stage in plan.stages} == {30}
    assert plan.duration_s == 20 * (1 + 30)


def test_a_last_step_that_is_not_met_exactly_is_left_out() -> None:
    assert [s.users for s in _plan("stress_ramp", stress_from=5, stress_to=12, stress_by=3).stages] == [
        5,
        8,
        11,
    ]


def test_a_spike_rises_and_falls_in_a_second() -> None:
    assert _plan("spike").stages == (Stage(10, 10, 60), Stage(100, 90, 30), Stage(10, 90, 120))


def test_a_soak_is_one_stage() -> None:
    assert _plan("soak", soak_users=7, soak_minutes=90.0).stages == (Stage(7, 10, 5400),)


def test_a_wave_is_a_day_of_hours() -> None:
    """5 users at midnight, 50 at noon; the hours of a day last a minute of 24."""
    plan = _plan("wave")
    users = [stage.users for stage in plan.stages]
    assert users[0] == 5
    assert max(users) == users[len(users) // 2] == 50
    assert users == users[::-1]
    assert plan.duration_s == pytest.approx(24 * 60)


def test_two_days_meet_at_midnight() -> None:
    one, two = ([s.users for s in _plan("wave", wave_days=days).stages] for days in (1, 2))
    assert two == one + one[1:]


@given(
    low=st.integers(1, 40),
    more=st.integers(1, 200),
    hours=st.integers(2, 48),
    days=st.integers(1, 4),
)
def test_every_wave_stays_between_its_ends_and_lasts_its_days(
    low: int, more: int, hours: int, days: int
) -> None:
    plan = wave(low, low + more, 600, hours, days, 100)
    assert all(low <= stage.users <= low + more for stage in plan.stages)
    assert all(a.users != b.users for a, b in zip(plan.stages, plan.stages[1:], strict=False))
    assert plan.duration_s == pytest.approx(days * 600 * 60)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        pytest.param("concurrency_steps", {"levels": ""}, "at least one number", id="no level"),
        pytest.param("stress_ramp", {"stress_from": 0}, "stress_from must be at least 1, not 0", id="nobody"),
        pytest.param("stress_ramp", {"stress_by": 0}, "stress_by must be at least 1", id="no step"),
        pytest.param("stress_ramp", {"stress_to": 5}, r"at least stress_from \(10\), not 5", id="downwards"),
        pytest.param("stress_ramp", {"stress_to": 10**9}, "more than 10000 steps", id="without end"),
        pytest.param("stress_ramp", {"stress_hold_s": 0.0}, "hold must be longer", id="no hold"),
        pytest.param("stress_ramp", {"stress_max_error_percent": 0.0}, "above 0 and below", id="no error"),
        pytest.param("stress_ramp", {"stress_settle_s": -1.0}, "at least 0, not -1", id="before the step"),
        pytest.param("spike", {"spike_peak": 10}, r"above spike_baseline \(10\)", id="no peak"),
        pytest.param("spike", {"spike_peak_s": 0.0}, "spike_peak_s must be a number above 0", id="no time"),
        pytest.param("spike", {"spike_rise_s": float("inf")}, "spike_rise_s", id="for ever"),
        pytest.param("spike", {"spawn_rate_per_s": 0.0}, "spawn_rate_per_s", id="no rate"),
        pytest.param("soak", {"soak_minutes": float("nan")}, "soak_minutes", id="not a number"),
        pytest.param("soak", {"soak_users": 0}, "soak_users must be at least 1", id="nobody soaks"),
        pytest.param("wave", {"wave_high": 5}, r"above wave_low \(5\)", id="flat"),
        pytest.param("wave", {"wave_hours": 1}, "wave_hours must be at least 2", id="one hour"),
        pytest.param("wave", {"wave_day_minutes": 0.1}, "would be ramp: raise", id="no time to hold"),
        pytest.param("wave", {"wave_days": 10**6}, "at most 10000", id="years"),
    ],
)
def test_what_cannot_be_run_is_refused(name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        _plan(name, **options)


@pytest.mark.parametrize("name", SHAPES)
def test_options_are_told_apart_and_known_by_their_types(name: str) -> None:
    spec = SHAPES[name]
    assert len(set(spec.option_names)) == len(spec.options)
    assert all(option.help and option.type in {int, float, str} for option in spec.options)


def test_shapes_share_an_option_only_where_it_is_the_same_one() -> None:
    """Locust may load several shapes, for its web UI to choose from."""
    options: dict[str, ShapeOption] = {}
    for spec in SHAPES.values():
        for option in spec.options:
            assert options.setdefault(option.name, option) == option


def test_levels_in_arrivals_become_users_that_stand_for_them() -> None:
    plan = as_tokens(concurrency_steps([20, 50], 30, 10), [5.0])
    assert plan.stages == (Stage(4, 2, 30), Stage(10, 2, 30))


@pytest.mark.parametrize(
    ("worths", "says"),
    [
        pytest.param([None], "ArrivalUser, and no other", id="closed loop"),
        pytest.param([5.0, None], "ArrivalUser, and no other", id="one of two is closed"),
        pytest.param([5.0, 2.0], "the same arrivals_per_user .* not 2, 5", id="different worths"),
        pytest.param([40.0], "20 arrivals/s are not a whole number of users", id="less than a user"),
        pytest.param([3.0], "20 arrivals/s are not a whole number of users", id="a part of a user"),
    ],
)
def test_arrivals_that_no_users_stand_for_are_refused(worths: list[float | None], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        as_tokens(concurrency_steps([20], 30, 10), worths)
