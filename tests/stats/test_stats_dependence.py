"""Effective n against the formula for autoregressive series, and intervals that use it."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from harness.stats import effective_n, mean, order_statistic_ranks, quantile, quantiles
from harness.stats._quantile import spread_ranks


def autoregressive(n: int, rho: float) -> NDArray[np.float64]:
    noise = np.random.default_rng(11).normal(size=n + 500)
    return np.asarray(lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise)[500:])


@pytest.mark.parametrize("n", [3000, 20_000, 500_000])
@pytest.mark.parametrize("rho", [0.3, 0.6, 0.9])
def test_an_autoregressive_series_is_worth_1_minus_rho_by_1_plus_rho(n: int, rho: float) -> None:
    assert effective_n(autoregressive(n, rho)) == pytest.approx(n * (1 - rho) / (1 + rho), rel=0.25)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.random.default_rng(1).lognormal(6, 0.5, 1000), id="independent"),
        pytest.param(autoregressive(1000, -0.5), id="neighbours that balance each other"),
        pytest.param(np.full(1000, 7.0), id="all alike"),
        pytest.param(np.arange(19.0), id="too few to tell"),
        pytest.param(np.array([]), id="none"),
    ],
)
def test_n_stays_where_no_dependence_is_seen(samples: NDArray[np.float64]) -> None:
    assert effective_n(samples) == samples.size


def test_the_tail_forgets_sooner_than_the_middle() -> None:
    series = autoregressive(20_000, 0.9)
    middle, tail = effective_n(series, 0.5), effective_n(series, 0.99)
    assert effective_n(series) <= middle < tail < 20_000


def test_an_interval_with_effective_n_is_that_of_so_many_samples() -> None:
    values = np.arange(1.0, 1001.0)
    whole, quarter = quantile(values, 0.5), quantile(values, 0.5, n_effective=250)
    # 250 independent samples: ranks 110 and 141, each standing for four of the thousand.
    assert order_statistic_ranks(250, 0.5) == (110, 141)
    assert (quarter.low, quarter.high) == (438.0, 563.0)
    assert (whole.low, whole.high) == (469.0, 532.0)
    assert quarter.value == whole.value
    assert quarter.method.endswith("effective n 250")


def test_effective_n_below_the_smallest_leaves_the_interval_open() -> None:
    p95 = quantile(np.arange(1000.0), 0.95, n_effective=50)
    assert p95.high is None
    assert p95.warnings == ("effective n too small: 50 < 72",)


def test_each_quantile_takes_its_own() -> None:
    values = np.random.default_rng(2).exponential(size=2000)
    both = quantiles(values, (0.5, 0.95), n_effective=(500, 2000))
    assert both == (quantile(values, 0.5, n_effective=500), quantile(values, 0.95))


@pytest.mark.parametrize("n", [100, 301, 5000])
def test_as_many_effective_as_real_samples_change_nothing(n: int) -> None:
    assert spread_ranks(n, n, 0.95) == order_statistic_ranks(n, 0.95)
    values = np.random.default_rng(3).exponential(size=n)
    assert mean(values, n_effective=n) == mean(values)


@pytest.mark.parametrize("n", [200, 2000])
def test_a_mean_of_a_quarter_of_the_samples_is_twice_as_uncertain(n: int) -> None:
    values = np.random.default_rng(4).normal(100, 10, n)
    whole, quarter = mean(values), mean(values, n_effective=n // 4)
    widths = [(e.high or 0) - (e.low or 0) for e in (whole, quarter)]
    # Twice, and a little for Student's t on fewer degrees of freedom.
    assert 2 <= widths[1] / widths[0] < 2.08


def test_a_level_outside_of_0_and_1_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        effective_n(np.arange(100.0), 95)
