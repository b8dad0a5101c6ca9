"""Each thing that makes a measurement worthless, and the healthy run beside it."""

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.runs import HostRecord, LocustTables, Manifest, Run, RunSource, ScenarioRecord, WorkerRecord
from harness.verdicts import Validity, ValidityCheck, judge_validity, overall_validity
from tests.support.recorded_runs import Row, health, phase, request, write_run

PHASES = [
    phase("5-users", "hold", 5, 0, 20),
    phase("ramp-to-9", "ramp", 9, 20, 30),
    phase("9-users", "hold", 9, 30, 50),
]
#: One request of 800 ms in flight from .1 to .9 of every second; counted at .5.
REQUESTS = [request(second + 0.1, 800) for second in range(50)]
HEALTH = [health(second + 0.5, in_flight=1) for second in range(50)]


def health_with(seconds: range, **columns: Any) -> list[Row]:
    return [row | columns if index in seconds else row for index, row in enumerate(HEALTH)]


def checks_of(folder: Path, **changes: Any) -> dict[str, ValidityCheck]:
    parts: dict[str, Any] = {"requests": REQUESTS, "generator": HEALTH, "phases": PHASES} | changes
    return {check.name: check for check in judge_validity(write_run(folder, **parts))}


def test_a_healthy_run(tmp_path: Path) -> None:
    checks = checks_of(tmp_path)
    assert {name: str(check.verdict) for name, check in checks.items()} == dict.fromkeys(
        (
            "run sealed",
            "samples",
            "workers",
            "requests",
            "connections",
            "generator CPU",
            "event loop lag",
            "schedule delay",
            "achieved rate",
            "Little's law",
        ),
        "VALID",
    )
    assert overall_validity(list(checks.values())) is Validity.VALID
    assert all(check.reason and not check.remedy for check in checks.values())


LOST = [WorkerRecord(index=0, id="w-0"), WorkerRecord(index=1, id="w-1", lost=True)]
AWAY = [WorkerRecord(index=0, id="w-0"), WorkerRecord(index=1, id="w-1", away_s=8.4)]
LATE = [request(second + 0.1, 800, delay_ms=60) for second in range(50)]


@pytest.mark.parametrize(
    ("changes", "name", "measured"),
    [
        pytest.param({"sealed": False}, "run sealed", "running", id="crashed"),
        pytest.param({"samples_missing": 3}, "samples", "3 missing of 53", id="samples missing"),
        pytest.param({"workers": LOST}, "workers", "1 lost of 2", id="a worker lost"),
        pytest.param(
            {"workers": AWAY}, "workers", "0 lost of 2, 1 out of reach for a time", id="a worker paused"
        ),
        pytest.param(
            {
                "requests": [
                    *REQUESTS,
                    request(20, 1, outcome="connection_error", cause="generator"),
                    request(20, 1, outcome="connection_error", cause="service"),
                    request(20, 1, outcome="client_error", cause="generator"),
                ]
            },
            "connections",
            "1 not made",
            id="no file descriptor left",
        ),
        pytest.param({"requests": []}, "requests", "0", id="no requests"),
        pytest.param({"requests": [request(25, 1)]}, "requests", "0", id="requests in the ramp only"),
        pytest.param(
            {"phases": [phase("h", "hold", 1, 0, 4)], "warm_up_s": 5}, "requests", "0", id="empty window"
        ),
        pytest.param(
            {"generator": health_with(range(3, 8), cpu_percent=90.1)},
            "generator CPU",
            "above it for 5 s",
            id="CPU",
        ),
        pytest.param(
            {"generator": health_with(range(31, 32), heartbeats_late=11)},
            "event loop lag",
            "1.1 % of heartbeats later than 20 ms",
            id="lag in the second hold alone: 11 of 20 * 50",
        ),
        # 5 % of 800 ms is 40 ms
        pytest.param({"requests": LATE}, "schedule delay", "p99 60 ms", id="late arrivals"),
        pytest.param(
            {"requests": REQUESTS * 17, "generator": health_with(range(50), in_flight=20)},
            "Little's law",
            "15 % off",
            id="rows lost",
        ),
        pytest.param(
            {"requests": [*REQUESTS, *REQUESTS[30:40]]}, "Little's law", "33.3 % off", id="rows doubled"
        ),
    ],
)
def test_what_makes_a_run_invalid(tmp_path: Path, changes: dict[str, Any], name: str, measured: str) -> None:
    checks = checks_of(tmp_path, **changes)
    check = checks[name]
    assert (str(check.verdict), check.measured) == ("INVALID", measured)
    assert check.reason
    assert check.remedy
    assert overall_validity(list(checks.values())) is Validity.INVALID


