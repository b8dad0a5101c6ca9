"""Oracle: the rows that were recorded, on the master's clock, once each, in the phase they belong to."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from harness.engine import Ending, Recorder, Request, Response, RunTicket, Shipment, Span
from harness.monitoring import RecentWindow
from harness.plugin._intake import Intake
from harness.runs import (
    GENERATOR_SCHEMA,
    Manifest,
    Outcome,
    PhaseRecord,
    RunFolder,
    ScenarioRecord,
    open_run,
)
from harness.schedule import PhaseTracker

START_US = 1_790_000_000_000_000
SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
LATER_US = START_US + 100 * SECOND_US
COLUMNS = ("intended_at", "sent_at", "first_byte_at", "first_token_at", "last_token_at", "done_at")


class Bench:
    """An intake over a folder, with a hold from second 10 to the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = RunFolder.create(
            folder, Manifest(run_id="r", scenario=ScenarioRecord(name="s"), pid=os.getpid())
        )
        self.tracker = PhaseTracker()
        self.tracker.ramp(20, START_US)
        self.tracker.hold(20, START_US + 10 * SECOND_US)
        self.recent = RecentWindow()
        self.intake = Intake("t", self.folder, self.tracker, self.recent)

    def take(self, worker: str, shipment: Shipment, at_us: int = LATER_US) -> None:
        self.intake.take(worker, {name: getattr(shipment, name) for name in shipment.__slots__}, at_us)

    def table(self, name: str) -> list[dict[str, Any]]:
        """What is on disk, read by Arrow alone; times as numbers."""
        with pa.OSFile(str(self.folder.path / f"{name}.arrows"), "rb") as source:
            batches = []
            reader = pa.ipc.open_stream(source)
            while True:  # the stream of a run that lasts has no end yet
                try:
                    batches.append(reader.read_next_batch())
                except (StopIteration, pa.ArrowInvalid, OSError):
                    break
        rows: list[dict[str, Any]] = []
        for batch in batches:
            plain = [
                column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column
                for column in batch.columns
            ]
            rows += pa.RecordBatch.from_arrays(plain, names=batch.schema.names).to_pylist()
        return rows


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def _recorder(worker: int = 0) -> Recorder:
    recorder = Recorder()
    recorder.begin(RunTicket("t", worker=worker))
    return recorder


def _record(
    recorder: Recorder, second: float, ahead_us: int = 0, *, status: int = 200, spans: int = 1
) -> None:
    at_us = START_US + round(second * SECOND_US) + ahead_us
    recorder.record(
        Request("GET", "/a", intended_us=at_us, sent_us=at_us + 1),
        Response(
            Ending(Outcome.OK if status == 200 else Outcome.SERVER_ERROR),
            done_us=at_us + 5_000,
            status=status,
            spans=[Span("work", 4.0)] * spans,
            first_byte_us=at_us + 2,
            first_token_us=at_us + 3,
            last_token_us=at_us + 4,
        ),
    )


def _health(recorder: Recorder, at_us: int) -> None:
    recorder.record_generator((at_us, *(None,) * (len(GENERATOR_SCHEMA) - 2)))


def test_a_worker_whose_clock_is_wrong_by_an_hour(bench: Bench) -> None:
    """Its rows are those of a worker whose clock is right: same times, same phases."""
    right, wrong = _recorder(0), _recorder(1)
    bench.intake.expect("right", 0)
    clock = bench.intake.expect("wrong", 1).clock
    clock.begin_burst(START_US)
    for _ in range(5):
        clock.note(START_US, START_US + 100 + HOUR_US, START_US + 200)
    for recorder, ahead_us in ((right, 0), (wrong, HOUR_US)):
        for second in (1, 9.999999, 10, 50):
            _record(recorder, second, ahead_us)
        _health(recorder, START_US + SECOND_US + ahead_us)
    bench.take("right", right.ship())
    bench.take("wrong", wrong.ship())
    rows = bench.table("requests")
    assert [row["phase"] for row in rows] == ["ramp-to-20", "ramp-to-20", "20-users", "20-users"] * 2
    of_right = [[row[column] for column in COLUMNS] for row in rows if row["worker"] == 0]
    of_wrong = [[row[column] for column in COLUMNS] for row in rows if row["worker"] == 1]
    assert of_right == of_wrong
    assert of_right[0] == [START_US + SECOND_US + later for later in (0, 1, 2, 3, 4, 5_000)]
    assert [row["at"] for row in bench.table("generator")] == [START_US + SECOND_US] * 2
    assert bench.intake.workers["wrong"].record().clock_offset_us == HOUR_US
    assert bench.intake.workers["wrong"].record().clock_uncertainty_us == 100


