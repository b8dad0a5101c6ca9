"""Charts as Plotly JSON. Small: no template, no NumPy arrays, lists thinned before they come here.

Labels come from outside and Plotly reads a few HTML tags in them, so each is escaped.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from harness.analysis import ComponentTime, Histogram, TimeSeries, TrendChange, TrendPoint, WindowPiece
from harness.reports._figure_parts import add_estimates, escaped, finished, patterned, rounded
from harness.reports._limits import Limit
from harness.reports._order import additive_order
from harness.reports._plotly_figure import Figure
from harness.reports._style import GREY, SHADE, Look, look
from harness.reports._timeline import Excluded
from harness.reports._trend_changes import change_short

#: More names than this would cover each other.
_MOST_NAMED_PIECES = 6


def histogram_figure(histogram: Histogram, limits: Sequence[Limit], base: Histogram | None = None) -> str:
    """Share of each label's requests per bin, as steps; those of the base as thin lines without a fill."""
    figure = Figure()
    for index, label, counts, of_base in _labelled(histogram, base):
        total = sum(counts)
        if not total:
            continue
        shares = [100 * count / total for count in counts]
        figure.add_scatter(
            x=list(histogram.edges_ms),
            y=[*shares, shares[-1]],
            name=_name(label, of_base),
            line={"shape": "hv", **_line(index, of_base)},
            fill="none" if of_base else "tozeroy",
            fillcolor=look(index).faint,
            hovertemplate="from %{x:.0f} ms: %{y:.1f} %",
            mode="lines",
        )
    _add_limits(figure, limits, histogram.edges_ms)
    return finished(
        figure, x=_ms_axis(histogram), y={"title": {"text": "Share of requests, %"}, "rangemode": "tozero"}
    )


def cumulative_figure(histogram: Histogram, limits: Sequence[Limit], base: Histogram | None = None) -> str:
    """Share of each label's requests that arrived within x ms; those of the base as thin lines."""
    figure = Figure()
    for index, label, counts, of_base in _labelled(histogram, base):
        total = sum(counts)
        if not total:
            continue
        reached = 0
        shares = [0.0]
        for count in counts:
            reached += count
            shares.append(100 * reached / total)
        figure.add_scatter(
            x=list(histogram.edges_ms),
            y=shares,
            name=_name(label, of_base),
            line=_line(index, of_base),
            hovertemplate="%{y:.1f} % within %{x:.0f} ms",
            mode="lines",
        )
    _add_limits(figure, limits, histogram.edges_ms)
    return finished(
        figure,
        x=_ms_axis(histogram),
        y={"title": {"text": "Arrived within, %"}, "range": [0, 102], "tickvals": [0, 25, 50, 75, 95]},
    )


def _labelled(histogram: Histogram, base: Histogram | None) -> Iterator[tuple[int, str, Sequence[int], bool]]:
    """Place, label and counts of this run, with those of the base after each."""
    for index, (label, counts) in enumerate(histogram.counts.items()):
        yield index, label, counts, False
        if base is not None and label in base.counts:
            yield index, label, base.counts[label], True


def _name(label: str, of_base: bool) -> str:
    return escaped(f"{label}, base" if of_base else label)


def _line(index: int, of_base: bool) -> dict[str, Any]:
    style = look(index)
    return {"color": style.colour, "dash": "solid" if of_base else style.dash, "width": 1 if of_base else 2.4}


def components_figure(components: Sequence[ComponentTime]) -> str:
    """Mean time per additive component, stacked, one bar per category."""
    additive = [item for item in components if item.additive]
    categories = list(dict.fromkeys(item.category for item in additive))
    figure = Figure()
    for index, name in enumerate(additive_order(components)):
        of_category = {item.category: _mean(item) for item in additive if item.component == name}
        figure.add_bar(
            orientation="h",
            y=[escaped(category) for category in categories],
            x=[of_category.get(category) for category in categories],
            name=escaped(name),
            marker=patterned(index),
            hovertemplate="%{x:.0f} ms",
        )
    figure.update_layout(barmode="stack", bargap=0.35, legend={"traceorder": "normal"})
    return finished(
        figure,
        x={"title": {"text": "Mean time, ms"}, "rangemode": "tozero"},
        y={"autorange": "reversed", "automargin": True},
        hovermode="closest",
    )


