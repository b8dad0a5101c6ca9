"""Rows held while a run lasts. Oracle: counts of the rows that were made, and their number."""

from pathlib import Path

import pyarrow as pa
import pytest

from harness.analysis import Selection, recent_dataset, step_dataset
from harness.monitoring import LiveRows, StepTally
from harness.runs import REQUEST_SCHEMA, Manifest, PhaseRecord, Run, RunSource, ScenarioRecord
from harness.schedule import Phase, PhaseKind
from harness.stats import Estimate

SECOND_US = 1_000_000
START_US = 1_790_000_000 * SECOND_US
HOLD = Phase("4-users", PhaseKind.HOLD, 4, START_US)


def _rows(
    first_s: float, n: int, *, every_s: float = 0.1, took_s: float = 0.05, outcome: str = "ok"
) -> pa.RecordBatch:
    """Requests that were meant to start at even distances from `first_s` on."""
    failed = outcome not in ("ok", "incomplete")
    rows = []
    for index in range(n):
        at_us = START_US + round((first_s + index * every_s) * SECOND_US)
        rows.append(
            {
                "request_id": at_us % (1 << 40),
                "worker": 0,
                "intended_at": at_us,
                "sent_at": at_us,
                "done_at": at_us + round(took_s * SECOND_US),
                "outcome": outcome,
                "cause": "service" if failed else None,
            }
        )
    return pa.RecordBatch.from_pylist(rows, schema=REQUEST_SCHEMA)


@pytest.mark.parametrize(
    ("settle_s", "requests", "errors"),
    [
        pytest.param(0.0, 30, 10, id="all of the hold"),
        pytest.param(1.0, 20, 10, id="without its first second"),
        pytest.param(2.5, 5, 5, id="within a second"),
        pytest.param(60.0, 0, 0, id="still settling"),
    ],
)
def test_a_step_is_counted_from_its_settling_on(settle_s: float, requests: int, errors: int) -> None:
    tally = StepTally(HOLD)
    tally.take(_rows(-1.0, 10))  # of the ramp before
    tally.take(_rows(0.0, 20))
    tally.take(_rows(2.0, 10, outcome="server_error"))
    tally.take(_rows(1.0, 3, outcome="incomplete"))
    assert tally.since(settle_s) == (requests, errors, {"service": errors} if errors else {})


def test_a_long_step_is_counted_whole() -> None:
    tally = StepTally(HOLD)
    for minute in range(60):
        tally.take(_rows(60.0 * minute, 60, every_s=1.0))
    assert tally.since(0.0)[0] == 3600
    assert tally.since(1800.0)[0] == 1800


def test_no_more_rows_are_held_than_allowed_and_the_newest_are_kept() -> None:
    rows = LiveRows(with_spans=False, at_most=100)
    for second in range(40):
        rows.take([_rows(float(second), 10)], [])
    held = rows.tables()
    assert held.rows("requests") == 100
    first_us = held.read("requests").column("intended_at").cast(pa.int64())[0].as_py()
    assert first_us == START_US + 30 * SECOND_US
    assert rows.whole_since_us == START_US + round(29.95 * SECOND_US)


def test_one_shipment_larger_than_allowed_is_cut() -> None:
    rows = LiveRows(with_spans=False, at_most=100)
    rows.take([_rows(0.0, 250)], [])
    assert rows.tables().rows("requests") == 100
    assert rows.whole_since_us is not None


def _run(rows: LiveRows, holds: list[PhaseRecord]) -> Run:
    scenario = ScenarioRecord(name="s", warm_up_s=2, settle_s=1)
    manifest = Manifest(run_id="r", scenario=scenario, phases=holds)
    return Run(Path(), RunSource.FOLDER, manifest, _tables=rows.tables())


def _hold(start_s: float, end_s: float, users: int = 4) -> PhaseRecord:
    return PhaseRecord(
        name=f"{users}-users",
        kind="hold",
        users=users,
        start_us=START_US + round(start_s * SECOND_US),
        end_us=START_US + round(end_s * SECOND_US),
    )


def _n(found: object) -> int:
    assert isinstance(found, Estimate), found
    return found.n


def test_the_last_seconds_are_those_in_which_requests_ended() -> None:
    """Started every 0.1 s and taking 5 s: those that started in the last 5 s have not ended."""
    rows = LiveRows(with_spans=False)
    rows.take([_rows(0.0, 150, took_s=5.0)], [])
    window = recent_dataset(
        _run(rows, [_hold(0, 20)]), START_US + 10 * SECOND_US, START_US + 20 * SECOND_US, {}
    )
    # Ended from 10 to 20 s, so started from 5 to 15 s.
    assert _n(window.estimate("rate", "error_rate", Selection())) == 100
    throughput = window.estimate("rate", "throughput", Selection())
    assert isinstance(throughput, Estimate)
    assert throughput.value == pytest.approx(10.0)


def test_warm_up_settling_and_ramps_are_not_in_the_window() -> None:
    """Two holds with a ramp from 10 to 12 s between; a request every 0.1 s of the first 20 s."""
    rows = LiveRows(with_spans=False)
    rows.take([_rows(0.0, 200, took_s=0.05)], [])
    run = _run(rows, [_hold(0, 10), _hold(12, 20, users=8)])
    whole = recent_dataset(run, START_US, START_US + 20 * SECOND_US, {})
    assert _n(whole.estimate("rate", "error_rate", Selection())) == 80 + 70
    assert _n(whole.estimate("rate", "error_rate", Selection(phase="highest"))) == 70


def test_a_step_is_judged_on_what_was_meant_to_start_in_it() -> None:
    rows = LiveRows(with_spans=False)
    rows.take([_rows(0.0, 100)], [])
    dataset = step_dataset(_run(rows, []), _hold(4, 10), {})
    assert _n(dataset.estimate("mean", "response_time", Selection())) == 60
    assert dataset.mean_and_p95_ms() == pytest.approx((50.0, 50.0))
