"""Charts as Plotly JSON. Small: no template, no NumPy arrays, lists thinned before they come here.

Labels come from outside and Plotly reads a few HTML tags in them, so each is escaped.
"""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis import ComponentTime, Group, Histogram, LoadStep, TimeSeries, TrendPoint
from harness.reports._limits import Limit
from harness.reports._order import additive_order
from harness.reports._plotly_figure import Figure
from harness.reports._style import GREY, SHADE, Look, look
from harness.reports._timeline import Excluded
from harness.stats import Estimate

_MARGIN = {"l": 60, "r": 16, "t": 16, "b": 48}
_LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}


def histogram_figure(histogram: Histogram, limits: Sequence[Limit]) -> str:
    """Share of each label's requests per bin, as steps."""
    figure = Figure()
    for index, (label, counts) in enumerate(histogram.counts.items()):
        total = sum(counts)
        if not total:
            continue
        shares = [100 * count / total for count in counts]
        figure.add_scatter(
            x=list(histogram.edges_ms),
            y=[*shares, shares[-1]],
            name=_text(label),
            line={"shape": "hv", "color": look(index).colour, "dash": look(index).dash, "width": 2},
            fill="tozeroy",
            fillcolor=look(index).faint,
            hovertemplate="from %{x:.0f} ms: %{y:.1f} %",
            mode="lines",
        )
    _add_limits(figure, limits, histogram.edges_ms)
    return _json(
        figure, x=_ms_axis(histogram), y={"title": {"text": "Share of requests, %"}, "rangemode": "tozero"}
    )


def cumulative_figure(histogram: Histogram, limits: Sequence[Limit]) -> str:
    """Share of each label's requests that arrived within x ms."""
    figure = Figure()
    for index, (label, counts) in enumerate(histogram.counts.items()):
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
            name=_text(label),
            line={"color": look(index).colour, "dash": look(index).dash, "width": 2},
            hovertemplate="%{y:.1f} % within %{x:.0f} ms",
            mode="lines",
        )
    _add_limits(figure, limits, histogram.edges_ms)
    return _json(
        figure,
        x=_ms_axis(histogram),
        y={"title": {"text": "Arrived within, %"}, "range": [0, 102], "tickvals": [0, 25, 50, 75, 95]},
    )


def components_figure(components: Sequence[ComponentTime]) -> str:
    """Mean time per additive component, stacked, one bar per category."""
    additive = [item for item in components if item.additive]
    categories = list(dict.fromkeys(item.category for item in additive))
    figure = Figure()
    for index, name in enumerate(additive_order(components)):
        of_category = {item.category: _mean(item) for item in additive if item.component == name}
        figure.add_bar(
            orientation="h",
            y=[_text(category) for category in categories],
            x=[of_category.get(category) for category in categories],
            name=_text(name),
            marker={
                "color": look(index).colour,
                "pattern": {
                    "shape": look(index).pattern,
                    "fillmode": "overlay",
                    "fgcolor": "rgba(255, 255, 255, 0.6)",
                    "solidity": 0.2,
                    "size": 7,
                },
            },
            hovertemplate="%{x:.0f} ms",
        )
    figure.update_layout(barmode="stack", bargap=0.35, legend={"traceorder": "normal"})
    return _json(
        figure,
        x={"title": {"text": "Mean time, ms"}, "rangemode": "tozero"},
        y={"autorange": "reversed", "automargin": True},
        hovermode="closest",
    )


def step_throughput_figure(steps: Sequence[LoadStep]) -> str:
    figure = Figure()
    _add_estimates(
        figure, _step_axis(steps), [step.group.throughput for step in steps], "throughput", look(0)
    )
    y = {"title": {"text": "Throughput, req/s"}, "rangemode": "tozero"}
    return _json(figure, x={"title": {"text": "Users"}, **_step_ticks(steps)}, y=y, hovermode="x")


def step_latency_figure(steps: Sequence[LoadStep]) -> str:
    """p50 and p95 of all requests against users; the categories' p95 can be switched on in the legend."""
    figure = Figure()
    xs = _step_axis(steps)
    for index, name in enumerate(("p50", "p95")):
        _add_estimates(figure, xs, [_get(step.group, name) for step in steps], f"{name} of all", look(index))
    labels = dict.fromkeys(label for step in steps for label in step.by_category)
    for index, label in enumerate(labels if len(labels) > 1 else ()):
        estimates = [_get(step.by_category.get(label), "p95") for step in steps]
        _add_estimates(figure, xs, estimates, f"p95 of {label}", look(index + 2), visible="legendonly")
    y = {"title": {"text": "Response time, ms"}, "rangemode": "tozero"}
    return _json(figure, x={"title": {"text": "Users"}, **_step_ticks(steps)}, y=y, hovermode="x")