def test_nulls_stay_null_when_times_are_moved(bench: Bench) -> None:
    clock = bench.intake.expect("w", 0).clock
    clock.begin_burst(START_US)
    clock.note(START_US, START_US - HOUR_US, START_US)
    recorder = _recorder()
    recorder.record(
        Request("GET", "/a", intended_us=START_US - HOUR_US, sent_us=START_US - HOUR_US),
        Response(Ending(Outcome.OK), done_us=None),
    )
    bench.take("w", recorder.ship())
    (row,) = bench.table("requests")
    assert [row[column] for column in COLUMNS] == [START_US, START_US, None, None, None, None]


def test_what_comes_twice_is_counted_and_written_once(bench: Bench) -> None:
    bench.intake.expect("w", 0)
    recorder = _recorder()
    for second in (1, 2, 3):
        _record(recorder, second, spans=2)
    _health(recorder, START_US)
    shipment = recorder.ship()
    bench.take("w", shipment)
    bench.take("w", shipment)
    assert (len(bench.table("requests")), len(bench.table("spans")), len(bench.table("generator"))) == (
        3,
        6,
        1,
    )
    record = bench.intake.workers["w"].record()
    assert (record.rows_received, record.rows_repeated, bench.intake.samples_missing) == (3, 3, 0)
    assert bench.recent.requests == 3


def test_a_batch_that_comes_again_in_another_shipment(bench: Bench) -> None:
    bench.intake.expect("w", 0)
    recorder = _recorder()
    _record(recorder, 1)
    first = recorder.ship()
    _record(recorder, 2)
    second = recorder.ship()
    bench.take("w", first)
    bench.take(
        "w", replace(second, requests=first.requests + second.requests, spans=first.spans + second.spans)
    )
    assert [row["request_id"] for row in bench.table("requests")] == [0, 1]
    assert [row["request_id"] for row in bench.table("spans")] == [0, 1]
    assert bench.intake.workers["w"].record().rows_repeated == 1


def test_what_is_lost_is_missing_and_what_overtakes_is_not(bench: Bench) -> None:
    bench.intake.expect("w", 0)
    recorder = _recorder()
    shipments = []
    for count in (3, 4, 5):
        for _ in range(count):
            _record(recorder, 1)
        shipments.append(recorder.ship())
    bench.take("w", shipments[0])
    bench.take("w", shipments[2])
    assert bench.intake.samples_missing == 4
    bench.take("w", shipments[1])
    assert bench.intake.samples_missing == 0
    bench.intake.finish("w", 14)
    assert bench.intake.samples_missing == 2
    assert sorted(row["request_id"] for row in bench.table("requests")) == list(range(12))
    assert len(bench.table("spans")) == 12


def test_strangers_and_other_runs_are_not_taken_in(bench: Bench) -> None:
    bench.intake.expect("w", 0)
    recorder = _recorder()
    _record(recorder, 1)
    shipment = recorder.ship()
    bench.take("stranger", shipment)
    bench.take("w", replace(shipment, token="another"))
    assert bench.folder.rows("requests") == 0


def test_live_figures_count_what_ended(bench: Bench) -> None:
    bench.intake.expect("w", 0)
    recorder = _recorder()
    for status in (200, 200, 500, 503):
        _record(recorder, 99.5, status=status)
    lost = Request("GET", "/a", intended_us=START_US, sent_us=START_US)
    recorder.sent(lost)
    recorder.abandon(lost)
    bench.take("w", recorder.ship())
    assert (bench.recent.requests, bench.recent.errors) == (4, 2)
    rate, p95_ms = bench.recent.figures(LATER_US, 100)
    assert rate == pytest.approx(4 / 9)  # nine whole seconds and the one that begins now
    assert p95_ms == pytest.approx(5.0, rel=0.003)


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is steady enough to judge on Linux")
def test_memory_does_not_grow_with_the_rows(bench: Bench) -> None:
    """2 M rows of the last ten seconds, in shipments of 10,000: what is kept of them is on disk."""
    worker = bench.intake.expect("w", 0)
    recorder = _recorder()
    for n in range(10_000):
        _record(recorder, 90 + n / 1000, spans=0)
    shipment = recorder.ship()
    process = psutil.Process()

    def run(shipments: int) -> int:
        for _ in range(shipments):
            worker.received.end = worker.received.repeated = 0
            bench.take("w", shipment)
        return int(process.memory_info().rss)

    before = run(20)
    after = run(180)
    assert worker.rows == 2_000_000
    assert after - before < 30_000_000  # 2 M rows take 400 MB on disk


def test_a_sealed_folder_reads_back(bench: Bench) -> None:
    bench.intake.expect("w", 0)
    recorder = _recorder()
    _record(recorder, 1)
    bench.take("w", recorder.ship())
    phase = PhaseRecord(name="x", kind="hold", users=1, start_us=0, end_us=1)
    workers = [worker.record() for worker in bench.intake.workers.values()]
    bench.folder.seal(bench.folder.manifest.model_copy(update={"phases": [phase], "workers": workers}))
    assert list(open_run(bench.folder.path).requests()["name"]) == ["/a"]
