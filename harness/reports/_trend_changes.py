"""Where in the trend the level of p95 changed, in words and as places for the chart."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis import TrendPoint
from harness.reports._format import moment, quantity
from harness.stats import change_points

#: Fewer runs say nothing of levels; as in `harness history`.
_FEWEST_RUNS = 10


@dataclass(slots=True, frozen=True)
class TrendChange:
    """`run_id` is the first run of a new level; `short` fits beside a line in a chart."""

    run_id: str
    short: str
    text: str


def trend_changes(points: Sequence[TrendPoint]) -> list[TrendChange]:
    """Change points of each category's p95 over the runs, which are in the order of time.

    A category with fewer than ten runs has none.
    """
    found = []
    for category in dict.fromkeys(point.category for point in points):
        runs = [
            (point, point.p95.value)
            for point in points
            if point.category == category and point.p95.value is not None
        ]
        changes = change_points([value for _, value in runs], unit="ms") if len(runs) >= _FEWEST_RUNS else ()
        for change in changes:
            point = runs[change.index][0]
            moved = "" if change.change_percent is None else f"{change.change_percent:+.0f} %"
            who = "all requests" if category == "all" else category
            levels = f"{quantity(change.before.value, 'ms')} to {quantity(change.after.value, 'ms')}"
            text = (
                f"p95 of {who}: {levels}{f' ({moved})' if moved else ''} since {moment(point.started_at)}, "
                f"run {point.run_id} (p = {change.p_value:.2g})"
            )
            found.append(TrendChange(point.run_id, f"{who} {moved}".strip(), text))
    return found
