"""Figures from histograms against the samples that went into them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import quantile
from harness.suites._buckets import Buckets, bucket_mean, bucket_quantile

BOUNDS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, math.inf)


def histogram(samples_s: np.ndarray) -> Buckets:
    at_most = {bound: float((samples_s <= bound).sum()) for bound in BOUNDS_S}
    return Buckets.from_cumulative(at_most, float(samples_s.sum()))


def log_normal(n: int, seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(math.log(0.3), 0.4, n)


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99])
def test_a_quantile_lies_in_the_bucket_of_the_samples(q: float) -> None:
    samples = log_normal(5000)
    found, exact = bucket_quantile(histogram(samples), q), quantile(samples, q).value
    assert found.value is not None
    assert exact is not None
    bucket = next(i for i, bound in enumerate(BOUNDS_S) if exact <= bound)
    lower = BOUNDS_S[bucket - 1] if bucket else 0.0
    assert 1000 * lower <= found.value <= 1000 * BOUNDS_S[bucket]
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("share_below", [0.94, 0.96])
def test_at_a_bound_the_decision_is_that_of_the_samples(share_below: float) -> None:
    """p95 < 500 ms holds exactly where more than 95 % of the samples are at most 0.5 s."""
    n = 20_000
    below = round(share_below * n)
    samples = np.concatenate([np.full(below, 0.45), np.full(n - below, 0.6)])
    found = bucket_quantile(histogram(samples), 0.95)
    assert found.low is not None
    assert found.high is not None
    assert (found.high < 500, found.low > 500) == (share_below > 0.95, share_below < 0.95)


def test_few_samples_have_no_bounded_interval() -> None:
    found = bucket_quantile(histogram(log_normal(40)), 0.95)
    assert found.value is not None
    assert found.high is None
    assert found.warnings == ("n too small: 40 < 72",)


def test_what_took_longer_than_the_last_bucket_has_no_value() -> None:
    found = bucket_quantile(histogram(np.full(1000, 60.0)), 0.95)
    assert (found.value, found.high) == (None, None)
    assert found.warnings == ("beyond the last bucket (5000 ms)",)
    assert not bucket_mean(histogram(np.full(1000, 60.0))).is_bounded


def test_no_samples_are_no_figure() -> None:
    empty = Buckets.from_cumulative({0.5: 0.0, math.inf: 0.0}, 0.0)
    assert bucket_quantile(empty, 0.95).value is None
    assert bucket_mean(empty).value is None


def test_the_mean_is_exact_and_its_interval_no_narrower_than_the_samples() -> None:
    samples = log_normal(2000)
    found = bucket_mean(histogram(samples))
    assert found.value == pytest.approx(1000 * samples.mean())
    half = 1.96 * 1000 * samples.std(ddof=1) / math.sqrt(samples.size)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 1000 * samples.mean() - half
    assert found.high >= 1000 * samples.mean() + half
    assert (found.high - found.low) / 2 < 3 * half, "and not without use"


@given(st.lists(st.floats(0.001, 4.9), min_size=400, max_size=500), st.sampled_from([0.5, 0.9, 0.95]))
def test_an_interval_holds_its_value(values: list[float], q: float) -> None:
    found = bucket_quantile(histogram(np.array(values)), q)
    assert found.low is not None
    assert found.value is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high


def test_counts_that_were_extrapolated_do_not_fall() -> None:
    assert Buckets.from_cumulative({0.1: 10.2, 0.2: 10.1, math.inf: 12.0}).counts == (
        10.2,
        0.0,
        1.8000000000000007,
    )
