"""What creeps up or down during a long hold: p95 response time, error rate, memory of the services.

The longest measured hold is tested, without its first quarter, in which caches fill and pools grow. A
quantity is said to drift when chance alone would show as much in fewer than one in a hundred runs,
over all quantities of the run together (Bonferroni), and the change is large enough to matter.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis._dataset import RequestDataset
from harness.analysis._endurance_model import DriftFigure
from harness.analysis._samples import Samples
from harness.analysis._window import Piece
from harness.stats import Estimate, drift, rate_drift

if TYPE_CHECKING:
    import pandas as pd

#: Seconds that a hold must have been measured for, unless the run is a soak.
LONG_S = 300.0
_SOAK_S = 20.0
_SKIPPED = 0.25

_LEVEL = 0.01
_MATTERS_PERCENT = 5.0
_MATTERS_POINTS = 0.5

#: A random walk strays so many standard deviations of its residuals in one of 10,000 runs (simulated).
_PLAIN = 24.0
_PLAIN_P = 1e-4

_FEWEST_SLICES = 10
_MOST_SLICES = 60
_SLICE_REQUESTS = 40

P95, ERRORS, MEMORY = "p95 response time", "error rate", "memory"
TOO_LITTLE = "too little data"

#: Which of them a rule's quantity is about.
DRIFT_QUANTITIES = {"response_time_drift": P95, "error_rate_drift": ERRORS, "memory_drift": MEMORY}

Values = NDArray[np.float64]


def drifts(data: RequestDataset, resources: "pd.DataFrame", *, is_soak: bool) -> tuple[DriftFigure, ...]:
    """Every quantity that can be tested; empty where no hold is long enough."""
    pieces = data.measured.pieces
    longest = max(range(len(pieces)), key=lambda index: pieces[index].seconds, default=None)
    if longest is None or pieces[longest].seconds < (_SOAK_S if is_soak else LONG_S):
        return ()
    piece = _without_its_start(pieces[longest])
    at_us = data.samples.values("at_us")
    samples = data.samples.where((at_us >= piece.start_us) & (at_us < piece.end_us))
    found = [
        *_of_times(samples, piece),
        _of_errors(samples.where(samples.values("counted")), piece),
        *_of_memory(resources, piece),
    ]
    tests = sum(figure.p_value is not None for figure in found)
    return tuple(_judged(figure, tests) for figure in found)


def _without_its_start(piece: Piece) -> Piece:
    return replace(piece, start_us=int(piece.start_us + _SKIPPED * (piece.end_us - piece.start_us)))


def _of_times(samples: Samples, piece: Piece) -> Iterator[DriftFigure]:
    latency = samples.where(samples.values("latency"))
    codes, labels = latency.codes("category"), latency.labels("category")
    present = sorted({int(code) for code in np.unique(codes) if code >= 0}, key=labels.__getitem__)
    if not present:
        yield _of_p95("all", latency, piece)
    for code in present:
        yield _of_p95(labels[code], latency.where(codes == code), piece)


def _of_p95(of: str, samples: Samples, piece: Piece) -> DriftFigure:
    """The drift of the p95 of up to 60 slices of at least 40 requests each."""
    count = min(_MOST_SLICES, len(samples) // _SLICE_REQUESTS)
    if count < _FEWEST_SLICES:
        needed = _FEWEST_SLICES * _SLICE_REQUESTS
        return _untested(P95, of, piece, f"{len(samples)} requests, of which {needed} are needed")
    at_us = samples.values("at_us")
    order = np.argsort(at_us, kind="stable")
    at_s = (at_us[order] - piece.start_us) / 1e6
    values = samples.values("response_ms")[order]
    slices = zip(np.array_split(at_s, count), np.array_split(values, count), strict=True)
    points = np.array([(at.mean(), np.quantile(part, 0.95)) for at, part in slices])
    return _of_series(P95, of, piece, points[:, 0], points[:, 1], "ms")


def _of_memory(resources: "pd.DataFrame", piece: Piece) -> Iterator[DriftFigure]:
    if not len(resources):
        return
    at_us = resources["at"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    memory = resources["memory_bytes"].to_numpy(dtype=np.float64, na_value=np.nan)
    kept = (at_us >= piece.start_us) & (at_us < piece.end_us) & ~np.isnan(memory)
    names = resources["service"].to_numpy(dtype=object)
    for service in sorted(set(names[kept])):
        rows = kept & (names == service)
        if rows.sum() < _FEWEST_SLICES:
            yield _untested(MEMORY, service, piece, f"told {rows.sum()} times, {_FEWEST_SLICES} are needed")
        else:
            at_s = (at_us[rows] - piece.start_us) / 1e6
            yield _of_series(MEMORY, service, piece, at_s, memory[rows] / 1e6, "MB")


def _of_series(quantity: str, of: str, piece: Piece, at_s: Values, values: Values, unit: str) -> DriftFigure:
    found = drift(at_s, values, unit=unit)
    level = values - (found.slope.value or 0.0) * at_s
    start = float(np.median(level))
    low, high = (float(end) for end in np.quantile(level, (0.025, 0.975)))
    method = "fitted start; 95 % of the levels without the slope"
    beginning = Estimate(start, low, high, found.n, method, unit)
    p_value = found.p_value
    # What rises like a ruler leaves residuals that are worth few samples, and all the same is no chance.
    strayed = abs(found.slope.value or 0.0) * float(at_s[-1] - at_s[0])
    if strayed > 0 and strayed >= _PLAIN * float(np.std(level, ddof=2)):
        p_value = min(p_value, _PLAIN_P)
    change = found.change_percent
    return DriftFigure(quantity, of, piece.phase, piece.seconds, beginning, change, p_value, "")


def _of_errors(samples: Samples, piece: Piece) -> DriftFigure:
    failed = samples.values("failed")[np.argsort(samples.values("at_us"), kind="stable")]
    try:
        found = rate_drift(failed)
    except ValueError:
        return _untested(ERRORS, "all", piece, f"{len(samples)} requests, of which 100 are needed")
    change = (found.last.value or 0.0) - (found.first.value or 0.0)
    low = (found.last.low or 0.0) - (found.first.high or 0.0)
    high = (found.last.high or 0.0) - (found.first.low or 0.0)
    method = "last third against first; widest difference of two Wilson intervals"
    figure = Estimate(change, low, high, found.n, method, "points")
    return DriftFigure(ERRORS, "all", piece.phase, piece.seconds, found.first, figure, found.p_value, "")


def _untested(quantity: str, of: str, piece: Piece, reason: str) -> DriftFigure:
    return DriftFigure(quantity, of, piece.phase, piece.seconds, None, None, None, TOO_LITTLE, reason)


def _judged(figure: DriftFigure, tests: int) -> DriftFigure:
    if figure.p_value is None:
        return figure
    if figure.change is None or figure.change.value is None:
        return replace(figure, verdict=TOO_LITTLE, reason="the level is not above 0", p_value=None)
    change = figure.change.value
    matters = _MATTERS_POINTS if figure.quantity == ERRORS else _MATTERS_PERCENT
    if figure.p_value * tests >= _LEVEL or abs(change) < matters:
        return replace(figure, verdict="steady")
    return replace(figure, verdict="grows" if change > 0 else "falls")
