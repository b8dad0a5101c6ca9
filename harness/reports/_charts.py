"""The charts of a report: each with its finding, its figure and the tables that say the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis import NOT_COMPARABLE, Summary, TrendPoint
from harness.reports import _figures as figures
from harness.reports import _findings as findings
from harness.reports._format import sentence_case
from harness.reports._limits import latency_limits
from harness.reports._tables import (
    Table,
    components_table,
    cumulative_table,
    errors_table,
    histogram_table,
    series_table,
    steps_table,
    trend_table,
)
from harness.reports._timeline import Excluded, excluded_stretches, thin
from harness.reports._words import overall
from harness.runs import Manifest
from harness.verdicts import Judgement

#: Points and seconds of the tables under the charts: enough to read, not to re-analyse.
_TABLE_POINTS = 30
_TREND_RUNS = 50


@dataclass(slots=True, frozen=True)
class Chart:
    """`figure` is Plotly JSON, or None where there is nothing to draw; `note` explains the drawing."""

    id: str
    finding: str
    label: str
    figure: str | None
    table: Table
    note: str = ""
    height: int = 340


def report_charts(
    summary: Summary, judgement: Judgement, manifest: Manifest, trend: Sequence[TrendPoint]
) -> dict[str, Chart]:
    """All charts by id; those without data are absent."""
    charts = [
        *_latency_charts(summary, judgement),
        *_component_charts(summary),
        *_step_charts(summary),
        *_series_charts(summary, manifest),
        *_error_tables(summary),
        *_trend_charts(summary, judgement, trend),
    ]
    return {chart.id: chart for chart in charts}


def _latency_charts(summary: Summary, judgement: Judgement) -> list[Chart]:
    histogram = summary.histogram
    if histogram is None or not any(sum(counts) for counts in histogram.counts.values()):
        return []
    limits = latency_limits(judgement.criteria)
    bins = len(histogram.edges_ms) - 1
    lines = "Vertical lines: target (dashed) and critical level (dotted) of each rule." if limits else ""
    return [
        Chart(
            "histogram",
            findings.latency_finding(summary),
            "Histogram of response times per category",
            figures.histogram_figure(histogram, limits),
            histogram_table(histogram.edges_ms, histogram.counts),
            f"{bins} bins over the measured window; each category adds up to 100 %. {lines}".strip(),
        ),
        Chart(
            "cumulative",
            findings.tail_finding(summary),
            "Cumulative distribution of response times per category",
            figures.cumulative_figure(histogram, limits),
            cumulative_table(histogram.edges_ms, histogram.counts),
        ),
    ]


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


def _step_charts(summary: Summary) -> list[Chart]:
    if not summary.steps:
        return []
    drawn = len(summary.steps) > 1
    note = "Bars are 95 % intervals; a hollow marker means that n is too small for one."
    return [
        Chart(
            "step-throughput",
            findings.throughput_finding(summary.steps),
            "Throughput against users",
            figures.step_throughput_figure(summary.steps) if drawn else None,
            steps_table(summary.steps),
            note if drawn else "",
        ),
        Chart(
            "step-latency",
            findings.scaling_finding(summary.steps),
            "p50 and p95 response time against users",
            figures.step_latency_figure(summary.steps) if drawn else None,
            steps_table(summary.steps),
            note + " Categories can be switched on in the legend." if drawn else "",
        ),
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
            figures.series_figure(series, stretches),
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
    points = _with_this_run(summary, judgement, trend)
    runs = {point.run_id for point in points}
    finding = findings.trend_finding(summary, trend, overall(judgement))
    return [
        Chart(
            "trend",
            sentence_case(finding),
            "p95 response time over earlier runs of the scenario",
            figures.trend_figure(points) if len(runs) > 1 else None,
            trend_table(points[::-1]),
            "Bars are 95 % intervals. What a change means is the regression verdict's to say."
            if len(runs) > 1
            else "",
        )
    ]


def _with_this_run(summary: Summary, judgement: Judgement, trend: Sequence[TrendPoint]) -> list[TrendPoint]:
    """Earlier runs and this one if it can be compared, oldest first, the last `_TREND_RUNS` of them."""
    points = [point for point in trend if point.run_id != summary.run_id]
    comparable = overall(judgement) not in NOT_COMPARABLE
    for label, group in (summary.by_category or {"all": summary.overall}).items() if comparable else ():
        p95 = group.response_time.get("p95")
        if p95 is not None:
            point = TrendPoint(summary.run_id, summary.started_at, label, p95, overall(judgement))
            points.append(point)
    order = list(summary.by_category)
    points.sort(key=lambda p: order.index(p.category) if p.category in order else len(order))
    points.sort(key=lambda point: (point.started_at, point.run_id))
    kept = set(list(dict.fromkeys(point.run_id for point in points))[-_TREND_RUNS:])
    return [point for point in points if point.run_id in kept]
