"""Warnings while a run goes on: the verdict's limits, once per problem, never in a ramp."""

from typing import Any

import pyarrow as pa
import pytest

from harness.monitoring import GeneratorWatch
from harness.runs import GENERATOR_SCHEMA, HostRecord, Manifest, ScenarioRecord, TargetRecord
from tests.support.recorded_runs import START_US, health

SHARED = Manifest(
    run_id="x",
    scenario=ScenarioRecord(name="x"),
    host=HostRecord(cpus=2),
    target=TargetRecord(url="http://127.0.0.1:8000"),
)


def watch_of(seconds: int = 10, worker: int = 1, **columns: Any) -> GeneratorWatch:
    watch = GeneratorWatch(SHARED)
    take(watch, range(seconds), worker, **columns)
    return watch


def take(watch: GeneratorWatch, seconds: range, worker: int = 1, **columns: Any) -> None:
    seen = {"worker": worker, "machine_cpu_percent": 50.0, "loop_busy_percent": 20.0} | columns
    rows = [health(second, **seen) for second in seconds]
    watch.take(pa.RecordBatch.from_pylist(rows, schema=GENERATOR_SCHEMA))


SHARED_CORES = (
    "the target and the generator share 2 cores, which were 98 % busy: give the target a machine of its own"
)
TOO_MANY = "too many requests are in flight: the service does not keep up"
ADD = "add a worker: one Locust process uses one CPU"


@pytest.mark.parametrize(
    ("columns", "median_ms", "says"),
    [
        pytest.param({}, 100.0, [], id="healthy"),
        pytest.param(
            {"loop_busy_percent": 97.0},
            100.0,
            [f"WARNING worker 1: event loop busy (97 % > 90 % for 5 s): {ADD}"],
            id="busy",
        ),
        pytest.param(
            {"heartbeats_late": 1, "loop_lag_ms": 38.0},
            100.0,
            [f"WARNING worker 1: event loop late (p99 > 20 ms, worst 38 ms): {ADD}"],
            id="late",
        ),
        pytest.param(
            {"loop_busy_percent": 97.0, "machine_cpu_percent": 98.0},
            100.0,
            [f"WARNING worker 1: event loop busy (97 % > 90 % for 5 s): {SHARED_CORES}"],
            id="on cores that the target uses",
        ),
        pytest.param(
            {"arrivals_due": 100, "late": 2, "schedule_delay_ms": 12.0},
            80.0,
            [f"WARNING worker 1: behind its schedule (p99 > 5 ms, worst 12 ms): {ADD}"],
            id="behind",
        ),
        pytest.param(
            {"arrivals_due": 100, "late": 2, "schedule_delay_ms": 12.0}, 400.0, [], id="5 % of p50 are 20 ms"
        ),
        pytest.param(
            {"arrivals_due": 100, "late": 1, "schedule_delay_ms": 12.0}, 80.0, [], id="1 % behind, not more"
        ),
        pytest.param(
            {"arrivals_due": 100, "late": 0, "dropped": 7},
            80.0,
            [f"NOTE worker 1: 70 arrivals dropped in 10 s, {TOO_MANY}"],
            id="dropped",
        ),
    ],
)
def test_the_limits(columns: dict[str, Any], median_ms: float, says: list[str]) -> None:
    assert watch_of(**columns).news(START_US, median_ms) == says


def test_a_problem_is_told_once_for_each_worker() -> None:
    watch = watch_of(loop_busy_percent=97.0)
    assert len(watch.news(START_US, None)) == 1
    take(watch, range(10, 20), loop_busy_percent=99.0)
    take(watch, range(10, 20), worker=2, loop_busy_percent=99.0)
    (told,) = watch.news(START_US, None)
    assert told.startswith("WARNING worker 2: ")
    take(watch, range(20, 30), loop_busy_percent=99.0, heartbeats_late=50)
    (told,) = watch.news(START_US, None)
    assert told.startswith("WARNING worker 1: event loop late")


@pytest.mark.parametrize(
    ("since_us", "told"),
    [
        pytest.param(None, 0, id="in a ramp"),
        pytest.param(START_US + 6_000_000, 0, id="four seconds of a hold tell nothing yet"),
        pytest.param(START_US + 5_000_000, 1, id="five do"),
    ],
)
def test_only_holds_are_watched(since_us: int | None, told: int) -> None:
    assert len(watch_of(loop_busy_percent=97.0).news(since_us, None)) == told


def test_four_busy_seconds_are_none() -> None:
    watch = watch_of(6)
    take(watch, range(6, 10), loop_busy_percent=99.0)
    assert watch.news(START_US, None) == []


def test_missing_samples_are_told_at_any_time() -> None:
    watch = watch_of()
    assert watch.news(None, None, missing=3) == ["WARNING 3 samples are missing: the run will be INVALID"]
    assert watch.news(None, None, missing=5) == []


LATE = {"arrivals_due": 100, "late": 60, "schedule_delay_ms": 90.0}


@pytest.mark.parametrize(
    ("columns", "seconds", "median_ms", "trouble"),
    [
        pytest.param({}, 5, 80.0, "", id="healthy"),
        pytest.param(
            {"loop_busy_percent": 97.0}, 5, None, "worker 1: event loop busy for 5 s", id="busy, long ago"
        ),
        pytest.param({"loop_busy_percent": 97.0}, 4, None, "", id="four busy seconds"),
        pytest.param(
            {"heartbeats_late": 20, "loop_lag_ms": 60.0},
            2,
            None,
            "worker 1: event loop late, 60 ms at worst",
            id="40 of 1500 heartbeats late",
        ),
        pytest.param({"heartbeats_late": 7, "loop_lag_ms": 60.0}, 2, None, "", id="14 of 1500"),
        pytest.param(
            LATE, 1, 80.0, "worker 1: arrivals late, 90 ms at worst", id="one late second of arrivals"
        ),
        pytest.param(LATE, 1, 2000.0, "", id="as late as 5 % of p50"),
    ],
)
def test_the_trouble_of_a_whole_hold(
    columns: dict[str, Any], seconds: int, median_ms: float | None, trouble: str
) -> None:
    """Half a minute, whose first seconds were bad: the lines look back on the last ten alone."""
    watch = watch_of(seconds, **columns)
    take(watch, range(seconds, 30), **({"arrivals_due": 100} if "arrivals_due" in columns else {}))
    assert watch.trouble(START_US - 1_000_000, median_ms) == trouble
    assert watch.trouble(START_US + 1_000_000 * seconds, median_ms) == "", "before the hold"
