"""Change points, drift and warm-up: where a series does not stay what it is."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import theilslopes

from harness.stats import change_points, drift, warm_up
from harness.stats._change_points import _energy


def noise(n: int, seed: int = 1, percent: float = 3.0) -> NDArray[np.float64]:
    return np.exp(np.random.default_rng(seed).normal(0, percent / 100, n))


@pytest.mark.parametrize(
    ("levels", "places"),
    [
        pytest.param([(40, 500.0)], [], id="one level"),
        pytest.param([(20, 500.0), (20, 600.0)], [20], id="a step up"),
        pytest.param([(20, 600.0), (20, 500.0)], [20], id="a step down"),
        pytest.param([(15, 500.0), (15, 600.0), (15, 500.0)], [15, 30], id="up and back"),
        pytest.param([(20, 500.0), (20, 510.0)], [], id="a step below the least size"),
        pytest.param([(30, 500.0), (1, 900.0), (30, 500.0)], [], id="one odd run"),
        pytest.param([(30, 500.0), (5, 600.0)], [30], id="a step near the end"),
    ],
)
def test_change_points(levels: list[tuple[int, float]], places: list[int]) -> None:
    history = np.concatenate([np.full(n, level) for n, level in levels])
    found = change_points(history * noise(history.size, percent=1.5), unit="ms")
    assert [point.index for point in found] == places
    for point, (_, before), (_, after) in zip(found, levels, levels[1:], strict=False):
        assert point.change_percent == pytest.approx(100 * (after / before - 1), abs=2)
        assert point.before.value == pytest.approx(before, rel=0.02)
        assert point.after.value == pytest.approx(after, rel=0.02)
        assert point.p_value <= 0.01


def test_a_history_of_200_runs() -> None:
    history = np.repeat([500.0, 560.0, 500.0, 600.0], 50) * noise(200)
    assert [point.index for point in change_points(history)] == pytest.approx([50, 100, 150], abs=1)


@pytest.mark.parametrize("history", [[], [5.0], [5.0] * 5, [5.0] * 50])
def test_histories_that_are_too_short_or_flat_have_none(history: list[float]) -> None:
    assert change_points(history) == ()


def test_a_level_of_0_has_no_relative_change() -> None:
    (point,) = change_points([0.0] * 10 + [3.0] * 10)
    assert (point.index, point.change_percent, point.after.value) == (10, None, 3.0)


def test_the_energy_distance_is_that_of_its_definition() -> None:
    values = np.array([1.0, 2.0, 4.0, 7.0, 11.0, 3.0])
    distances = np.abs(values[:, None] - values[None, :])
    left, right = values[:2], values[2:]
    between = np.mean([abs(a - b) for a in left for b in right])
    within = [np.mean([abs(a - b) for i, a in enumerate(part) for b in part[:i]]) for part in (left, right)]
    expected = 2 * 4 / 6 * (2 * between - within[0] - within[1])
    assert _energy(distances[None], 2)[0][0] == pytest.approx(expected)


def test_the_same_history_gives_the_same_answer() -> None:
    history = 500 * noise(60, percent=10)
    assert change_points(history) == change_points(history)


def test_drift_is_scipys_slope_where_nothing_is_batched() -> None:
    times = np.arange(50.0)
    values = 300 + 0.8 * times + np.random.default_rng(3).normal(0, 5, 50)
    found = drift(times, values, unit="MB")
    slope, _, low, high = theilslopes(values, times, 0.95)
    assert found.slope.value == pytest.approx(slope)
    # A little wider: Student's t for the normal, and rank by rank outwards.
    assert found.slope.low == pytest.approx(low, abs=0.02)
    assert found.slope.high == pytest.approx(high, abs=0.02)
    assert found.is_significant
    assert found.p_value < 1e-6
    assert found.change_percent.value == pytest.approx(100 * 0.8 * 50 / 300, abs=2)


def test_a_level_that_only_wanders_does_not_drift() -> None:
    steps = np.random.default_rng(3).normal(0, 1, 2000)
    wandering = np.zeros(2000)
    for i in range(1, 2000):
        wandering[i] = 0.98 * wandering[i - 1] + steps[i]
    found = drift(np.arange(2000), 500 + wandering)
    assert not found.is_significant
    assert found.n_effective < 60


def test_order_of_the_samples_does_not_matter_and_a_few_slow_ones_weigh_nothing() -> None:
    rng = np.random.default_rng(5)
    times, values = np.arange(600.0), 400 * noise(600)
    order = rng.permutation(600)
    assert drift(times[order], values[order]) == drift(times, values)
    spoilt = np.where(times >= 595, 50 * values, values)
    before, after = drift(times, values).slope.value, drift(times, spoilt).slope.value
    assert before is not None
    # Least squares would have a slope of some 3 ms per sample.
    assert after == pytest.approx(before, abs=0.003)


@pytest.mark.parametrize(
    ("times", "values", "message"),
    [
        pytest.param(range(9), range(9), "ten|10 samples", id="nine samples"),
        pytest.param(range(20), range(19), "do not belong together", id="unequal lengths"),
        pytest.param([1] * 20, range(20), "more than one moment", id="one moment"),
    ],
)
def test_impossible_drifts(times: list[int], values: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        drift(list(times), list(values))


def test_a_constant_level_does_not_drift() -> None:
    found = drift(range(100), [7.0] * 100)
    assert (found.slope.value, found.slope.low, found.slope.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert not found.is_significant


def test_from_0_there_is_no_relative_drift() -> None:
    assert drift(range(20), [0.0] * 20).change_percent.value is None


def test_the_warm_up_of_a_slow_start_is_found() -> None:
    values = np.random.default_rng(1).lognormal(6, 0.3, 1000)
    values[:80] *= np.linspace(3, 1.5, 80)
    found = warm_up(values, unit="ms")
    assert 60 <= found.discard <= 100
    assert found.matters
    assert found.steady
    assert found.before.value is not None
    assert found.after.value is not None
    assert found.after.value < found.before.value
    assert found.after.n == 1000 - found.discard


@pytest.mark.parametrize(
    ("values", "matters", "steady"),
    [
        pytest.param(np.random.default_rng(2).lognormal(6, 0.3, 1000), False, True, id="steady"),
        pytest.param(np.full(200, 5.0), False, True, id="constant"),
        pytest.param(1000 - np.arange(1000.0), True, False, id="falls to the end"),
    ],
)
def test_warm_ups(values: NDArray[np.float64], matters: bool, steady: bool) -> None:
    found = warm_up(values)
    assert (found.matters, found.steady) == (matters, steady)
    assert found.warnings == (() if steady else ("no steady state reached",))


@pytest.mark.parametrize("n", [0, 1, 49])
def test_too_few_samples_for_a_warm_up_check_say_so(n: int) -> None:
    found = warm_up(np.ones(n))
    assert (found.discard, found.warnings) == (0, (f"n too small: {n} < 50",))
