"""Estimates from sorted stretches equal those of the merged samples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import Estimate, Moments, Stretches, mean, quantiles

QS = (0.01, 0.5, 0.95, 0.999)
stretches = st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=50), min_size=1, max_size=6)


def nearly(estimate: Estimate) -> list[object]:
    numbers = [None if x is None else pytest.approx(x) for x in (estimate.value, estimate.low, estimate.high)]
    return [*numbers, estimate.n, estimate.method, estimate.unit, estimate.warnings]


def plainly(estimate: Estimate) -> list[object]:
    return [
        estimate.value, estimate.low, estimate.high,
        estimate.n, estimate.method, estimate.unit, estimate.warnings,
    ]  # fmt: skip


@given(parts=stretches, per_unit=st.sampled_from([1, 1000]))
def test_quantiles_and_order_statistics(parts: list[list[int]], per_unit: int) -> None:
    merged = np.sort(np.array([x for part in parts for x in part])) / per_unit
    found = Stretches([np.sort(np.array(part, dtype=np.int32)) for part in parts], per_unit)
    assert found.size == len(merged)
    assert found.quantiles(QS, unit="ms") == quantiles(merged, QS, unit="ms")
    if len(merged):
        assert found.at(range(len(merged))).tolist() == merged.tolist()
        assert found.samples().tolist() == merged.tolist()


@pytest.mark.parametrize("n", [1, 40, 299, 301, 5000])
@pytest.mark.parametrize("cuts", [1, 7, 400])
def test_mean_and_quantiles_of_many(n: int, cuts: int) -> None:
    samples = (np.random.default_rng(n).lognormal(5, 1, n) * 1000).astype(np.int64)
    found = Stretches([np.sort(part) for part in np.array_split(samples, cuts)], 1000)
    assert nearly(mean(samples / 1000, unit="ms")) == plainly(found.mean(unit="ms"))
    assert found.quantiles(QS, n_effective=[n // 2] * 4) == quantiles(
        samples / 1000, QS, n_effective=[n // 2] * 4
    )


def test_stretches_of_floats() -> None:
    found = Stretches([np.array([0.5, 2.5]), np.array([1.25])])
    assert found.at([0, 1, 2]).tolist() == [0.5, 1.25, 2.5]


@given(parts=stretches)
def test_counts_between_edges(parts: list[list[int]]) -> None:
    values = np.array([x for part in parts for x in part])
    if not len(values):
        return
    found = Stretches([np.sort(np.array(part, dtype=np.int32)) for part in parts], 1000)
    edges = np.unique([values.min() / 1000, 0.0, 0.0015, 12.5, values.max() / 1000])
    edges = edges[(edges >= values.min() / 1000) & (edges <= values.max() / 1000)]
    if len(edges) > 1:
        assert found.counts_between(edges).tolist() == np.histogram(values / 1000, edges)[0].tolist()


@given(parts=st.lists(st.lists(st.floats(-1e6, 1e6), max_size=20), max_size=5))
def test_moments_of_parts_are_those_of_the_whole(parts: list[list[float]]) -> None:
    whole = Moments.of(np.array([x for part in parts for x in part]))
    together = Moments.together(Moments.of(np.array(part)) for part in parts)
    assert together.n == whole.n
    assert together.mean == pytest.approx(whole.mean, abs=1e-6)
    assert together.squares == pytest.approx(whole.squares, rel=1e-6, abs=1e-3)
    assert math.isfinite(whole.squares)
