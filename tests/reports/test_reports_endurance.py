"""Drift, recovery and stress steps in words. Oracle: the sentences themselves."""

from dataclasses import replace

import pytest

from harness.analysis import DriftFigure, Recovery
from harness.reports._endurance import drift_lines, recovery_lines
from harness.reports._tables import steps_table
from harness.stats import Estimate
from tests.reports.samples import full


def _drift(verdict: str, p_value: float | None, reason: str = "") -> DriftFigure:
    change = None if p_value is None else Estimate(30.25, 24.0, 36.0, 900, "slope", "%")
    return DriftFigure("memory", "target", "20-users", 5400.0, None, change, p_value, verdict, reason)


@pytest.mark.parametrize(
    ("drifts", "lines"),
    [
        pytest.param([], [], id="not tested"),
        pytest.param(
            [_drift("grows", 1e-6), _drift("steady", 0.4)],
            ["Drift: memory of target grows by 30.2 % [24, 36] over 1 h 30 min"],
            id="a leak",
        ),
        pytest.param(
            [_drift("steady", 0.4), _drift("too little data", None, "told 2 times, 10 are needed")],
            [
                "Drift: none in 1 h 30 min of one load (1 quantity tested)",
                "Drift of memory of target: too little data (told 2 times, 10 are needed)",
            ],
            id="none",
        ),
    ],
)
def test_drift_in_the_terminal(drifts: list[DriftFigure], lines: list[str]) -> None:
    assert drift_lines(drifts) == lines


def _recovery(time: Estimate | None, reason: str = "") -> Recovery:
    return Recovery("10-users", "100-users", "10-users-2", 120.0, 25.0, 625.0, time, reason)


def _seconds(value: float | None, low: float, high: float | None) -> Estimate:
    return Estimate(value, low, high, 1000, "first window", "s")


@pytest.mark.parametrize(
    ("recovery", "line"),
    [
        pytest.param(
            _recovery(_seconds(12.5, 8.0, 17.0)),
            "p95 within 25 % of 10-users (below 625 ms) after 12.5 s [8, 17]",
            id="back",
        ),
        pytest.param(
            _recovery(_seconds(110.0, 90.0, None)),
            "p95 within 25 % of 10-users (below 625 ms) after 110 s [from 90]",
            id="back, hardly",
        ),
        pytest.param(
            _recovery(_seconds(None, 118.0, None)),
            "p95 within 25 % of 10-users (below 625 ms) not reached within 2 min",
            id="not back",
        ),
        pytest.param(_recovery(None, "too few requests"), "not measured (too few requests)", id="unknown"),
    ],
)
def test_recovery_in_a_sentence(recovery: Recovery, line: str) -> None:
    assert recovery_lines(recovery) == [f"Recovery after 100-users: {line}"]


def test_no_peak_no_sentence() -> None:
    assert recovery_lines(None) == []


def test_the_steps_of_an_open_loop_have_their_arrivals() -> None:
    """Two users who stand for 2.5 arrivals/s each; of a closed loop there is no such column."""
    steps = [replace(step, users=2, arrivals_per_s=5.0) for step in full().summary.steps]
    table = steps_table(steps)
    titles = [column.title for column in table.columns]
    assert titles[2:5] == ["Users", "Arrivals/s", "Measured s"]
    assert {row[2:4] for row in table.rows} == {("2", "5")}
    assert {len(row) for row in table.rows} == {len(titles)}
    assert "Arrivals/s" not in [column.title for column in steps_table(full().summary.steps).columns]
