"""A kept sample against the sample itself."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import Distribution
from harness.stats._distribution import Ordered, pooled

samples = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=100)


def test_a_small_sample_is_kept_whole() -> None:
    kept = Distribution.of([30.0, 10.0, 20.0])
    assert kept == Distribution(3, 3, 20.0, 10.0, (10.0, 20.0, 30.0))
    assert kept.is_exact


def test_a_large_sample_is_kept_as_512_points_whose_quantiles_are_near() -> None:
    values = np.random.default_rng(5).lognormal(6, 0.5, 200_000)
    kept = Distribution.of(values)
    assert (len(kept.points), kept.n, kept.is_exact) == (512, 200_000, False)
    assert kept.points[0] == pytest.approx(np.min(values), rel=1e-5)
    assert kept.points[-1] == pytest.approx(np.max(values), rel=1e-5)
    for q in (0.01, 0.5, 0.9, 0.95, 0.99):
        assert Ordered.of(kept).quantile(q) == pytest.approx(float(np.quantile(values, q)), rel=2e-3)


def test_json_is_small_and_comes_back() -> None:
    kept = Distribution.of(np.random.default_rng(5).lognormal(6, 0.5, 5000), n_effective=900)
    text = json.dumps(kept.to_json())
    assert len(text) < 6000
    assert Distribution.from_json(json.loads(text)) == kept
    assert (kept.n, kept.n_effective) == (5000, 900)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({}, id="nothing in it"),
        pytest.param({"n": 2, "n_effective": 2, "mean": 1, "stdev": 0, "points": None}, id="no points"),
        pytest.param(
            {"n": 1, "n_effective": 1, "mean": 1, "stdev": 0, "points": [1, 2]}, id="more points than n"
        ),
        pytest.param(
            {"n": 9, "n_effective": 9, "mean": 1, "stdev": 0, "points": [1]}, id="one point of nine"
        ),
        pytest.param(
            {"n": 2, "n_effective": 3, "mean": 1, "stdev": 0, "points": [1, 2]}, id="worth more than n"
        ),
        pytest.param(
            {"n": 2, "n_effective": 2, "mean": 1, "stdev": 1, "points": [2, 1]}, id="points that fall"
        ),
        pytest.param(
            {"n": 2, "n_effective": 2, "mean": float("nan"), "stdev": 1, "points": [1, 2]}, id="NaN"
        ),
    ],
)
def test_what_is_not_a_distribution_is_refused_in_one_line(record: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^not a distribution: [^\n]+$"):
        Distribution.from_json(record)


@pytest.mark.parametrize(
    ("values", "points", "message"),
    [([], 512, "no samples"), ([1.0, float("nan")], 512, "NaN"), ([1.0, 2.0, 3.0], 1, "two points")],
)
def test_impossible_distributions(values: list[float], points: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Distribution.of(values, most_points=points)


@given(st.lists(samples, min_size=1, max_size=4), st.floats(0.01, 0.99))
def test_pooled_runs_are_the_concatenated_sample(runs: list[list[float]], q: float) -> None:
    together = pooled([Ordered.of(run) for run in runs])
    flat = np.concatenate(runs)
    assert together.quantile(q) == pytest.approx(float(np.quantile(flat, q)), rel=1e-9, abs=1e-6)
    assert together.mean == pytest.approx(float(flat.mean()), rel=1e-9, abs=1e-6)
    if flat.size > 1:
        assert together.stdev == pytest.approx(float(flat.std(ddof=1)), rel=1e-6, abs=1e-3)


def test_pooling_a_kept_run_with_a_raw_one_weights_each_by_its_n() -> None:
    rng = np.random.default_rng(6)
    large, small = rng.lognormal(6, 0.5, 9000), rng.lognormal(7, 0.5, 1000)
    together = pooled([Ordered.of(Distribution.of(large)), Ordered.of(small)])
    flat = np.concatenate([large, small])
    for q in (0.5, 0.95):
        assert together.quantile(q) == pytest.approx(float(np.quantile(flat, q)), rel=3e-3)
