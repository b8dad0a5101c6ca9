"""The master's intake: shipments of rows checked for gaps and repetitions, moved to the master's
clock, given their phase, put on disk."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.monitoring import GeneratorWatch, RecentWindow
from harness.plugin._clock_sync import WorkerClock
from harness.plugin._received import Received, Stretch
from harness.runs import (
    GENERATOR_SCHEMA,
    NOT_ERRORS,
    REQUEST_ID_BITS,
    REQUEST_SCHEMA,
    SPAN_SCHEMA,
    Outcome,
    RunFolder,
    WorkerRecord,
)
from harness.schedule import PhaseTracker

_PHASE = REQUEST_SCHEMA.get_field_index("phase")
_SEQUENCE = (1 << REQUEST_ID_BITS) - 1
_NOT_ERRORS = pa.array([outcome.value for outcome in NOT_ERRORS])

Ints = npt.NDArray[np.int64]

#: Worker, its new requests and their spans, and when they came (µs).
TakenListener = Callable[[int, list[pa.RecordBatch], list[pa.RecordBatch], int], None]


class RowCounter(Protocol):
    """Counts rows that are new, of whatever run lasts; what it keeps must not grow with them."""

    def take_requests(self, batches: Sequence[pa.RecordBatch]) -> None: ...
    def take_spans(self, batches: Sequence[pa.RecordBatch]) -> None: ...
    def take_generator(self, rows: pa.RecordBatch) -> None: ...


@dataclass(slots=True)
class WorkerState:
    """What has arrived from one load generator. `rows` are those that were written."""

    index: int
    id: str
    rows: int = 0
    received: Received = field(default_factory=Received)
    clock: WorkerClock = field(default_factory=WorkerClock)
    finished: bool = False
    lost: bool = False
    health_until_us: int = -1
    away_s: float = 0.0
    _heard_s: float = 0.0

    def note_lost(self, heard_s: float) -> None:
        """Its heartbeat stopped; the last one came at `heard_s`, as of `time.monotonic()`."""
        self.lost, self._heard_s = True, heard_s

    def note_back(self) -> None:
        """It was only out of reach: what it does from now on is waited for again."""
        self.lost = False
        self.away_s += time.monotonic() - self._heard_s

    def record(self) -> WorkerRecord:
        measured = self.clock.measured
        return WorkerRecord(
            index=self.index,
            id=self.id,
            clock_offset_us=measured.offset_us if measured else None,
            clock_uncertainty_us=measured.uncertainty_us if measured else None,
            rows_received=self.rows,
            rows_repeated=self.received.repeated,
            last_sequence=self.received.end - 1 if self.received.end else None,
            finished=self.finished,
            lost=self.lost,
            away_s=round(self.away_s, 1),
        )


class Intake:
    """Takes in one run's shipments. Batches are never resent; a gap is counted, not mended."""

    def __init__(
        self,
        token: str,
        folder: RunFolder,
        tracker: PhaseTracker,
        recent: RecentWindow,
        watch: GeneratorWatch | None = None,
        taken: TakenListener | None = None,
        counts: Sequence[RowCounter] = (),
    ) -> None:
        """`taken` is given the rows of every shipment that are new; `counts` count them."""
        self._token = token
        self._folder = folder
        self._tracker = tracker
        self._recent = recent
        self._watch = watch
        self._taken = taken
        self._counts = counts
        self.workers: dict[str, WorkerState] = {}

    def expect(self, client_id: str, index: int) -> WorkerState:
        """A load generator that belongs to this run."""
        return self.workers.setdefault(client_id, WorkerState(index, client_id))

    def take(self, client_id: str, shipment: dict[str, Any], at_us: int) -> None:
        """Write a shipment's rows. One of another run, or of a stranger, is dropped.

        Rows that came before are counted and not written again. Raises OSError when the disk is full.
        """
        worker = self.workers.get(client_id)
        if worker is None or shipment["token"] != self._token:
            return
        ahead_us = worker.clock.applied_us
        new: list[Stretch] = []
        requests: list[pa.RecordBatch] = []
        for data in shipment["requests"]:
            for stretch, part in self._take_requests(worker, data, at_us):
                new.append(stretch)
                requests.append(part)
        worker.received.expect(shipment["next_sequence"])
        spans = [_of_requests(_read(data, SPAN_SCHEMA), new) for data in shipment["spans"]]
        for batch in spans:
            self._folder.append("spans", batch)
        if self._taken is not None:
            self._taken(worker.index, requests, spans, at_us)
        for counts in self._counts:
            counts.take_requests(requests)
            counts.take_spans(spans)
        for data in shipment["generator"]:
            self._take_generator(worker, data, ahead_us)

    def finish(self, client_id: str, next_sequence: int) -> None:
        """A generator's last word: how many rows it had in all."""
        worker = self.workers.get(client_id)
        if worker is not None:
            worker.received.expect(next_sequence)
            worker.finished = True
            if worker.lost:
                worker.note_back()

    @property
    def samples_missing(self) -> int:
        return sum(worker.received.missing for worker in self.workers.values())

    def _take_generator(self, worker: WorkerState, data: bytes, ahead_us: int) -> None:
        """Write those seconds of a generator's health that are new."""
        seconds = _after(_read(data, GENERATOR_SCHEMA), worker.health_until_us)
        if not seconds.num_rows:
            return
        worker.health_until_us = int(_microseconds(seconds, "at")[-1])
        seconds = _set_back(seconds, ahead_us)
        self._folder.append("generator", seconds)
        if self._watch is not None:
            self._watch.take(seconds)
        for counts in self._counts:
            counts.take_generator(seconds)

    def _take_requests(
        self, worker: WorkerState, data: bytes, at_us: int
    ) -> list[tuple[Stretch, pa.RecordBatch]]:
        """Write those rows of a batch that are new; a batch holds consecutive numbers."""
        batch = _read(data, REQUEST_SCHEMA)
        if not batch.num_rows:
            return []
        first = batch.column("request_id")[0].as_py() & _SEQUENCE
        taken = []
        for part_first, part_end in worker.received.take(first, first + batch.num_rows):
            part = batch.slice(part_first - first, part_end - part_first)
            part = self._with_phase(_set_back(part, worker.clock.applied_us), at_us)
            worker.rows += part.num_rows
            self._folder.append("requests", part)
            self._note_recent(part, at_us)
            taken.append(((part_first, part_end), part))
        return taken

    def _with_phase(self, batch: pa.RecordBatch, at_us: int) -> pa.RecordBatch:
        phases = self._tracker.phases(at_us)
        if not phases:
            return batch
        intended_us = _microseconds(batch, "intended_at")
        starts_us = np.array([phase.start_us for phase in phases])
        position = np.clip(np.searchsorted(starts_us, intended_us, side="right") - 1, 0, None)
        names = pa.array([phase.name for phase in phases]).take(pa.array(position))
        return batch.set_column(_PHASE, REQUEST_SCHEMA.field(_PHASE), names)

    def _note_recent(self, batch: pa.RecordBatch, at_us: int) -> None:
        outcome = batch.column("outcome")
        ended = pc.and_(pc.not_equal(outcome, Outcome.INCOMPLETE.value), batch.column("done_at").is_valid())
        failed = pc.and_(ended, pc.invert(pc.is_in(outcome, _NOT_ERRORS)))
        chosen = ended.to_numpy(zero_copy_only=False)
        done_us = _microseconds(batch, "done_at")[chosen]
        response_us = done_us - _microseconds(batch, "intended_at")[chosen]
        self._recent.extend(done_us, response_us / 1000, errors=pc.sum(failed).as_py(), now_us=at_us)


