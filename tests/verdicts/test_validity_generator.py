"""What the load generator's own figures say: who is accused, who is not, and what would help."""

from pathlib import Path
from typing import Any

import pytest

from harness.runs import HostRecord, TargetRecord
from harness.verdicts import ValidityCheck, judge_validity
from tests.support.recorded_runs import Row, health, phase, request, write_run

SECONDS = 30
RATE = 20
PHASES = [phase("20-users", "hold", RATE, 0, SECONDS, arrivals_per_s=RATE)]


def check_of(folder: Path, name: str, **changes: Any) -> ValidityCheck:
    parts: dict[str, Any] = {"requests": ARRIVALS, "generator": looks(), "phases": PHASES} | changes
    return next(check for check in judge_validity(write_run(folder, **parts)) if check.name == name)


def looks(**columns: Any) -> list[Row]:
    """A look a second, on the second, at a worker with an open loop; `columns` replaces what it saw."""
    seen = {"arrivals_due": RATE, "dropped": 0, "late": 0, "in_flight": 0} | columns
    return [health(second, **seen) for second in range(SECONDS)]


def arrivals(delays_ms: dict[int, float] | None = None, took_ms: float = 30.0) -> list[Row]:
    """20 arrivals per second, evenly, each sent 0.2 ms after its time but for those in `delays_ms`."""
    late = delays_ms or {}
    return [
        request(0.01 + index / RATE, took_ms + late.get(index, 0.0), delay_ms=late.get(index, 0.2))
        for index in range(SECONDS * RATE)
    ]


ARRIVALS = arrivals()


# --- the event loop ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "verdict", "says"),
    [
        pytest.param(
            {"cpu_percent": 96.0, "loop_busy_percent": 95.0},
            "INVALID",
            "wanted more than 90 % of a CPU",
            id="it computes all the time",
        ),
        pytest.param(
            {"cpu_percent": 30.0, "loop_busy_percent": 97.0},
            "INVALID",
            "97 % in the phase, of which it got 30 %",
            id="others keep it from its CPU",
        ),
        pytest.param(
            {"cpu_percent": 140.0, "loop_busy_percent": 60.0},
            "VALID",
            "no worker was short of CPU",
            id="native threads compute beside it",
        ),
        pytest.param(
            {"cpu_percent": 95.0, "loop_busy_percent": None},
            "INVALID",
            "wanted more than 90 % of a CPU",
            id="a run from before the loop's own time was recorded",
        ),
    ],
)
def test_how_busy_the_event_loop_is(tmp_path: Path, columns: Row, verdict: str, says: str) -> None:
    check = check_of(tmp_path, "generator CPU", generator=looks(**columns))
    assert (str(check.verdict), says in check.reason) == (verdict, True), check.reason


@pytest.mark.parametrize(
    ("machine", "url", "cpus", "says"),
    [
        pytest.param(55.0, "http://127.0.0.1:8000", 2, "add a worker", id="CPU is left"),
        pytest.param(
            97.0, "http://127.0.0.1:8000", 2, "the target and the generator share 2 cores", id="shared cores"
        ),
        pytest.param(
            97.0, "http://localhost:8000", 2, "the target and the generator share 2 cores", id="by its name"
        ),
        pytest.param(
            97.0, "http://bench-1:8000", 2, "the target and the generator share 2 cores", id="by this host's"
        ),
        pytest.param(
            97.0, "http://127.0.0.1:8000", 64, "the workers' machine was 97 % busy", id="many cores"
        ),
        pytest.param(
            97.0, "https://a.example", 2, "the workers' machine was 97 % busy", id="target elsewhere"
        ),
        pytest.param(None, "", 2, "use more workers", id="not recorded"),
    ],
)
def test_the_remedy_is_where_the_cpu_is(
    tmp_path: Path, machine: float | None, url: str, cpus: int, says: str
) -> None:
    starved = looks(loop_busy_percent=99.0, machine_cpu_percent=machine)
    where = {"host": HostRecord(name="bench-1", cpus=cpus), "target": TargetRecord(url=url)}
    check = check_of(tmp_path, "generator CPU", generator=starved, **where)
    assert check.remedy.startswith(says)


# --- the schedule -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requests", "verdict", "measured"),
    [
        pytest.param(ARRIVALS, "VALID", "p99 0.2 ms", id="on time"),
        pytest.param(arrivals(dict.fromkeys(range(0, 140, 20), 50.0)), "INVALID", "p99 50 ms", id="7 of 600"),
        pytest.param(arrivals(dict.fromkeys(range(5), 50.0)), "VALID", "p99 0.2 ms", id="5 of 600"),
        pytest.param(
            arrivals(dict.fromkeys(range(0, 140, 20), 50.0), took_ms=1000.0),
            "VALID",
            "p99 50 ms",
            id="5 % of a second",
        ),
        pytest.param(
            [*ARRIVALS[:38], *arrivals({38: 50.0, 39: 60.0})[38:40]], "VALID", "p99 0.2 ms", id="2 of 40"
        ),
        pytest.param(
            [*ARRIVALS[:37], *arrivals(dict.fromkeys(range(37, 40), 50.0))[37:40]],
            "INVALID",
            "p99 50 ms",
            id="3 of 40",
        ),
        pytest.param([request(second, 30) for second in range(SECONDS)], "VALID", "none", id="a closed loop"),
        pytest.param(
            [
                *[request(0.5 + i / 50, 30) for i in range(1000)],
                *arrivals(dict.fromkeys(range(0, 140, 20), 50.0)),
            ],
            "INVALID",
            "p99 50 ms",
            id="closed-loop users beside it do not hide it",
        ),
    ],
)
def test_schedule_delay(tmp_path: Path, requests: list[Row], verdict: str, measured: str) -> None:
    check = check_of(tmp_path, "schedule delay", requests=requests)
    assert (str(check.verdict), check.measured) == (verdict, measured)


