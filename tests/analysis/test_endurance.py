"""Drift and recovery of recorded runs. Oracle: what was planted, second by second."""

from pathlib import Path
from typing import Any

import pytest

from harness.analysis import Recovery, Summary, summarise
from harness.runs import Run, open_run
from tests.support.recorded_runs import Row, one_hold, phase, request, resource, write_run


def _write(folder: Path, rows: list[Row], shape: str | None = None, **options: Any) -> Run:
    run = write_run(folder, rows, **options)
    if shape is not None:
        scenario = run.manifest.scenario.model_copy(update={"load": {"shape_class": shape}})
        manifest = run.manifest.model_copy(update={"scenario": scenario})
        (run.path / "manifest.json").write_text(manifest.model_dump_json())
        return open_run(run.path)
    return run


def _steady(seconds: int, per_s: int = 10, took_ms: float = 100.0) -> list[Row]:
    """Response times that go round: 100, 101, ... 106, 100 ms."""
    return [request(i / per_s, took_ms + i % 7) for i in range(seconds * per_s)]


def _drifts(summary: Summary) -> dict[tuple[str, str], str]:
    return {(item.quantity, item.of): item.verdict for item in summary.drifts}


def test_a_short_hold_is_not_tested_unless_it_is_a_soak(tmp_path: Path) -> None:
    rows, phases = _steady(60), one_hold(60)
    assert summarise(_write(tmp_path / "a", rows, phases=phases)).drifts == ()
    soak = summarise(_write(tmp_path / "b", rows, "Soak", phases=phases))
    assert _drifts(soak) == {("p95 response time", "simple"): "steady", ("error rate", "all"): "steady"}


def test_a_planted_slow_down_and_a_leak_are_found_and_told(tmp_path: Path) -> None:
    """Twice as slow and half as much memory again by the end of the minute that is tested."""
    rows = [request(i / 10, (100 + i % 7) * (1 + i / 800)) for i in range(800)]
    told = [resource(second, memory_bytes=1_000_000 + 10_000 * second) for second in range(80)]
    summary = summarise(_write(tmp_path, rows, "Soak", resources=told, phases=one_hold(80)))
    slower, errors, memory = summary.drifts
    assert (slower.verdict, errors.verdict, memory.verdict) == ("grows", "steady", "grows")
    # From 20 s (a quarter) to 80 s: response times from 1.25 to 2 of the base, memory from 1.2 to 1.8 MB.
    assert slower.seconds == 60
    assert slower.change is not None
    assert slower.change.value == pytest.approx(60, abs=4)
    assert memory.change is not None
    assert memory.change.value == pytest.approx(50, abs=2)
    assert memory.start is not None
    assert memory.start.value == pytest.approx(1.2, rel=0.01)


def test_the_first_quarter_is_no_drift(tmp_path: Path) -> None:
    """A cache that fills for 20 s of 80."""
    rows = [request(i / 10, 100 + i % 7 + max(0, 200 - i)) for i in range(800)]
    summary = summarise(_write(tmp_path, rows, "Soak", phases=one_hold(80)))
    assert set(_drifts(summary).values()) == {"steady"}


def test_failures_that_come_late_are_found(tmp_path: Path) -> None:
    """None before 50 s, then every tenth."""
    rows = [
        request(i / 10, 100 + i % 7)
        | ({"outcome": "timeout", "cause": "service"} if i > 500 and i % 10 == 0 else {})
        for i in range(800)
    ]
    summary = summarise(_write(tmp_path, rows, "Soak", phases=one_hold(80)))
    assert _drifts(summary)["error rate", "all"] == "grows"


def test_too_little_data_says_what_is_missing(tmp_path: Path) -> None:
    told = [resource(second, memory_bytes=1) for second in (30, 40)]
    run = _write(tmp_path, _steady(60, per_s=1), "Soak", resources=told, phases=one_hold(60))
    figures = summarise(run).drifts
    assert {item.verdict for item in figures} == {"too little data"}
    assert [item.reason for item in figures] == [
        "45 requests, of which 400 are needed",
        "45 requests, of which 100 are needed",
        "told 2 times, 10 are needed",
    ]


