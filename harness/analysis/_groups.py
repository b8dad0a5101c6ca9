"""Groups of requests with all their figures, and the components of the service's time."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis._cells import Cells, Part
from harness.analysis._dataset import RequestDataset
from harness.analysis._model import ComponentTime, Group, LoadStep
from harness.analysis._quantities import PER_CASE, QUANTITIES, REPORTED
from harness.analysis._slice import figures
from harness.analysis._spans import Times
from harness.stats import Estimate

#: Components of the bundled service that add up to its `total`; its others lie inside them.
ADDITIVE = ("triage", "specialists", "debate", "synthesis", "overhead")
TOTAL = "total"

#: `overhead` alone could be any service's.
_BUNDLED = frozenset(ADDITIVE) - {"overhead"}
_ROUNDING = 1.02
_NULL = "uncategorised"

#: Label of the group that is not a part of anything.
ALL = "all"


def group(label: str, part: Part) -> Group:
    """All figures of one group of requests."""
    response_time = figures(part.response, REPORTED, "ms")
    # In a closed loop the two are the same.
    closed = part.cells.service is part.cells.response
    return Group(
        label=label,
        requests=part.requests,
        outcomes=part.outcomes,
        response_time=response_time,
        service_time=response_time if closed else figures(part.service, REPORTED, "ms"),
        throughput=part.throughput,
        error_rate=part.share("failed"),
        success_rate=part.share("ok"),
        per_case=_per_case(part),
    )


def groups_by(word: str, cells: Cells, indices: tuple[int, ...] | None = None) -> dict[str, Group]:
    """One group per category or name, in the order of their names; null values are in no group."""
    return {label: group(label, part) for label, part in parts_by(word, cells, indices)}


def parts_by(word: str, cells: Cells, indices: tuple[int, ...] | None = None) -> Iterator[tuple[str, Part]]:
    """The samples of each category or name that occurs in some pieces (None: in all)."""
    for label, code in sorted((label, code) for code, label in enumerate(cells.labels(word))):
        part = cells.part(indices, **{word: code})
        if part.requests:
            yield label, part


def load_steps(dataset: RequestDataset) -> list[LoadStep]:
    """One step per measured hold phase, in the order of time."""
    steps = []
    for index, piece in enumerate(dataset.measured.pieces):
        whole = group(piece.phase, dataset.cells.part((index,)))
        by_category = groups_by("category", dataset.cells, (index,))
        steps.append(LoadStep(piece.phase, piece.users, piece.seconds, whole, by_category))
    return steps


def component_times(dataset: RequestDataset) -> list[ComponentTime]:
    """Every component of every category (of `all` where the run has none), over successful requests.

    Several spans of one component in one request are added up. The share is the component's sum
    over the sum of `total`, of the requests that tell their total, so that a component that did
    not occur in a request counts as nothing there and the shares add up. Where no request tells
    its total, the service time takes its place.
    """
    owner, labels = _owners(dataset)
    wanted = owner >= 0
    told = dataset.spans.has(TOTAL, wanted)
    services = None if told.any() else _service_times(dataset, wanted)
    if services is not None:
        told[services.rows] = True
    parts: dict[str, NDArray[np.float64]] = {}
    durations: dict[tuple[int, str], Mapping[str, Estimate]] = {}
    for name in sorted(dataset.spans.components, key=_component_order):
        by_category, parts[name] = dataset.spans.cut(name, owner, told, len(labels))
        for index in range(len(labels)):
            samples = by_category.of((index,))
            if samples.size:
                durations[index, name] = figures(samples, REPORTED, "ms")
    if services is None:
        whole = parts[TOTAL]
    else:
        whole = np.asarray(np.bincount(owner[services.rows], services.ms, len(labels)), dtype=np.float64)
    additive = _additive(parts, whole)
    present = {index for index, _ in durations}
    found = []
    for index in sorted(present, key=labels.__getitem__):
        label = ALL if len(present) == 1 and labels[index] == _NULL else labels[index]
        for name in parts:
            if (index, name) in durations:
                is_part = name in additive
                share = (
                    100 * float(parts[name][index] / whole[index]) if is_part and whole[index] > 0 else None
                )
                found.append(ComponentTime(label, name, is_part, durations[index, name], share))
    return found


def _owners(dataset: RequestDataset) -> tuple[NDArray[Any], list[str]]:
    """For each request the index of its category among the labels; -1 unless it is a successful sample."""
    chosen, category = dataset.whole, dataset.samples.placed.columns.words["category"]
    labels = list(category.labels) if _NULL in category.labels else [*category.labels, _NULL]
    rows = chosen.frame.numbered()[chosen.flagged("ok")]
    owner = np.full(len(dataset.samples), -1, dtype=np.min_scalar_type(-1 - len(labels)))
    codes = category.codes[rows]
    owner[rows] = np.where(codes < 0, labels.index(_NULL), codes)
    return owner, labels


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


def _per_case(part: Part) -> Mapping[str, Estimate]:
    means = {name: part.mean(QUANTITIES[name].column, QUANTITIES[name].unit) for name in PER_CASE}
    return {name: estimate for name, estimate in means.items() if estimate is not None}
