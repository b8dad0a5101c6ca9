"""A figure as the JSON that Plotly draws, without importing Plotly's Python side.

That takes longer than all figures of a report, because it checks every property of every trace. The
tests do the checking: they load each figure with Plotly.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


class Figure:
    """Traces and layout as plain dictionaries; methods are named as in `plotly.graph_objects`.

    With `row_heights` (shares, from the top) there are as many plots above each other on one x axis,
    `gap` apart, as a share of the height.
    """

    def __init__(self, row_heights: Sequence[float] = (), gap: float = 0.0) -> None:
        self._data: list[dict[str, Any]] = []
        self._layout: dict[str, Any] = {"template": {}}
        self._rows = len(row_heights)
        unit = (1 - gap * (self._rows - 1)) / sum(row_heights) if row_heights else 0.0
        top = 1.0
        for row, height in enumerate(row_heights, start=1):
            bottom = max(top - height * unit, 0.0)
            shared = {"matches": f"x{self._rows}", "showticklabels": False} if row < self._rows else {}
            self._layout[_axis("x", row)] = {"anchor": f"y{_number(row)}", "domain": [0.0, 1.0], **shared}
            self._layout[_axis("y", row)] = {"anchor": f"x{_number(row)}", "domain": [bottom, top]}
            top = bottom - gap

    def add_scatter(self, row: int | None = None, **trace: Any) -> None:
        self._add("scatter", row, trace)

    def add_bar(self, row: int | None = None, **trace: Any) -> None:
        self._add("bar", row, trace)

    def add_shape(self, **shape: Any) -> None:
        self._layout.setdefault("shapes", []).append(shape)

    def add_annotation(self, **annotation: Any) -> None:
        self._layout.setdefault("annotations", []).append(annotation)

    def update_layout(self, **layout: Any) -> None:
        """Merge into the layout, dictionaries within dictionaries too."""
        _merge(self._layout, layout)

    def update_xaxis(self, row: int = 1, **axis: Any) -> None:
        _merge(self._layout, {_axis("x", row): axis})

    def update_yaxis(self, row: int = 1, **axis: Any) -> None:
        _merge(self._layout, {_axis("y", row): axis})

    def to_json(self) -> str:
        """One line; null for what is not finite, as JSON has no word for it."""
        figure = _finite({"data": self._data, "layout": self._layout})
        return json.dumps(figure, separators=(",", ":"), allow_nan=False, ensure_ascii=False)

    def _add(self, kind: str, row: int | None, trace: dict[str, Any]) -> None:
        axes = {} if row is None else {"xaxis": f"x{_number(row)}", "yaxis": f"y{_number(row)}"}
        self._data.append({"type": kind, **trace, **axes})


def _axis(letter: str, row: int) -> str:
    return f"{letter}axis{_number(row)}"


def _number(row: int) -> str:
    return "" if row == 1 else str(row)


def _merge(into: dict[str, Any], update: Mapping[str, Any]) -> None:
    for key, value in update.items():
        if isinstance(value, Mapping):
            own = into.setdefault(key, {})
            _merge(own, value)
        else:
            into[key] = value


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value
