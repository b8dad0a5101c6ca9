"""The base of a comparison, binned like this run's response times, to be drawn beside them."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from harness.analysis import Histogram, Metric, RunSeries, Selection, Values
from harness.stats import Distribution

#: Bins that are added to an end of the scale where the base reaches further than this run.
_MOST_ADDED = 25


def beside(histogram: Histogram, bases: Sequence[RunSeries]) -> tuple[Histogram, Histogram | None]:
    """This run's histogram, and that of the base runs pooled, both over the same edges.

    The edges are continued, by the factor that they grow by, to where the base ends. The second is
    None where the base knows none of the labels. Of a base that keeps quantiles instead of samples
    the counts are interpolated, and are exact to the distance of its points.
    """
    kept = {label: _distributions(label, bases) for label in histogram.counts}
    kept = {label: found for label, found in kept.items() if found}
    if not kept:
        return histogram, None
    ends = [point for found in kept.values() for d in found for point in (d.points[0], d.points[-1])]
    wide = _continued(histogram, min(ends), max(ends))
    counts = {label: bin_counts(wide.edges_ms, found) for label, found in kept.items()}
    return wide, Histogram(wide.edges_ms, counts)


def _distributions(label: str, bases: Sequence[RunSeries]) -> list[Distribution]:
    selections = [Selection(category=label)]
    if label == "all":
        selections.append(Selection())
    names = [Metric("p95", "response_time", selection).series for selection in selections]
    found = (run.series[name] for run in bases for name in names if name in run.series)
    return [series.distribution for series in found if isinstance(series, Values)]


def _continued(histogram: Histogram, low: float, high: float) -> Histogram:
    """The same histogram with empty bins at its ends, down to `low` and up to `high`."""
    edges = list(histogram.edges_ms)
    if edges[0] <= 0 or low <= 0:
        return histogram
    factor = (edges[-1] / edges[0]) ** (1 / (len(edges) - 1))
    below, above = (
        min(max(0, math.ceil(math.log(ratio) / math.log(factor) - 1e-9)), _MOST_ADDED)
        for ratio in (edges[0] / low, high / edges[-1])
    )
    edges = [
        *(edges[0] / factor**i for i in range(below, 0, -1)),
        *edges,
        *(edges[-1] * factor**i for i in range(1, above + 1)),
    ]
    counts = {label: [*[0] * below, *own, *[0] * above] for label, own in histogram.counts.items()}
    return replace(histogram, edges_ms=edges, counts=counts)


def bin_counts(edges_ms: Sequence[float], found: Sequence[Distribution]) -> list[int]:
    """Samples between the edges, of all distributions together; exact to the distance of their points."""
    reached = [round(sum(d.n * share_below(d, edge) for d in found)) for edge in edges_ms]
    last = edges_ms[-1]
    # The last bin holds its upper edge, as numpy.histogram has it.
    reached[-1] = round(sum(d.n * (1 if d.points[-1] <= last else share_below(d, last)) for d in found))
    return [after - before for before, after in pairwise(reached)]


def share_below(distribution: Distribution, value: float) -> float:
    """The share of the samples that are smaller than a value, 0 to 1.

    >>> d = Distribution.of([1.0, 2.0, 2.0, 4.0])
    >>> share_below(d, 2.0), share_below(d, 3.0), share_below(d, 9.0)
    (0.25, 0.75, 1.0)
    >>> share_below(Distribution.of(range(2001), most_points=64), 500.0)
    0.25
    """
    points = distribution.points
    place = bisect_left(points, value)
    if distribution.is_exact or place in (0, len(points)):
        return place / len(points)
    below, above = points[place - 1], points[place]
    first, second = (_level(i, len(points)) for i in (place - 1, place))
    return first + (second - first) * (value - below) / (above - below)


def _level(index: int, points: int) -> float:
    """Where the index-th point of a `Distribution` stands; see there."""
    return math.sin(math.pi / 2 * index / (points - 1)) ** 2
