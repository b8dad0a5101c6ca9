"""Estimates of very many samples that lie in a few sorted stretches, without merging them.

The samples of a large group are those of its parts, each sorted already. A quantile and its interval need
some twenty order statistics, and a value's rank in the whole is the sum of its ranks in the stretches: a
search by halves over whole numbers finds each exactly, in a time that hardly depends on how many samples
there are. Mean and deviation follow from those of the stretches (Chan, Golub and LeVeque 1979).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats._estimate import Estimate
from harness.stats._mean import BOOTSTRAP_UP_TO, mean, mean_of_many
from harness.stats._quantile import quantiles, quantiles_by_rank

#: More stretches than this are merged: searching them one by one would take longer.
_MOST_STRETCHES = 256
_BLOCK = 1 << 16


@dataclass(slots=True, frozen=True)
class Moments:
    """Size, mean and sum of squared deviations of samples."""

    n: int
    mean: float
    squares: float

    @staticmethod
    def of(values: NDArray[Any]) -> "Moments":
        """Of an array of numbers without NaN; a block at a time, so that nothing as large is held."""
        if not len(values):
            return Moments(0, 0.0, 0.0)
        wide = np.int64 if np.issubdtype(values.dtype, np.integer) else np.float64
        mean = float(values.sum(dtype=wide)) / len(values)
        squares = 0.0
        for first in range(0, len(values), _BLOCK):
            off = values[first : first + _BLOCK] - mean
            # Not np.dot: it would wake as many threads as there are CPUs for every block.
            squares += float(np.square(off, out=off).sum())
        return Moments(len(values), mean, squares)

    @staticmethod
    def together(parts: Iterable["Moments"]) -> "Moments":
        """Of the samples of several parts."""
        known = [part for part in parts if part.n]
        n = sum(part.n for part in known)
        if not n:
            return Moments(0, 0.0, 0.0)
        centre = math.fsum(part.n * part.mean for part in known) / n
        squares = math.fsum(part.squares + part.n * (part.mean - centre) ** 2 for part in known)
        return Moments(n, centre, squares)


class Stretches:
    """Samples in sorted stretches, of whole numbers or of floats; a sample is a number / `per_unit`.

    `moments` spare computing those of the stretches, where they are known.

    >>> s = Stretches([np.array([1, 5, 9]), np.array([2, 7])], per_unit=2)
    >>> s.size, s.at([0, 2, 4]).tolist(), s.quantiles([0.5])[0].value, s.mean().value
    (5, [0.5, 2.5, 4.5], 2.5, 2.4)
    """

    def __init__(
        self,
        parts: Sequence[NDArray[Any]],
        per_unit: float = 1.0,
        moments: Sequence[Moments] | None = None,
    ) -> None:
        kept = [part for part in parts if len(part)]
        searched = len(kept) <= _MOST_STRETCHES and all(np.issubdtype(p.dtype, np.integer) for p in kept)
        self._parts = kept if searched or len(kept) == 1 else [_merged(kept)]
        self._moments = [part for part in moments if part.n] if moments is not None else None
        self._per_unit = per_unit
        self.size = sum(len(part) for part in kept)

    def at(self, ranks: ArrayLike) -> NDArray[np.float64]:
        """Order statistics; rank 0 is the smallest sample."""
        wanted = np.asarray(ranks, dtype=np.int64)
        found = self._parts[0][wanted] if len(self._parts) == 1 else self._search(wanted)
        return np.asarray(found / self._per_unit, dtype=np.float64)

    def counts_between(self, edges: ArrayLike) -> NDArray[np.int64]:
        """How many samples lie in each bin; a bin holds its lower edge, the last its upper one too.

        Samples beyond the edges are in the first bin and the last.
        """
        bounds = np.asarray(edges, dtype=np.float64)
        below = np.zeros(len(bounds), dtype=np.int64)
        for part in self._parts:
            # Edges lie between samples or on them: compared as samples, not as the numbers they came from.
            below += [_count_below(part, edge, self._per_unit) for edge in bounds]
        below[-1] = self.size
        below[0] = 0
        return np.diff(below)

    def quantiles(
        self, qs: Sequence[float], *, unit: str = "", n_effective: Sequence[int] | None = None
    ) -> tuple[Estimate, ...]:
        """As `quantiles` of all samples."""
        if not self.size:
            return quantiles((), qs, unit=unit)
        return quantiles_by_rank(self.size, self.at, qs, unit=unit, n_effective=n_effective)

    def mean(self, *, unit: str = "", n_effective: int | None = None) -> Estimate:
        """As `mean` of all samples."""
        if self.size <= BOOTSTRAP_UP_TO:
            return mean(self.samples(), unit=unit, n_effective=n_effective)
        whole = self._together
        deviation = math.sqrt(whole.squares / (whole.n - 1))
        value, spread = whole.mean / self._per_unit, deviation / self._per_unit
        return mean_of_many(whole.n, value, spread, unit=unit, n_effective=n_effective)

    def samples(self) -> NDArray[np.float64]:
        """All samples, sorted: for groups that are small."""
        return np.asarray(_merged(self._parts) / self._per_unit, dtype=np.float64)

    def total(self) -> float:
        """The sum of all samples."""
        return self._together.n * self._together.mean / self._per_unit

    def total_of_squares(self) -> float:
        """The sum of the squares of all samples."""
        whole = self._together
        return (whole.squares + whole.n * whole.mean**2) / self._per_unit**2

    @cached_property
    def _together(self) -> Moments:
        return Moments.together(self._moments or (Moments.of(part) for part in self._parts))

    def _search(self, ranks: NDArray[np.int64]) -> NDArray[np.int64]:
        """The smallest number that more than `rank` of all numbers do not exceed, for each rank."""
        low = np.full(len(ranks), min(int(part[0]) for part in self._parts), dtype=np.int64)
        high = np.full(len(ranks), max(int(part[-1]) for part in self._parts), dtype=np.int64)
        while (low < high).any():
            middle = (low + high) >> 1
            reached = np.zeros(len(ranks), dtype=np.int64)
            for part in self._parts:
                # In the stretch's own type, else it would be converted whole.
                reached += np.searchsorted(part, middle.astype(part.dtype), side="right")
            enough = reached > ranks
            high, low = np.where(enough, middle, high), np.where(enough, low, middle + 1)
        return low


def _merged(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    whole = np.concatenate(parts) if parts else np.zeros(0)
    whole.sort()
    return whole


def _count_below(part: NDArray[Any], edge: float, per_unit: float) -> int:
    """How many numbers of a sorted stretch are, as samples, below an edge."""
    near = int(np.searchsorted(part, part.dtype.type(min(max(edge * per_unit, part[0]), part[-1]))))
    # Rounding may have put the edge on the wrong side of a few equal numbers.
    while near > 0 and part[near - 1] / per_unit >= edge:
        near = int(np.searchsorted(part, part[near - 1], side="left"))
    while near < len(part) and part[near] / per_unit < edge:
        near = int(np.searchsorted(part, part[near], side="right"))
    return near
