"""One metric of two groups of runs, compared: which comparison a series calls for."""

from collections.abc import Sequence

from harness.analysis._comparison import Counts, Metric, RunSeries, Series, Share, Values
from harness.analysis._quantities import quantile_of
from harness.stats import (
    Comparison,
    RunSpread,
    compare_mean,
    compare_quantile,
    compare_rate,
    compare_throughput,
)


def compare_metric(
    metric: Metric, bases: Sequence[RunSeries], candidates: Sequence[RunSeries], spread: RunSpread
) -> Comparison | None:
    """How a metric changed between the runs that hold it; None where a side has none of it.

    `spread` is what is known of how runs differ; shares take it from the runs themselves.
    """
    sides = _of(metric, bases), _of(metric, candidates)
    if not all(sides):
        return None
    kinds = {type(series) for side in sides for series in side}
    if kinds == {Share}:
        shares = [[(s.k, s.n) for s in side if isinstance(s, Share) and s.n] for side in sides]
        return compare_rate(shares[0], shares[1]) if all(shares) else None
    if kinds == {Counts}:
        return _throughput([[s for s in side if isinstance(s, Counts)] for side in sides], spread)
    if kinds != {Values}:
        return None
    runs = [[s.for_statistic(metric.statistic) for s in side if isinstance(s, Values)] for side in sides]
    q = quantile_of(metric.statistic)
    base, candidate = runs
    if q is None:
        return compare_mean(base, candidate, unit=metric.unit, spread=spread)
    return compare_quantile(base, candidate, q, unit=metric.unit, spread=spread)


def _of(metric: Metric, runs: Sequence[RunSeries]) -> list[Series]:
    return [run.series[metric.series] for run in runs if metric.series in run.series]


def _throughput(sides: list[list[Counts]], spread: RunSpread) -> Comparison | None:
    batch_s = max(counts.batch_s for side in sides for counts in side)
    alike = [[counts.in_batches_of(batch_s).counts for counts in side] for side in sides]
    if min(len(counts) for side in alike for counts in side) < 2:
        return None
    base, candidate = alike
    return compare_throughput(base, candidate, batch_s=batch_s, spread=spread)
