"""Figures from the buckets of a histogram: what a deployed service exports instead of samples. Pure.

A bucket tells how many values were at most its bound. A quantile is interpolated inside its bucket, as
Prometheus does it, and so are the ends of its interval, whose ranks come from the binomial
distribution. At a bucket's bound nothing is interpolated: whether p95 lies below 500 ms is decided
exactly where 0.5 is a bound.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.stats import Estimate, minimum_n, order_statistic_ranks

_Z = 1.959963984540054
_METHOD = "interpolated in histogram buckets, exact at their bounds; 95 % interval from ranks"


@dataclass(slots=True, frozen=True)
class Buckets:
    """`bounds_s` rise and end with infinity; `counts` are of each bucket alone. `total_s` is the sum."""

    bounds_s: tuple[float, ...]
    counts: tuple[float, ...]
    total_s: float = math.nan

    @classmethod
    def from_cumulative(cls, at_most: Mapping[float, float], total_s: float = math.nan) -> "Buckets":
        """From counts of values up to each bound. Counts that were extrapolated may fall a little: not here.

        >>> Buckets.from_cumulative({0.5: 90.0, 1.0: 99.0, math.inf: 100.0}).counts
        (90.0, 9.0, 1.0)
        """
        bounds = tuple(sorted(at_most))
        counts, before = [], 0.0
        for bound in bounds:
            upto = max(at_most[bound], before)
            counts.append(upto - before)
            before = upto
        return cls(bounds, tuple(counts), total_s)

    @property
    def n(self) -> int:
        return round(sum(self.counts))


def bucket_quantile(buckets: Buckets, q: float) -> Estimate:
    """The quantile in ms with its interval; unbounded where it reaches into the bucket without an end.

    >>> e = bucket_quantile(Buckets((0.5, 1.0, math.inf), (9600.0, 400.0, 0.0)), 0.95)
    >>> round(e.value), round(e.low), round(e.high)
    (495, 493, 497)
    """
    n = buckets.n
    if not n:
        return Estimate(None, None, None, 0, _METHOD, "ms", ("no samples",))
    low_rank, high_rank = order_statistic_ranks(n, q)
    value = _at_rank(buckets, q * n)
    low = None if low_rank is None else _at_rank(buckets, low_rank - 0.5)
    high = None if high_rank is None else _at_rank(buckets, high_rank - 0.5)
    warnings = []
    if n < minimum_n(q):
        warnings.append(f"n too small: {n} < {minimum_n(q)}")
    if value is None or (high is None and high_rank is not None):
        warnings.append(f"beyond the last bucket ({1000 * buckets.bounds_s[-2]:g} ms)")
    return Estimate(value, low, high, n, _METHOD, "ms", tuple(warnings))


def _at_rank(buckets: Buckets, rank: float) -> float | None:
    """The value in ms below which `rank` values lie; None in the bucket without an upper bound."""
    passed, lower = 0.0, 0.0
    for bound, count in zip(buckets.bounds_s, buckets.counts, strict=True):
        if count and passed + count >= rank:
            if math.isinf(bound):
                return None
            return 1000 * (lower + (bound - lower) * max(rank - passed, 0.0) / count)
        passed += count
        lower = bound
    return None


def bucket_mean(buckets: Buckets) -> Estimate:
    """The mean in ms: the exact sum over the count. The interval takes the spread from the buckets.

    Every value stands at the end of its bucket that is farther from the mean, so that the interval is
    wider rather than narrower than the samples' own.

    >>> e = bucket_mean(Buckets((0.1, 0.2, math.inf), (50.0, 50.0, 0.0), 12.0))
    >>> e.value, round(e.low), round(e.high)
    (120.0, 100, 140)
    """
    method = "sum / count; 95 % interval with the widest spread that the buckets allow"
    n = buckets.n
    if not n or math.isnan(buckets.total_s):
        return Estimate(None, None, None, n, method, "ms", ("no samples",))
    mean = buckets.total_s / sum(buckets.counts)
    squares, lower = 0.0, 0.0
    for bound, count in zip(buckets.bounds_s, buckets.counts, strict=True):
        if count and math.isinf(bound):
            note = f"some took longer than the last bucket ({1000 * lower:g} ms): their spread is unknown"
            return Estimate(1000 * mean, None, None, n, method, "ms", (note,))
        if count:
            squares += count * max((bound - mean) ** 2, (lower - mean) ** 2)
        lower = bound
    half = _Z * math.sqrt(squares / n / n)
    return Estimate(1000 * mean, 1000 * max(mean - half, 0.0), 1000 * (mean + half), n, method, "ms")
