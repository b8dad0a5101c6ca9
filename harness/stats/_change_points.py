"""Where the level of a history of values changed, with a significance for each place."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats._estimate import Estimate
from harness.stats._mean import mean
from harness.stats._quantile import finite_samples

#: Rearrangements of a segment that its split is held against; the least p-value is 1 / (this + 1).
PERMUTATIONS = 499
_SEED = 20261124
#: Elements of the distance matrices held at once.
_MOST_ELEMENTS = 2_000_000

Values = NDArray[np.float64]


@dataclass(slots=True, frozen=True)
class ChangePoint:
    """The value at `index` is the first of a new level.

    `before` and `after` are the means of the two levels, up to the neighbouring change points;
    `change_percent` is after / before - 1, None where before is 0. `p_value` is that of the split
    among `n` values.
    """

    index: int
    before: Estimate
    after: Estimate
    change_percent: float | None
    p_value: float
    n: int
    method: str = "E-divisive, permutation test"


def change_points(
    values: ArrayLike,
    *,
    unit: str = "",
    level: float = 0.01,
    least_percent: float = 5.0,
    least_points: int = 3,
) -> tuple[ChangePoint, ...]:
    """Change points of a history, oldest value first; for 10 to some 200 values.

    E-divisive means (Matteson and James 2014, "A nonparametric approach for multiple change point
    analysis"): the split that maximises the energy distance between both sides, with |x - y| as
    distance, is kept if it beats `1 - level` of the rearrangements of its segment, and both sides
    are searched again. Splits whose levels differ by less than `least_percent` are dropped at the
    end, as are levels of fewer than `least_points` values, so that one odd run is not a change.
    Assumes that values between changes can be exchanged: a slow drift is reported as steps.
    The permutations are seeded, so that the same history always gives the same answer. Fewer than
    2 x `least_points` values have no change point.

    >>> [p.index for p in change_points([10, 11, 10, 9, 10, 11, 10, 15, 14, 15, 16, 15, 14, 15])]
    [7]
    """
    history = finite_samples(values)
    rng = np.random.default_rng(_SEED)
    found: dict[int, float] = {}
    waiting = [(0, history.size)]
    while waiting:
        start, end = waiting.pop()
        split = _split(history[start:end], least_points, level, rng)
        if split is not None:
            place, p = split
            found[start + place] = p
            waiting += [(start, start + place), (start + place, end)]
    kept = _of_size(history, sorted(found), least_percent)
    return tuple(_described(history, kept, found, unit))


def _split(segment: Values, least: int, level: float, rng: np.random.Generator) -> tuple[int, float] | None:
    """The best split of a segment and its p-value; None where it is not significant."""
    n = segment.size
    if n < 2 * least or np.min(segment) == np.max(segment):
        return None
    distances = np.abs(segment[:, None] - segment[None, :])
    statistics = _energy(distances[None], least)[0]
    place = int(np.argmax(statistics))
    best = statistics[place] * (1 - 1e-9)
    beaten = 0
    at_once = max(1, _MOST_ELEMENTS // n**2)
    for first in range(0, PERMUTATIONS, at_once):
        count = min(at_once, PERMUTATIONS - first)
        orders = rng.permuted(np.tile(np.arange(n), (count, 1)), axis=1)
        shuffled = distances[orders[:, :, None], orders[:, None, :]]
        beaten += int((_energy(shuffled, least).max(axis=1) >= best).sum())
    p = (1 + beaten) / (1 + PERMUTATIONS)
    return (place + least, p) if p <= level else None


def _energy(distances: NDArray[np.float64], least: int) -> NDArray[np.float64]:
    """Scaled energy distance of each split that leaves `least` values a side, per matrix.

    q = m k / (m + k) x (2 mean distance between - mean within the one - mean within the other).
    """
    n = distances.shape[-1]
    before = np.cumsum(np.tril(distances, -1).sum(axis=2), axis=1)
    rows = np.cumsum(distances.sum(axis=2), axis=1)
    left = np.arange(least, n - least + 1)
    right = n - left
    within_left = before[:, left - 1]
    between = rows[:, left - 1] - 2 * within_left
    within_right = before[:, -1:] - within_left - between
    distance = (
        2 * between / (left * right)
        - within_left / np.maximum(left * (left - 1) / 2, 1)
        - within_right / np.maximum(right * (right - 1) / 2, 1)
    )
    return np.asarray(left * right / n * distance, dtype=np.float64)


def _of_size(history: Values, places: Sequence[int], least_percent: float) -> list[int]:
    """Drop the smallest change again and again, until all that are left are large enough."""
    kept = list(places)
    while kept:
        edges = [0, *kept, history.size]
        levels = [float(history[a:b].mean()) for a, b in itertools.pairwise(edges)]
        sizes = [_size(before, after) for before, after in itertools.pairwise(levels)]
        smallest = int(np.argmin(sizes))
        if sizes[smallest] >= least_percent:
            break
        del kept[smallest]
    return kept


def _size(before: float, after: float) -> float:
    if before == after:
        return 0.0
    return 100 * abs(after / before - 1) if before else float("inf")


def _described(
    history: Values, places: Sequence[int], p_values: dict[int, float], unit: str
) -> list[ChangePoint]:
    edges = [0, *places, history.size]
    levels = [mean(history[a:b], unit=unit) for a, b in itertools.pairwise(edges)]
    described = []
    for place, before, after in zip(places, levels, levels[1:], strict=False):
        low, high = before.value or 0.0, after.value or 0.0
        change = 100 * (high / low - 1) if low else None
        described.append(ChangePoint(place, before, after, change, p_values[place], before.n + after.n))
    return described
