"""The charts of a report: each with its finding, its figure and the tables that say the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis import Histogram, RunSeries, Summary, TrendPoint, with_run
from harness.reports import _figures as figures
from harness.reports import _figures_load as load_figures
from harness.reports import _findings as findings
from harness.reports._beside import beside
from harness.reports._capacity_words import capacity_words
from harness.reports._format import count, sentence_case
from harness.reports._limits import latency_limits
from harness.reports._load_units import load_unit
from harness.reports._order import additive_order
from harness.reports._tables import (
    Table,
    component_steps_table,
    components_table,
    cumulative_table,
    errors_table,
    histogram_table,
    series_table,
    steps_table,
    trend_table,
)
from harness.reports._timeline import Excluded, excluded_stretches, thin
from harness.reports._trend_changes import change_text
from harness.reports._words import overall
from harness.runs import Manifest
from harness.verdicts import Judgement, Regression

#: Points and seconds of the tables under the charts: enough to read, not to re-analyse.
_TABLE_POINTS = 30

#: Rows of a chart with a row per category.
_MOST_CATEGORIES = 6


@dataclass(slots=True, frozen=True)
class Chart:
    """`figure` is Plotly JSON, or None where there is nothing to draw; `note` explains the drawing.

    `remarks` are what the chart marks, in words.
    """

    id: str
    finding: str
    label: str
    figure: str | None
    table: Table
    note: str = ""
    height: int = 340
    remarks: tuple[str, ...] = ()


def report_charts(
    summary: Summary,
    judgement: Judgement,
    manifest: Manifest,
    trend: Sequence[TrendPoint],
    regression: Regression | None = None,
) -> dict[str, Chart]:
    """All charts by id; those without data are absent."""
    charts = [
        *_latency_charts(summary, judgement, () if regression is None else regression.samples[0]),
        *_component_charts(summary),
        *_shift_charts(summary),
        *_step_charts(summary, judgement),
        *_series_charts(summary, manifest),
        *_error_tables(summary),
        *_trend_charts(summary, judgement, trend),
    ]
    return {chart.id: chart for chart in charts}


def _latency_charts(summary: Summary, judgement: Judgement, bases: Sequence[RunSeries]) -> list[Chart]:
    if summary.histogram is None or not any(sum(counts) for counts in summary.histogram.counts.values()):
        return []
    bins = len(summary.histogram.edges_ms) - 1
    histogram, base = beside(summary.histogram, bases)
    counts = dict(_with_base(histogram, base))
    limits = latency_limits(judgement.criteria)
    notes = [f"{bins} bins over the measured window; each category adds up to 100 %."]
    if base is not None:
        pooled = "the base" if len(bases) == 1 else f"the base, {count(len(bases), 'run')} pooled"
        notes.append(f"Filled: this run. Thin lines: {pooled}.")
    if limits:
        notes.append("Vertical lines: target (dashed) and critical level (dotted) of each rule.")
    return [
        Chart(
            "histogram",
            findings.latency_finding(summary),
            "Histogram of response times per category",
            figures.histogram_figure(histogram, limits, base),
            histogram_table(histogram.edges_ms, counts),
            " ".join(notes),
        ),
        Chart(
            "cumulative",
            findings.tail_finding(summary),
            "Cumulative distribution of response times per category",
            figures.cumulative_figure(histogram, limits, base),
            cumulative_table(histogram.edges_ms, counts),
        ),
    ]


def _with_base(histogram: Histogram, base: Histogram | None) -> Iterator[tuple[str, Sequence[int]]]:
    """Counts by label, those of the base right after this run's."""
    for label, counts in histogram.counts.items():
        yield label, counts
        if base is not None and label in base.counts:
            yield f"{label}, base", base.counts[label]


def _component_charts(summary: Summary) -> list[Chart]:
    if not summary.components:
        return []
    additive = [item for item in summary.components if item.additive]
    categories = len({item.category for item in additive})
    return [
        Chart(
            "components",
            findings.component_finding(summary.components),
            "Mean time per component and category, stacked",
            figures.components_figure(summary.components) if additive else None,
            components_table(summary.components),
            "Means over the successful requests of the measured window, from the service's Server-Timing "
            "header. Components that overlap or lie inside others are in the table only.",
            height=130 + 62 * categories,
        )
    ]


