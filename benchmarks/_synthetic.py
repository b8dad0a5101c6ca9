"""Run folders of any size, made batch by batch from a fixed seed, as a run's master would write them."""

import binascii
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.runs import (
    GENERATOR_SCHEMA,
    REQUEST_ID_BITS,
    REQUEST_SCHEMA,
    SPAN_SCHEMA,
    Manifest,
    PhaseRecord,
    RunFolder,
    RunState,
    ScenarioRecord,
    WorkerRecord,
)
from harness.runs._tables import TABLES, seal_stream

SEED = 20261124
START_US = 1_795_501_980_000_000
RUN_S = 1000
LEVELS = (50, 100, 150, 200, 250)
WORKERS = 4
BATCH = 10_000

CATEGORIES = ("simple", "moderate", "complex")
NAMES = ("/api/cases", "/api/cases?stream=true")
MODELS = ("openai/gpt-oss-120b", "openai/gpt-oss-20b")
COMPONENTS = ("triage", "specialists", "debate", "synthesis", "overhead", "total")
SPANS_PER_REQUEST = len(COMPONENTS)
_SPAN_MODELS = (0, 1, 0, 0, None, None)
_OUTCOMES = ("ok", "degraded", "rejected", "server_error", "timeout", "incomplete")
_CAUSES = (None, "provider", "provider", "service", "service", None)
_ERRORS = (None, None, "HTTP 429", "HTTP 500", "no answer in 30 s", None)
_CRITERIA = {
    "simple_p95": "p95(response_time){category=simple} < 500 ms, critical < 1000 ms",
    "complex_p95": "p95(response_time){category=complex} < 2000 ms, critical < 3000 ms",
    "throughput": "throughput{phase=highest} > 50 req/s, critical > 20 req/s",
    "error_rate": "error_rate < 1 %, critical < 5 %",
    "goodput": "goodput > 10 req/s",
    "synthesis_p95": "p95(component_time){component=synthesis} < 900 ms",
}

_MEDIANS_US = np.array([240_000, 600_000, 1_300_000])
_SIGMA, _WEIGHTS = 0.5, (0.5, 0.3, 0.2)
#: Of the log-normal times below: what Little's law makes the number in flight of.
_MEAN_S = float(np.exp(_SIGMA**2 / 2) * (_MEDIANS_US * _WEIGHTS).sum() / 1e6)

Columns = Mapping[str, Any]


def seal(run: Path) -> None:
    """Turn the streams of a run into Parquet and mark it as sealed, as the master does at the end."""
    for name, schema in TABLES.items():
        seal_stream(run / f"{name}.arrows", run / f"{name}.parquet", schema)
    manifest = Manifest.model_validate_json((run / "manifest.json").read_text())
    sealed = manifest.model_copy(update={"state": RunState.SEALED})
    (run / "manifest.json").write_text(sealed.model_dump_json(indent=2))


def write_streams(folder: Path, requests: int) -> Path:
    """A run of `requests` requests over 1000 s as unsealed streams; the folder's path.

    Five holds of 200 s; four workers, whose batches take turns. Times are in whole microseconds.
    """
    manifest = _manifest(requests)
    written = RunFolder.create(folder, manifest)
    rng = np.random.default_rng(SEED)
    sequences = [0] * WORKERS
    for turn, first in enumerate(range(0, requests, BATCH)):
        n, worker = min(BATCH, requests - first), turn % WORKERS
        ids = np.arange(n, dtype=np.uint64) + np.uint64(worker << REQUEST_ID_BITS | sequences[worker])
        sequences[worker] += n
        span_us = RUN_S * 1_000_000 / requests
        due_us = START_US + ((first + np.sort(rng.uniform(0, n, n))) * span_us).astype(np.int64)
        columns, spans = _requests(rng, ids, worker, due_us), _spans(rng, ids)
        spans["duration_ms"] = np.round(columns.pop("took_us")[:, None] * _SHARES / 1000, 3).ravel()
        written.append("requests", _batch(columns, n, REQUEST_SCHEMA))
        written.append("spans", _batch(spans, n * SPANS_PER_REQUEST, SPAN_SCHEMA))
    for worker in range(WORKERS):
        written.append("generator", _batch(_health(worker, requests), RUN_S, GENERATOR_SCHEMA))
    written.close()
    return written.path


_SHARES = np.array([0.1, 0.5, 0.12, 0.25, 0.03, 1.0])


