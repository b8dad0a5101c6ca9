"""How long the load of a scenario lasts, by the plan of its shape. Pure."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from harness.schedule import SHAPES, ShapeOption

_TIME = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


def planned_seconds(shape: str | None, load: Mapping[str, Any]) -> float | None:
    """The length of a bundled shape's plan with these options, or Locust's run time; None without either.

    A shape that finds its load as it goes gives the longest way that it may take.

    >>> planned_seconds("shapes/concurrency_steps.py", {"levels": [10, 20], "hold_s": 30})
    62.0
    >>> planned_seconds(None, {"run_time": "1m30s"}), planned_seconds(None, {"users": 3})
    (90.0, None)
    """
    if shape is None:
        return _seconds(load.get("run_time") or load.get("t"))
    spec = SHAPES.get(PurePath(shape).stem)
    if spec is None:
        return None
    try:
        values = {option.name: _value(option, load) for option in spec.options}
        return spec.plan(values).duration_s
    except (ValueError, TypeError):
        return None  # the run says what is wrong with it


def _value(option: ShapeOption, load: Mapping[str, Any]) -> Any:
    given = load.get(option.name, option.default)
    if isinstance(given, list):
        given = ",".join(str(each) for each in given)
    return option.type(given)


def _seconds(text: Any) -> float | None:
    """Locust's run time (`300`, `20m`, `1h30m`) in seconds."""
    match = _TIME.fullmatch(str(text)) if text is not None else None
    if match is None or not any(match.groups()):
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(3600 * hours + 60 * minutes + seconds)
