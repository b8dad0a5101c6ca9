"""What a run tells of the service over time: drift during a long hold, recovery from a sudden peak."""

from collections.abc import Callable, Sequence
from typing import Any

from harness.analysis import DriftFigure, LoadStep, Recovery
from harness.reports._format import NO_VALUE, count, duration, figure, number, quantity
from harness.reports._tables import Table, causes_words, table

_POINTS = "points"


def drift_table(drifts: Sequence[DriftFigure]) -> Table:
    """One row per quantity that was tested, or could not be."""
    return table(
        ["Quantity", "Of", "Found"],
        ["At the start", "Change", "p-value", "Over"],
        (
            [
                item.quantity,
                item.of,
                f"{item.verdict}: {item.reason}" if item.reason else item.verdict,
                figure(item.start) if item.start is not None else NO_VALUE,
                _change(item) if item.change is not None else NO_VALUE,
                NO_VALUE if item.p_value is None else f"{item.p_value:.2g}",
                duration(item.seconds),
            ]
            for item in drifts
        ),
    )


def drift_lines(drifts: Sequence[DriftFigure]) -> list[str]:
    """For the terminal: each quantity that drifts, else one line that says what was tested."""
    if not drifts:
        return []
    moving = [item for item in drifts if item.verdict in {"grows", "falls"}]
    lines = [
        f"Drift: {_subject(item)} {item.verdict} by {_change(item)} over {duration(item.seconds)}"
        for item in moving
    ]
    tested = sum(item.p_value is not None for item in drifts)
    if not moving:
        which = count(tested, "quantity", "quantities")
        lines.append(f"Drift: none in {duration(drifts[0].seconds)} of one load ({which} tested)")
    untested = [item for item in drifts if item.p_value is None]
    lines += [f"Drift of {_subject(item)}: {item.verdict} ({item.reason})" for item in untested]
    return lines


def recovery_lines(recovery: Recovery | None) -> list[str]:
    """One sentence: how long until p95 was back."""
    if recovery is None:
        return []
    after = f"Recovery after {recovery.peak_phase}"
    if recovery.time is None:
        return [f"{after}: not measured ({recovery.reason})"]
    goal = (
        f"p95 within {recovery.within_percent:g} % of {recovery.baseline_phase} "
        f"(below {quantity(recovery.limit_ms, 'ms')})"
    )
    if recovery.time.value is None:
        return [f"{after}: {goal} not reached within {duration(recovery.watched_s)}"]
    return [f"{after}: {goal} after {_seconds(recovery)}"]


def steps_rows(steps: Sequence[LoadStep]) -> list[tuple[str, ...]]:
    """For the terminal, the heading first: what each load step carried and what failed, by cause."""
    head = ("Step", "Load", "Requests", "Errors", "Error rate", "Mean", "p95", "Causes")
    return [head, *(_step_row(step) for step in steps)]


def endurance_document(
    drifts: Sequence[DriftFigure], recovery: Recovery | None, estimate: Callable[[Any], Any]
) -> dict[str, Any]:
    """For summary.json; `estimate` writes one figure."""
    return {
        "drifts": [
            {
                "quantity": item.quantity,
                "of": item.of,
                "phase": item.phase,
                "seconds": item.seconds,
                "start": estimate(item.start),
                "change": estimate(item.change),
                "p_value": item.p_value,
                "verdict": item.verdict,
                "reason": item.reason,
            }
            for item in drifts
        ],
        "recovery": None
        if recovery is None
        else {
            "baseline_phase": recovery.baseline_phase,
            "peak_phase": recovery.peak_phase,
            "recovery_phase": recovery.recovery_phase,
            "watched_s": recovery.watched_s,
            "within_percent": recovery.within_percent,
            "limit_ms": recovery.limit_ms,
            "time": estimate(recovery.time),
            "reason": recovery.reason,
        },
    }


def _step_row(step: LoadStep) -> tuple[str, ...]:
    group, load = step.group, str(step.users)
    if step.arrivals_per_s is not None:
        load = f"{number(step.arrivals_per_s)}/s"
    mean, p95 = (group.response_time.get(name) for name in ("mean", "p95"))
    return (
        step.phase,
        load,
        f"{group.requests:,}",
        f"{sum(step.errors_by_cause.values()):,}",
        quantity(group.error_rate.value, group.error_rate.unit),
        quantity(mean.value, mean.unit) if mean else NO_VALUE,
        quantity(p95.value, p95.unit) if p95 else NO_VALUE,
        causes_words(step),
    )


def _subject(item: DriftFigure) -> str:
    return item.quantity if item.of == "all" else f"{item.quantity} of {item.of}"


def _change(item: DriftFigure) -> str:
    assert item.change is not None, "only asked of what has a change"  # noqa: S101
    change, unit = item.change, " points" if item.change.unit == _POINTS else " %"
    if change.low is None or change.high is None:
        return f"{number(change.value)}{unit}"
    return f"{number(change.value)}{unit} [{number(change.low)}, {number(change.high)}]"


def _seconds(recovery: Recovery) -> str:
    time = recovery.time
    assert time is not None, "asked before"  # noqa: S101
    high = "" if time.high is None else number(time.high)
    ends = f"{number(time.low)}, {high}" if high else f"from {number(time.low)}"
    return f"{number(time.value)} s [{ends}]"