def _requests(
    rng: np.random.Generator, ids: NDArray[np.uint64], worker: int, due_us: NDArray[np.int64]
) -> dict[str, Any]:
    n = len(ids)
    category = rng.choice(len(CATEGORIES), n, p=_WEIGHTS)
    outcome = rng.choice(len(_OUTCOMES), n, p=[0.973, 0.012, 0.006, 0.006, 0.003, 0])
    took_us = (rng.lognormal(0, _SIGMA, n) * _MEDIANS_US[category]).astype(np.int64)
    sent_us = due_us + rng.exponential(300, n).astype(np.int64)
    outcome[sent_us + took_us >= START_US + RUN_S * 1_000_000] = _OUTCOMES.index("incomplete")
    numbered = pc.binary_join_element_wise(_words(CATEGORIES, category), pa.array(ids).cast("string"), "-")
    digits = binascii.hexlify(rng.bytes(16 * n))
    offsets = pa.py_buffer(np.arange(0, 32 * n + 1, 32, dtype=np.int32))
    return {
        "took_us": took_us,
        "request_id": ids,
        "worker": np.full(n, worker, np.uint16),
        "case_id": numbered,
        "user_class": _words(("CaseUser",), np.zeros(n, int)),
        "method": _words(("POST",), np.zeros(n, int)),
        "name": _words(NAMES, rng.choice(2, n, p=[0.9, 0.1])),
        "category": _words(CATEGORIES, category),
        "phase": _words([f"{users}-users" for users in LEVELS], (due_us - START_US) // 200_000_000),
        "model": _words(MODELS, rng.choice(2, n)),
        "intended_at": due_us,
        "sent_at": sent_us,
        "first_byte_at": sent_us + took_us // 2,
        "done_at": pa.array(sent_us + took_us, mask=outcome == _OUTCOMES.index("incomplete")),
        "status": np.full(n, 200, np.int16),
        "outcome": _words(_OUTCOMES, outcome),
        "cause": _words(_CAUSES, outcome),
        "error": _words(_ERRORS, outcome),
        "request_bytes": rng.integers(300, 900, n),
        "response_bytes": rng.integers(2000, 9000, n),
        "input_tokens": rng.integers(500, 4000, n).astype(np.int32),
        "output_tokens": rng.integers(100, 900, n).astype(np.int32),
        "llm_calls": rng.integers(3, 7, n).astype(np.int32),
        "retries": np.zeros(n, np.int32),
        "cost_usd": np.round(rng.uniform(0.0005, 0.004, n), 6),
        "answer_valid": np.ones(n, bool),
        "trace_id": pa.StringArray.from_buffers(n, offsets, pa.py_buffer(digits)),
    }


def _spans(rng: np.random.Generator, ids: NDArray[np.uint64]) -> dict[str, Any]:
    n = len(ids)
    component = np.tile(np.arange(SPANS_PER_REQUEST), n)
    return {
        "request_id": np.repeat(ids, SPANS_PER_REQUEST),
        "component": _words(COMPONENTS, component),
        "model": _words([None if at is None else MODELS[at] for at in _SPAN_MODELS], component),
        "start_ms": np.round(rng.uniform(0, 900, n * SPANS_PER_REQUEST), 3),
        "queue_ms": np.round(rng.exponential(5, n * SPANS_PER_REQUEST), 3),
    }


def _health(worker: int, requests: int) -> Columns:
    return {
        "worker": np.full(RUN_S, worker, np.uint16),
        "at": START_US + np.arange(RUN_S) * 1_000_000 + 7_000 * worker,
        "cpu_percent": np.full(RUN_S, 40.0),
        "loop_lag_ms": np.full(RUN_S, 1.0),
        "heartbeats": np.full(RUN_S, 50, np.int32),
        "heartbeats_late": np.zeros(RUN_S, np.int32),
        "in_flight": np.full(RUN_S, round(requests * _MEAN_S / (WORKERS * RUN_S)), np.int32),
        "users": np.repeat(np.array(LEVELS, np.int32) // WORKERS, RUN_S // len(LEVELS)),
        "samples_shipped": np.arange(RUN_S),
    }


def _words(words: Sequence[str | None], codes: NDArray[Any]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(words, pa.string())).cast(
        pa.string()
    )


def _batch(columns: Columns, rows: int, schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(list(_arrays(columns, rows, schema)), schema=schema)


def _arrays(columns: Columns, rows: int, schema: pa.Schema) -> Iterator[pa.Array]:
    for field in schema:
        values = columns.get(field.name)
        if values is None:
            yield pa.nulls(rows, field.type)
        else:
            yield (values if isinstance(values, pa.Array) else pa.array(values)).cast(field.type)


def _manifest(requests: int) -> Manifest:
    step_us = RUN_S * 1_000_000 // len(LEVELS)
    per_worker = [0] * WORKERS
    for turn, first in enumerate(range(0, requests, BATCH)):
        per_worker[turn % WORKERS] += min(BATCH, requests - first)
    return Manifest(
        run_id=f"synthetic-{requests}",
        scenario=ScenarioRecord(name="synthetic", criteria=_CRITERIA),
        started_at=datetime.fromtimestamp(START_US / 1e6, UTC).isoformat(),
        ended_at=datetime.fromtimestamp(START_US / 1e6 + RUN_S, UTC).isoformat(),
        phases=[
            PhaseRecord(
                name=f"{users}-users",
                kind="hold",
                users=users,
                start_us=START_US + index * step_us,
                end_us=START_US + (index + 1) * step_us,
            )
            for index, users in enumerate(LEVELS)
        ],
        workers=[
            WorkerRecord(index=index, id=f"worker-{index}", rows_received=rows, finished=True)
            for index, rows in enumerate(per_worker)
        ],
    )
