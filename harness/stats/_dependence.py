"""How many independent samples a series in time is worth.

Requests under sustained load are correlated: a slow second makes all of its requests slow. An
interval made as if they were independent is then too narrow.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats._quantile import check_level, finite_samples

#: Longer series are averaged in blocks first, so that the cost grows linearly.
_MOST_BLOCKS = 8192
#: Chance that an independent series is taken for a dependent one.
_FALSE_ALARM = 0.01
_FEWEST = 20


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
    values = finite_samples(samples)
    n = values.size
    if q is not None:
        check_level(q)
        if n:
            values = (values <= np.quantile(values, q)).astype(np.float64)
    if n < _FEWEST or not values.std() > 1e-9 * abs(float(values.mean())):
        return n
    block = math.ceil(n / _MOST_BLOCKS)
    means = values[: n // block * block].reshape(-1, block).mean(axis=1)
    correlations = _autocorrelations(means)
    # Dependence that is shorter than a block shows in how much the blocks' means vary at all.
    inflation = block * float(means.var()) / float(values.var())
    if not (_correlated(correlations, means.size) or _inflated(inflation, means.size, block)):
        return n
    factor = inflation * _initial_positive_sum(correlations)
    return max(1, min(n, int(n / factor))) if factor > 0 else n


def _autocorrelations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Autocorrelations at lags 0, 1, ... (biased: divided by n), by Fourier transform."""
    n = values.size
    spectrum = np.fft.rfft(values - values.mean(), 2 * n)
    covariances = np.fft.irfft(spectrum * spectrum.conj(), 2 * n)[:n]
    return np.asarray(covariances / covariances[0], dtype=np.float64)


def _initial_positive_sum(correlations: NDArray[np.float64]) -> float:
    """1 + 2 sum of autocorrelations, cut at the first pair of lags whose sum is not positive."""
    pairs = correlations[: correlations.size // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    kept = pairs[: ends[0]] if ends.size else pairs
    return float(2 * kept.sum() - 1)


def _correlated(correlations: NDArray[np.float64], n: int) -> bool:
    from scipy.special import chdtrc

    lags = np.arange(1, 6)
    statistic = n * (n + 2) * float((correlations[lags] ** 2 / (n - lags)).sum())
    return float(chdtrc(lags.size, statistic)) < _FALSE_ALARM


def _inflated(inflation: float, blocks: int, block: int) -> bool:
    from scipy.special import chdtrc

    return block > 1 and float(chdtrc(blocks - 1, inflation * (blocks - 1))) < _FALSE_ALARM
