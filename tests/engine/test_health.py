"""The generator's own figures: late heartbeats, how busy the loop was, and what a schedule counted."""

import time

import gevent
import pyarrow as pa
import pytest

from harness.engine import HealthMonitor, Recorder, RunTicket
from harness.engine._arrival_counts import ArrivalCounts
from harness.engine._health import BusyMeter, Heartbeats
from harness.runs import GENERATOR_SCHEMA


@pytest.mark.parametrize(
    ("lag_ms", "due", "late"),
    [
        pytest.param(-0.3, 1, 0, id="a little early"),
        pytest.param(0.0, 1, 0, id="on time"),
        pytest.param(19.9, 1, 0, id="late, within 20 ms"),
        pytest.param(20.0, 2, 0, id="exactly 20 ms: the next is due, none is beyond"),
        pytest.param(21.0, 2, 1, id="21 and 1 ms late"),
        pytest.param(45.0, 3, 2, id="45, 25 and 5 ms late"),
        pytest.param(1000.0, 51, 49, id="a second: 1000, 980 ... 40 are beyond, 20 and 0 are not"),
    ],
)
def test_heartbeats_that_a_stall_swallowed_are_counted(lag_ms: float, due: int, late: int) -> None:
    beats = Heartbeats()
    assert beats.note(lag_ms) == due
    assert (beats.count, beats.late) == (due, late)


def test_the_worst_lag_is_kept() -> None:
    beats = Heartbeats()
    for lag_ms in (3.0, 8.0, 2.0):
        beats.note(lag_ms)
    assert (beats.count, beats.worst_ms) == (3, 8.0)


def test_a_thread_is_busy_while_it_computes_or_waits_for_a_cpu_and_not_while_it_sleeps() -> None:
    meter = BusyMeter()
    time.sleep(0.3)
    _, asleep = meter.percent()
    until = time.perf_counter() + 0.3
    while time.perf_counter() < until:
        pass
    _, computing = meter.percent()
    assert asleep < 40
    assert computing > 80


def test_a_row_a_second_with_the_counts_of_the_schedule() -> None:
    recorder = Recorder()
    recorder.begin(RunTicket("t", worker=3))
    counts = ArrivalCounts(due=10, late=2, dropped=1, worst_delay_us=7500)
    monitor = HealthMonitor(recorder, lambda: 5, lambda: counts)
    gevent.sleep(2.3)
    monitor.stop()
    rows = [
        row
        for data in recorder.ship().generator
        for row in pa.ipc.read_record_batch(pa.py_buffer(data), GENERATOR_SCHEMA).to_pylist()
    ]
    assert len(rows) == 2
    first, second = ({name: row[name] for name in SCHEDULE} for row in rows)
    assert first == dict(zip(SCHEDULE, (3, 5, 7.5, 10, 2, 1), strict=True))
    assert second == dict(zip(SCHEDULE, (3, 5, 0.0, 0, 0, 0), strict=True))
    assert all(row["heartbeats"] >= 40 for row in rows)
    assert all(0 <= row["machine_cpu_percent"] <= 100 for row in rows)
    assert all(row["loop_busy_percent"] is not None for row in rows)


def test_a_closed_loop_has_no_schedule_to_tell_of() -> None:
    recorder = Recorder()
    recorder.begin(RunTicket("t"))
    monitor = HealthMonitor(recorder, lambda: 1, lambda: None)
    gevent.sleep(1.2)
    monitor.stop()
    (data,) = recorder.ship().generator
    (row,) = pa.ipc.read_record_batch(pa.py_buffer(data), GENERATOR_SCHEMA).to_pylist()
    assert [row[name] for name in SCHEDULE[2:]] == [None, None, None, None]


SCHEDULE = ("worker", "users", "schedule_delay_ms", "arrivals_due", "late", "dropped")
