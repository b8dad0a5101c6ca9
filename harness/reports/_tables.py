"""Tables of a report as plain data: the HTML templates and the chart fallbacks render these.

Every cell is text, already rounded; escaping is the template's work.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis import ComponentStep, ComponentTime, ErrorGroup, Group, LoadStep, TimeSeries, TrendPoint
from harness.reports._format import NO_VALUE, figure, number, quantity
from harness.reports._load_units import load_words
from harness.stats import Estimate

#: Longer lists are cut, and the table says how many rows it left out; summary.json has them all.
MAX_ROWS = 60


@dataclass(slots=True, frozen=True)
class Column:
    title: str
    numeric: bool = True


@dataclass(slots=True, frozen=True)
class Table:
    """`omitted` counts rows that were cut because the table would be too long to read."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    omitted: int = 0


def table(texts: Sequence[str], numbers: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table with text columns first and numeric ones after them, cut at MAX_ROWS."""
    columns = tuple(Column(title, numeric=False) for title in texts) + tuple(map(Column, numbers))
    all_rows = tuple(tuple(row) for row in rows)
    return Table(columns, all_rows[:MAX_ROWS], max(0, len(all_rows) - MAX_ROWS))


def groups_table(first: str, groups: Mapping[str, Group]) -> Table:
    """One row per group: sizes, response times with intervals, rates."""
    return table(
        [first],
        ["Requests", "p50", "p95", "p99", "Mean", "Throughput", "Error rate"],
        ([label, *_group_cells(group)] for label, group in groups.items()),
    )


def steps_table(steps: Sequence[LoadStep]) -> Table:
    """One row per load step and category; `all` first. Where requests failed, by which cause.

    In an open loop with the arrivals/s that its users stand for.
    """
    failed = any(step.errors_by_cause for step in steps)
    is_open = any(step.arrivals_per_s is not None for step in steps)
    rows: list[list[str]] = []
    for step in steps:
        parts = {"all": step.group, **step.by_category} if len(step.by_category) > 1 else {"all": step.group}
        for label, group in parts.items():
            load = [str(step.users), *([number(step.arrivals_per_s)] if is_open else [])]
            cells = [step.phase, label, *load, number(step.seconds), *_group_cells(group)]
            rows.append([*cells, *([causes_words(step) if label == "all" else ""] if failed else [])])
    return table(
        ["Step", "Category"],
        [
            *("Users", *(["Arrivals/s"] if is_open else []), "Measured s", "Requests"),
            *("p50", "p95", "p99", "Mean", "Throughput", "Error rate"),
            *(["Errors by cause"] if failed else []),
        ],
        rows,
    )


def causes_words(step: LoadStep) -> str:
    """The failed requests of a step by cause, as `provider 12, service 3`."""
    return ", ".join(f"{cause} {n:,}" for cause, n in step.errors_by_cause.items())


def components_table(components: Sequence[ComponentTime]) -> Table:
    """One row per category and component; those that do not add up have no share."""
    return table(
        ["Category", "Component", "Adds up"],
        ["Share of total", "n", "Mean", "p50", "p95"],
        (
            [
                item.category,
                item.component,
                "yes" if item.additive else "no",
                NO_VALUE if item.share_percent is None else quantity(item.share_percent, "%"),
                _size(item.duration),
                *_quantiles(item.duration, "mean", "p50", "p95"),
            ]
            for item in components
        ),
    )


def component_steps_table(steps: Sequence[ComponentStep]) -> Table:
    """One row per category and component, one column of means per load step."""
    columns = {step.phase: f"{step.phase}, {load_words(step)}" for step in steps}
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for step in steps:
        rows.setdefault((step.category, step.component), {})[step.phase] = figure(step.mean)
    return table(
        ["Category", "Component"],
        list(columns.values()),
        ([*key, *(cells.get(phase, NO_VALUE) for phase in columns)] for key, cells in rows.items()),
    )


def errors_table(errors: Sequence[ErrorGroup]) -> Table:
    ordered = sorted(errors, key=lambda error: -error.count)
    return table(
        ["Outcome", "Cause", "Request", "Error"],
        ["Count"],
        ([error.outcome, error.cause, error.name, error.error, f"{error.count:,}"] for error in ordered),
    )


def histogram_table(edges_ms: Sequence[float], counts: Mapping[str, Sequence[int]]) -> Table:
    """Counts per bin; bins that are empty in every category are left out."""
    labels = list(counts)
    rows = [
        [
            f"{number(edges_ms[i])} to {number(edges_ms[i + 1])} ms",
            *(f"{counts[label][i]:,}" for label in labels),
        ]
        for i in range(len(edges_ms) - 1)
        if any(counts[label][i] for label in labels)
    ]
    return table(["Response time"], labels, rows)


def cumulative_table(edges_ms: Sequence[float], counts: Mapping[str, Sequence[int]]) -> Table:
    """Share of requests at or below each edge, thinned to what one can read."""
    labels = [label for label in counts if sum(counts[label])]
    every = max(1, (len(edges_ms) - 1) // 20)
    rows = [
        [
            f"{number(edges_ms[i])} ms",
            *(quantity(100 * sum(counts[label][:i]) / sum(counts[label]), "%") for label in labels),
        ]
        for i in range(every, len(edges_ms), every)
    ]
    return table(["Response time at most"], labels, rows)


def series_table(series: TimeSeries, every_s: int) -> Table:
    """The run in stretches of `every_s` seconds: mean rates, the highest percentile of each stretch."""
    columns = [
        "Users",
        "Throughput, 1/s",
        "Errors, 1/s",
        "p50, ms" if every_s == 1 else "Highest p50, ms",
        "p95, ms" if every_s == 1 else "Highest p95, ms",
    ]
    values = (series.users, series.throughput_per_s, series.errors_per_s, series.p50_ms, series.p95_ms)
    rows = [
        [number(at), *(number(value) for value in row)] for at, *row in zip(series.at_s, *values, strict=True)
    ]
    return table(["From second"], columns, rows)


def trend_table(points: Sequence[TrendPoint]) -> Table:
    return table(
        ["Started", "Run", "Category", "Verdict"],
        ["p95 response time", "n"],
        (
            [
                point.started_at,
                point.run_id,
                point.category,
                point.verdict,
                figure(point.p95),
                f"{point.p95.n:,}",
            ]
            for point in points
        ),
    )


def _group_cells(group: Group) -> list[str]:
    return [
        f"{group.requests:,}",
        *_quantiles(group.response_time, "p50", "p95", "p99", "mean"),
        figure(group.throughput),
        figure(group.error_rate),
    ]


def _quantiles(estimates: Mapping[str, Estimate], *names: str) -> list[str]:
    return [figure(estimates[name]) if name in estimates else NO_VALUE for name in names]


def _size(estimates: Mapping[str, Estimate]) -> str:
    return f"{max((estimate.n for estimate in estimates.values()), default=0):,}"
