"""Which component holds the requests around a quantile, so that its change can be given to components."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from harness.analysis._comparison import PROVIDER_PARTS, Contribution, Metric
from harness.analysis._components import ADDITIVE, TOTAL, _additive
from harness.analysis._dataset import RequestDataset
from harness.analysis._model import NotMeasured, Selection
from harness.analysis._quantities import quantile_of

OUTSIDE = "outside the service"
STATISTICS = ("p50", "p95", "p99", "mean")

#: The requests around a quantile: this share of all to each side, but no more than half the tail;
#: of few requests four to each side, as far as there are so many. Fewer than five tell nothing.
_HALF_BAND = 0.05
_EACH_SIDE = 4
_FEWEST = 5


def contributions(dataset: RequestDataset, labels: Iterable[str]) -> dict[str, Contribution]:
    """By metric of the response time, of all requests and of each category; none without components."""
    found = {}
    for label in (None, *labels):
        selection = Selection(category=label)
        chosen = dataset.select(selection)
        if isinstance(chosen, NotMeasured):
            continue
        rows = chosen.frame.numbered()[chosen.flagged("ok")]
        columns = _columns(dataset, rows)
        if columns is None:
            continue
        total, parts, provider = columns
        for statistic in STATISTICS:
            band = _band(total, statistic)
            if band is not None:
                name = Metric(statistic, "response_time", selection).name
                found[name] = _means(total, parts, provider, band)
    return found


_Columns = tuple[NDArray[np.float64], dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]


def _columns(dataset: RequestDataset, rows: NDArray[np.intp]) -> _Columns | None:
    """Response times of some requests, and beside them the time in each part and at the provider."""
    wanted = np.zeros(len(dataset.samples), dtype=bool)
    wanted[rows] = True
    told = np.zeros(len(wanted), dtype=bool)
    told[dataset.spans.of(None, wanted).rows] = True
    rows = np.flatnonzero(wanted & told)
    response = dataset.samples.values("response_ms")[rows]
    known = ~np.isnan(response)
    rows, response = rows[known], response[known]
    if not len(rows):
        return None
    names = [name for name in dataset.spans.components if name != TOTAL]
    beside = {name: _beside(dataset, name, wanted, rows) for name in names}
    whole = np.array([response.sum()])
    additive = _additive({name: np.array([ms.sum()]) for name, ms in beside.items()}, whole)
    ordered = [name for name in ADDITIVE if name in additive and name in beside]
    ordered += sorted(name for name in beside if name in additive and name not in ADDITIVE)
    if not ordered:
        return None
    parts = {name: beside[name] for name in ordered}
    parts[OUTSIDE] = response - np.sum(list(parts.values()), axis=0)
    return response, parts, {name: beside[name] for name in PROVIDER_PARTS if name in beside}


def _beside(
    dataset: RequestDataset, component: str, wanted: NDArray[np.bool_], rows: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Time in a component per row of `rows`, 0 where it did not occur."""
    times = dataset.spans.of(component, wanted)
    column = np.zeros(len(wanted))
    column[times.rows] = times.ms
    return column[rows]


def _band(total: NDArray[np.float64], statistic: str) -> NDArray[np.intp] | None:
    """The requests around a quantile, all of them for the mean; None where there are too few."""
    q = quantile_of(statistic)
    if q is None:
        return np.arange(len(total))
    half = min(max(min(_HALF_BAND, (1 - q) / 2), _EACH_SIDE / len(total)), q, 1 - q)
    first, last = (round(len(total) * level) for level in (q - half, q + half))
    if last - first < _FEWEST:
        return None
    return np.argsort(total, kind="stable")[first:last]


def _means(
    total: NDArray[np.float64],
    parts: Mapping[str, NDArray[np.float64]],
    provider: Mapping[str, NDArray[np.float64]],
    band: NDArray[np.intp],
) -> Contribution:
    return Contribution(
        len(band),
        float(total[band].mean()),
        {name: float(ms[band].mean()) for name, ms in parts.items()},
        {name: float(ms[band].mean()) for name, ms in provider.items()},
    )
