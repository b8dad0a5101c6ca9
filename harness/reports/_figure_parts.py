"""What every chart is made of: lines with intervals, rounding, escaping, the common layout."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from harness.reports._plotly_figure import Figure
from harness.reports._style import Look, look
from harness.stats import Estimate

_MARGIN = {"l": 60, "r": 16, "t": 16, "b": 48}
_LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}


def add_estimates(
    figure: Figure,
    xs: Sequence[Any],
    estimates: Sequence[Estimate | None],
    name: str,
    style: Look,
    *,
    row: int | None = None,
    visible: bool | str = True,
    in_legend: bool = True,
) -> None:
    """A line with interval bars; a marker is hollow where the sample is too small for an interval."""
    known = [
        (x, e, e.value) for x, e in zip(xs, estimates, strict=True) if e is not None and e.value is not None
    ]
    figure.add_scatter(
        x=[x for x, _, _ in known],
        y=[rounded(value) for _, _, value in known],
        error_y=_bars([(e, value) for _, e, value in known]),
        name=escaped(name),
        mode="lines+markers",
        line={"color": style.colour, "dash": style.dash, "width": 2},
        marker={
            "size": 9,
            "symbol": [style.symbol if e.is_bounded else f"{style.symbol}-open" for _, e, _ in known],
        },
        text=["" if e.is_bounded else " (n too small)" for _, e, _ in known],
        hovertemplate="%{y:.4~g}%{text}",
        visible=visible,
        showlegend=in_legend,
        row=row,
    )


def _bars(known: Sequence[tuple[Estimate, float]]) -> dict[str, Any]:
    """To the ends of the intervals; of no length on a side that is not bounded."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [rounded((value if e.high is None else e.high) - value) for e, value in known],
        "arrayminus": [rounded(value - (value if e.low is None else e.low)) for e, value in known],
        "thickness": 1.4,
        "width": 4,
    }


def patterned(index: int) -> dict[str, Any]:
    """The marker of the index-th kind of bar: never told apart by colour alone."""
    return {
        "color": look(index).colour,
        "pattern": {
            "shape": look(index).pattern,
            "fillmode": "overlay",
            "fgcolor": "rgba(255, 255, 255, 0.6)",
            "solidity": 0.2,
            "size": 7,
        },
    }


def rounded(value: float | None) -> float | None:
    """Five significant digits: no eye sees more, and the page stays small."""
    return None if value is None else float(f"{value:.5g}")


def escaped(label: str) -> str:
    return html.escape(label, quote=False)


def finished(
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
