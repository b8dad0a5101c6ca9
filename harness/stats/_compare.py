"""Comparison of two groups of runs: quantiles, means, proportions, throughput.

Each side is a list of runs; samples of a run are raw values or a `Distribution` kept from them.
The intervals come from a bootstrap in two levels. Within runs, samples are resampled without any
assumption of shape. Between runs the figure's logarithm varies by a normal effect whose spread is
estimated from the runs of both sides together with what was known beforehand (`RunSpread`): two
to five runs are too few to be resampled themselves, which would understate their spread by a
factor of (runs - 1) / runs. With one run a side the spread known beforehand is all there is, and a
warning says so. Assumes that runs of both sides differ by the same relative spread, and that
samples are independent but for what `n_effective` of a distribution says.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats._comparison import Comparison, Side, compare_sides, interval_of
from harness.stats._distribution import Distribution, Ordered, pooled
from harness.stats._draws import (
    DRAWS,
    Draws,
    mean_draws,
    paired_mean_draws,
    paired_quantile_draws,
    quantile_draws,
)
from harness.stats._estimate import Estimate
from harness.stats._mean import BOOTSTRAP_UP_TO
from harness.stats._quantile import METHOD, check_level, finite_samples, minimum_n, spread_ranks
from harness.stats._ranks import rank_test
from harness.stats._run_spread import RunLog, RunSpread, run_logs

Runs = Sequence[ArrayLike | Distribution]

_SEED = 20261124
_DEFAULT_SPREAD = RunSpread()


def compare_quantile(
    base_runs: Runs,
    candidate_runs: Runs,
    q: float,
    *,
    unit: str = "",
    spread: RunSpread = _DEFAULT_SPREAD,
    paired: bool = False,
) -> Comparison:
    """How the quantile `q` of the pooled samples changed.

    Within runs: binomial ranks (`quantile` has the reference), so that the cost does not depend on
    n. A side of fewer independent samples than `minimum_n(q)` has no interval and no p-value.

    `paired`: run i of both sides holds the same requests in the same order (common random
    numbers), so what both share cancels; needs raw samples of equal length. The spread between
    runs still counts. Raises ValueError for negative samples, for no runs or an empty one.

    >>> base = [100 + i % 50 for i in range(400)]
    >>> c = compare_quantile([base], [[1.2 * x for x in base]], 0.5, unit="ms", spread=RunSpread(0.0))
    >>> round(c.change.value, 1), 10 < c.change.low < 20 < c.change.high < 30, c.p_value < 0.01
    (20.0, True, True)
    """
    check_level(q)
    rng = np.random.default_rng(_SEED)
    base, candidate = _group(base_runs), _group(candidate_runs)
    if paired:
        draws = paired_quantile_draws(*_pairs(base_runs, candidate_runs), q, rng)
    else:
        draws = quantile_draws(base.all, q, rng), quantile_draws(candidate.all, q, rng)
    # A run too small for its own interval at q still tells by its median how runs differ.
    least = min(run.worth for run in (*base.runs, *candidate.runs))
    level = q if least >= minimum_n(q) else 0.5

    def side(group: _Group, drawn: Draws) -> Side:
        # One run tells nothing of how runs differ, and a figure of 0 has no logarithm.
        tells = len(group.runs) > 1 and min(run.quantile(level) for run in group.runs) > 0
        logs = run_logs(group.runs, level) if tells else []
        return _side(group, _quantile_estimate(group.all, q, unit), drawn, minimum_n(q), logs)

    sides = side(base, draws[0]), side(candidate, draws[1])
    return compare_sides(sides, spread, _method("quantiles", paired), rank_test(base.all, candidate.all), rng)


def compare_mean(
    base_runs: Runs,
    candidate_runs: Runs,
    *,
    unit: str = "",
    spread: RunSpread = _DEFAULT_SPREAD,
    paired: bool = False,
) -> Comparison:
    """How the mean of the pooled samples changed.

    Within runs: resampled up to 300 samples a side, beyond by Student's t (as in `mean`). `paired` and
    errors as in `compare_quantile`.
    """
    rng = np.random.default_rng(_SEED)
    base, candidate = _group(base_runs), _group(candidate_runs)
    if paired:
        draws = paired_mean_draws(*_pairs(base_runs, candidate_runs), rng)
    else:
        draws = _pooled_mean_draws(base, rng), _pooled_mean_draws(candidate, rng)

    def side(group: _Group, drawn: Draws) -> Side:
        tells = len(group.runs) > 1 and min(run.mean for run in group.runs) > 0
        logs = _mean_logs(group.runs) if tells else []
        return _side(group, _mean_estimate(group.all, drawn, unit), drawn, 2, logs)

    sides = side(base, draws[0]), side(candidate, draws[1])
    return compare_sides(sides, spread, _method("means", paired), rank_test(base.all, candidate.all), rng)


def compare_throughput(
    base_runs: Sequence[ArrayLike],
    candidate_runs: Sequence[ArrayLike],
    *,
    batch_s: float = 1.0,
    unit: str = "req/s",
    spread: RunSpread = _DEFAULT_SPREAD,
) -> Comparison:
    """How the number of events per second changed.

    Each run is the counts of its successive batches of `batch_s` seconds, in one steady stretch.
    Within runs: batch means over at most twenty longer batches, which take in how seconds hang
    together, by Student's t. Raises ValueError for a run of fewer than two batches or negative
    counts.
    """
    if not batch_s > 0:
        raise ValueError(f"a batch lasts longer than {batch_s} s")
    rng = np.random.default_rng(_SEED)
    sides = (
        _throughput_side(base_runs, batch_s, unit, rng),
        _throughput_side(candidate_runs, batch_s, unit, rng),
    )
    method = "ratio of rates; 95 % interval by batch means and spread of runs"
    return compare_sides(sides, spread, method, None, rng)


@dataclass(slots=True, frozen=True)
class _Group:
    """One side's runs, and all of them as one sample."""

    runs: list[Ordered]
    all: Ordered


