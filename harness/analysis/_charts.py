"""What charts are drawn from: the histogram, the run second by second, and the slowest requests."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis._dataset import RequestDataset
from harness.analysis._groups import ALL, parts_by
from harness.analysis._model import Histogram, SlowRequest, TimeSeries
from harness.analysis._samples import NO_TIME, moments
from harness.runs import Manifest

if TYPE_CHECKING:
    import pandas as pd

_BINS = 50
_SMALLEST_MS = 0.01
_SLOWEST = 10


def histogram(dataset: RequestDataset) -> Histogram | None:
    """Response times of the measured window, by category (`all` where the run has none).

    Bins are equally wide on a logarithmic scale, on which both a fast category and the tail of a
    slow one can be read. None where there is no sample.
    """
    whole = dataset.whole
    parts = dict(parts_by("category", whole)) or {ALL: whole}
    samples = {label: np.maximum(part.values("response_ms"), _SMALLEST_MS) for label, part in parts.items()}
    samples = {label: values for label, values in samples.items() if len(values)}
    if not samples:
        return None
    low = min(float(values.min()) for values in samples.values())
    high = max(float(values.max()) for values in samples.values())
    edges = np.geomspace(low, max(high, low * 1.01), _BINS + 1)
    # The ends as they are, so that rounding in geomspace loses neither the smallest nor the largest.
    edges[0], edges[-1] = low, max(high, low * 1.01)
    counts = {label: np.histogram(values, edges)[0].tolist() for label, values in samples.items()}
    return Histogram(edges.tolist(), counts)


def time_series(dataset: RequestDataset, manifest: Manifest) -> TimeSeries | None:
    """Second by second over the whole run, warm-up and drain included; requests count where they end.

    Percentiles are over the latency samples that ended in the second.
    """
    import pandas as pd

    samples = dataset.samples
    second = _seconds(samples["done_us"].to_numpy(), dataset.measured.origin_us)
    ended = (second >= 0) & samples["counted"].to_numpy()
    if not ended.any():
        return None
    n = int(second[ended].max()) + 1
    latency = ended & samples["latency"].to_numpy()
    times = pd.DataFrame({"second": second[latency], "ms": samples["response_ms"].to_numpy()[latency]})
    table = times.groupby("second")["ms"].quantile(np.array([0.5, 0.95])).unstack().reindex(range(n))
    return TimeSeries(
        at_s=[float(at) for at in range(n)],
        users=_users(dataset, manifest, n),
        throughput_per_s=_per_second(second[ended & samples["completed"].to_numpy()], n),
        errors_per_s=_per_second(second[ended & samples["failed"].to_numpy()], n),
        p50_ms=_or_none(table[0.5] if len(times) else None, n),
        p95_ms=_or_none(table[0.95] if len(times) else None, n),
    )


def slowest(dataset: RequestDataset) -> list[SlowRequest]:
    """The ten slowest latency samples of the measured window, slowest first, with their components."""
    chosen = dataset.whole
    rows = chosen.frame[chosen.flagged("latency") & chosen.frame["response_ms"].notna().to_numpy()]
    worst = rows.nlargest(_SLOWEST, "response_ms")
    spans = dataset.spans[dataset.spans["row"].isin(worst.index)]
    found = []
    for row, request in worst.iterrows():
        own = spans[spans["row"] == row].groupby("component", observed=True)["duration_ms"].sum()
        found.append(
            SlowRequest(
                case_id=_text(request["case_id"]),
                category=_text(request["category"]),
                name=_text(request["name"]),
                phase=dataset.measured.pieces[request["piece"]].phase,
                response_time_ms=float(request["response_ms"]),
                outcome=_text(request["outcome"]),
                components_ms={str(component): float(ms) for component, ms in own.items()},
            )
        )
    return found


def _seconds(at_us: NDArray[np.int64], origin_us: int) -> NDArray[np.int64]:
    """Whole seconds since the run's start; -1 for no time. A clock slightly off may lie before it: 0."""
    known = at_us != NO_TIME
    since = np.where(known, at_us - origin_us, 0) // 1_000_000
    return np.where(known, np.maximum(since, 0), -1)


def _per_second(second: NDArray[np.int64], n: int) -> list[float | None]:
    return [float(count) for count in np.bincount(second, minlength=n)]


def _or_none(column: "pd.Series[Any] | None", n: int) -> list[float | None]:
    if column is None:
        return [None] * n
    return [None if np.isnan(value) else float(value) for value in column.to_numpy(dtype=float)]


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


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
