"""Whether a level creeps up or down over a long run: latency, memory, connections."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats._dependence import effective_n
from harness.stats._estimate import Estimate
from harness.stats._mean import student_t
from harness.stats._quantile import finite_samples

#: Batches that a longer series is cut into; their medians are few enough for every pair of them.
MOST_BATCHES = 60
_FEWEST = 10

Values = NDArray[np.float64]


@dataclass(slots=True, frozen=True)
class Drift:
    """The slope of a series over time.

    `slope` is in the series' unit per unit of time; `change_percent` is what the slope makes of
    the fitted start over the whole time, without a value where that start is not above 0.
    `p_value` is two-sided. `n` is the number of samples, `n_effective` what the batches that the
    slope is taken of are worth.
    """

    slope: Estimate
    change_percent: Estimate
    p_value: float
    n: int
    n_effective: int
    method: str
    warnings: tuple[str, ...] = ()

    @property
    def is_significant(self) -> bool:
        """Whether the 95 % interval of the slope excludes 0."""
        low, high = self.slope.low, self.slope.high
        return low is not None and high is not None and (low > 0 or high < 0)


def drift(times: ArrayLike, values: ArrayLike, *, unit: str = "") -> Drift:
    """Theil-Sen slope with the interval of Sen (1968), robust to correlation in time.

    The series is cut into up to 60 stretches of equal numbers of samples, and the median of each
    taken, so that a few slow requests weigh nothing and the cost does not grow with n squared. The
    slope is the median of the slopes of all pairs; its interval is of the ordered slopes, at ranks
    that Kendall's S reaches with 95 %. The variance of S is multiplied by n / n_eff of the
    residuals (as Hamed and Rao 1998, "A modified Mann-Kendall trend test for autocorrelated
    data"), and the normal factor is Student's on n_eff - 2, as few independent stretches are
    little evidence. Assumes one steady slope: a single step is reported as one too. `times` need
    not be sorted. Raises ValueError for fewer than ten samples or for times that are all alike.

    >>> d = drift(range(100), [200 + 0.5 * t + (t * 7 % 11) for t in range(100)], unit="ms")
    >>> round(d.slope.value, 1), d.is_significant, 20 < d.change_percent.value < 30
    (0.5, True, True)
    """
    at, level = _batched(finite_samples(times), finite_samples(values))
    n, m = np.size(values), at.size
    rows, columns = np.triu_indices(m, 1)
    apart = at[columns] - at[rows]
    usable = apart > 0
    slopes = np.sort((level[columns] - level[rows])[usable] / apart[usable])
    slope = float(np.median(slopes))
    start = float(np.median(level - slope * (at - at[0])))
    residuals = level - slope * at
    worth = min(effective_n(residuals), _by_first_lag(residuals))
    variance = m * (m - 1) * (2 * m + 5) / 18 * m / worth
    factor = student_t(max(worth - 2, 1))
    reach = factor * math.sqrt(variance)
    low, high = _ends(slopes, reach)
    score = float(np.sign(slopes).sum())
    seconds = float(at[-1] - at[0]) * m / (m - 1)
    method = "Theil-Sen slope; 95 % interval by Sen, n_eff of the residuals"
    notes = () if worth >= _FEWEST else (f"the series is worth {worth} independent stretches only",)
    return Drift(
        Estimate(slope, low, high, n, method, f"{unit}/time" if unit else "", notes),
        _relative(start, seconds, (slope, low, high), n, method),
        _p_value(score, variance, worth),
        n,
        worth,
        method,
        notes,
    )


def _batched(times: Values, values: Values) -> tuple[Values, Values]:
    if times.size != values.size:
        raise ValueError(f"{times.size} times and {values.size} values do not belong together")
    if times.size < _FEWEST:
        raise ValueError(f"a drift needs {_FEWEST} samples or more, not {times.size}")
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    if times[0] == times[-1]:
        raise ValueError("a drift needs samples of more than one moment")
    count = min(MOST_BATCHES, times.size)
    at = np.array([part.mean() for part in np.array_split(times, count)])
    level = np.array([np.median(part) for part in np.array_split(values, count)])
    return at, level


def _by_first_lag(residuals: Values) -> int:
    """n (1 - r) / (1 + r) by the correlation of neighbours, of which a short series shows more."""
    centred = residuals - residuals.mean()
    power = float((centred**2).sum())
    if power <= 0:
        return residuals.size
    r = float((centred[1:] * centred[:-1]).sum()) / power
    # Residuals of a fitted line are less correlated than the errors were, by about 4 / n.
    r = min(max(r + 4 / residuals.size * (1 if r > 0 else 0), 0.0), 0.95)
    return max(2, int(residuals.size * (1 - r) / (1 + r)))


def _ends(slopes: Values, reach: float) -> tuple[float, float]:
    low = max(0, math.floor((slopes.size - reach) / 2))
    high = min(slopes.size - 1, math.ceil((slopes.size + reach) / 2))
    return float(slopes[low]), float(slopes[high])


def _p_value(score: float, variance: float, worth: int) -> float:
    from scipy.special import stdtr

    z = max(abs(score) - 1, 0.0) / math.sqrt(variance)
    return min(1.0, 2 * float(stdtr(max(worth - 2, 1), -z)))


def _relative(start: float, time: float, slopes: tuple[float, float, float], n: int, method: str) -> Estimate:
    if start <= 0:
        return Estimate(None, None, None, n, method, "%", ("the fitted start is not above 0",))
    value, low, high = (100 * slope * time / start for slope in slopes)
    return Estimate(value, low, high, n, method, "%")
