"""The components of the service's time: per category over the measured window, and per load step."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis._dataset import RequestDataset
from harness.analysis._groups import ALL
from harness.analysis._model import ComponentStep, ComponentTime
from harness.analysis._quantities import REPORTED
from harness.analysis._slice import figures
from harness.analysis._sorted import Sorted, blocks
from harness.analysis._spans import Times
from harness.stats import Estimate, Stretches, mean_of_many

#: Components of the bundled service that add up to its `total`; its others lie inside them.
ADDITIVE = ("triage", "specialists", "debate", "synthesis", "overhead")
TOTAL = "total"

#: `overhead` alone could be any service's.
_BUNDLED = frozenset(ADDITIVE) - {"overhead"}
_ROUNDING = 1.02
_NULL = "uncategorised"


def component_figures(dataset: RequestDataset) -> tuple[list[ComponentTime], list[ComponentStep]]:
    """Every component of every category (of `all` where the run has none), over successful requests.

    Several spans of one component in one request are added up. The share is the component's sum
    over the sum of `total`, of the requests that tell their total, so that a component that did
    not occur in a request counts as nothing there and the shares add up. Where no request tells
    its total, the service time takes its place. Then the same by load step; none where the run
    has one step only.
    """
    cells = _Cells(dataset)
    told = dataset.spans.has(TOTAL, cells.owner >= 0)
    services = None if told.any() else _service_times(dataset, cells.owner >= 0)
    if services is not None:
        told[services.rows] = True
    parts: dict[str, NDArray[np.float64]] = {}
    found: dict[str, _Found] = {}
    for name in sorted(dataset.spans.components, key=_component_order):
        # One component after the other: the sorted times of all at once would be as large as the spans.
        times, sums = dataset.spans.cut(name, cells.owner, told, cells.n)
        found[name] = _figures(cells, times)
        parts[name] = cells.by_label(sums)
    if services is None:
        whole = parts.get(TOTAL, np.zeros(len(cells.labels)))
    else:
        own = np.bincount(cells.owner[services.rows], services.ms, cells.n)
        whole = cells.by_label(np.asarray(own, dtype=np.float64))
    additive = _additive(parts, whole)
    return list(_times(cells, found, parts, whole, additive)), list(_steps(cells, found, additive))


class _Cells:
    """Successful requests by load step and category: the number of the cell of each, -1 for others."""

    def __init__(self, dataset: RequestDataset) -> None:
        chosen, category = dataset.whole, dataset.samples.placed.columns.words["category"]
        self.measured = dataset.measured.pieces
        self.pieces = max(len(self.measured), 1)
        self.labels = list(category.labels) if _NULL in category.labels else [*category.labels, _NULL]
        self.n = self.pieces * len(self.labels)
        rows = chosen.frame.numbered()[chosen.flagged("ok")]
        null, piece = self.labels.index(_NULL), dataset.samples.placed.piece
        self.owner: NDArray[Any] = np.full(len(dataset.samples), -1, dtype=np.min_scalar_type(-1 - self.n))
        counts = np.zeros(self.n, np.int64)
        for block in blocks(len(rows)):
            own = rows[block]
            codes = category.codes[own].astype(np.int32)
            cell = np.where(codes < 0, null, codes) + piece[own].astype(np.int32) * len(self.labels)
            self.owner[own] = cell
            counts += np.bincount(cell, minlength=self.n)
        self.requests: list[int] = counts.tolist()

    def of(self, label: int) -> list[int]:
        """The cells of a category."""
        return list(range(label, self.n, len(self.labels)))

    def by_label(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(sums.reshape(self.pieces, len(self.labels)).sum(axis=0))


@dataclass(slots=True, frozen=True)
class _Found:
    """Figures of one component: by category, and by cell where the run has more than one step.

    A category without a time of it is not there, a cell without a successful request neither.
    """

    by_label: Mapping[int, Mapping[str, Estimate]]
    by_cell: Mapping[int, tuple[Estimate, Estimate | None]]


def _figures(cells: _Cells, times: Sorted) -> _Found:
    by_label = {index: times.of(cells.of(index)) for index in range(len(cells.labels))}
    by_cell = {}
    for cell, requests in enumerate(cells.requests):
        if requests and cells.pieces > 1:
            samples = times.of((cell,))
            p95 = samples.quantiles((0.95,), unit="ms")[0] if samples.size else None
            by_cell[cell] = _mean(samples, requests), p95
    return _Found(
        {index: figures(samples, REPORTED, "ms") for index, samples in by_label.items() if samples.size},
        by_cell,
    )


def _times(
    cells: _Cells,
    found: Mapping[str, _Found],
    parts: Mapping[str, NDArray[np.float64]],
    whole: NDArray[np.float64],
    additive: Collection[str],
) -> Iterator[ComponentTime]:
    for index, label in _present(cells, found):
        for name, own in found.items():
            if index in own.by_label:
                is_part = name in additive and whole[index] > 0
                share = 100 * float(parts[name][index] / whole[index]) if is_part else None
                yield ComponentTime(label, name, name in additive, own.by_label[index], share)


def _steps(cells: _Cells, found: Mapping[str, _Found], additive: Collection[str]) -> Iterator[ComponentStep]:
    """By component, step and category; steps without a successful request of the category are left out."""
    present = _present(cells, found)
    for name, own in found.items():
        for number, piece in enumerate(cells.measured):
            for index, label in present:
                mean, p95 = own.by_cell.get(number * len(cells.labels) + index, (None, None))
                if mean is not None:
                    yield ComponentStep(
                        phase=piece.phase,
                        users=piece.users,
                        category=label,
                        component=name,
                        mean=mean,
                        p95=p95,
                        additive=name in additive,
                        arrivals_per_s=piece.arrivals_per_s,
                    )


def _mean(samples: Stretches, n: int) -> Estimate:
    """The mean of n times, those that are not among the samples being 0."""
    total, squares = samples.total(), samples.total_of_squares()
    value = total / n
    if n < 2:
        return Estimate(value, None, None, n, "mean", "ms", ("n too small: 1 < 2",))
    deviation = math.sqrt(max(squares - n * value**2, 0.0) / (n - 1))
    return mean_of_many(n, value, deviation, unit="ms")


def _present(cells: _Cells, found: Mapping[str, _Found]) -> Sequence[tuple[int, str]]:
    """The categories with a time, by name; without any the one is called `all`."""
    present = sorted(
        {index for own in found.values() for index in own.by_label}, key=cells.labels.__getitem__
    )
    alone = len(present) == 1
    return [(i, ALL if alone and cells.labels[i] == _NULL else cells.labels[i]) for i in present]


def _service_times(dataset: RequestDataset, wanted: NDArray[np.bool_]) -> Times:
    """What the components are parts of where no request tells a `total`."""
    rows = dataset.spans.of(None, wanted).rows
    service_ms = dataset.samples.values("service_ms")[rows]
    known = ~np.isnan(service_ms)
    return Times(rows[known], service_ms[known])


def _additive(parts: Mapping[str, NDArray[np.float64]], whole: NDArray[np.float64]) -> Collection[str]:
    """The components that are parts of the whole, none inside another, as far as can be told.

    The bundled service's are known by name. Of another service, whose components may overlap, all
    are taken for parts if they fit into the whole together, in every category: then a bar of them
    is never longer than what they are said to be parts of.
    """
    names = parts.keys() - {TOTAL}
    if names & _BUNDLED:
        return ADDITIVE
    together = np.sum([parts[name] for name in names], axis=0)
    return () if np.any(together > _ROUNDING * whole) else names


def _component_order(component: str) -> tuple[int, str]:
    known = (*ADDITIVE, TOTAL)
    return (known.index(component) if component in known else len(known), component)
