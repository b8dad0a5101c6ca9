"""Proportions and rates against published tables, and the number in flight counted by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.stats import in_flight_at, proportion, rate, rate_from_batches


# Wilson's interval in percent, to two digits: Newcombe 1998, table I, method 3, and its mirror images.
@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (81, 263, 25.53, 36.62),
        (15, 148, 6.24, 16.05),
        (0, 20, 0.00, 16.11),
        (1, 29, 0.61, 17.18),
        (20, 20, 83.89, 100.00),
    ],
)
def test_wilson(k: int, n: int, low: float, high: float) -> None:
    found = proportion(k, n)
    assert found.value == pytest.approx(100 * k / n)
    assert found.low == pytest.approx(low, abs=0.005)
    assert found.high == pytest.approx(high, abs=0.005)
    assert (found.n, found.unit) == (n, "%")


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys_and_contains_the_estimate(counts: tuple[int, int]) -> None:
    k, n = counts
    found = proportion(k, n)
    theirs = binomtest(k, n).proportion_ci(0.95, "wilson")
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low == pytest.approx(100 * theirs.low, abs=1e-9)
    assert found.high == pytest.approx(100 * theirs.high, abs=1e-9)
    assert 0 <= found.low <= found.value <= found.high <= 100


def test_a_proportion_of_nothing_has_no_value() -> None:
    assert proportion(0, 0).value is None


@pytest.mark.parametrize(("k", "n"), [(-1, 10), (11, 10)])
def test_what_is_no_proportion_is_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="not a proportion"):
        proportion(k, n)


# Exact Poisson limits for an observed count: Ulm 1990, table 1.
@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390), (100, 81.364, 121.627)],
)
def test_garwood(count: int, low: float, high: float) -> None:
    found = rate(count, 2.0)
    assert found.value == count / 2
    assert found.low == pytest.approx(low / 2, abs=0.0005)
    assert found.high == pytest.approx(high / 2, abs=0.0005)
    assert (found.n, found.unit) == (count, "req/s")


def test_a_rate_over_no_time_has_no_value() -> None:
    assert rate(0, 0.0).value is None


@pytest.mark.parametrize(("count", "seconds"), [(-1, 1.0), (1, -1.0)])
def test_what_is_no_rate_is_refused(count: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        rate(count, seconds)


def test_batch_means_of_one_stretch_are_students_t_of_the_batches() -> None:
    # variance of the batches 2.5, of the sum 12.5; t(4) = 2.776445
    found = rate_from_batches([[10, 12, 9, 11, 8]], 5.0)
    half = 2.776445 * math.sqrt(12.5) / 5
    assert found.value == 10.0
    assert found.low == pytest.approx(10 - half, rel=1e-6)
    assert found.high == pytest.approx(10 + half, rel=1e-6)


def test_what_two_load_steps_differ_by_does_not_widen_the_interval() -> None:
    steady = rate_from_batches([[10, 11, 10, 9, 10], [100, 101, 100, 99, 100]], 10.0)
    mixed = rate_from_batches([[10, 11, 10, 9, 10, 100, 101, 100, 99, 100]], 10.0)
    assert steady.value == mixed.value == 55.0
    assert steady.low is not None
    assert mixed.low is not None
    assert 55 - steady.low < 1
    assert 55 - mixed.low > 10


def test_even_batches_have_an_interval_of_width_0_and_one_batch_has_none() -> None:
    found = rate_from_batches([[5, 5, 5]], 3.0)
    assert (found.low, found.value, found.high) == (5.0, 5.0, 5.0)
    with pytest.raises(ValueError, match="two batches"):
        rate_from_batches([[5]], 1.0)


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [
        pytest.param([0, 5], [10, 20], [0, 1, 2, 1, 0], id="an end is not in flight any more, a start is"),
        pytest.param([5, 0], [20, 10], [0, 1, 2, 1, 0], id="in any order"),
        pytest.param([0, 5], [10], [0, 1, 2, 1, 1], id="one never ended"),
        pytest.param([], [], [0, 0, 0, 0, 0], id="nothing"),
    ],
)
def test_in_flight(starts: list[int], ends: list[int], expected: list[int]) -> None:
    assert in_flight_at(starts, ends, [-1, 0, 5, 10, 20]).tolist() == expected
