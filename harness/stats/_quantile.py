"""Quantiles with distribution-free intervals.

The value is `numpy.quantile(method="linear")`. The interval is a pair of order statistics chosen
by the binomial distribution alone (Hahn and Meeker, "Statistical Intervals", 1991, section 5.2):
it assumes independent samples and nothing about their distribution. Requests under sustained
load are correlated in time, for which the interval is somewhat too narrow, unless it is told how
many independent samples they are worth (`effective_n`).
"""

import math
from collections.abc import Callable, Sequence

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
    check_level(q)
    return math.ceil(math.log(_TAIL) / math.log(max(q, 1 - q)))


def order_statistic_ranks(n: int, q: float) -> tuple[int | None, int | None]:
    """Ranks (1 is the smallest sample) of the interval's two ends; None where n is too small.

    >>> order_statistic_ranks(100, 0.5), order_statistic_ranks(40, 0.95)
    ((40, 61), (35, None))
    """
    check_level(q)
    if n < 1:
        return None, None
    low, high = _binomial_quantile(_TAIL, n, q), _binomial_quantile(1 - _TAIL, n, q) + 1
    return (low if low >= 1 else None), (high if high <= n else None)


def _binomial_quantile(level: float, n: int, q: float) -> int:
    """The smallest k with P(X <= k) >= level, for X of n trials that succeed with probability q.

    As `scipy.stats.binom.ppf`, without the second that importing `scipy.stats` takes.
    """
    from scipy.special import bdtr, bdtrik

    k = math.ceil(float(bdtrik(level, n, q)))
    # The inverse can come out just above a whole number.
    return k - 1 if k > 0 and float(bdtr(k - 1, n, q)) >= level else k


def quantile(samples: ArrayLike, q: float, *, unit: str = "", n_effective: int | None = None) -> Estimate:
    """The quantile `q` (0 < q < 1) of a one-dimensional sample; NaN is refused with ValueError.

    With `n_effective` below n the interval is that of so many independent samples: its ranks are
    spread over the n there are, outwards where they fall between two.

    >>> e = quantile(range(1, 101), 0.5, unit="ms")
    >>> e.value, e.low, e.high, e.n
    (50.5, 40.0, 61.0, 100)
    >>> quantile(range(40), 0.95).warnings
    ('n too small: 40 < 72',)
    """
    counts = None if n_effective is None else (n_effective,)
    return quantiles(samples, (q,), unit=unit, n_effective=counts)[0]


def quantiles(
    samples: ArrayLike, qs: Sequence[float], *, unit: str = "", n_effective: Sequence[int] | None = None
) -> tuple[Estimate, ...]:
    """Several quantiles of one sample, in the order of `qs`; the sample is sorted once.

    `n_effective` has one entry for each of `qs`, as dependence differs between middle and tail.
    """
    for q in qs:
        check_level(q)
    ordered = ordered_samples(samples)
    if not len(qs) or not ordered.size:
        return tuple(Estimate(None, None, None, 0, METHOD, unit, ("no samples",)) for _ in qs)
    return quantiles_by_rank(ordered.size, ordered.__getitem__, qs, unit=unit, n_effective=n_effective)


def quantiles_by_rank(
    n: int,
    at: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    qs: Sequence[float],
    *,
    unit: str = "",
    n_effective: Sequence[int] | None = None,
) -> tuple[Estimate, ...]:
    """`quantiles` of n samples, 1 or more, whose order statistics `at` gives; rank 0 is the smallest."""
    counts = [min(worth, n) for worth in n_effective or [n] * len(qs)]
    places = [(n - 1) * q for q in qs]
    ranks = [spread_ranks(n, worth, q) for q, worth in zip(qs, counts, strict=True)]
    # One look-up for all: below and above each quantile, and the ends of its interval where it has them.
    wanted = [
        (int(place), min(int(place) + 1, n - 1), (low or 1) - 1, (high or 1) - 1)
        for place, (low, high) in zip(places, ranks, strict=True)
    ]
    found = at(np.array(wanted, dtype=np.int64).ravel()).reshape(-1, 4).tolist()
    return tuple(
        _estimate(
            n,
            q,
            _between(below, above, place % 1),
            unit,
            worth,
            (None if low is None else first, None if high is None else last),
        )
        for q, place, worth, (low, high), (below, above, first, last) in zip(
            qs, places, counts, ranks, found, strict=True
        )
    )


def _between(below: float, above: float, share: float) -> float:
    """As NumPy interpolates: from the nearer end, so that neither is overshot."""
    step = above - below
    return above - step * (1 - share) if share >= 0.5 else below + step * share


def _estimate(
    n: int, q: float, value: float, unit: str, worth: int, ends: tuple[float | None, float | None]
) -> Estimate:
    low, high = ends
    needed = minimum_n(q)
    unbounded = low is None or high is None
    name = "effective n" if worth < n else "n"
    # Far below the smallest n the one end there is can lie beyond the interpolated value.
    return Estimate(
        value,
        None if low is None else min(low, value),
        None if high is None else max(high, value),
        n,
        METHOD if worth == n else f"{METHOD}, effective n {worth}",
        unit,
        (f"{name} too small: {worth} < {needed}",) if unbounded else (),
        worth if worth < n else None,
    )


def spread_ranks(n: int, worth: int, q: float) -> tuple[int | None, int | None]:
    """`order_statistic_ranks` of `worth` independent samples, as ranks of the n that were taken.

    >>> spread_ranks(100, 100, 0.5), spread_ranks(100, 50, 0.5)
    ((40, 61), (35, 66))
    """
    low, high = order_statistic_ranks(worth, q)
    if worth >= n:
        return low, high
    scale = n / max(worth, 1)
    return (
        None if low is None else max(1, math.floor((low - 0.5) * scale + 0.5)),
        None if high is None else min(n, math.ceil((high - 0.5) * scale + 0.5)),
    )


def finite_samples(samples: ArrayLike) -> NDArray[np.float64]:
    """The samples as a flat array of floats; ValueError for NaN, which no statistic here can order."""
    array = np.asarray(samples, dtype=np.float64).ravel()
    if np.isnan(array).any():
        raise ValueError("samples hold NaN; drop what was not measured before")
    return array


def ordered_samples(samples: ArrayLike) -> NDArray[np.float64]:
    """`finite_samples`, sorted; those that are sorted already are neither sorted nor copied again."""
    array = finite_samples(samples)
    return array if bool((array[:-1] <= array[1:]).all()) else np.sort(array)


def check_level(q: float) -> None:
    """ValueError unless 0 < q < 1."""
    if not 0 < q < 1:
        raise ValueError(f"a quantile lies between 0 and 1, not {q}")
