"""Charts against load: throughput, response time and errors per load step; components per load step."""

from collections.abc import Sequence
from typing import Any

from harness.analysis import ComponentStep, Group, LoadStep
from harness.reports._figure_parts import add_estimates, escaped, finished, patterned, rounded
from harness.reports._format import sentence_case
from harness.reports._limits import Limit
from harness.reports._load_units import load_unit, load_words, loads
from harness.reports._plotly_figure import Figure
from harness.reports._style import GREY, Look, look
from harness.stats import Estimate

#: All requests together, whatever their category.
_ALL = Look(GREY, "solid", "circle", "")
_THROUGHPUT, _LATENCY, _ERRORS = 1, 2, 3


def load_figure(steps: Sequence[LoadStep], limits: Sequence[Limit], capacity: Estimate | None = None) -> str:
    """Throughput, p95 response time and error rate against load, one above the other on one axis.

    Categories have their colours of the other charts; grey is all requests. p50 and p95 of all can be
    switched on in the legend where there are categories.
    """
    figure = Figure(row_heights=(0.3, 0.44, 0.26), gap=0.06)
    xs = _step_axis(steps)
    groups = [step.group for step in steps]
    for row, name, estimates in (
        (_THROUGHPUT, "throughput", [group.throughput for group in groups]),
        (_ERRORS, "error rate", [group.error_rate for group in groups]),
    ):
        add_estimates(figure, xs, estimates, name, _ALL, row=row, in_legend=False)
    labels = list(dict.fromkeys(label for step in steps for label in step.by_category))
    if len(labels) < 2:
        labels = []
    for index, label in enumerate(labels):
        p95 = [_time(step.by_category.get(label), "p95") for step in steps]
        add_estimates(figure, xs, p95, f"p95, {label}", look(index), row=_LATENCY)
    for name, style in (("p50", look(4)), ("p95", look(5))):
        visible = "legendonly" if labels else True
        times = [_time(group, name) for group in groups]
        add_estimates(figure, xs, times, f"{name} of all", style, row=_LATENCY, visible=visible)
    _add_levels(figure, limits, steps)
    if capacity is not None and capacity.value is not None and not _is_named(xs):
        _add_capacity(figure, capacity.value, capacity.unit, is_low=capacity.value < max(xs) / 2)
    for row, title in enumerate(("Throughput, req/s", "Response time, ms", "Error rate, %"), start=1):
        figure.update_yaxis(row, title={"text": title}, rangemode="tozero", nticks=5)
    for row in (_THROUGHPUT, _LATENCY, _ERRORS):
        figure.update_xaxis(row, **_ticks(xs))
    figure.update_xaxis(
        _ERRORS, title={"text": "Load step" if _is_named(xs) else sentence_case(load_unit(steps))}
    )
    return finished(figure, hovermode="x")


def component_steps_figure(steps: Sequence[ComponentStep], order: Sequence[str]) -> str:
    """Mean time per component, stacked, a bar per load step; one row per category.

    `order` is that of the component chart, so that both use the same colours.
    """
    categories = list(dict.fromkeys(step.category for step in steps))
    figure = Figure(row_heights=(1.0,) * len(categories), gap=0.3 / (1 + 2 * len(categories)))
    words, named = _step_words(steps), set[str]()
    for row, category in enumerate(categories, start=1):
        of_category = [step for step in steps if step.category == category]
        for index, name in enumerate(order):
            own = [step for step in of_category if step.component == name and step.mean.value]
            if own:
                figure.add_bar(
                    row=row,
                    x=[words[step.phase] for step in own],
                    y=[rounded(step.mean.value) for step in own],
                    name=escaped(name),
                    legendgroup=escaped(name),
                    legendrank=index + 1,
                    showlegend=name not in named,
                    marker=patterned(index),
                    hovertemplate="%{y:.0f} ms",
                )
                named.add(name)
        figure.update_yaxis(row, title={"text": f"{escaped(category)}, ms"}, rangemode="tozero", nticks=4)
    for row in range(1, len(categories) + 1):
        figure.update_xaxis(row, type="category", categoryorder="array", categoryarray=list(words.values()))
    figure.update_layout(barmode="stack", bargap=0.45, legend={"traceorder": "normal"})
    return finished(figure, hovermode="x")


def _step_words(steps: Sequence[ComponentStep]) -> dict[str, str]:
    """What each step's bar is called, by phase: `20 users`, or the phase where a load occurs twice."""
    words = {step.phase: load_words(step) for step in steps}
    return words if len(set(words.values())) == len(words) else {phase: escaped(phase) for phase in words}


def _step_axis(steps: Sequence[LoadStep]) -> list[Any]:
    """The load where each level occurs once, else the names of the steps."""
    levels = loads(steps)
    return list(levels) if len(set(levels)) == len(levels) else [escaped(step.phase) for step in steps]


def _add_levels(figure: Figure, limits: Sequence[Limit], steps: Sequence[LoadStep]) -> None:
    """A line across per limit that lies near what was measured."""
    groups = [group for step in steps for group in (step.group, *step.by_category.values())]
    times = [time.value for group in groups if (time := _time(group, "p95")) and time.value is not None]
    for limit in limits:
        if times and limit.at_ms <= 1.3 * max(times):
            figure.add_shape(
                type="line", xref="paper", yref="y2", x0=0, x1=1, y0=limit.at_ms, y1=limit.at_ms,
                line={"color": GREY, "width": 1.2, "dash": "dot" if limit.critical else "dash"},
            )  # fmt: skip
            figure.add_annotation(
                x=0, xref="paper", y=limit.at_ms, yref="y2", xanchor="left", yanchor="bottom",
                showarrow=False, text=escaped(limit.label), font={"size": 10},
            )  # fmt: skip


def _add_capacity(figure: Figure, load: float, unit: str, *, is_low: bool) -> None:
    """A line down all rows, its words on the side where there is more room."""
    figure.add_shape(
        type="line", xref="x3", yref="paper", x0=load, x1=load, y0=0, y1=1,
        line={"color": GREY, "width": 1.6, "dash": "longdashdot"},
    )  # fmt: skip
    figure.add_annotation(
        x=load, xref="x3", y=1, yref="paper", xanchor="left" if is_low else "right", yanchor="bottom",
        showarrow=False, text=f" capacity {load:g} {unit} ", font={"size": 10},
    )  # fmt: skip


def _ticks(xs: Sequence[Any]) -> dict[str, Any]:
    if _is_named(xs):
        return {"type": "category"}
    return {"tickvals": list(xs), "rangemode": "tozero"} if len(xs) <= 10 else {"rangemode": "tozero"}


def _is_named(xs: Sequence[Any]) -> bool:
    return bool(xs) and isinstance(xs[0], str)


def _time(group: Group | None, name: str) -> Estimate | None:
    return group.response_time.get(name) if group else None
