"""Mann-Whitney with Cliff's delta: whether one sample tends to be larger than another."""

import enum
import math
from dataclasses import dataclass

import numpy as np

from harness.stats._distribution import Ordered

#: Samples larger than this are compared by so many of their quantiles.
_MOST_POINTS = 20_000


class EffectSize(enum.StrEnum):
    """Words for |delta|, at 0.147, 0.33 and 0.474 (Romano et al. 2006)."""

    NEGLIGIBLE = "negligible"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


@dataclass(slots=True, frozen=True)
class RankTest:
    """Second opinion on a comparison: about the whole distribution, not one figure of it.

    `delta` is Cliff's delta (Cliff 1993): P(candidate > base) - P(candidate < base), from -1 to 1.
    `p_value` is Mann and Whitney's (1947), two-sided, by the normal approximation with the
    correction for ties. It takes requests as independent and knows nothing of how runs differ.
    """

    delta: float
    p_value: float
    n_base: int
    n_candidate: int

    @property
    def size(self) -> EffectSize:
        """The effect in a word."""
        limits = (
            (0.147, EffectSize.NEGLIGIBLE),
            (0.33, EffectSize.SMALL),
            (0.474, EffectSize.MEDIUM),
        )
        return next((word for limit, word in limits if abs(self.delta) < limit), EffectSize.LARGE)


def rank_test(base: Ordered, candidate: Ordered) -> RankTest:
    """Compare two samples, or the quantiles that are kept of them."""
    left = base.resampled(min(base.n, _MOST_POINTS))
    right = candidate.resampled(min(candidate.n, _MOST_POINTS))
    larger = np.searchsorted(left, right, side="left").sum()
    smaller = (left.size - np.searchsorted(left, right, side="right")).sum()
    delta = float(larger - smaller) / (left.size * right.size)
    _, ties = np.unique(np.concatenate([left, right]), return_counts=True)
    total = left.size + right.size
    untied = 1 - float(((ties / total) ** 3).sum() - (ties / total**3).sum()) / (1 - 1 / total**2)
    n, m = base.worth, candidate.worth
    variance = (n + m + 1) / (3 * n * m) * untied
    z = abs(delta) / math.sqrt(variance) if variance > 0 else 0.0
    return RankTest(delta, math.erfc(z / math.sqrt(2)), base.n, candidate.n)
