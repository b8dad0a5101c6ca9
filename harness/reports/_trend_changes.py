"""A new level of the trend in words, and short enough to stand beside a line in the chart."""

from harness.analysis import TrendChange
from harness.reports._format import moment, quantity


def change_text(found: TrendChange) -> str:
    """What changed, by how much, since when."""
    change, moved = found.change, _moved(found)
    levels = f"{quantity(change.before.value, 'ms')} to {quantity(change.after.value, 'ms')}"
    return (
        f"p95 of {_who(found)}: {levels}{f' ({moved})' if moved else ''} since {moment(found.started_at)}, "
        f"run {found.run_id} (p = {change.p_value:.2g})"
    )


def change_short(found: TrendChange) -> str:
    """For the chart."""
    return f"{_who(found)} {_moved(found)}".strip()


def _who(found: TrendChange) -> str:
    return "all requests" if found.category == "all" else found.category


def _moved(found: TrendChange) -> str:
    percent = found.change.change_percent
    return "" if percent is None else f"{percent:+.0f} %"