# --- the achieved rate ------------------------------------------------------------------------------


def with_plan(arrivals_per_s: float | None) -> dict[str, Any]:
    return {"phases": [phase("20-users", "hold", RATE, 0, SECONDS, arrivals_per_s=arrivals_per_s)]}


@pytest.mark.parametrize(
    ("changes", "verdict", "measured", "says"),
    [
        pytest.param({}, "VALID", "0 % off", "due as planned", id="as planned"),
        pytest.param(
            with_plan(22.0), "VALID", "0 % off", "due as planned", id="9 % less, as chance may have it"
        ),
        pytest.param(
            with_plan(24.0), "INVALID", "16.7 % off", "20 arrivals/s were due where 24", id="17 % less"
        ),
        pytest.param(with_plan(None), "VALID", "0 % off", "was not recorded", id="no plan known"),
        pytest.param(
            {"requests": ARRIVALS[:300] + ARRIVALS[324:]},
            "INVALID",
            "4.14 % off",
            "24 never sent a request",
            id="24 not started",
        ),
        pytest.param(
            {"requests": ARRIVALS[:300] + ARRIVALS[310:]},
            "VALID",
            "1.72 % off",
            "as planned",
            id="10 not started",
        ),
        pytest.param(
            {"requests": ARRIVALS[::2], "generator": looks(dropped=10)},
            "VALID",
            "0 % off",
            "290 of 580 were dropped because the cap of requests in flight was full, which is the service's",
            id="dropped, since the service holds too many",
        ),
        pytest.param(
            {"generator": [health(second) for second in range(SECONDS)]},
            "VALID",
            "no rate asked for",
            "a closed loop",
            id="closed loop",
        ),
        pytest.param(
            {"requests": [request(s, 30, user_class=None) for s in range(SECONDS)]},
            "UNCHECKED",
            "not recorded",
            "another client",
            id="another client",
        ),
    ],
)
def test_achieved_rate(
    tmp_path: Path, changes: dict[str, Any], verdict: str, measured: str, says: str
) -> None:
    check = check_of(tmp_path, "achieved rate", **changes)
    assert (str(check.verdict), check.measured, says in check.reason) == (verdict, measured, True), check


def test_arrivals_of_several_workers_are_added_up(tmp_path: Path) -> None:
    rows = [row | {"worker": index % 2} for index, row in enumerate(ARRIVALS)]
    seen = [row | {"worker": worker, "arrivals_due": RATE // 2} for row in looks() for worker in (0, 1)]
    check = check_of(tmp_path, "achieved rate", requests=rows, generator=seen)
    assert (str(check.verdict), check.measured) == ("VALID", "0 % off")


# --- Little's law -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("per_second", "miscounted", "verdict"),
    [
        pytest.param(1, 3, "VALID", id="3 of 30, as few may have it"),
        pytest.param(1, 15, "INVALID", id="half of 30"),
        pytest.param(20, 0, "VALID", id="as many as counted"),
        pytest.param(20, 30, "VALID", id="exactly 5 % of 600"),
        pytest.param(20, 40, "VALID", id="7 % of 600, as chance may have it"),
        pytest.param(20, 90, "INVALID", id="15 % of 600"),
    ],
)
def test_littles_law_needs_enough_requests(
    tmp_path: Path, per_second: int, miscounted: int, verdict: str
) -> None:
    rows = [request(second + 0.1, 800) for second in range(SECONDS) for _ in range(per_second)]
    counted = [per_second] * SECONDS
    for each in range(miscounted):
        counted[each % SECONDS] -= 1
    seen = [health(second + 0.5, in_flight=counted[second]) for second in range(SECONDS)]
    check = check_of(tmp_path, "Little's law", requests=rows, generator=seen)
    assert str(check.verdict) == verdict, check


def test_a_request_on_the_edge_of_a_look_may_have_been_counted_or_not(tmp_path: Path) -> None:
    # Sent 0.05 ms before each look; whether the count saw them is a matter of chance.
    rows = [request(second + 0.49995, 20) for second in range(SECONDS) for _ in range(30)]
    for counted in (0, 30):
        seen = [health(second + 0.5, in_flight=counted) for second in range(SECONDS)]
        check = check_of(tmp_path / str(counted), "Little's law", requests=rows, generator=seen)
        assert str(check.verdict) == "VALID", check
