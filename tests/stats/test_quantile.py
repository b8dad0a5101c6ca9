"""Quantiles: values as numpy has them, intervals as a table of binomial ranks has them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, quantile_test

from harness.stats import minimum_n, order_statistic_ranks, quantile, quantiles

samples = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=200)
qs = st.floats(0.01, 0.99)


@pytest.mark.parametrize(
    ("q", "expected"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688), (0.05, 72)]
)
def test_minimum_n_is_the_smallest_bounded_sample(q: float, expected: int) -> None:
    assert minimum_n(q) == expected
    assert None not in order_statistic_ranks(expected, q)
    assert None in order_statistic_ranks(expected - 1, q)


# Ranks from Hahn and Meeker's construction, checked with printed binomial tables.
@pytest.mark.parametrize(
    ("n", "q", "ranks"),
    [
        (6, 0.5, (1, 6)),
        (10, 0.5, (2, 9)),
        (100, 0.5, (40, 61)),
        (72, 0.95, (64, 72)),
        (40, 0.95, (35, None)),
        (100, 0.95, (90, 100)),
        (5, 0.5, (None, None)),
        (0, 0.5, (None, None)),
    ],
)
def test_ranks(n: int, q: float, ranks: tuple[int | None, int | None]) -> None:
    assert order_statistic_ranks(n, q) == ranks


@pytest.mark.parametrize("n", [72, 100, 333, 5000])
def test_the_ranks_cover_with_95_percent_and_no_narrower_pair_of_tails_does(n: int) -> None:
    low, high = order_statistic_ranks(n, 0.95)
    assert low is not None
    assert high is not None
    assert binom.cdf(low - 1, n, 0.95) <= 0.025 < binom.cdf(low, n, 0.95)
    assert binom.sf(high - 1, n, 0.95) <= 0.025 < binom.sf(high - 2, n, 0.95)


def test_a_hundred_numbers() -> None:
    p95 = quantile(range(1, 101), 0.95, unit="ms")
    # numpy's linear method: 0.95 * 99 = 94.05 places after the first.
    assert p95.value == pytest.approx(95.05)
    assert (p95.low, p95.high, p95.n, p95.unit, p95.warnings) == (90.0, 100.0, 100, "ms", ())


def test_scipys_test_inversion_gives_the_same_interval() -> None:
    values = np.random.default_rng(7).lognormal(0, 0.5, 400)
    tested: Any = quantile_test(values, q=float(np.quantile(values, 0.95)), p=0.95)
    theirs = tested.confidence_interval(0.95)
    ours = quantile(values, 0.95)
    assert (ours.low, ours.high) == (theirs.low, theirs.high)


def test_too_small_a_sample_says_how_small() -> None:
    p95 = quantile(range(40), 0.95)
    assert p95.high is None
    assert p95.low == 34.0
    assert p95.warnings == ("n too small: 40 < 72",)
    assert not p95.is_bounded


def test_no_sample_has_no_value() -> None:
    nothing = quantile([], 0.5)
    assert (nothing.value, nothing.low, nothing.high, nothing.n) == (None, None, None, 0)


@pytest.mark.parametrize("q", [0.0, 1.0, -0.1, 95.0])
def test_a_quantile_outside_of_0_and_1_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile([1.0, 2.0], q)


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        quantile([1.0, float("nan")], 0.5)


@given(samples, qs)
def test_the_interval_contains_the_estimate(values: list[float], q: float) -> None:
    found = quantile(values, q)
    assert found.value is not None
    assert found.low is None or found.low <= found.value
    assert found.high is None or found.value <= found.high


@given(samples, qs, st.randoms())
def test_order_does_not_matter(values: list[float], q: float, random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis types it as object
    assert quantile(shuffled, q) == quantile(values, q)


@given(samples, samples, qs)
def test_workers_samples_merge_by_concatenation(left: list[float], right: list[float], q: float) -> None:
    merged = quantile(np.concatenate([right, left]), q)
    assert merged == quantile([*left, *right], q)
    assert merged.value == float(np.quantile([*left, *right], q))


@given(samples, qs, qs)
def test_quantiles_rise_with_q(values: list[float], one: float, other: float) -> None:
    lower, upper = quantiles(values, sorted((one, other)))
    assert lower.value is not None
    assert upper.value is not None
    assert lower.value <= upper.value
    if lower.low is not None and upper.low is not None:
        assert lower.low <= upper.low


def test_several_quantiles_are_those_taken_one_by_one() -> None:
    values = np.random.default_rng(3).exponential(size=1000)
    wanted = (0.5, 0.95, 0.999)
    assert quantiles(values, wanted) == tuple(quantile(values, q) for q in wanted)


def test_a_million_samples() -> None:
    values = np.random.default_rng(1).permutation(1_000_001).astype(float)
    p50, p99 = quantiles(values, (0.5, 0.99))
    assert (p50.value, p99.value) == (500_000.0, 990_000.0)