def _shift_charts(summary: Summary) -> list[Chart]:
    additive = [step for step in summary.component_steps if step.additive]
    if not additive:
        return []
    order = list(summary.by_category)
    shifts = sorted(
        additive, key=lambda step: order.index(step.category) if step.category in order else len(order)
    )
    categories = list(dict.fromkeys(step.category for step in shifts))[:_MOST_CATEGORIES]
    drawn = [step for step in shifts if step.category in categories]
    return [
        Chart(
            "component-steps",
            findings.shift_finding(shifts),
            "Mean time per component and load step, stacked, by category",
            load_figures.component_steps_figure(drawn, additive_order(summary.components)),
            component_steps_table(shifts),
            "Means over the successful requests of each load step; one without the component counts as 0, so "
            "that a bar is the time inside the service. Each category has its own scale. The table has the "
            "intervals.",
            height=120 + 130 * len(categories),
        )
    ]


def _step_charts(summary: Summary, judgement: Judgement) -> list[Chart]:
    if not summary.steps:
        return []
    drawn = len(summary.steps) > 1
    limits = latency_limits(judgement.criteria)
    note = "Bars are 95 % intervals; a hollow marker means that n is too small for one."
    switched = " p50 and p95 of all requests can be switched on in the legend." if summary.by_category else ""
    found = judgement.capacity
    slo = None if found is None else found.slo
    finding = findings.throughput_finding(summary.steps)
    return [
        Chart(
            "load",
            f"{finding}. {findings.scaling_finding(summary.steps)}" if drawn else finding,
            f"Throughput, p95 response time and error rate against {load_unit(summary.steps)}",
            load_figures.load_figure(summary.steps, limits, slo) if drawn else None,
            steps_table(summary.steps),
            note + switched if drawn else "",
            height=560,
            remarks=capacity_words(summary.capacity, found, judgement.checks),
        )
    ]


def _series_charts(summary: Summary, manifest: Manifest) -> list[Chart]:
    if summary.series is None or not summary.series.at_s:
        return []
    series, every = thin(summary.series)
    short, table_every = thin(summary.series, _TABLE_POINTS)
    stretches = excluded_stretches(summary.window, manifest, max(summary.series.at_s))
    note = _shading_note(stretches)
    if every > 1:
        note += f" Each point stands for {every} s: rates are means, percentiles the highest of its seconds."
    return [
        Chart(
            "series",
            findings.series_finding(summary.series),
            "Users, throughput, errors and response times over the run",
            figures.series_figure(series, stretches, summary.window.pieces),
            series_table(short, table_every),
            note.strip(),
            height=520,
        )
    ]


def _shading_note(stretches: Sequence[Excluded]) -> str:
    if not stretches:
        return ""
    words = ", ".join(dict.fromkeys(stretch.word for stretch in stretches))
    return f"Shaded: outside the measured window ({words})."


def _error_tables(summary: Summary) -> list[Chart]:
    return [
        Chart(
            "errors",
            findings.error_finding(summary),
            "Failed requests by outcome and cause",
            None,
            errors_table(summary.errors),
        )
    ]


def _trend_charts(summary: Summary, judgement: Judgement, trend: Sequence[TrendPoint]) -> list[Chart]:
    points = with_run(trend, summary, overall(judgement))
    runs = {point.run_id for point in points}
    finding = findings.trend_finding(summary, trend, overall(judgement))
    changes = summary.trend_changes
    return [
        Chart(
            "trend",
            sentence_case(finding),
            "p95 response time over earlier runs of the scenario",
            figures.trend_figure(points, changes) if len(runs) > 1 else None,
            trend_table(points[::-1]),
            "Bars are 95 % intervals. What a change means is the regression verdict's to say."
            + (" Vertical lines: where a new level began." if changes else "")
            if len(runs) > 1
            else "",
            remarks=tuple(change_text(change) for change in changes),
        )
    ]
