"""Run folders written row by row, for tests whose oracle is counted by hand.

Times are in seconds from the start of the run; the folder is written and read by `harness.runs`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from harness.runs import (
    GENERATOR_SCHEMA,
    REQUEST_ID_BITS,
    REQUEST_SCHEMA,
    RESOURCE_SCHEMA,
    SPAN_SCHEMA,
    Manifest,
    PhaseRecord,
    Run,
    RunFolder,
    ScenarioRecord,
    WorkerRecord,
    open_run,
)

START = datetime(2026, 11, 24, 6, 33, tzinfo=UTC)
START_US = 1_795_501_980_000_000

Row = dict[str, Any]


def at(seconds: float) -> datetime:
    """A moment of the run, to the microsecond."""
    return START + timedelta(microseconds=round(seconds * 1e6))


def request(
    intended_s: float, took_ms: float | None = 100.0, *, delay_ms: float = 0.0, **columns: Any
) -> Row:
    """A request row. `took_ms` from intended to done; None leaves it without an end."""
    row: Row = {
        "worker": 0,
        "user_class": "CaseUser",
        "method": "POST",
        "name": "/api/cases",
        "category": "simple",
        "intended_at": at(intended_s),
        "sent_at": at(intended_s + delay_ms / 1000),
        "done_at": None if took_ms is None else at(intended_s + took_ms / 1000),
        "outcome": "incomplete" if took_ms is None else "ok",
    }
    return row | columns


def span(request_index: int, component: str, duration_ms: float, **columns: Any) -> Row:
    """A span row of the request at that place in the list of requests (worker 0)."""
    return {"request_id": request_index, "component": component, "duration_ms": duration_ms} | columns


def health(second: float, **columns: Any) -> Row:
    """A row of the generator table: a healthy worker, unless `columns` say otherwise."""
    row: Row = {
        "worker": 0,
        "at": at(second),
        "cpu_percent": 20.0,
        "loop_lag_ms": 1.0,
        "heartbeats": 50,
        "heartbeats_late": 0,
        "in_flight": None,
        "users": 1,
    }
    return row | columns


def resource(second: float, service: str = "target", **columns: Any) -> Row:
    """A row of the resources table."""
    return {"service": service, "at": at(second)} | columns


def phase(
    name: str, kind: str, users: int, start_s: float, end_s: float, arrivals_per_s: float | None = None
) -> PhaseRecord:
    moments = {"start_us": START_US + round(start_s * 1e6), "end_us": START_US + round(end_s * 1e6)}
    named = {"name": name, "kind": kind, "users": users, "arrivals_per_s": arrivals_per_s}
    return PhaseRecord.model_validate({**named, **moments})


def one_hold(seconds: float = 20.0, users: int = 5) -> list[PhaseRecord]:
    return [phase(f"{users}-users", "hold", users, 0, seconds)]


def write_run(
    folder: Path,
    requests: Sequence[Row] = (),
    *,
    spans: Iterable[Row] = (),
    generator: Iterable[Row] = (),
    resources: Iterable[Row] = (),
    phases: Sequence[PhaseRecord] = (),
    criteria: Mapping[str, str] | None = None,
    warm_up_s: float = 0.0,
    settle_s: float | None = 0.0,
    sealed: bool = True,
    run_id: str = "20261124T063300Z-test-000001",
    **manifest_fields: Any,
) -> Run:
    """Write a run folder below `folder` and read it back. No warm-up and settling unless asked for."""
    manifest = Manifest(
        run_id=run_id,
        scenario=ScenarioRecord(
            name="test", criteria=dict(criteria or {}), warm_up_s=warm_up_s, settle_s=settle_s
        ),
        phases=list(phases),
        **(
            {"workers": [WorkerRecord(index=0, id="local")], "started_at": START.isoformat()}
            | manifest_fields
        ),
    )
    written = RunFolder.create(folder, manifest)
    sequences: dict[int, int] = {}
    numbered = []
    for row in requests:
        sequence = sequences.get(row["worker"], 0)
        sequences[row["worker"]] = sequence + 1
        numbered.append({"request_id": row["worker"] << REQUEST_ID_BITS | sequence} | row)
    tables = (
        ("requests", REQUEST_SCHEMA, numbered),
        ("spans", SPAN_SCHEMA, list(spans)),
        ("generator", GENERATOR_SCHEMA, list(generator)),
        ("resources", RESOURCE_SCHEMA, list(resources)),
    )
    for name, schema, rows in tables:
        if rows:
            written.append(name, pa.RecordBatch.from_pylist(rows, schema=schema))
    if sealed:
        written.seal(manifest)
    return open_run(written.path)
