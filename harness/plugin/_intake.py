"""The master's intake: shipments of rows checked for gaps, given their phase, put on disk."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from harness.monitoring import RecentWindow
from harness.runs import (
    GENERATOR_SCHEMA,
    NOT_ERRORS,
    REQUEST_SCHEMA,
    SPAN_SCHEMA,
    Outcome,
    RunFolder,
    WorkerRecord,
)
from harness.schedule import PhaseTracker

_PHASE = REQUEST_SCHEMA.get_field_index("phase")


@dataclass(slots=True)
class WorkerState:
    """What has arrived from one load generator."""

    index: int
    id: str
    rows: int = 0
    next_sequence: int = 0
    missing: int = 0
    clock_offset_us: int | None = None
    finished: bool = False
    lost: bool = False

    def record(self) -> WorkerRecord:
        return WorkerRecord(
            index=self.index,
            id=self.id,
            clock_offset_us=self.clock_offset_us,
            rows_received=self.rows,
            last_sequence=self.next_sequence - 1 if self.next_sequence else None,
            finished=self.finished,
            lost=self.lost,
        )


class Intake:
    """Takes in one run's shipments. Batches are never resent; a gap is counted, not mended."""

    def __init__(self, token: str, folder: RunFolder, tracker: PhaseTracker, recent: RecentWindow) -> None:
        self._token = token
        self._folder = folder
        self._tracker = tracker
        self._recent = recent
        self.workers: dict[str, WorkerState] = {}

    def expect(self, client_id: str, index: int) -> WorkerState:
        """A load generator that belongs to this run."""
        return self.workers.setdefault(client_id, WorkerState(index, client_id))

    def take(self, client_id: str, shipment: dict[str, Any], at_us: int) -> None:
        """Write a shipment's rows. One of another run, or of a stranger, is dropped."""
        worker = self.workers.get(client_id)
        if worker is None or shipment["token"] != self._token:
            return
        worker.missing += max(shipment["first_sequence"] - worker.next_sequence, 0)
        worker.next_sequence = shipment["next_sequence"]
        for data in shipment["requests"]:
            batch = _read(data, REQUEST_SCHEMA)
            worker.rows += batch.num_rows
            self._folder.append("requests", self._with_phase(batch, at_us))
            self._note_recent(batch)
        for data in shipment["spans"]:
            self._folder.append("spans", _read(data, SPAN_SCHEMA))
        for data in shipment["generator"]:
            self._folder.append("generator", _read(data, GENERATOR_SCHEMA))

    def finish(self, client_id: str, next_sequence: int) -> None:
        """A generator's last word: how many rows it had in all."""
        worker = self.workers.get(client_id)
        if worker is not None:
            worker.missing += max(next_sequence - worker.next_sequence, 0)
            worker.next_sequence = max(next_sequence, worker.next_sequence)
            worker.finished = True

    @property
    def samples_missing(self) -> int:
        return sum(worker.missing for worker in self.workers.values())

    def _with_phase(self, batch: pa.RecordBatch, at_us: int) -> pa.RecordBatch:
        phases = self._tracker.phases(at_us)
        if not phases:
            return batch
        intended_us = batch.column("intended_at").cast(pa.int64()).to_numpy(zero_copy_only=False)
        starts_us = np.array([phase.start_us for phase in phases])
        position = np.clip(np.searchsorted(starts_us, intended_us, side="right") - 1, 0, None)
        names = pa.array([phase.name for phase in phases]).take(pa.array(position))
        return batch.set_column(_PHASE, REQUEST_SCHEMA.field(_PHASE), names)

    def _note_recent(self, batch: pa.RecordBatch) -> None:
        done_us = batch.column("done_at").cast(pa.int64()).to_pylist()
        intended_us = batch.column("intended_at").cast(pa.int64()).to_pylist()
        outcomes = batch.column("outcome").to_pylist()
        self._recent.extend(
            (done, (done - intended) / 1000, outcome not in NOT_ERRORS)
            for done, intended, outcome in zip(done_us, intended_us, outcomes, strict=True)
            if done is not None and outcome != Outcome.INCOMPLETE
        )


def _read(data: bytes, schema: pa.Schema) -> pa.RecordBatch:
    return pa.ipc.read_record_batch(pa.py_buffer(data), schema)