SPIKE = [
    phase("5-users", "hold", 5, 0, 20),
    phase("ramp-to-50", "ramp", 50, 20, 21),
    phase("50-users", "hold", 50, 21, 30),
    phase("ramp-to-5", "ramp", 5, 30, 30.5),
    phase("5-users-2", "hold", 5, 30.5, 70),
]


def _spike(folder: Path, back_s: float, shape: str | None = None, **columns: Any) -> Recovery | None:
    """Three times as slow from the peak's beginning until `back_s` after its end at 30 s."""
    rows = []
    for i in range(1400):
        slow = 20 <= i / 20 < 30 + back_s
        rows.append(request(i / 20, (100 + i % 7) * (3 if slow else 1)) | (columns if slow else {}))
    return summarise(_write(folder, rows, shape, phases=SPIKE)).recovery


def test_a_recovery_is_timed_from_the_end_of_the_peak(tmp_path: Path) -> None:
    found = _spike(tmp_path, back_s=12)
    assert found is not None
    assert (found.baseline_phase, found.peak_phase, found.recovery_phase) == (
        "5-users",
        "50-users",
        "5-users-2",
    )
    assert found.watched_s == 40
    assert found.limit_ms == pytest.approx(1.25 * 106)
    assert found.time is not None
    # Windows of 40 requests are 2 s long here.
    assert found.time.value == pytest.approx(12, abs=2)
    assert found.time.low is not None
    assert found.time.high is not None
    assert found.time.low <= 12 <= found.time.high


def test_a_service_that_does_not_come_back_has_no_value(tmp_path: Path) -> None:
    found = _spike(tmp_path, back_s=100)
    assert found is not None
    assert found.time is not None
    assert (found.time.value, found.time.high) == (None, None)


def test_quick_failures_are_no_recovery(tmp_path: Path) -> None:
    """All fail at once until 10 s after the peak."""
    found = _spike(tmp_path, back_s=10, outcome="rejected", cause="service", done_at=None)
    assert found is not None
    assert found.time is not None
    assert found.time.value == pytest.approx(10, abs=2)


def test_too_few_requests_say_so(tmp_path: Path) -> None:
    rows = [request(second, 100) for second in range(70)]
    found = summarise(_write(tmp_path, rows, phases=SPIKE)).recovery
    assert found is not None
    assert found.time is None
    assert found.reason.startswith("a recovery needs 40 requests of the baseline and 80 after the peak")


def test_steps_are_no_spike(tmp_path: Path) -> None:
    """Neither a climb nor a wave, whose hours differ by little."""
    climb = [phase("5-users", "hold", 5, 0, 20), phase("10-users", "hold", 10, 20, 40)]
    swell = [*climb, phase("5-users-2", "hold", 5, 40, 60)]
    rows = _steady(60)
    assert summarise(_write(tmp_path / "a", rows, phases=climb)).recovery is None
    gentle = [step.model_copy(update={"users": {5: 8, 10: 10}[step.users]}) for step in swell]
    assert summarise(_write(tmp_path / "b", rows, phases=gentle)).recovery is None
    assert summarise(_write(tmp_path / "c", rows, "Spike", phases=gentle)).recovery is not None


def test_errors_of_a_step_are_told_by_cause(tmp_path: Path) -> None:
    """Two kinds in the first step, none in the second; a ramp's do not count."""
    failures = {1: "provider", 2: "provider", 3: "service", 20: "network"}
    rows = [
        request(second + 0.5, 100)
        | ({"outcome": "server_error", "cause": failures[second]} if second in failures else {})
        for second in range(40)
    ]
    phases = [
        phase("5-users", "hold", 5, 0, 20),
        phase("ramp-to-9", "ramp", 9, 20, 22),
        phase("9-users", "hold", 9, 22, 40),
    ]
    steps = summarise(_write(tmp_path, rows, phases=phases)).steps
    assert [dict(step.errors_by_cause) for step in steps] == [{"provider": 2, "service": 1}, {}]