def _read(data: bytes, schema: pa.Schema) -> pa.RecordBatch:
    return pa.ipc.read_record_batch(pa.py_buffer(data), schema)


def _microseconds(batch: pa.RecordBatch, column: str) -> Ints:
    """A column of times as numbers; 0 for null."""
    numbers: Ints = batch.column(column).view(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return numbers


def _set_back(batch: pa.RecordBatch, ahead_us: int) -> pa.RecordBatch:
    """All times of a generator whose clock is ahead, as the master's clock had them."""
    if not ahead_us:
        return batch
    ahead = pa.scalar(ahead_us, pa.duration("us"))
    columns = [
        pc.subtract(column, ahead) if pa.types.is_timestamp(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _after(batch: pa.RecordBatch, at_us: int) -> pa.RecordBatch:
    """The seconds of a generator's health that have not come before."""
    fresh = _microseconds(batch, "at") > at_us
    return batch if fresh.all() else batch.filter(pa.array(fresh))


def _of_requests(spans: pa.RecordBatch, new: list[Stretch]) -> pa.RecordBatch:
    """The spans of requests whose rows were written just now."""
    sequence = spans.column("request_id").to_numpy() & np.uint64(_SEQUENCE)
    wanted = np.zeros(len(sequence), dtype=bool)
    for first, end in new:
        wanted |= (sequence >= first) & (sequence < end)
    return spans if wanted.all() else spans.filter(pa.array(wanted))
