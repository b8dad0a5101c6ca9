"""A group of requests inside (part of) the measured window, and the figures it yields."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis._model import NotMeasured
from harness.analysis._quantities import QUANTITIES, Kind, quantile_of
from harness.analysis._window import Piece
from harness.stats import (
    Estimate,
    mean,
    minimum_n,
    proportion,
    quantile,
    quantiles,
    rate,
    rate_from_batches,
    stdev,
)

if TYPE_CHECKING:
    import pandas as pd

_MOST_BATCHES = 10
_FEWEST_BATCHES = 5
_FEWEST_EVENTS = 30


@dataclass(slots=True, frozen=True)
class Slice:
    """Requests that were meant to start, or ended, in some of the window's pieces.

    `frame` holds rows of `request_samples`; `inside` marks those that were meant to start in the
    pieces (the samples), `ended` those that ended in them (what throughput counts).
    """

    frame: "pd.DataFrame"
    pieces: tuple[Piece, ...]
    inside: NDArray[np.bool_]
    ended: NDArray[np.bool_]

    def where(self, mask: NDArray[np.bool_]) -> "Slice":
        """The rows that `mask` keeps; the pieces, and so the time, remain."""
        return Slice(self.frame[mask], self.pieces, self.inside[mask], self.ended[mask])

    @property
    def seconds(self) -> float:
        return sum(piece.seconds for piece in self.pieces)

    def flagged(self, flag: str) -> NDArray[np.bool_]:
        """Samples of the slice that have a flag of `request_samples`."""
        return np.asarray(self.inside & self.frame[flag].to_numpy(dtype=bool))

    def values(self, column: str) -> NDArray[np.float64]:
        """Samples of a per-request quantity, without those that have none.

        Times (`..._ms`) are of latency samples, everything else of all but incomplete requests.
        """
        is_time = column.endswith("_ms")
        rows = self.flagged("latency") if is_time else self.flagged("counted") & ~self.flagged("unanswered")
        values = self.frame[column].to_numpy()[rows]
        return np.asarray(values[~np.isnan(values)], dtype=np.float64)

    def share(self, quantity: str) -> Estimate:
        """`error_rate` or `success_rate`, in percent of all requests that ended or are unanswered."""
        flag = {"error_rate": "failed", "success_rate": "ok"}[quantity]
        return proportion(int(self.flagged(flag).sum()), int(self.flagged("counted").sum()))

    def events(self, quantity: str) -> Estimate:
        """`throughput` or `goodput`: requests that ended in the pieces, per second.

        The interval is by batch means (ten batches to a piece, but none shorter than 1 s) where
        every piece is 5 s or longer and 30 requests ended; else the exact Poisson interval.
        """
        flag = {"throughput": "completed", "goodput": "good"}[quantity]
        done = self.frame["done_us"].to_numpy()[self.ended & self.frame[flag].to_numpy()]
        batches = [min(_MOST_BATCHES, int(piece.seconds)) for piece in self.pieces]
        if min(batches, default=0) < _FEWEST_BATCHES or len(done) < _FEWEST_EVENTS:
            return rate(len(done), self.seconds)
        edges = [
            np.linspace(piece.start_us, piece.end_us, n + 1)
            for piece, n in zip(self.pieces, batches, strict=True)
        ]
        return rate_from_batches([np.histogram(done, edge)[0] for edge in edges], self.seconds)


def figure(values: NDArray[np.float64], statistic: str, unit: str) -> Estimate:
    """One statistic of samples. Extremes and the count are facts about this run: low = high = value."""
    q = quantile_of(statistic)
    if q is not None:
        return quantile(values, q, unit=unit)
    match statistic:
        case "mean":
            return mean(values, unit=unit)
        case "stdev":
            return stdev(values, unit=unit)
        case "count":
            return Estimate(len(values), len(values), len(values), len(values), "count of samples")
        case "min" | "max":
            ends = {"min": np.min, "max": np.max}
            value = float(ends[statistic](values)) if len(values) else None
            return Estimate(value, value, value, len(values), f"{statistic} of this run's samples", unit)
        case _:
            raise ValueError(f"no statistic of samples is called {statistic!r}")


def figures(values: NDArray[np.float64], statistics: Sequence[str], unit: str) -> dict[str, Estimate]:
    """Several statistics by name; empty where there is no sample."""
    if not len(values):
        return {}
    ordered = np.sort(values)
    by_quantile = {name: q for name in statistics if (q := quantile_of(name)) is not None}
    results = zip(by_quantile, quantiles(ordered, tuple(by_quantile.values()), unit=unit), strict=True)
    found = dict(results)
    return {name: found.get(name) or figure(ordered, name, unit) for name in statistics}


def measure(piece: Slice, statistic: str, quantity: str) -> Estimate | NotMeasured:
    """A statistic of a quantity that every request row holds (all but `component_time`)."""
    what = QUANTITIES[quantity]
    if what.kind is Kind.SHARE:
        estimate = piece.share(quantity)
        return estimate if estimate.n else NotMeasured("no request ended in the measured window")
    if what.kind is Kind.RATE:
        return piece.events(quantity) if piece.pieces else NotMeasured("the measured window is empty")
    return of_values(piece.values(what.column), statistic, quantity)


def of_values(values: NDArray[np.float64], statistic: str, quantity: str) -> Estimate | NotMeasured:
    """A statistic of samples of a quantity; says so where there is none."""
    what = QUANTITIES[quantity]
    if not len(values):
        return NotMeasured(f"no sample of {what.words} in the measured window")
    return figure(values, statistic, what.unit)


def needed_samples(statistic: str) -> int:
    """How many samples a statistic's interval needs to be bounded.

    >>> needed_samples("p95"), needed_samples("mean")
    (72, 2)
    """
    q = quantile_of(statistic)
    return minimum_n(q) if q is not None else 2
