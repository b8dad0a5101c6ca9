"""How many independent samples a series in time is worth.

Requests under sustained load are correlated: a slow second makes all of its requests slow. An
interval made as if they were independent is then too narrow.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats._quantile import check_level, finite_samples

#: Longer series are averaged in blocks first, so that the cost grows linearly.
_MOST_BLOCKS = 8192
#: Chance that an independent series is taken for a dependent one.
_FALSE_ALARM = 0.01
_FEWEST = 20
_LAGS = 5


def effective_n(samples: ArrayLike, q: float | None = None) -> int:
    """The size of an independent sample whose mean (or quantile `q`) is as uncertain as this one's.

    `samples` are in the order of time. n_eff = n / (1 + 2 sum of autocorrelations), at most n; the
    sum is Geyer's initial positive sequence (1992, "Practical Markov Chain Monte Carlo", section
    3.3). For a quantile the series is the indicator x <= quantile, as its variance is what the
    interval rests on. Beyond 8192 samples blocks of equal length are averaged first (batch means),
    which keeps the variance over long stretches and costs O(n). Assumes a stationary series much
    longer than its memory. Where a Ljung-Box test over five lags sees no correlation at the 1 %
    level, and below 20 samples, where it could not be told, n itself is returned.

    >>> effective_n([1.0, 2.0, 1.5, 2.5, 1.2])
    5
    """
    return effective_ns(finite_samples(samples), (q,))[0]


def effective_ns(samples: NDArray[Any], qs: Sequence[float | None]) -> tuple[int, ...]:
    """`effective_n` for several statistics of one series, None being the mean; sorted once for all.

    `samples` are one-dimensional, without NaN; whole numbers are not converted.

    >>> effective_ns(np.arange(1000) // 100, (None, 0.5)) == (
    ...     effective_n(np.arange(1000) // 100), effective_n(np.arange(1000) // 100, 0.5))
    True
    """
    for q in qs:
        if q is not None:
            check_level(q)
    n = samples.size
    if n < _FEWEST:
        return (n,) * len(qs)
    ordered = np.sort(samples)
    return tuple(_of_mean(samples) if q is None else _of_quantile(samples, ordered, q) for q in qs)


def _of_mean(samples: NDArray[Any]) -> int:
    deviation = float(samples.std())
    if not deviation > 1e-9 * abs(float(samples.mean())):
        return samples.size
    return _worth(samples.size, _blocks(samples).mean(axis=1), deviation**2)


def _of_quantile(samples: NDArray[Any], ordered: NDArray[Any], q: float) -> int:
    n = samples.size
    # What is not above the quantile, however it is interpolated, is not above this order statistic.
    level = ordered[int((n - 1) * q)]
    share = int(np.searchsorted(ordered, level, side="right")) / n
    if share == 1:
        return n
    below = _blocks(samples) <= level
    return _worth(n, below.sum(axis=1) / below.shape[1], share * (1 - share))


def _blocks(samples: NDArray[Any]) -> NDArray[Any]:
    """The series as rows of equal length, at most 8192 of them; what is left over at its end is dropped."""
    block = math.ceil(samples.size / _MOST_BLOCKS)
    return samples[: samples.size // block * block].reshape(-1, block)


def _worth(n: int, means: NDArray[np.float64], variance: float) -> int:
    """Of n samples of a variance, given the means of their blocks."""
    block = math.ceil(n / _MOST_BLOCKS)
    centred = means - means.mean()
    # Dependence that is shorter than a block shows in how much the blocks' means vary at all.
    inflation = block * float(np.square(centred).mean()) / variance
    if not (_correlated(centred) or _inflated(inflation, means.size, block)):
        return n
    factor = inflation * _initial_positive_sum(_autocorrelations(centred))
    return max(1, min(n, int(n / factor))) if factor > 0 else n


def _autocorrelations(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Autocorrelations at lags 0, 1, ... (biased: divided by n), by Fourier transform."""
    n = centred.size
    spectrum = np.fft.rfft(centred, 2 * n)
    covariances = np.fft.irfft(spectrum * spectrum.conj(), 2 * n)[:n]
    return np.asarray(covariances / covariances[0], dtype=np.float64)


def _initial_positive_sum(correlations: NDArray[np.float64]) -> float:
    """1 + 2 sum of autocorrelations, cut at the first pair of lags whose sum is not positive."""
    pairs = correlations[: correlations.size // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    kept = pairs[: ends[0]] if ends.size else pairs
    return float(2 * kept.sum() - 1)


def _correlated(centred: NDArray[np.float64]) -> bool:
    """The test by Ljung and Box over a few lags, which needs no Fourier transform."""
    from scipy.special import chdtrc

    n = centred.size
    power = float((centred * centred).sum())
    if not power > 0:
        return False
    lags = range(1, _LAGS + 1)
    terms = (((centred[lag:] * centred[:-lag]).sum() / power) ** 2 / (n - lag) for lag in lags)
    statistic = n * (n + 2) * float(sum(terms))
    return float(chdtrc(_LAGS, statistic)) < _FALSE_ALARM


def _inflated(inflation: float, blocks: int, block: int) -> bool:
    from scipy.special import chdtrc

    return block > 1 and float(chdtrc(blocks - 1, inflation * (blocks - 1))) < _FALSE_ALARM
