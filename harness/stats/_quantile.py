"""Quantiles with distribution-free intervals.

The value is `numpy.quantile(method="linear")`. The interval is a pair of order statistics chosen
by the binomial distribution alone (Hahn and Meeker, "Statistical Intervals", 1991, section 5.2):
it assumes independent samples and nothing about their distribution. Requests under sustained
load are correlated in time, for which the interval is somewhat too narrow.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats._estimate import Estimate

#: The confidence level of every interval in this package.
LEVEL = 0.95
_TAIL = (1 - LEVEL) / 2

METHOD = "linear quantile; 95 % interval from order statistics (binomial)"


def minimum_n(q: float) -> int:
    """The smallest sample whose interval for the quantile `q` is bounded on both sides.

    The largest of n samples lies above the quantile with probability 1 - q^n, which has to reach
    97.5 %; the smallest likewise with 1 - q in place of q. Raises ValueError unless 0 < q < 1.

    >>> minimum_n(0.5), minimum_n(0.95), minimum_n(0.99), minimum_n(0.999)
    (6, 72, 368, 3688)
    """
    _check(q)
    return math.ceil(math.log(_TAIL) / math.log(max(q, 1 - q)))


def order_statistic_ranks(n: int, q: float) -> tuple[int | None, int | None]:
    """Ranks (1 is the smallest sample) of the interval's two ends; None where n is too small.

    >>> order_statistic_ranks(100, 0.5), order_statistic_ranks(40, 0.95)
    ((40, 61), (35, None))
    """
    from scipy.stats import binom

    _check(q)
    if n < 1:
        return None, None
    low = int(binom.ppf(_TAIL, n, q))
    high = int(binom.ppf(1 - _TAIL, n, q)) + 1
    return (low if low >= 1 else None), (high if high <= n else None)


def quantile(samples: ArrayLike, q: float, *, unit: str = "") -> Estimate:
    """The quantile `q` (0 < q < 1) of a one-dimensional sample; NaN is refused with ValueError.

    >>> e = quantile(range(1, 101), 0.5, unit="ms")
    >>> e.value, e.low, e.high, e.n
    (50.5, 40.0, 61.0, 100)
    >>> quantile(range(40), 0.95).warnings
    ('n too small: 40 < 72',)
    """
    return quantiles(samples, (q,), unit=unit)[0]


def quantiles(samples: ArrayLike, qs: Sequence[float], *, unit: str = "") -> tuple[Estimate, ...]:
    """Several quantiles of one sample, in the order of `qs`; the sample is sorted once."""
    for q in qs:
        _check(q)
    ordered = np.sort(finite_samples(samples))
    if not len(qs) or not ordered.size:
        return tuple(Estimate(None, None, None, 0, METHOD, unit, ("no samples",)) for _ in qs)
    values = np.quantile(ordered, qs)
    return tuple(_estimate(ordered, q, float(value), unit) for q, value in zip(qs, values, strict=True))


def _estimate(ordered: NDArray[np.float64], q: float, value: float, unit: str) -> Estimate:
    n = ordered.size
    low, high = order_statistic_ranks(n, q)
    needed = minimum_n(q)
    # Far below the smallest n the one end there is can lie beyond the interpolated value.
    return Estimate(
        value,
        None if low is None else min(float(ordered[low - 1]), value),
        None if high is None else max(float(ordered[high - 1]), value),
        n,
        METHOD,
        unit,
        (f"n too small: {n} < {needed}",) if low is None or high is None else (),
    )


def finite_samples(samples: ArrayLike) -> NDArray[np.float64]:
    """The samples as a flat array of floats; ValueError for NaN, which no statistic here can order."""
    array = np.asarray(samples, dtype=np.float64).ravel()
    if np.isnan(array).any():
        raise ValueError("samples hold NaN; drop what was not measured before")
    return array


def _check(q: float) -> None:
    if not 0 < q < 1:
        raise ValueError(f"a quantile lies between 0 and 1, not {q}")
