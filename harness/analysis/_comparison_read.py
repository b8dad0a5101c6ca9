"""From a run to the samples that a comparison needs."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from harness.analysis._comparison import (
    COMPARED,
    PROVIDER_PARTS,
    Contribution,
    Counts,
    RunSeries,
    Series,
    Share,
    Values,
    series_name,
)
from harness.analysis._components import ADDITIVE, TOTAL
from harness.analysis._contributions import contributions
from harness.analysis._dataset import Dataset, RequestDataset
from harness.analysis._locust import LocustDataset
from harness.analysis._model import NotMeasured, Selection
from harness.analysis._quantities import PER_CASE, QUANTITIES, quantile_of
from harness.analysis._slice import Slice
from harness.analysis._summary import provider_words
from harness.runs import Manifest, Run
from harness.stats import Distribution, effective_n

DEBATE = "debate"

#: Lengths of the stretches that completions are counted in; each divides the next.
_BATCHES_S = (1, 2, 10, 60, 600)
_MOST_BATCHES = 120

_NO_SAMPLES = "stock Locust CSVs hold no samples: only their error and success rates can be compared"


@dataclass(slots=True, frozen=True)
class Points:
    """How many points a distribution keeps at most, by what it is of."""

    response_time: int
    component_time: int
    per_case: int


#: For a comparison here and now.
FULL = Points(4096, 4096, 4096)


def baseline_points(runs: int) -> Points:
    """For one of so many runs of a baseline, so that it stays small enough for git."""
    return Points(max(128, 512 // runs), max(48, 128 // runs), max(24, 64 // runs))


def run_series(run: Run, dataset: Dataset, points: Points = FULL) -> RunSeries:
    """What of a run is compared: times, work per case, shares, throughput, components."""
    manifest = run.manifest
    series: dict[str, Series] = {}
    parts: dict[str, Contribution] = {}
    notes: tuple[str, ...] = ()
    if isinstance(dataset, RequestDataset):
        series = dict(
            itertools.chain(_whole(dataset), _by_category(dataset, points), _named(dataset, points))
        )
        parts = contributions(dataset, _labels(dataset))
    elif isinstance(dataset, LocustDataset):
        series, notes = dict(_of_locust(dataset)), (_NO_SAMPLES,)
    return RunSeries(
        run_id=manifest.run_id,
        scenario=manifest.scenario.name,
        started_at=manifest.started_at,
        git_commit=manifest.git_commit,
        provider=provider_words(manifest.target),
        fingerprint_parts=dict(manifest.fingerprint_parts),
        series=series,
        contributions=parts,
        notes=notes,
        host=_host(manifest),
    )


def _host(manifest: Manifest) -> str:
    """With its port, but on the generator's own machine: there a free one is taken for every run."""
    address = urlsplit(manifest.target.url)
    return "this machine" if manifest.target_is_here else address.netloc.rpartition("@")[2]


def _whole(dataset: RequestDataset) -> Iterator[tuple[str, Series]]:
    whole = dataset.whole
    counted = int(whole.flagged("counted").sum())
    if counted:
        yield "error_rate", Share(int(whole.flagged("failed").sum()), counted)
        yield "success_rate", Share(int(whole.flagged("ok").sum()), counted)
    counts = _throughput(dataset)
    if counts is not None:
        yield series_name("throughput", Selection(phase="highest")), counts


def _by_category(dataset: RequestDataset, points: Points) -> Iterator[tuple[str, Series]]:
    """Times, and the work of a case where it is not blurred by the mix of categories."""
    labels = _labels(dataset)
    for label in (None, *labels):
        selection = Selection(category=label)
        chosen = dataset.select(selection)
        if isinstance(chosen, NotMeasured):
            continue
        times = _values(chosen, "response_time", points.response_time)
        if times is not None:
            yield series_name("response_time", selection), times
        if label is None and labels:
            continue
        for quantity in PER_CASE:
            values = _values(chosen, quantity, points.per_case)
            if values is not None:
                yield series_name(quantity, selection), values
        yield from _components_of(dataset, chosen, label, points)


def _components_of(
    dataset: RequestDataset, chosen: Slice, label: str | None, points: Points
) -> Iterator[tuple[str, Series]]:
    """The stages of the service and the provider's times; how often a debate followed."""
    wanted = _successful(dataset, chosen)
    for component in (*ADDITIVE, *PROVIDER_PARTS):
        if component not in dataset.spans.components:
            continue
        found = dataset.spans.of(component, wanted)
        if component == DEBATE and len(found.rows):
            share = Share(int((found.ms > 0).sum()), len(found.rows))
            yield series_name("debate_rate", Selection(category=label)), share
        distribution = _occurred(dataset, found.rows, found.ms, points)
        if distribution is not None:
            yield (
                series_name("component_time", Selection(category=label, component=component)),
                distribution,
            )


