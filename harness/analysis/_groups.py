"""Groups of requests with all their figures, and the components of the service's time."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis._dataset import RequestDataset
from harness.analysis._model import ComponentTime, Group, LoadStep
from harness.analysis._quantities import PER_CASE, QUANTITIES, REPORTED
from harness.analysis._slice import Slice, figure, figures

if TYPE_CHECKING:
    import pandas as pd

#: Components of the bundled service that add up to its `total`; its others lie inside them.
ADDITIVE = ("triage", "specialists", "debate", "synthesis", "overhead")
TOTAL = "total"

#: `overhead` alone could be any service's.
_BUNDLED = frozenset(ADDITIVE) - {"overhead"}
_ROUNDING = 1.02

#: Label of the group that is not a part of anything.
ALL = "all"


def group(label: str, chosen: Slice) -> Group:
    """All figures of one group of requests."""
    response, service = chosen.values("response_ms"), chosen.values("service_ms")
    response_time = figures(response, REPORTED, "ms")
    # In a closed loop the two are equal: no need to bootstrap them twice.
    same = np.array_equal(response, service)
    outcomes = chosen.frame["outcome"].to_numpy()[chosen.inside]
    names, counts = np.unique(outcomes.astype(str), return_counts=True) if len(outcomes) else ((), ())
    return Group(
        label=label,
        requests=int(chosen.inside.sum()),
        outcomes={str(name): int(count) for name, count in zip(names, counts, strict=True)},
        response_time=response_time,
        service_time=response_time if same else figures(service, REPORTED, "ms"),
        throughput=chosen.events("throughput"),
        error_rate=chosen.share("error_rate"),
        success_rate=chosen.share("success_rate"),
        per_case=_per_case(chosen),
    )


def groups_by(column: str, chosen: Slice) -> dict[str, Group]:
    """One group per value of a column, in the order of their names; null values are in no group."""
    return {label: group(label, part) for label, part in parts_by(column, chosen)}


def parts_by(column: str, chosen: Slice) -> Iterator[tuple[str, Slice]]:
    """The parts of a slice that share a value of a column."""
    values = chosen.frame[column].cat
    codes = values.codes.to_numpy()
    present = set(np.unique(codes[chosen.inside]).tolist())
    labels = sorted((str(label), code) for code, label in enumerate(values.categories) if code in present)
    for label, code in labels:
        yield label, chosen.where(codes == code)


def load_steps(dataset: RequestDataset) -> list[LoadStep]:
    """One step per measured hold phase, in the order of time."""
    steps = []
    for index, piece in enumerate(dataset.measured.pieces):
        chosen = dataset.in_pieces((index,))
        by_category = groups_by("category", chosen)
        steps.append(
            LoadStep(piece.phase, piece.users, piece.seconds, group(piece.phase, chosen), by_category)
        )
    return steps


def component_times(dataset: RequestDataset) -> list[ComponentTime]:
    """Every component of every category (of `all` where the run has none), over successful requests.

    Several spans of one component in one request are added up. The share is the component's sum
    over the sum of `total`, of the requests that tell their total, so that a component that did
    not occur in a request counts as nothing there and the shares add up. Where no request tells
    its total, the service time takes its place.
    """
    chosen = dataset.whole
    rows = chosen.frame.index[chosen.flagged("ok")]
    wanted = np.zeros(len(dataset.samples), dtype=bool)
    wanted[rows] = True
    spans = dataset.spans[wanted[dataset.spans["row"].to_numpy()]]
    if spans.empty:
        return []
    sums = spans.groupby(["row", "component"], observed=True)["duration_ms"].sum().reset_index()
    category = dataset.samples["category"].iloc[sums["row"].to_numpy()]
    sums["category"] = category.astype(object).fillna("uncategorised").to_numpy()
    if not category.notna().any():
        sums["category"] = ALL
    totals = sums[sums["component"] == TOTAL].set_index("row")["duration_ms"]
    if totals.empty:
        totals = dataset.samples["service_ms"].iloc[sums["row"].unique()].dropna()
    by_category = [(str(label), part) for label, part in sums.groupby("category")]
    additive = _additive([part for _, part in by_category], totals)
    return [item for label, part in by_category for item in _components(label, part, totals, additive)]


def _additive(parts: Sequence["pd.DataFrame"], totals: "pd.Series[Any]") -> Collection[str]:
    """The components that are parts of the whole, none inside another, as far as can be told.

    The bundled service's are known by name. Of another service, whose components may overlap, all
    are taken for parts if they fit into the whole together, in every category: then a bar of them
    is never longer than what they are said to be parts of.
    """
    names = {str(name) for part in parts for name in part["component"].unique()} - {TOTAL}
    if names & _BUNDLED:
        return ADDITIVE
    for part in parts:
        told = part[part["row"].isin(totals.index)]
        whole = float(totals[totals.index.isin(part["row"])].sum())
        if float(told.loc[told["component"] != TOTAL, "duration_ms"].sum()) > _ROUNDING * whole:
            return ()
    return names


def _components(
    category: str, sums: "pd.DataFrame", totals: "pd.Series[Any]", additive_names: Collection[str]
) -> Iterator[ComponentTime]:
    whole = float(totals[totals.index.isin(sums["row"])].sum())
    with_total = sums["row"].isin(totals.index)
    present: list[Any] = sorted(sums["component"].unique(), key=_component_order)
    for component in present:
        rows = sums["component"] == component
        durations = sums["duration_ms"].to_numpy(dtype=np.float64)[rows.to_numpy()]
        additive = component in additive_names
        part = float(sums.loc[rows & with_total, "duration_ms"].sum())
        share = 100 * part / whole if additive and whole > 0 else None
        yield ComponentTime(category, str(component), additive, figures(durations, REPORTED, "ms"), share)


def _component_order(component: str) -> tuple[int, str]:
    known = (*ADDITIVE, TOTAL)
    return (known.index(component) if component in known else len(known), component)


def _per_case(chosen: Slice) -> Mapping[str, Any]:
    found = {}
    for name in PER_CASE:
        values = chosen.values(QUANTITIES[name].column)
        if len(values):
            found[name] = figure(values, "mean", QUANTITIES[name].unit)
    return found
