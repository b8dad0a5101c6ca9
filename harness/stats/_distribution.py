"""A sample kept small: what a baseline stores instead of every request.

Refuses to be averaged: runs are compared side by side or pooled by rank, never by their quantiles.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats._quantile import finite_samples

#: Points that a distribution keeps unless told otherwise.
MOST_POINTS = 512


@dataclass(slots=True, frozen=True)
class Distribution:
    """n samples as at most 512 points: all of them where there are no more, else quantiles.

    The points of a larger sample stand at the levels sin^2(pi i / (2 (points - 1))), i = 0, 1, ...,
    which are close together in both tails (as in a t-digest: Dunning and Ertl 2019, scale function
    k1): at 512 points the 99th percentile lies between two that are 0.06 % of the sample apart.
    Minimum and maximum are exact. Points are rounded to six significant digits. `stdev` has n - 1
    in the denominator and is 0 for one sample. `n_effective` is how many independent samples the
    n are worth (`effective_n`).

    >>> d = Distribution.of([3.0, 1.0, 2.0])
    >>> d.points, d.n, d.mean, d.stdev, d.is_exact
    ((1.0, 2.0, 3.0), 3, 2.0, 1.0, True)
    >>> Distribution.from_json(d.to_json()) == d
    True
    """

    n: int
    n_effective: int
    mean: float
    stdev: float
    points: tuple[float, ...]

    @classmethod
    def of(
        cls, samples: ArrayLike, *, n_effective: int | None = None, most_points: int = MOST_POINTS
    ) -> "Distribution":
        """Of raw samples in any order. ValueError for NaN, no samples, or room for less than two points."""
        ordered = np.sort(finite_samples(samples))
        n = ordered.size
        if not n:
            raise ValueError("no samples, no distribution")
        if most_points < 2:
            raise ValueError(f"a distribution needs two points or more, not {most_points}")
        kept = ordered if n <= most_points else np.quantile(ordered, levels(most_points))
        stdev = float(ordered.std(ddof=1)) if n > 1 else 0.0
        return cls(
            n,
            n if n_effective is None else min(n, n_effective),
            _rounded(float(ordered.mean())),
            _rounded(stdev),
            tuple(_rounded(float(point)) for point in kept),
        )

    @property
    def is_exact(self) -> bool:
        """Whether the points are the samples themselves."""
        return len(self.points) == self.n

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary of numbers and one list; keys in a fixed order."""
        return {
            "n": self.n,
            "n_effective": self.n_effective,
            "mean": self.mean,
            "stdev": self.stdev,
            "points": list(self.points),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Distribution":
        """What `to_json` gave. ValueError, in one line, for anything else."""
        try:
            n, worth = int(record["n"]), int(record["n_effective"])
            mean, stdev = float(record["mean"]), float(record["stdev"])
            points = tuple(float(point) for point in record["points"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a distribution: {type(error).__name__} {error}") from error
        numbers = np.array((mean, stdev, *points))
        if not (1 <= worth <= n and 1 <= len(points) <= n and (len(points) > 1 or n == 1)):
            raise ValueError(f"not a distribution: {len(points)} points of {n} samples, worth {worth}")
        if not np.isfinite(numbers).all() or stdev < 0 or (np.diff(numbers[2:]) < 0).any():
            raise ValueError("not a distribution: points that are not finite or do not rise")
        return cls(n, worth, mean, stdev, points)


def levels(points: int) -> NDArray[np.float64]:
    """Levels 0 to 1 at which a larger sample's quantiles are kept."""
    return np.asarray(np.sin(np.linspace(0.0, np.pi / 2, points)) ** 2, dtype=np.float64)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


@dataclass(slots=True, frozen=True)
class Ordered:
    """The quantile function of a sample: `points` stand at `ranks` (1 is the smallest of n)."""

    points: NDArray[np.float64]
    ranks: NDArray[np.float64]
    n: int
    worth: int
    mean: float
    stdev: float

    @classmethod
    def of(cls, samples: "ArrayLike | Distribution") -> "Ordered":
        """Of raw samples, which are taken as independent, or of a distribution that was kept."""
        if isinstance(samples, Distribution):
            points = np.asarray(samples.points, dtype=np.float64)
            n = samples.n
            ranks = np.arange(1.0, n + 1) if samples.is_exact else levels(points.size) * (n - 1) + 1
            return cls(points, ranks, n, samples.n_effective, samples.mean, samples.stdev)
        points = np.sort(finite_samples(samples))
        n = points.size
        if not n:
            raise ValueError("a run without samples cannot be compared")
        stdev = float(points.std(ddof=1)) if n > 1 else 0.0
        return cls(points, np.arange(1.0, n + 1), n, n, float(points.mean()), stdev)

    @property
    def is_exact(self) -> bool:
        """Whether every sample is there."""
        return self.points.size == self.n

    def at(self, ranks: ArrayLike) -> NDArray[np.float64]:
        """Values at ranks that need not be whole; the extremes beyond 1 and n."""
        return np.asarray(np.interp(np.asarray(ranks), self.ranks, self.points), dtype=np.float64)

    def quantile(self, q: float) -> float:
        """As `numpy.quantile(method="linear")` has it."""
        return float(self.at(q * (self.n - 1) + 1))

    def resampled(self, size: int) -> NDArray[np.float64]:
        """`size` values at evenly spaced levels; the samples themselves where all are there and asked for."""
        if self.is_exact and size == self.n:
            return self.points
        return self.at((np.arange(size) + 0.5) / size * self.n + 0.5)


#: Pooled runs of which some are kept as quantiles are expanded to this many values at most.
_MOST_POOLED = 200_000


def pooled(runs: list[Ordered]) -> Ordered:
    """All runs as one sample, each weighted by its n."""
    if len(runs) == 1:
        return runs[0]
    n, worth = sum(run.n for run in runs), sum(run.worth for run in runs)
    exact = all(run.is_exact for run in runs)
    share = 1.0 if exact else min(1.0, _MOST_POOLED / n)
    points = np.sort(np.concatenate([run.resampled(max(1, round(run.n * share))) for run in runs]))
    ranks = (np.arange(points.size) + 0.5) / points.size * n + 0.5
    mean = sum(run.n * run.mean for run in runs) / n
    squares = sum((run.n - 1) * run.stdev**2 + run.n * (run.mean - mean) ** 2 for run in runs)
    return Ordered(points, ranks, n, worth, mean, float(np.sqrt(squares / max(n - 1, 1))))
