"""Where a run's warm-up ends by its own samples, beside the warm-up that was configured."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats._dependence import effective_n
from harness.stats._estimate import Estimate
from harness.stats._mean import mean
from harness.stats._quantile import finite_samples

_BATCH = 5
_FEWEST_BATCHES = 10
#: Standard errors; more than the 2.6 of a 1 % test, as the cut was chosen where the parts differ most.
_Z = 4.0
_FEWEST_WORTH = 4


@dataclass(slots=True, frozen=True)
class WarmUp:
    """How many samples at the start do not belong to the steady state.

    `discard` is the number of leading samples (a multiple of 5) that MSER-5 leaves out. `matters`
    says whether their mean differs from that of the rest beyond chance (4 standard errors); where it
    does not, the truncation is that of noise and nothing is to be left out. `steady` is False
    where the point falls into the second half: then no steady state was reached. `before` and
    `after` are the mean of all samples and of those that are kept.
    """

    discard: int
    n: int
    matters: bool
    steady: bool
    before: Estimate
    after: Estimate
    method: str
    warnings: tuple[str, ...] = ()


def warm_up(samples: ArrayLike, *, unit: str = "") -> WarmUp:
    """MSER-5 (White, Cobb and Spratt 2000, "A comparison of five steady-state truncation heuristics").

    `samples` are in the order of time. Over means of batches of five, the number of leading batches
    d minimises the standard error of the mean of the rest: sum over i > d of (y_i - mean)^2, by
    (batches - d)^2. Where the minimum lies beyond half of the batches no steady state is claimed.
    Assumes one transient at the start and nothing of its form. Below 50 samples nothing is
    discarded, and a warning says so.

    >>> w = warm_up([9.0] * 60 + [1.0, 2.0] * 200)
    >>> w.discard, w.matters, w.steady, round(w.before.value, 2), w.after.value
    (60, True, True, 2.48, 1.5)
    """
    values = finite_samples(samples)
    n = values.size
    method = "MSER-5"
    before = mean(values, unit=unit)
    batches = n // _BATCH
    if batches < _FEWEST_BATCHES:
        note = f"n too small: {n} < {_BATCH * _FEWEST_BATCHES}"
        return WarmUp(0, n, False, True, before, before, method, (note,))
    means = values[: batches * _BATCH].reshape(-1, _BATCH).mean(axis=1)
    # From the end: count, sum and sum of squares of what is left after d batches. Centred first,
    # as a difference of squares of large numbers would lose its digits.
    centred = (means - means.mean())[::-1]
    left = np.arange(1.0, batches + 1)
    squares = np.cumsum(centred**2) - np.cumsum(centred) ** 2 / left
    statistic = (np.maximum(squares, 0.0) / left**2)[::-1]
    # The last few batches are alike by chance and would always win.
    cut = int(np.argmin(statistic[: batches - _BATCH])) * _BATCH
    steady = cut <= n / 2
    kept = values[cut:]
    matters = cut > 0 and _differ(values[:cut], kept)
    notes = () if steady or not matters else ("no steady state reached",)
    return WarmUp(cut, n, matters, steady, before, mean(kept, unit=unit), method, notes)


def _differ(start: NDArray[np.float64], rest: NDArray[np.float64]) -> bool:
    """Whether the means differ by more than `_Z` standard errors.

    Spread and dependence are those of the rest: of a start of a few samples neither is known. A start
    that is worth less than `_FEWEST_WORTH` independent samples is one slow moment, and says nothing.
    """
    inflation = rest.size / effective_n(rest)
    counts = [part.size / inflation for part in (start, rest)]
    if counts[0] < _FEWEST_WORTH:
        return False
    error = float(rest.std()) * math.sqrt(sum(1 / count for count in counts))
    return abs(float(start.mean() - rest.mean())) > _Z * error
