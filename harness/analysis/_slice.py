"""A group of requests inside (part of) the measured window, and the figures it yields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis._model import NotMeasured
from harness.analysis._quantities import QUANTITIES, Kind, quantile_of
from harness.analysis._samples import Samples
from harness.analysis._window import Piece
from harness.stats import (
    Estimate,
    Stretches,
    mean,
    minimum_n,
    proportion,
    quantile,
    stdev,
)


@dataclass(slots=True, frozen=True)
class Slice:
    """Requests that were meant to start, or ended, in some of the window's pieces (by index).

    `inside` marks the rows of `frame` that were meant to start in the pieces (the samples), `ended`
    those that ended in them (what throughput counts). Rows that are neither count for nothing.
    """

    frame: Samples
    indices: tuple[int, ...]
    inside: NDArray[np.bool_]
    ended: NDArray[np.bool_]

    def where(self, mask: NDArray[np.bool_]) -> "Slice":
        """The rows that `mask` keeps; the pieces, and so the time, remain."""
        return Slice(self.frame.where(mask), self.indices, self.inside[mask], self.ended[mask])

    @property
    def pieces(self) -> tuple[Piece, ...]:
        pieces = self.frame.placed.batches.pieces
        return tuple(pieces[index] for index in self.indices)

    def flagged(self, flag: str) -> NDArray[np.bool_]:
        """Samples of the slice that have a flag."""
        return np.asarray(self.inside & self.frame.values(flag))

    def values(self, column: str) -> NDArray[np.float64]:
        """Samples of a per-request quantity, without those that have none.

        Times (`..._ms`) are of latency samples, everything else of all but incomplete requests.
        """
        is_time = column.endswith("_ms")
        rows = self.flagged("latency") if is_time else self.flagged("counted") & ~self.flagged("unanswered")
        values = np.asarray(self.frame.where(rows).values(column), dtype=np.float64)
        unknown = np.isnan(values)
        return values[~unknown] if unknown.any() else values

    def share(self, quantity: str) -> Estimate:
        """`error_rate` or `success_rate`, in percent of all requests that ended or are unanswered."""
        flag = {"error_rate": "failed", "success_rate": "ok"}[quantity]
        return proportion(int(self.flagged(flag).sum()), int(self.flagged("counted").sum()))

    def events(self, quantity: str) -> Estimate:
        """`throughput` or `goodput`: requests that ended in the pieces, per second; see `Batches.rate`."""
        flag = {"throughput": "completed", "goodput": "good"}[quantity]
        batches, done = self.frame.placed.batches, self.ended & self.frame.values(flag)
        return batches.rate(batches.counts(self.frame.values("batch")[done]), self.indices)


def figure(
    values: NDArray[np.float64], statistic: str, unit: str, n_effective: int | None = None
) -> Estimate:
    """One statistic of samples. Extremes and the count are facts about this run: low = high = value.

    `n_effective` is how many independent samples they are worth, for a quantile or the mean.
    """
    q = quantile_of(statistic)
    if q is not None:
        return quantile(values, q, unit=unit, n_effective=n_effective)
    match statistic:
        case "mean":
            return mean(values, unit=unit, n_effective=n_effective)
        case "stdev":
            return stdev(values, unit=unit)
        case "count":
            return Estimate(len(values), len(values), len(values), len(values), "count of samples")
        case "min" | "max":
            ends = {"min": np.min, "max": np.max}
            value = float(ends[statistic](values)) if len(values) else None
            return _extreme(statistic, value, len(values), unit)
        case _:
            raise ValueError(f"no statistic of samples is called {statistic!r}")


def figures(
    samples: Stretches, statistics: Sequence[str], unit: str, worth: Mapping[str, int] | None = None
) -> dict[str, Estimate]:
    """Quantiles, `mean`, `min` and `max` by name; empty where there is no sample.

    `worth` is by statistic how many independent samples they are worth, where that is known.
    """
    if not samples.size:
        return {}
    by_quantile = {name: q for name in statistics if (q := quantile_of(name)) is not None}
    counts = worth or {}
    n_effective = [counts.get(name, samples.size) for name in by_quantile]
    quantiles = samples.quantiles(tuple(by_quantile.values()), unit=unit, n_effective=n_effective)
    found = dict(zip(by_quantile, quantiles, strict=True))
    least, largest = samples.at([0, samples.size - 1]).tolist()
    found |= {
        "mean": samples.mean(unit=unit, n_effective=counts.get("mean")),
        "min": _extreme("min", least, samples.size, unit),
        "max": _extreme("max", largest, samples.size, unit),
    }
    return {name: found[name] for name in statistics}


def _extreme(name: str, value: float | None, n: int, unit: str) -> Estimate:
    return Estimate(value, value, value, n, f"{name} of this run's samples", unit)


def measure(
    piece: Slice, statistic: str, quantity: str, n_effective: int | None = None
) -> Estimate | NotMeasured:
    """A statistic of a quantity that every request row holds (all but `component_time`)."""
    what = QUANTITIES[quantity]
    if what.kind is Kind.SHARE:
        estimate = piece.share(quantity)
        return estimate if estimate.n else NotMeasured("no request ended in the measured window")
    if what.kind is Kind.RATE:
        return piece.events(quantity) if piece.pieces else NotMeasured("the measured window is empty")
    return of_values(piece.values(what.column), statistic, quantity, n_effective)


def of_values(
    values: NDArray[np.float64], statistic: str, quantity: str, n_effective: int | None = None
) -> Estimate | NotMeasured:
    """A statistic of samples of a quantity; says so where there is none."""
    what = QUANTITIES[quantity]
    if not len(values):
        return NotMeasured(f"no sample of {what.words} in the measured window")
    return figure(values, statistic, what.unit, n_effective)


def needed_samples(statistic: str) -> int:
    """How many samples a statistic's interval needs to be bounded.

    >>> needed_samples("p95"), needed_samples("mean")
    (72, 2)
    """
    q = quantile_of(statistic)
    return minimum_n(q) if q is not None else 2