@pytest.mark.parametrize(
    ("generator", "name"),
    [
        pytest.param(health_with(range(3, 7), cpu_percent=99.0), "generator CPU", id="CPU for 4 s"),
        pytest.param(
            health_with(range(3, 13), cpu_percent=90.0), "generator CPU", id="CPU at 90 %, not above"
        ),
        pytest.param(health_with(range(20, 30), cpu_percent=99.0), "generator CPU", id="CPU in a ramp"),
        pytest.param(
            [health(s + 0.5, worker=s % 2, cpu_percent=99.0 if s % 4 == 0 else 1.0) for s in range(50)],
            "generator CPU",
            id="CPU of two workers is not added up",
        ),
        pytest.param(
            [health(s + 0.5, cpu_percent=99.0) for s in (1, 2, 3, 8, 9, 10, 11)],
            "generator CPU",
            id="a gap ends a stretch",
        ),
        pytest.param(
            health_with(range(31, 32), heartbeats_late=10), "event loop lag", id="1 % of the heartbeats late"
        ),
        pytest.param(health_with(range(20, 30), heartbeats_late=50), "event loop lag", id="lag in a ramp"),
    ],
)
def test_what_is_still_valid(tmp_path: Path, generator: list[Row], name: str) -> None:
    assert checks_of(tmp_path, generator=generator)[name].verdict is Validity.VALID


def _without(*columns: str) -> Callable[[], list[Row]]:
    return lambda: [row | dict.fromkeys(columns) for row in HEALTH]


@pytest.mark.parametrize(
    ("rows", "unchecked"),
    [
        pytest.param(
            list, {"generator CPU", "event loop lag", "achieved rate", "Little's law"}, id="nothing recorded"
        ),
        pytest.param(_without("cpu_percent"), {"generator CPU"}, id="no CPU"),
        pytest.param(_without("heartbeats", "heartbeats_late"), {"event loop lag"}, id="no heartbeats"),
        pytest.param(_without("in_flight"), {"Little's law"}, id="nothing counted in flight"),
    ],
)
def test_what_was_not_recorded_is_unchecked(
    tmp_path: Path, rows: Callable[[], list[Row]], unchecked: set[str]
) -> None:
    checks = checks_of(tmp_path, generator=rows())
    assert {name for name, check in checks.items() if check.verdict is Validity.UNCHECKED} == unchecked
    essential = unchecked != {"Little's law"}
    expected = Validity.UNCHECKED if essential else Validity.VALID
    assert overall_validity(list(checks.values())) is expected


def test_load_that_beats_with_the_counting_does_not_break_littles_law(tmp_path: Path) -> None:
    # In flight 0.2 of the time, and always when it is counted.
    rows = [request(second + 0.4, 200) for second in range(50) for _ in range(4)]
    checks = checks_of(tmp_path, requests=rows, generator=[row | {"in_flight": 4} for row in HEALTH])
    assert checks["Little's law"].verdict is Validity.VALID


def test_users_that_do_not_count_themselves_in_flight_are_not_compared(tmp_path: Path) -> None:
    rows = [request(second + 0.1, 800, user_class=None) for second in range(50) for _ in range(4)]
    checks = checks_of(tmp_path, requests=rows, generator=[row | {"in_flight": 0} for row in HEALTH])
    assert checks["Little's law"].verdict is Validity.UNCHECKED


