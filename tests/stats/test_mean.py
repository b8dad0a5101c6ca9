"""Mean and standard deviation: values by hand, intervals against closed forms and known shapes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import mean, stdev

samples = st.lists(st.floats(0.0, 1e6), min_size=2, max_size=40)


def test_closed_form_beyond_300_samples() -> None:
    # 0 and 2 alternating: mean 1, variance n / (n - 1), t(399) = 1.965927
    found = mean([0.0, 2.0] * 200, unit="ms")
    half = 1.965927 * math.sqrt(400 / 399) / 20
    assert found.value == 1.0
    assert found.low == pytest.approx(1 - half, rel=1e-6)
    assert found.high == pytest.approx(1 + half, rel=1e-6)
    assert found.method == "mean; 95 % interval by Student's t"
    assert (found.n, found.unit) == (400, "ms")


def test_bootstrap_up_to_300_samples_is_close_to_t_where_t_holds() -> None:
    values = np.random.default_rng(5).normal(100, 10, 300)
    found = mean(values)
    half = 1.968 * values.std(ddof=1) / math.sqrt(300)
    assert found.method == "mean; 95 % interval by BCa bootstrap"
    assert found.low == pytest.approx(values.mean() - half, abs=0.15)
    assert found.high == pytest.approx(values.mean() + half, abs=0.15)


def test_bootstrap_of_a_skewed_sample_reaches_farther_up() -> None:
    values = np.random.default_rng(5).lognormal(0, 1, 50)
    found = mean(values)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.value > found.value - found.low


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([], (None, None, None), id="nothing"),
        pytest.param([7.0], (7.0, None, None), id="one sample has no interval"),
        pytest.param([7.0] * 5, (7.0, 7.0, 7.0), id="all alike"),
    ],
)
def test_mean_of_degenerate_samples(
    values: list[float], expected: tuple[float | None, float | None, float | None]
) -> None:
    found = mean(values)
    assert (found.value, found.low, found.high) == expected
    assert bool(found.warnings) == (len(values) < 2)


@given(samples)
def test_the_interval_of_the_mean_contains_it(values: list[float]) -> None:
    found = mean(values)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(sum(values) / len(values))


@given(samples)
def test_the_mean_does_not_depend_on_order(values: list[float]) -> None:
    assert mean(values[::-1]) == mean(values)


@pytest.mark.parametrize("n", [100, 1000])
def test_standard_deviation_of_an_alternating_sample(n: int) -> None:
    found = stdev([1.0, 3.0] * (n // 2))
    assert found.value == pytest.approx(math.sqrt(n / (n - 1)))
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high


def test_standard_deviation_of_a_normal_sample_has_the_chi_square_interval() -> None:
    values = np.random.default_rng(11).normal(0, 1, 2000)
    found = stdev(values)
    # sd * sqrt((n-1) / chi2) at 2.5 % and 97.5 %, n = 2000: 0.9699 and 1.0320 of sd
    assert found.value is not None
    assert found.low == pytest.approx(0.9699 * found.value, rel=0.005)
    assert found.high == pytest.approx(1.0320 * found.value, rel=0.005)


@pytest.mark.parametrize(
    ("values", "expected"), [([], None), ([1.0], None), ([2.0, 2.0], 0.0), ([2.0] * 400, 0.0)]
)
def test_standard_deviation_of_degenerate_samples(values: list[float], expected: float | None) -> None:
    assert stdev(values).value == expected
