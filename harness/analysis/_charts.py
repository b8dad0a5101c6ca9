"""What charts are drawn from: the histogram, the run second by second, and the slowest requests."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from harness.analysis._dataset import RequestDataset
from harness.analysis._groups import ALL, parts_by
from harness.analysis._model import Histogram, SlowRequest, TimeSeries
from harness.analysis._samples import Samples, has_flag, time_between
from harness.analysis._sorted import Sorted, blocks
from harness.analysis._table import NO_TIME, moments
from harness.runs import Manifest

_BINS = 50
_SMALLEST_MS = 0.01
_SLOWEST = 10


def histogram(dataset: RequestDataset) -> Histogram | None:
    """Response times of the measured window, by category (`all` where the run has none).

    Bins are equally wide on a logarithmic scale, on which both a fast category and the tail of a
    slow one can be read. None where there is no sample.
    """
    parts = dict(parts_by("category", dataset.cells)) or {ALL: dataset.cells.part()}
    samples = {label: part.response for label, part in parts.items() if part.response.size}
    if not samples:
        return None
    low = max(min(float(values.at([0])[0]) for values in samples.values()), _SMALLEST_MS)
    high = max(float(values.at([values.size - 1])[0]) for values in samples.values())
    edges = np.geomspace(low, max(high, low * 1.01), _BINS + 1)
    # The ends as they are, so that rounding in geomspace loses neither the smallest nor the largest.
    edges[0], edges[-1] = low, max(high, low * 1.01)
    counts = {label: values.counts_between(edges).tolist() for label, values in samples.items()}
    return Histogram(edges.tolist(), counts)


def time_series(dataset: RequestDataset, manifest: Manifest) -> TimeSeries | None:
    """Second by second over the whole run, warm-up and drain included; requests count where they end.

    Percentiles are over the latency samples that ended in the second.
    """
    samples, origin_us = dataset.samples.placed, dataset.measured.origin_us
    done_us = samples.columns.done_us
    n = 1 + int(_seconds(np.array([np.max(done_us, initial=NO_TIME)]), origin_us)[0])
    counts = {flag: np.zeros(n, np.int64) for flag in ("counted", "completed", "failed")}
    for block in blocks(len(done_us)):
        second, flags = _seconds(done_us[block], origin_us), samples.flags[block]
        ended = (second >= 0) & has_flag(flags, "counted")
        for flag in counts:
            counts[flag] += np.bincount(second[ended & has_flag(flags, flag)], minlength=n)
    if not counts["counted"].any():
        return None
    n = int(np.flatnonzero(counts["counted"])[-1]) + 1
    by_second = _times_by_second(dataset, n)
    return TimeSeries(
        at_s=[float(at) for at in range(n)],
        users=_users(dataset, manifest, n),
        throughput_per_s=counts["completed"][:n].astype(float).tolist(),
        errors_per_s=counts["failed"][:n].astype(float).tolist(),
        p50_ms=[_quantile(us, 0.5) for us in by_second.parts],
        p95_ms=[_quantile(us, 0.95) for us in by_second.parts],
    )


def slowest(dataset: RequestDataset, trace_url: str | None = None) -> list[SlowRequest]:
    """The ten slowest latency samples of the measured window, slowest first, with their components.

    `trace_url` is where traces can be seen, with `{trace_id}` for the id.
    """
    times = dataset.cells.part().response
    if not times.size:
        return []
    least = float(times.at([max(times.size - _SLOWEST, 0)])[0])
    rows = _as_slow_as(dataset, least)[:_SLOWEST]
    samples = Samples(dataset.samples.placed, np.array(rows))
    response_ms, pieces = samples.values("response_ms").tolist(), samples.values("piece").tolist()
    columns, components = dataset.samples.placed.columns, _components_of(dataset, rows)
    return [
        SlowRequest(
            case_id=case_id,
            category=columns.words["category"].at(row),
            name=columns.words["name"].at(row),
            phase=dataset.measured.pieces[piece].phase,
            response_time_ms=ms,
            outcome=columns.words["outcome"].at(row),
            components_ms=components[row],
            trace_id=trace_id,
            trace_url=_url_of(trace_url, trace_id),
        )
        for row, piece, ms, case_id, trace_id in zip(
            *(rows, pieces, response_ms, columns.texts("case_id", rows), columns.texts("trace_id", rows)),
            strict=True,
        )
    ]


def _url_of(trace_url: str | None, trace_id: str) -> str | None:
    if not trace_url or not trace_id:
        return None
    return trace_url.replace("{trace_id}", quote(trace_id, safe=""))


def _as_slow_as(dataset: RequestDataset, least_ms: float) -> list[int]:
    """Rows of latency samples of the window that took so long or longer, slowest first."""
    placed = dataset.samples.placed
    start, end = (getattr(placed.columns, moment) for moment in time_between("response_ms"))
    found: list[tuple[int, int]] = []
    for block in blocks(len(start)):
        took = end[block] - start[block]
        slow = (took / 1000 >= least_ms) & (end[block] != NO_TIME) & (start[block] != NO_TIME)
        slow &= (placed.piece[block] >= 0) & has_flag(placed.flags[block], "latency")
        at = np.flatnonzero(slow)
        found += zip((-took[at]).tolist(), (at + block.start).tolist(), strict=True)
    return [row for _, row in sorted(found)]


def _components_of(dataset: RequestDataset, rows: Sequence[int]) -> dict[int, dict[str, float]]:
    wanted = np.zeros(len(dataset.samples), dtype=bool)
    wanted[rows] = True
    found: dict[int, dict[str, float]] = {row: {} for row in rows}
    for component in dataset.spans.components:
        times = dataset.spans.of(component, wanted)
        for row, ms in zip(times.rows.tolist(), times.ms.tolist(), strict=True):
            found[row][component] = ms
    return found


def _times_by_second(dataset: RequestDataset, n: int) -> Sorted:
    """Response times of latency samples, microseconds, by the second that they ended in."""
    placed, origin_us = dataset.samples.placed, dataset.measured.origin_us
    start, end = (getattr(placed.columns, moment) for moment in time_between("response_ms"))
    us, seconds, size = np.empty(len(start), np.int64), np.empty(len(start), np.int32), 0
    for block in blocks(len(start)):
        second = _seconds(end[block], origin_us)
        kept = (second >= 0) & (second < n) & has_flag(placed.flags[block], "latency")
        kept &= start[block] != NO_TIME
        took = (end[block] - start[block])[kept]
        us[size : size + len(took)], seconds[size : size + len(took)] = took, second[kept]
        size += len(took)
    return Sorted.whole(us[:size], seconds[:size], n, 1000)


def _quantile(ordered_us: NDArray[Any], q: float) -> float | None:
    """A quantile of sorted microseconds, in ms; None where there is none."""
    if not len(ordered_us):
        return None
    place = q * (len(ordered_us) - 1)
    below, above = (ordered_us[[int(place), min(int(place) + 1, len(ordered_us) - 1)]] / 1000).tolist()
    return float(below + (above - below) * (place % 1))


def _seconds(at_us: NDArray[np.int64], origin_us: int) -> NDArray[np.int64]:
    """Whole seconds since the run's start; -1 for no time. A clock slightly off may lie before it: 0."""
    known = at_us != NO_TIME
    since = np.where(known, at_us - origin_us, 0) // 1_000_000
    return np.where(known, np.maximum(since, 0), -1)


def _users(dataset: RequestDataset, manifest: Manifest, n: int) -> list[int | None]:
    """Users per second: what the workers told, else the phase's."""
    found: list[int | None] = [None] * n
    for phase in manifest.phases:
        first, last = (
            (at - dataset.measured.origin_us) // 1_000_000 for at in (phase.start_us, phase.end_us)
        )
        for second in range(max(first, 0), min(last + 1, n)):
            found[second] = phase.users
    generator = dataset.generator
    if len(generator) and generator["users"].notna().any():
        told = generator[generator["users"].notna()]
        told_at = _seconds(moments(told["at"]), dataset.measured.origin_us)
        # A worker that reports twice within a second must not count twice.
        latest = told.assign(second=told_at).groupby(["second", "worker"])["users"].last()
        for at, users in latest.groupby("second").sum().items():
            if 0 <= int(str(at)) < n:
                found[int(str(at))] = int(users)
    return found