def series_figure(
    series: TimeSeries, excluded: Sequence[Excluded], pieces: Sequence[WindowPiece] = ()
) -> str:
    """Users, rates and response times over the run, one above the other on one time axis.

    What is `excluded` from the measured window is shaded; its `pieces` are named at the bottom.
    """
    figure = Figure(row_heights=(0.2, 0.36, 0.44), gap=0.07)
    lines = (
        (1, "users", series.users, Look(GREY, "solid", "circle", "")),
        (2, "throughput", series.throughput_per_s, look(0)),
        (2, "errors", series.errors_per_s, look(2)),
        (3, "p50", series.p50_ms, look(3)),
        (3, "p95", series.p95_ms, look(1)),
    )
    for row, name, values, style in lines:
        figure.add_scatter(
            x=list(series.at_s),
            y=[rounded(value) for value in values],
            name=name,
            mode="lines",
            line={
                "color": style.colour,
                "dash": style.dash,
                "width": 1.6,
                "shape": "hv" if row == 1 else "linear",
            },
            hovertemplate="%{y:.4~g}",
            row=row,
        )
    for stretch in excluded:
        figure.add_shape(
            type="rect", xref="x", yref="paper", x0=stretch.start_s, x1=stretch.end_s, y0=0, y1=1,
            fillcolor=SHADE, line={"width": 0}, layer="below",
        )  # fmt: skip
    for piece in pieces if len(pieces) <= _MOST_NAMED_PIECES else ():
        figure.add_annotation(
            x=(piece.start_s + piece.end_s) / 2, xref="x", y=0, yref="paper", yanchor="bottom",
            showarrow=False, text=escaped(piece.phase), font={"size": 10},
        )  # fmt: skip
    for row, title in enumerate(("Users", "Per second", "Response time, ms"), start=1):
        figure.update_yaxis(row, title={"text": title}, rangemode="tozero", nticks=5)
    figure.update_xaxis(3, title={"text": "Seconds since the start"})
    return finished(figure, hovermode="x unified")


def trend_figure(points: Sequence[TrendPoint], changes: Sequence[TrendChange] = ()) -> str:
    """p95 response time per category over the runs, oldest first; a line where a level began."""
    figure = Figure()
    runs = list(dict.fromkeys((point.run_id, point.started_at) for point in points))
    for index, category in enumerate(dict.fromkeys(point.category for point in points)):
        of_category = [point for point in points if point.category == category]
        xs = [escaped(point.run_id) for point in of_category]
        add_estimates(figure, xs, [point.p95 for point in of_category], category, look(index))
    for change in changes:
        at = [run_id for run_id, _ in runs].index(change.run_id) - 0.5
        figure.add_shape(
            type="line", xref="x", yref="paper", x0=at, x1=at, y0=0, y1=1,
            line={"color": GREY, "width": 1.4, "dash": "dash"},
        )  # fmt: skip
        figure.add_annotation(
            x=at, xref="x", y=1, yref="paper", yanchor="top", xanchor="right", textangle=-90,
            showarrow=False, text=escaped(change_short(change)), font={"size": 10},
        )  # fmt: skip
    ticks = [(escaped(run_id), started_at[:16].replace("T", " ")) for run_id, started_at in runs]
    every = -(-len(ticks) // 8)
    axis = {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [value for value, _ in ticks],
        "tickvals": [value for value, _ in ticks[::-1][::every]],
        "ticktext": [text for _, text in ticks[::-1][::every]],
        "automargin": True,
    }
    return finished(
        figure, x=axis, y={"title": {"text": "p95 response time, ms"}, "rangemode": "tozero"}, hovermode="x"
    )


def _add_limits(figure: Figure, limits: Sequence[Limit], edges_ms: Sequence[float]) -> None:
    """A vertical line per limit within the picture, targets dashed and critical levels dotted.

    On a logarithmic axis Plotly places shapes by value but annotations by exponent.
    """
    place = math.log10 if _is_logarithmic(edges_ms) else float
    seen = [limit for limit in limits if edges_ms[0] <= limit.at_ms <= 1.2 * edges_ms[-1]]
    for limit in seen:
        figure.add_shape(
            type="line", xref="x", yref="paper", x0=limit.at_ms, x1=limit.at_ms, y0=0, y1=1,
            line={"color": GREY, "width": 1.4, "dash": "dot" if limit.critical else "dash"},
        )  # fmt: skip
        figure.add_annotation(
            x=place(limit.at_ms), xref="x", y=1, yref="paper", yanchor="top", xanchor="right", textangle=-90,
            showarrow=False, text=escaped(limit.label), font={"size": 10},
        )  # fmt: skip


def _is_logarithmic(edges_ms: Sequence[float]) -> bool:
    """Whether the bins are spaced by a factor, and not by a step."""
    return edges_ms[0] > 0 and edges_ms[-1] - edges_ms[-2] > 3 * (edges_ms[1] - edges_ms[0])


def _ms_axis(histogram: Histogram) -> dict[str, Any]:
    """Logarithmic where the bins are, with ticks at 1, 2 and 5 times powers of ten."""
    edges = histogram.edges_ms
    axis: dict[str, Any] = {"title": {"text": "Response time, ms"}}
    if not _is_logarithmic(edges):
        return {**axis, "rangemode": "tozero"}
    powers = range(math.floor(math.log10(edges[0])), math.ceil(math.log10(edges[-1])) + 1)
    factors = (1, 2, 5) if len(powers) <= 4 else (1,)
    ticks = [factor * 10.0**power for power in powers for factor in factors]
    return {**axis, "type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _mean(item: ComponentTime) -> float | None:
    mean = item.duration.get("mean")
    return rounded(mean.value) if mean else None