def _group(runs: Runs) -> _Group:
    found = [Ordered.of(run) for run in runs]
    if not found:
        raise ValueError("a side without runs cannot be compared")
    if min(float(run.points[0]) for run in found) < 0:
        raise ValueError("a relative change needs samples that are not negative")
    return _Group(found, pooled(found))


def _method(what: str, paired: bool) -> str:
    return f"ratio of {what}; 95 % interval by {'paired ' if paired else ''}bootstrap of runs and samples"


def _pairs(base_runs: Runs, candidate_runs: Runs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(base_runs) != len(candidate_runs):
        raise ValueError(f"{len(base_runs)} and {len(candidate_runs)} runs are not pairs")
    columns = []
    for left, right in zip(base_runs, candidate_runs, strict=True):
        if isinstance(left, Distribution) or isinstance(right, Distribution):
            raise ValueError("pairs need raw samples; a distribution no longer knows their order")
        column = finite_samples(left), finite_samples(right)
        if column[0].size != column[1].size:
            raise ValueError(f"{column[0].size} and {column[1].size} samples are not pairs")
        columns.append(column)
    before, after = zip(*columns, strict=True)
    return np.concatenate(before), np.concatenate(after)


def _side(group: _Group, estimate: Estimate, draws: Draws, needed: int, logs: list[RunLog]) -> Side:
    weights = tuple(run.n / group.all.n for run in group.runs)
    return Side(estimate, draws, weights, logs, group.all.worth, needed)


def _quantile_estimate(sample: Ordered, q: float, unit: str) -> Estimate:
    value = sample.quantile(q)
    low, high = spread_ranks(sample.n, sample.worth, q)
    short = low is None or high is None
    return Estimate(
        value,
        None if low is None else min(float(sample.at(low)), value),
        None if high is None else max(float(sample.at(high)), value),
        sample.n,
        METHOD,
        unit,
        (f"n too small: {sample.worth} < {minimum_n(q)}",) if short else (),
    )


def _pooled_mean_draws(group: _Group, rng: np.random.Generator) -> Draws:
    few = group.all.n <= BOOTSTRAP_UP_TO
    drawn = sum(run.n / group.all.n * mean_draws(run, rng, few=few) for run in group.runs)
    return np.maximum(drawn, 0.0)


def _mean_estimate(sample: Ordered, draws: Draws, unit: str) -> Estimate:
    method = "mean; 95 % interval by bootstrap"
    if sample.n < 2:
        return Estimate(sample.mean, None, None, sample.n, method, unit, ("n too small: 1 < 2",))
    low, high = interval_of(draws)
    return Estimate(sample.mean, min(low, sample.mean), max(high, sample.mean), sample.n, method, unit)


def _mean_logs(runs: list[Ordered]) -> list[RunLog]:
    return [RunLog(math.log(run.mean), run.stdev / math.sqrt(run.worth) / run.mean) for run in runs]


_MOST_BATCHES = 20


def _throughput_side(runs: Sequence[ArrayLike], batch_s: float, unit: str, rng: np.random.Generator) -> Side:
    counts = [finite_samples(run) for run in runs]
    if not counts or any(run.size < 2 or bool((run < 0).any()) for run in counts):
        raise ValueError("each run needs two batches or more of counts that are not negative")
    seconds = [run.size * batch_s for run in counts]
    weights = tuple(length / sum(seconds) for length in seconds)
    rates = [_rate(run, batch_s) for run in counts]
    drawn = sum(
        weight * (value + error * rng.standard_t(degrees, size=DRAWS))
        for weight, (value, error, degrees) in zip(weights, rates, strict=True)
    )
    draws = np.maximum(drawn, 0.0)
    total = int(sum(run.sum() for run in counts))
    value = total / sum(seconds)
    low, high = interval_of(draws)
    method = "count / time; 95 % interval by batch means"
    estimate = Estimate(value, min(low, value), max(high, value), total, method, unit)
    logs = [RunLog(math.log(mean), error / mean) for mean, error, _ in rates if mean > 0]
    return Side(estimate, draws, weights, logs if len(logs) > 1 else [], total, 0)


def _rate(counts: NDArray[np.float64], batch_s: float) -> tuple[float, float, int]:
    """Rate per second, its standard error and degrees of freedom, from at most twenty batches."""
    value = float(counts.mean()) / batch_s
    length = math.ceil(counts.size / _MOST_BATCHES)
    if counts.size // length < 2:
        length = 1
    means = counts[: counts.size // length * length].reshape(-1, length).mean(axis=1) / batch_s
    return value, float(means.std(ddof=1)) / math.sqrt(means.size), means.size - 1
