"""How the time inside the service shifts with load: the mean of each component in each load step.

Needs the requests and spans themselves, so it is made from the dataset and handed on beside the summary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis import ComponentTime, Dataset, RequestDataset
from harness.stats import Estimate, mean_of_many

#: What `component_times` calls all requests, and those without a category.
_ALL = "all"
_NULL = "uncategorised"


@dataclass(slots=True, frozen=True)
class ComponentStep:
    """Mean time per successful request of a category in a load step; one without the component counts as 0.

    So the means of a step add up to the time inside the service.
    """

    phase: str
    users: int
    category: str
    component: str
    mean: Estimate


def component_steps(dataset: Dataset, components: Sequence[ComponentTime]) -> list[ComponentStep]:
    """The additive components by load step and category; none where there is only one step, or no span."""
    names = list(dict.fromkeys(item.component for item in components if item.additive))
    if not isinstance(dataset, RequestDataset) or not names or len(dataset.measured.pieces) < 2:
        return []
    labels = list(dict.fromkeys(item.category for item in components))
    rows = dataset.whole.frame.numbered()[dataset.whole.flagged("ok")]
    wanted = np.zeros(len(dataset.samples), dtype=np.bool_)
    wanted[rows] = True
    cell, cells = _cells(dataset, labels)
    counts = np.bincount(cell[rows], minlength=cells).tolist()
    places = [
        (piece, label, index * (len(labels) + 1) + column)
        for index, piece in enumerate(dataset.measured.pieces)
        for column, label in enumerate(labels)
    ]
    found = []
    for name in names:
        times = dataset.spans.of(name, wanted)
        owner = cell[times.rows]
        sums = np.bincount(owner, times.ms, minlength=cells).tolist()
        squares = np.bincount(owner, np.square(times.ms), minlength=cells).tolist()
        found += [
            ComponentStep(piece.phase, piece.users, label, name, _mean(counts[at], sums[at], squares[at]))
            for piece, label, at in places
            if counts[at]
        ]
    return found


def _mean(n: int, total: float, squares: float) -> Estimate:
    """The mean of n times, of which the sum and the sum of squares are known."""
    value = total / n
    if n < 2:
        return Estimate(value, None, None, n, "mean", "ms", ("n too small: 1 < 2",))
    deviation = math.sqrt(max(squares - n * value**2, 0.0) / (n - 1))
    return mean_of_many(n, value, deviation, unit="ms")


def _cells(dataset: RequestDataset, labels: Sequence[str]) -> tuple[NDArray[np.int32], int]:
    """For each request one number for its step and category together, and how many there are.

    In each step the number after those of the labels is for requests of none of them.
    """
    width = len(labels) + 1
    cell = dataset.samples.values("piece").astype(np.int32) * width
    if list(labels) != [_ALL]:
        known = {label: column for column, label in enumerate(labels)}
        names = (*dataset.samples.labels("category"), _NULL)
        place = np.array([known.get(name, len(labels)) for name in names], dtype=np.int32)
        # A category that is null has the code -1, and so the last place.
        cell += place[dataset.samples.codes("category")]
    return cell, width * len(dataset.measured.pieces)