def series_figure(series: TimeSeries, excluded: Sequence[Excluded]) -> str:
    """Users, rates and response times over the run, one above the other on one time axis."""
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
            y=[_rounded(value) for value in values],
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
    for row, title in enumerate(("Users", "Per second", "Response time, ms"), start=1):
        figure.update_yaxis(row, title={"text": title}, rangemode="tozero", nticks=5)
    figure.update_xaxis(3, title={"text": "Seconds since the start"})
    return _json(figure, hovermode="x unified")


def trend_figure(points: Sequence[TrendPoint]) -> str:
    """p95 response time per category over the runs, oldest first."""
    figure = Figure()
    runs = list(dict.fromkeys((point.run_id, point.started_at) for point in points))
    for index, category in enumerate(dict.fromkeys(point.category for point in points)):
        of_category = [point for point in points if point.category == category]
        xs = [_text(point.run_id) for point in of_category]
        _add_estimates(figure, xs, [point.p95 for point in of_category], category, look(index))
    ticks = [(_text(run_id), started_at[:16].replace("T", " ")) for run_id, started_at in runs]
    every = -(-len(ticks) // 8)
    axis = {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [value for value, _ in ticks],
        "tickvals": [value for value, _ in ticks[::-1][::every]],
        "ticktext": [text for _, text in ticks[::-1][::every]],
        "automargin": True,
    }
    return _json(
        figure, x=axis, y={"title": {"text": "p95 response time, ms"}, "rangemode": "tozero"}, hovermode="x"
    )


def _add_estimates(
    figure: Figure,
    xs: Sequence[Any],
    estimates: Sequence[Estimate | None],
    name: str,
    style: Look,
    *,
    visible: bool | str = True,
) -> None:
    """A line with interval bars; a marker is hollow where the sample is too small for an interval."""
    known = [
        (x, e, e.value) for x, e in zip(xs, estimates, strict=True) if e is not None and e.value is not None
    ]
    bounds = [
        (e.low if e.low is not None else v, v, e.high if e.high is not None else v) for _, e, v in known
    ]
    figure.add_scatter(
        x=[x for x, _, _ in known],
        y=[_rounded(value) for _, _, value in known],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [_rounded(high - value) for _, value, high in bounds],
            "arrayminus": [_rounded(value - low) for low, value, _ in bounds],
            "thickness": 1.4,
            "width": 4,
        },
        name=_text(name),
        mode="lines+markers",
        line={"color": style.colour, "dash": style.dash, "width": 2},
        marker={
            "size": 9,
            "symbol": [style.symbol if e.is_bounded else f"{style.symbol}-open" for _, e, _ in known],
        },
        text=["" if e.is_bounded else " (n too small)" for _, e, _ in known],
        hovertemplate="%{y:.4~g}%{text}",
        visible=visible,
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
            showarrow=False, text=_text(limit.label), font={"size": 10},
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


def _step_axis(steps: Sequence[LoadStep]) -> list[Any]:
    """Users where each load level occurs once, else the names of the steps."""
    users = [step.users for step in steps]
    return users if len(set(users)) == len(users) else [_text(step.phase) for step in steps]


def _step_ticks(steps: Sequence[LoadStep]) -> dict[str, Any]:
    values = _step_axis(steps)
    if values and isinstance(values[0], str):
        return {"type": "category", "title": {"text": "Load step"}}
    return {"tickvals": values, "rangemode": "tozero"} if len(values) <= 10 else {"rangemode": "tozero"}


def _get(group: Group | None, name: str) -> Estimate | None:
    return group.response_time.get(name) if group else None


def _mean(item: ComponentTime) -> float | None:
    mean = item.duration.get("mean")
    return _rounded(mean.value) if mean else None


def _rounded(value: float | None) -> float | None:
    """Five significant digits: no eye sees more, and the page stays small."""
    return None if value is None else float(f"{value:.5g}")


def _text(label: str) -> str:
    return html.escape(label, quote=False)


def _json(
    figure: Figure,
    *,
    x: Mapping[str, Any] | None = None,
    y: Mapping[str, Any] | None = None,
    hovermode: str = "x unified",
) -> str:
    figure.update_layout(margin=_MARGIN, legend=_LEGEND, hovermode=hovermode, uirevision="keep")
    if x:
        figure.update_xaxis(**x)
    if y:
        figure.update_yaxis(**y)
    return figure.to_json()
