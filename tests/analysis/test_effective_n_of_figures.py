"""Intervals of response times widen by what neighbouring requests share; the oracle is `effective_n`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from harness.analysis import Dataset, NotMeasured, Selection, summarise
from harness.runs import Run
from harness.stats import Estimate, effective_n, mean, quantile
from harness.verdicts import Criterion, judge_criteria, parse_rule
from tests.support.recorded_runs import phase, request, write_run

N = 1200


def dependent(n: int, rho: float = 0.9, seed: int = 3) -> NDArray[np.float64]:
    """Log-normal times whose logarithms are an autoregressive series, in whole microseconds."""
    noise = np.random.default_rng(seed).normal(size=n + 500)
    series = lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise)[500:]
    return np.asarray(np.round(200 * np.exp(0.4 * series), 3))


def recorded(folder: Path, times: NDArray[np.float64], order: NDArray[np.intp] | None = None) -> Run:
    """Two steps of a minute with half of the requests each, one every 0.1 s."""
    rows = [
        request(0.1 * place, float(ms), category=("simple", "complex")[place % 2])
        for place, ms in enumerate(times)
    ]
    if order is not None:
        rows = [rows[place] for place in order]
    return write_run(folder, rows, phases=[phase("a", "hold", 5, 0, 60), phase("b", "hold", 9, 60, 120)])


def worth(times: NDArray[np.float64], q: float | None) -> int:
    """Dependence is looked for within each step."""
    return sum(effective_n(part, q) for part in np.split(times, 2))


def test_a_group_is_worth_what_its_steps_are(tmp_path: Path) -> None:
    times = dependent(N)
    found = summarise(recorded(tmp_path, times)).overall.response_time
    for name, q in (("p50", 0.5), ("p95", 0.95)):
        expected = quantile(times, q, unit="ms", n_effective=worth(times, q))
        assert worth(times, q) < N
        assert found[name] == expected
        assert found[name].method.endswith(f"effective n {worth(times, q)}")
    expected = mean(times, unit="ms", n_effective=worth(times, None))
    assert (found["mean"].low, found["mean"].high) == pytest.approx((expected.low, expected.high))


def test_a_rule_and_the_summary_are_of_one_mind(tmp_path: Path) -> None:
    run = recorded(tmp_path, dependent(N))
    dataset = Dataset.from_run(run)
    summary = summarise(run, dataset)
    for category in ("simple", "complex"):
        for statistic in ("p50", "p95", "mean"):
            judged = dataset.estimate(statistic, "response_time", Selection(category=category))
            assert not isinstance(judged, NotMeasured)
            shown = summary.by_category[category].response_time[statistic]
            assert judged.method == shown.method
            assert (judged.low, judged.high) == pytest.approx((shown.low, shown.high))


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    times = dependent(N)
    shuffled = np.random.default_rng(1).permutation(N)
    one, other = (
        summarise(recorded(tmp_path / str(at), times, order)).overall.response_time
        for at, order in enumerate((None, shuffled))
    )
    assert one == other


def test_independent_times_keep_their_n(tmp_path: Path) -> None:
    times = np.random.default_rng(5).permutation(dependent(N))
    found = summarise(recorded(tmp_path, times)).overall.response_time
    assert found["p95"] == quantile(times, 0.95, unit="ms")


def test_too_few_is_said_of_effective_n_and_decides_nothing(tmp_path: Path) -> None:
    run = recorded(tmp_path, dependent(N, rho=0.995))
    dataset = Dataset.from_run(run)
    (verdict,) = judge_criteria([parse_rule("slow", "p99(response_time) < 10 s")], dataset)
    assert isinstance(verdict.measured, Estimate)
    assert verdict.measured.n == N
    assert verdict.measured.warnings[0].startswith("effective n too small")
    assert verdict.verdict is Criterion.NO_DATA
    assert verdict.remedy.startswith(f"{N} samples that follow each other are worth ")


@pytest.mark.parametrize(
    ("slow_s", "configured_s", "remedy"),
    [
        pytest.param(12.0, 5.0, "set warm_up_s = 13 in the scenario", id="longer than configured"),
        pytest.param(4.0, 5.0, None, id="shorter"),
        pytest.param(0.0, 0.0, None, id="none"),
    ],
)
def test_a_warm_up_that_lasted_longer_is_told(
    tmp_path: Path, slow_s: float, configured_s: float, remedy: str | None
) -> None:
    summary = summarise(slow_start(tmp_path, slow_s, configured_s))
    assert summary.warm_up is not None
    assert summary.warm_up.is_fine is (remedy is None)
    told = [note for note in summary.notes if "warm" in note]
    assert bool(told) is (remedy is not None)
    if remedy is not None:
        assert summary.warm_up.lasted_s == pytest.approx(slow_s, abs=0.5)
        assert remedy in told[0]


def test_a_shape_that_has_its_holds_measured_whole_is_told_nothing(tmp_path: Path) -> None:
    """It leaves out no warm-up whatever the scenario says: to set one would change nothing."""
    run = slow_start(tmp_path, slow_s=12.0, configured_s=0.0)
    scenario = run.manifest.scenario.model_copy(update={"whole_holds": True})
    run = replace(run, manifest=run.manifest.model_copy(update={"scenario": scenario}))
    summary = summarise(run)
    assert summary.warm_up is None
    assert not [note for note in summary.notes if "warm" in note]


def slow_start(folder: Path, slow_s: float, configured_s: float) -> Run:
    """A minute whose first seconds are two and a half times as slow."""
    rng = np.random.default_rng(8)
    at = np.arange(0, 60, 0.05)
    times = rng.lognormal(np.log(200), 0.3, len(at)) * np.where(at < slow_s, 2.5, 1.0)
    rows = [request(float(moment), float(ms)) for moment, ms in zip(at, times, strict=True)]
    return write_run(folder, rows, phases=[phase("hold", "hold", 5, 0, 60)], warm_up_s=configured_s)
