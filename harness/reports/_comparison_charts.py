"""The charts of a comparison: response times and component times of the base beside the candidate's."""

import math
from collections.abc import Iterator, Sequence

from harness.analysis import ComponentTime, Histogram, RunSeries, Values, metrics_of
from harness.reports import _figures as figures
from harness.reports._beside import bin_counts
from harness.reports._charts import Chart
from harness.reports._format import count, quantity, sentence_case
from harness.reports._regression_words import level_words, moved_words
from harness.reports._tables import components_table, cumulative_table, histogram_table
from harness.stats import Distribution
from harness.verdicts import MetricChange, Regression

_BINS = 50
_SMALLEST_MS = 0.01


def comparison_charts(regression: Regression) -> dict[str, Chart]:
    """The charts by id; those without data on both sides are absent."""
    charts = [*_latency_charts(regression), *_component_charts(regression)]
    return {chart.id: chart for chart in charts}


def _latency_charts(regression: Regression) -> Iterator[Chart]:
    bases, candidates = (_by_label(side) for side in regression.samples)
    labels = [label for label in candidates if label in bases]
    labels = [label for label in labels if label != "all"] or labels
    labels.sort(key=lambda label: min(found.mean for found in bases[label]))
    if not labels:
        return
    edges = _edges([d for label in labels for side in (bases, candidates) for d in side[label]])
    now, base = (
        Histogram(edges, {label: bin_counts(edges, side[label]) for label in labels})
        for side in (candidates, bases)
    )
    counts = {
        name: found
        for label in labels
        for name, found in ((label, now.counts[label]), (f"{label}, base", base.counts[label]))
    }
    runs = [count(len(side), "run") for side in regression.samples]
    yield Chart(
        "histogram",
        _moved_most(regression, "p50"),
        "Histogram of response times, base and candidate",
        figures.histogram_figure(now, (), base),
        histogram_table(edges, counts),
        f"Filled: the candidate ({runs[1]}). Thin lines: the base ({runs[0]}). Each adds up to 100 %.",
    )
    yield Chart(
        "cumulative",
        _moved_most(regression, "p95"),
        "Cumulative distribution of response times, base and candidate",
        figures.cumulative_figure(now, (), base),
        cumulative_table(edges, counts),
    )


def _by_label(runs: Sequence[RunSeries]) -> dict[str, list[Distribution]]:
    """Response times by category, and `all` for those of all requests."""
    found: dict[str, list[Distribution]] = {}
    for run in runs:
        for metric in metrics_of(name for name in run.series if name.startswith("response_time")):
            series = run.series[metric.series]
            if metric.statistic == "p95" and isinstance(series, Values):
                found.setdefault(metric.selection.category or "all", []).append(series.distribution)
    return found


def _edges(found: Sequence[Distribution]) -> list[float]:
    """Edges of bins that are equally wide on a logarithmic scale, from the least sample to the largest."""
    low = max(min(d.points[0] for d in found), _SMALLEST_MS)
    high = max(low * 1.01, *(d.points[-1] for d in found))
    step = math.log(high / low) / _BINS
    return [low, *(low * math.exp(step * i) for i in range(1, _BINS)), high]


def _moved_most(regression: Regression, statistic: str) -> str:
    """The change of one statistic where it is largest, as a sentence."""
    rows = [
        row
        for row in regression.rows
        if row.metric.quantity == "response_time"
        and row.metric.statistic == statistic
        and row.worse_percent is not None
    ]
    if not rows:
        return f"The {statistic} response times were not compared"
    return _moved(max(rows, key=lambda row: abs(row.worse_percent or 0.0)))


def _moved(row: MetricChange) -> str:
    levels = f"{level_words(row.base)} in the base, {level_words(row.candidate)} in the candidate"
    return sentence_case(f"{row.metric.title}: {levels} ({moved_words(row)})")


def _component_charts(regression: Regression) -> Iterator[Chart]:
    rows = [row for row in regression.rows if _is_stage(row)]
    if not rows:
        return
    times = list(_component_times(rows))
    most = max(rows, key=lambda row: abs((row.difference and row.difference.value) or 0.0))
    moved = (most.difference and most.difference.value) or 0.0
    where = f" in {most.metric.selection.category} cases" if most.metric.selection.category else ""
    direction = "more" if moved > 0 else "less"
    yield Chart(
        "components",
        f"{sentence_case(str(most.metric.selection.component))} takes {quantity(abs(moved), 'ms')} "
        f"{direction}{where} than in the base, the largest difference",
        "Mean time per component, category and side, stacked",
        figures.components_figure(times),
        components_table(times),
        height=max(340, 60 + 44 * len({item.category for item in times})),
    )


def _is_stage(row: MetricChange) -> bool:
    """Mean time of a component that adds up with its siblings, known on both sides."""
    chosen = row.metric.selection
    return (
        row.metric.rank == 1
        and row.metric.statistic == "mean"
        and chosen.category is not None
        and row.base is not None
        and row.candidate is not None
    )


def _component_times(rows: Sequence[MetricChange]) -> Iterator[ComponentTime]:
    """The stages of each category, the base's above the candidate's."""
    by_category: dict[str | None, list[MetricChange]] = {}
    for row in rows:
        by_category.setdefault(row.metric.selection.category, []).append(row)
    for category, of_category in sorted(by_category.items(), key=lambda found: _base_ms(found[1])):
        for side in ("base", "candidate"):
            for row in of_category:
                mean = row.base if side == "base" else row.candidate
                if mean is not None:
                    label, component = f"{category}, {side}", str(row.metric.selection.component)
                    yield ComponentTime(label, component, True, {"mean": mean}, None)


def _base_ms(rows: Sequence[MetricChange]) -> float:
    """What the stages of a category took in the base, ms: the fastest category comes first."""
    return sum((row.base and row.base.value) or 0.0 for row in rows)