def _named(dataset: RequestDataset, points: Points) -> Iterator[tuple[str, Series]]:
    """Components inside others, as a specialist: over all cases, as one category has too few of each."""
    known = {*ADDITIVE, *PROVIDER_PARTS, TOTAL}
    wanted = _successful(dataset, dataset.whole)
    for component in dataset.spans.components:
        if component in known:
            continue
        found = dataset.spans.of(component, wanted)
        distribution = _occurred(dataset, found.rows, found.ms, points)
        if distribution is not None:
            yield series_name("component_time", Selection(component=component)), distribution


def _occurred(
    dataset: RequestDataset, rows: NDArray[np.intp], ms: NDArray[np.float64], points: Points
) -> Values | None:
    """The times where the component took any: a service may tell 0 for what it did not do."""
    took = ms > 0
    kept = rows[took]
    placed = dataset.samples.placed
    moments = placed.columns.at_us[kept], placed.piece[kept]
    return _made("component_time", ms[took], moments, points.component_time)


def _values(chosen: Slice, quantity: str, most_points: int) -> Values | None:
    column = QUANTITIES[quantity].column
    is_time = column.endswith("_ms")
    rows = chosen.flagged("latency") if is_time else chosen.flagged("counted") & ~chosen.flagged("unanswered")
    frame = chosen.frame.where(rows)
    values = np.asarray(frame.values(column), dtype=np.float64)
    known = ~np.isnan(values)
    moments = frame.values("at_us")[known], frame.values("piece")[known]
    return _made(quantity, values[known], moments, most_points)


def _made(
    quantity: str,
    values: NDArray[np.float64],
    moments: tuple[NDArray[np.int64], NDArray[np.int16]],
    most_points: int,
) -> Values | None:
    """Samples with what they are worth: correlation in time is looked for within each load step.

    `moments` are when each was meant to begin and in which step. None where there is no sample. A
    negative time, as between clocks that disagree, counts as 0.
    """
    if not len(values):
        return None
    values = np.maximum(values, 0.0)
    at_us, steps = moments
    order = np.lexsort((at_us, steps))
    edges = np.flatnonzero(np.diff(steps[order])) + 1
    parts = np.split(values[order], edges)
    worth = {
        statistic: sum(effective_n(part, quantile_of(statistic)) for part in parts)
        for statistic in COMPARED[quantity]
    }
    return Values(Distribution.of(values, most_points=most_points), worth)


def _successful(dataset: RequestDataset, chosen: Slice) -> NDArray[np.bool_]:
    wanted = np.zeros(len(dataset.samples), dtype=bool)
    wanted[chosen.frame.numbered()[chosen.flagged("ok")]] = True
    return wanted


def _labels(dataset: RequestDataset) -> list[str]:
    """The categories that occur in the measured window."""
    frame = dataset.whole.frame.where(dataset.whole.inside)
    labels = dataset.samples.labels("category")
    counts = np.bincount(frame.codes("category").astype(np.int64) + 1, minlength=len(labels) + 1)[1:]
    return sorted(label for label, count in zip(labels, counts.tolist(), strict=True) if count)


def _throughput(dataset: RequestDataset) -> Counts | None:
    """Completions per second in the highest hold; None where it is shorter than two seconds."""
    done = dataset.samples.values("done_us")[dataset.samples.values("completed")]
    counts: list[int] = []
    for index in dataset.measured.highest():
        piece = dataset.measured.pieces[index]
        seconds = int(piece.seconds)
        if seconds:
            inside = done[(done >= piece.start_us) & (done < piece.start_us + seconds * 1_000_000)]
            counts += np.bincount((inside - piece.start_us) // 1_000_000, minlength=seconds).tolist()
    found = Counts(tuple(counts), 1)
    for batch_s in _BATCHES_S:
        if len(counts) <= _MOST_BATCHES * batch_s:
            found = found.in_batches_of(batch_s)
            break
    return found if len(found.counts) > 1 else None


def _of_locust(dataset: LocustDataset) -> Iterator[tuple[str, Series]]:
    for quantity in ("error_rate", "success_rate"):
        found = dataset.estimate("rate", quantity, Selection())
        if not isinstance(found, NotMeasured) and found.value is not None:
            yield quantity, Share(round(found.value / 100 * found.n), found.n)