@pytest.mark.parametrize("unnamed", [None, ""])
def test_one_request_of_such_a_user_is_enough(tmp_path: Path, unnamed: str | None) -> None:
    rows = [*REQUESTS, *(request(second + 0.4, 300, user_class=unnamed) for second in range(50))]
    check = checks_of(tmp_path, requests=rows)["Little's law"]
    assert (str(check.verdict), "50 requests are of users" in check.reason) == ("UNCHECKED", True)


@pytest.mark.parametrize(
    ("counted", "verdict"),
    [
        pytest.param(1, "VALID", id="abandoned at once"),
        pytest.param(5, "VALID", id="in flight to the end"),
        pytest.param(8, "INVALID", id="more than there can have been"),
    ],
)
def test_a_request_without_an_end_may_have_been_in_flight_or_not(
    tmp_path: Path, counted: int, verdict: str
) -> None:
    rows = [*REQUESTS, *(request(0.05, None) for _ in range(4))]
    checks = checks_of(tmp_path, requests=rows, generator=[row | {"in_flight": counted} for row in HEALTH])
    assert str(checks["Little's law"].verdict) == verdict


def test_an_abandoned_request_is_in_flight_until_it_was_given_up(tmp_path: Path) -> None:
    # Four that a ramp-down gave up after 25 s: counted until then, and not in the second hold.
    rows = [*REQUESTS, *(request(0.05, 25_000, outcome="incomplete") for _ in range(4))]
    counts = [row | {"in_flight": 5 if second < 25 else 1} for second, row in enumerate(HEALTH)]
    assert checks_of(tmp_path, requests=rows, generator=counts)["Little's law"].verdict is Validity.VALID


@pytest.mark.parametrize(
    ("rows", "verdict", "measured", "says"),
    [
        pytest.param(
            [request(1, None) for _ in range(6)],
            "VALID",
            "0 of 6 answered",
            "none of 6",
            id="a service hangs",
        ),
        pytest.param(
            [request(48, 3000, outcome="incomplete")], "INVALID", "0", "none of 1", id="too short a look"
        ),
        pytest.param([request(1, 20, outcome="timeout")], "VALID", "1", "ended", id="a timeout is an end"),
    ],
)
def test_a_service_that_answers_nothing_is_for_the_criteria(
    tmp_path: Path, rows: list[Row], verdict: str, measured: str, says: str
) -> None:
    check = checks_of(tmp_path, requests=rows)["requests"]
    assert (str(check.verdict), check.measured) == (verdict, measured)
    assert says in check.reason


@pytest.mark.parametrize(
    ("host", "pid", "says"),
    [
        pytest.param(platform.node(), os.getpid(), "the run is still going on: ", id="alive"),
        pytest.param(platform.node(), 2**22 + 1, "its process died: ", id="gone"),
        pytest.param(platform.node(), 0, "still going on, or its process died", id="no pid"),
        pytest.param("elsewhere", os.getpid(), "still going on, or its process died", id="another machine"),
    ],
)
def test_a_run_that_is_not_sealed_goes_on_or_crashed(tmp_path: Path, host: str, pid: int, says: str) -> None:
    check = checks_of(tmp_path, sealed=False, pid=pid, host=HostRecord(name=host))["run sealed"]
    assert (check.verdict, says in check.reason) == (Validity.INVALID, True)


def test_stock_csvs_are_unchecked(tmp_path: Path) -> None:
    manifest = Manifest(run_id="x", scenario=ScenarioRecord(name="x"))
    run = Run(tmp_path / "p", RunSource.LOCUST_CSV, manifest, LocustTables(pd.DataFrame()))
    checks = judge_validity(run)
    assert [str(check.verdict) for check in checks] == ["UNCHECKED"]
    assert overall_validity(checks) is Validity.UNCHECKED


def test_no_check_at_all_is_unchecked() -> None:
    assert overall_validity([]) is Validity.UNCHECKED
