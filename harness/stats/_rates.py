"""Proportions and rates with 95 % intervals."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from harness.stats._estimate import Estimate
from harness.stats._mean import student_t
from harness.stats._quantile import LEVEL

_TAIL = (1 - LEVEL) / 2


def proportion(k: int, n: int) -> Estimate:
    """k of n in percent, with Wilson's score interval (Wilson 1927), which also holds at 0 and n.

    Counts are whole, so the interval holds the truth in 93 to 98 % of cases rather than in 95 %
    exactly; where fewer than five are expected it can be less, 84 % at worst (Brown, Cai and
    DasGupta 2001). Raises ValueError unless 0 <= k <= n.

    >>> e = proportion(0, 100)
    >>> e.value, e.low, round(e.high, 2), e.unit
    (0.0, 0.0, 3.7, '%')
    """
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is not a proportion")
    method = "proportion; Wilson 95 % interval"
    if n == 0:
        return Estimate(None, None, None, 0, method, "%", ("no samples",))
    z = _z()
    share = k / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the formula gives exactly 0 and 1, but for the last bits of a float.
    low = 0.0 if k == 0 else min(centre - half, share)
    high = 1.0 if k == n else max(centre + half, share)
    return Estimate(100 * share, 100 * low, 100 * high, n, method, "%")


def rate(count: int, seconds: float, *, unit: str = "req/s") -> Estimate:
    """Events per second, with the exact Poisson interval (Garwood 1936).

    Completions of a closed loop come more evenly than a Poisson process, because each waits for
    the one before: there the interval is wider than need be. Bursts make it too narrow; with
    enough of them seen, `rate_from_batches` is the better figure. Raises ValueError for a
    negative count or time.

    >>> e = rate(100, 10.0)
    >>> e.value, round(e.low, 2), round(e.high, 2)
    (10.0, 8.14, 12.16)
    """
    from scipy.special import gammaincinv

    if count < 0 or seconds < 0:
        raise ValueError(f"{count} events in {seconds} s is not a rate")
    method = "count / time; exact Poisson 95 % interval"
    if seconds == 0:
        return Estimate(None, None, None, 0, method, unit, ("no time measured",))
    # chi2.ppf(p, 2 k) / 2 = gammaincinv(k, p)
    low = float(gammaincinv(count, _TAIL)) if count else 0.0
    high = float(gammaincinv(count + 1, 1 - _TAIL))
    return Estimate(count / seconds, low / seconds, high / seconds, count, method, unit)


def rate_from_batches(strata: Sequence[ArrayLike], seconds: float, *, unit: str = "req/s") -> Estimate:
    """Events per second from counts in batches, with an interval from what the batches differ by.

    Each stratum is the counts of equally long batches of one steady stretch of the run (a hold
    phase); `seconds` is the length of them all. Differences between strata are the load's doing
    and do not widen the interval. The variance of the whole count is the sum over strata of
    batches x variance between batches, on Welch-Satterthwaite's degrees of freedom. It assumes
    nothing of how arrivals are distributed, but batches must be long beside a response time.
    Raises ValueError for a stratum of fewer than two batches.

    >>> e = rate_from_batches([[10, 12, 9, 11, 8]], 5.0)
    >>> e.value, round(e.low, 2), round(e.high, 2), e.n
    (10.0, 8.04, 11.96, 50)
    """
    counts = [np.asarray(stratum, dtype=np.float64) for stratum in strata]
    if not counts or any(stratum.size < 2 for stratum in counts):
        raise ValueError("each stratum needs two batches or more")
    method = "count / time; 95 % interval by batch means"
    total = int(sum(stratum.sum() for stratum in counts))
    variances = [stratum.size * float(stratum.var(ddof=1)) for stratum in counts]
    variance = sum(variances)
    value = total / seconds
    if variance == 0:
        return Estimate(value, value, value, total, method, unit)
    pairs = zip(variances, counts, strict=True)
    degrees = variance**2 / sum(part**2 / (stratum.size - 1) for part, stratum in pairs)
    half = student_t(degrees) * math.sqrt(variance) / seconds
    return Estimate(value, max(value - half, 0.0), value + half, total, method, unit)


def _z() -> float:
    from scipy.special import ndtri

    return float(ndtri(1 - _TAIL))
