"""Comparisons of two groups of runs, against closed forms, scipy and common sense."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import fisher_exact, mannwhitneyu

from harness.stats import (
    NO_SPREAD,
    Comparison,
    Distribution,
    EffectSize,
    RunSpread,
    compare_mean,
    compare_quantile,
    compare_rate,
    compare_throughput,
    quantile,
    run_spread,
)
from harness.stats._run_spread import RunLog, moderated


def latencies(n: int, seed: int, factor: float = 1.0) -> NDArray[np.float64]:
    return factor * np.random.default_rng(seed).lognormal(6, 0.5, n)


def half_width(comparison: Comparison) -> float:
    """Of the logarithm of candidate / base."""
    low, high = comparison.change.low, comparison.change.high
    assert low is not None
    assert high is not None
    return float(np.log((1 + high / 100) / (1 + low / 100))) / 2


def test_the_figures_are_those_of_the_pooled_samples() -> None:
    base, candidate = [latencies(200, 1), latencies(100, 2)], [latencies(300, 3, 1.3)]
    found = compare_quantile(base, candidate, 0.95, unit="ms")
    of_base, of_candidate = quantile(np.concatenate(base), 0.95), quantile(candidate[0], 0.95)
    assert found.base.value == pytest.approx(of_base.value)
    assert (found.base.low, found.base.high) == (of_base.low, of_base.high)
    assert found.base.value is not None
    assert of_candidate.value is not None
    assert found.change.value == pytest.approx(100 * (of_candidate.value / found.base.value - 1))
    assert found.difference.value == pytest.approx(of_candidate.value - found.base.value)
    assert (found.base.unit, found.change.unit, found.difference.unit) == ("ms", "%", "ms")
    assert (found.base_runs, found.candidate_runs) == (2, 1)


def test_the_interval_of_a_median_is_as_wide_as_the_normal_theory_has_it() -> None:
    n = 20_000
    found = compare_quantile([latencies(n, 1)], [latencies(n, 2)], 0.5, spread=NO_SPREAD)
    # sqrt(pi / 2) x sigma / sqrt(n) a side.
    assert half_width(found) == pytest.approx(1.96 * np.sqrt(np.pi / 2 * 0.25 / n * 2), rel=0.1)


def test_the_interval_of_a_mean_is_that_of_welch() -> None:
    n = 20_000
    base, candidate = latencies(n, 1), latencies(n, 2)
    found = compare_mean([base], [candidate], spread=NO_SPREAD)
    errors = [x.std() / x.mean() / np.sqrt(n) for x in (base, candidate)]
    assert half_width(found) == pytest.approx(1.96 * np.hypot(*errors), rel=0.05)


def test_one_run_a_side_is_widened_by_the_spread_that_runs_are_known_to_have() -> None:
    n = 1_000_000
    base, candidate = [latencies(n, 1)], [latencies(n, 2)]
    narrow = compare_quantile(base, candidate, 0.5, spread=NO_SPREAD)
    wide = compare_quantile(base, candidate, 0.5, spread=RunSpread(percent=4.0, degrees=1000))
    # Hardly any of the samples is left: sqrt(2) x log 1.04.
    assert half_width(wide) == pytest.approx(1.96 * np.sqrt(2) * np.log(1.04), rel=0.05)
    assert half_width(narrow) < 0.01
    assert wide.warnings == ("one run a side: how much runs differ is unknown, and taken as 4 %",)
    assert narrow.warnings == ("one run a side: how much runs differ is unknown, and left out",)


def test_several_runs_tell_themselves_how_they_differ() -> None:
    def runs(seed: int) -> list[NDArray[np.float64]]:
        factors = np.exp(0.10 * np.array([-1.2, -0.6, 0.0, 0.6, 1.2]))
        return [latencies(2000, seed + i, factor) for i, factor in enumerate(factors)]

    found = compare_quantile(runs(1), runs(100), 0.5)
    assert found.warnings == ()
    assert found.run_spread_percent == pytest.approx(10, abs=2)
    one_by_one = compare_quantile(
        [np.concatenate(runs(1))], [np.concatenate(runs(100))], 0.5, spread=NO_SPREAD
    )
    assert half_width(found) > 2 * half_width(one_by_one)


@pytest.mark.parametrize(
    ("values", "error", "prior", "expected"),
    [
        pytest.param([0.0], 0.0, RunSpread(4.0, 6.0), (np.log(1.04), 6.0), id="one run: the prior alone"),
        pytest.param([0.0], 0.0, NO_SPREAD, (0.0, 0.0), id="nothing known, nothing seen"),
        pytest.param([-0.1, 0.1], 0.0, NO_SPREAD, (np.sqrt(0.02), 2.0), id="seen alone"),
        pytest.param([-0.1, 0.1], 0.0, RunSpread(4.0, 6.0), (np.sqrt(0.02), 8.0), id="seen and larger"),
        pytest.param([-0.1, 0.1], 0.2, NO_SPREAD, (0.0, 2.0), id="explained by the runs' own errors"),
        pytest.param(
            [0.0, 0.0], 0.0, RunSpread(4.0, 6.0), (np.log(1.04) * np.sqrt(6 / 8), 8.0), id="seen and smaller"
        ),
    ],
)
def test_spread_of_runs_by_hand(
    values: list[float], error: float, prior: RunSpread, expected: tuple[float, float]
) -> None:
    """Two sides of the same runs: the variance of -0.1 and 0.1 is 0.02."""
    side = [RunLog(value, error) for value in values]
    assert moderated((side, side), prior) == pytest.approx(expected)


def test_kept_distributions_compare_as_the_samples_do() -> None:
    base, candidate = [latencies(20_000, 1)], [latencies(5000, 2, 1.1)]
    raw = compare_quantile(base, candidate, 0.95)
    kept = compare_quantile([Distribution.of(base[0])], [Distribution.of(candidate[0])], 0.95)
    for field in ("value", "low", "high"):
        assert getattr(kept.change, field) == pytest.approx(getattr(raw.change, field), abs=0.3)
    assert kept.rank_test is not None
    assert raw.rank_test is not None
    assert kept.rank_test.delta == pytest.approx(raw.rank_test.delta, abs=0.002)
    means = compare_mean([Distribution.of(base[0])], [Distribution.of(candidate[0])])
    assert means.change.value == pytest.approx(compare_mean(base, candidate).change.value, abs=0.01)


def test_samples_worth_less_give_wider_intervals() -> None:
    values, other = latencies(4000, 1), latencies(4000, 2)
    full = compare_quantile([values], [other], 0.5, spread=NO_SPREAD)
    quarter = compare_quantile(
        [Distribution.of(values, n_effective=1000, most_points=4000)],
        [Distribution.of(other, n_effective=1000, most_points=4000)],
        0.5,
        spread=NO_SPREAD,
    )
    assert half_width(quarter) == pytest.approx(2 * half_width(full), rel=0.15)


def test_a_side_too_small_for_the_quantile_gives_no_evidence() -> None:
    found = compare_quantile([latencies(50, 1)], [latencies(500, 2, 2.0)], 0.95)
    assert (found.change.low, found.change.high, found.p_value) == (None, None, None)
    assert found.change.value is not None
    assert "base: n too small: 50 < 72" in found.warnings
    assert found.more_samples is not None
    assert found.more_samples >= 22


def test_pairs_cancel_what_both_share() -> None:
    base = latencies(300, 1)
    noise = np.random.default_rng(9).normal(1, 0.01, 300)
    candidate = 1.03 * base * noise
    apart = compare_quantile([base], [candidate], 0.5, spread=NO_SPREAD)
    together = compare_quantile([base], [candidate], 0.5, spread=NO_SPREAD, paired=True)
    assert half_width(together) < half_width(apart) / 3
    assert together.p_value is not None
    assert together.p_value < 0.01
    means = compare_mean([base], [candidate], spread=NO_SPREAD, paired=True)
    assert means.change.low is not None
    assert means.change.high is not None
    assert 2.5 < means.change.low < 3 < means.change.high < 3.5


@pytest.mark.parametrize(
    ("base", "candidate", "message"),
    [
        pytest.param([[1.0, 2.0]], [[1.0]], "2 and 1 samples are not pairs", id="unequal lengths"),
        pytest.param([[1.0]], [[1.0], [2.0]], "1 and 2 runs are not pairs", id="unequal runs"),
        pytest.param([Distribution.of([1.0])], [[1.0]], "pairs need raw samples", id="a distribution"),
        pytest.param([], [], "without runs", id="no runs"),
        pytest.param([[]], [[1.0]], "without samples", id="an empty run"),
        pytest.param([[-1.0]], [[1.0]], "not negative", id="a negative sample"),
    ],
)
def test_what_cannot_be_compared(base: list[list[float]], candidate: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare_quantile(base, candidate, 0.5, paired=True)


def test_a_base_of_0_has_no_relative_change_but_a_difference() -> None:
    found = compare_mean([[0.0] * 100], [[0.0] * 50 + [2.0] * 50])
    assert found.change.value is None
    assert found.difference.value == 1.0
    assert "the base is 0: no relative change" in found.warnings
    assert found.p_value is not None
    assert found.p_value < 0.01


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_constant_samples_that_are_equal_did_not_change(value: float) -> None:
    for found in (
        compare_quantile([[value] * 100], [[value] * 90], 0.5, spread=NO_SPREAD),
        compare_mean([[value] * 100], [[value] * 90], spread=NO_SPREAD),
    ):
        assert (found.change.value, found.change.low, found.change.high) == (0.0, 0.0, 0.0)
        assert found.p_value == 1.0


def test_swapping_the_sides_turns_the_change() -> None:
    base, candidate = latencies(5000, 1), latencies(5000, 2, 1.2)
    one = compare_quantile([base], [candidate], 0.5, spread=NO_SPREAD).change
    other = compare_quantile([candidate], [base], 0.5, spread=NO_SPREAD).change
    assert one.low is not None
    assert other.high is not None
    assert 1 + one.low / 100 == pytest.approx(1 / (1 + other.high / 100), rel=0.01)


positive = st.lists(st.floats(0.1, 1e5), min_size=2, max_size=60)


@settings(max_examples=30)
@given(
    st.lists(positive, min_size=1, max_size=3),
    st.lists(positive, min_size=1, max_size=3),
    st.floats(0.1, 0.9),
)
def test_intervals_contain_the_change_and_the_order_of_samples_does_not_matter(
    base: list[list[float]], candidate: list[list[float]], q: float
) -> None:
    found = compare_quantile(base, candidate, q)
    for estimate in (found.change, found.difference, found.base, found.candidate):
        assert estimate.value is not None
        assert estimate.low is None or estimate.low <= estimate.value
        assert estimate.high is None or estimate.value <= estimate.high
    assert compare_quantile([run[::-1] for run in base], candidate, q) == found


def test_what_more_samples_would_do_they_do() -> None:
    """The number asked for gives a change of that size its evidence, and not with ease."""
    base, candidate = latencies(100, 1), latencies(100, 3, 1.10)
    found = compare_quantile([base], [candidate], 0.5, spread=NO_SPREAD)
    assert found.change.value is not None
    assert found.more_samples is not None
    assert found.more_samples > 0
    # Theory: n a side = 2 (pi / 2) sigma^2 (2.11 + 0.84)^2 / log(ratio)^2
    ratio = np.log(1 + found.change.value / 100)
    theory = np.pi * 0.25 * (2.108 + 0.842) ** 2 / ratio**2
    assert 100 + found.more_samples == pytest.approx(theory, rel=0.4)


def test_the_detectable_change_is_the_one_of_theory() -> None:
    found = compare_quantile([latencies(10_000, 1)], [latencies(10_000, 2)], 0.5, spread=NO_SPREAD)
    error = np.sqrt(np.pi / 2 * 0.25 / 10_000 * 2)
    assert found.detectable_percent == pytest.approx(100 * np.expm1((2.108 + 0.842) * error), rel=0.1)


def test_where_runs_differ_more_than_the_change_only_more_runs_help() -> None:
    found = compare_quantile([latencies(5000, 1)], [latencies(5000, 2, 1.08)], 0.5, spread=RunSpread(10.0))
    assert found.more_samples is None
    assert found.more_runs is not None
    assert found.more_runs > 5


def test_mann_whitney_is_scipys_and_delta_is_counted_by_hand() -> None:
    base, candidate = [1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0]
    found = compare_mean([base], [candidate]).rank_test
    assert found is not None
    # Of 12 pairs the candidate is larger in 9, equal in 2, smaller in 1.
    assert found.delta == pytest.approx(8 / 12)
    assert found.size is EffectSize.LARGE
    theirs = mannwhitneyu(candidate, base, use_continuity=False, method="asymptotic")
    assert found.p_value == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize(("seed", "factor"), [(1, 1.0), (2, 1.1), (3, 0.9)])
def test_mann_whitney_on_latencies_with_ties(seed: int, factor: float) -> None:
    base, candidate = np.round(latencies(300, seed), -1), np.round(latencies(200, seed + 10, factor), -1)
    found = compare_mean([base], [candidate]).rank_test
    assert found is not None
    theirs = mannwhitneyu(candidate, base, use_continuity=False, method="asymptotic")
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-6)
    assert found.delta == pytest.approx(2 * theirs.statistic / (300 * 200) - 1)


def test_proportions_by_fishers_exact_test() -> None:
    found = compare_rate([(3, 300)], [(15, 300)])
    assert found.change.value == pytest.approx(400)
    assert found.difference.value == pytest.approx(4)
    assert found.difference.unit == "%"
    # Twice the smaller tail; with equal n both tails are alike and scipy's two-sided is the same.
    assert found.p_value == pytest.approx(fisher_exact(np.array([[3, 297], [15, 285]])).pvalue, rel=1e-6)


def test_proportions_of_a_base_without_errors() -> None:
    found = compare_rate([(0, 300)], [(30, 300)])
    assert found.change.value is None
    assert found.p_value is not None
    assert found.p_value < 1e-6
    assert found.difference.low is not None
    assert 5 < found.difference.low < 10


def test_errors_that_come_in_some_runs_only_are_worth_less() -> None:
    even = compare_rate([(10, 300)] * 4, [(20, 300)] * 4)
    uneven = compare_rate(
        [(0, 300), (0, 300), (0, 300), (40, 300)], [(80, 300), (0, 300), (0, 300), (0, 300)]
    )
    assert even.change.value == uneven.change.value == pytest.approx(100)
    assert even.p_value is not None
    assert uneven.p_value is not None
    assert even.p_value < 0.01
    assert uneven.p_value > 0.2


@pytest.mark.parametrize("runs", [[(2, 1)], [(-1, 5)], [(0, 0)]])
def test_impossible_proportions(runs: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match=r"is not a proportion|without requests"):
        compare_rate(runs, [(1, 2)])


def test_throughput_in_batches() -> None:
    rng = np.random.default_rng(8)
    base, candidate = (np.asarray(rng.poisson(mean, 60), dtype=np.float64) for mean in (40, 30))
    found = compare_throughput([base], [candidate], batch_s=2.0, spread=NO_SPREAD)
    assert found.base.value == pytest.approx(base.sum() / 120)
    assert found.change.value == pytest.approx(100 * (candidate.sum() / base.sum() - 1))
    # Poisson counts: the relative errors are 1 / sqrt(count).
    error = np.sqrt(1 / base.sum() + 1 / candidate.sum())
    assert half_width(found) == pytest.approx(2.0 * error, rel=0.35)
    assert found.rank_test is None


@pytest.mark.parametrize(
    ("runs", "batch_s", "message"),
    [
        ([[5]], 1.0, "two batches"),
        ([], 1.0, "two batches"),
        ([[1, -1]], 1.0, "not negative"),
        ([[1, 2]], 0.0, "longer"),
    ],
)
def test_impossible_throughputs(runs: list[list[int]], batch_s: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare_throughput(runs, [[1, 2]], batch_s=batch_s)


def test_run_spread_of_runs_that_differ_by_5_percent() -> None:
    factors = np.exp(np.random.default_rng(4).normal(0, 0.05, 40))
    found = run_spread([latencies(2000, i, factor) for i, factor in enumerate(factors)])
    assert found.low is not None
    assert found.high is not None
    assert found.low < 5 < found.high
    assert (found.n, found.unit) == (40, "%")


def test_run_spread_of_runs_that_do_not_differ_starts_at_0() -> None:
    found = run_spread([latencies(500, i) for i in range(10)])
    assert found.low == 0.0
    assert found.value is not None
    assert found.value < 3


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        pytest.param([[1.0] * 10] * 2, "three runs", id="two runs"),
        pytest.param([[1.0] * 3] * 3, "6 samples", id="small runs"),
        pytest.param([[0.0] * 10] * 3, "above 0", id="figures of 0"),
    ],
)
def test_run_spread_refuses(runs: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_spread(runs)


@pytest.mark.parametrize(("percent", "degrees"), [(-1.0, 1.0), (float("inf"), 1.0), (1.0, -1.0)])
def test_impossible_spreads(percent: float, degrees: float) -> None:
    with pytest.raises(ValueError, match="spread of"):
        RunSpread(percent, degrees)
