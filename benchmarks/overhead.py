"""What the harness itself costs: start-up, one recorded request, the report of a run.

    make bench            or            .venv/bin/python benchmarks/overhead.py

Each row is measured in pairs with the alternative named beside it, on the same work, in this one
process or in children of it. The figure is the median ratio; the spread is the range of the ratios.
"""

import csv
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from harness.engine import Answer, Recorder, Request, Response, RunTicket, Span, classify
from harness.runs import (
    REQUEST_SCHEMA,
    SPAN_SCHEMA,
    Manifest,
    PhaseRecord,
    RunFolder,
    ScenarioRecord,
    WorkerRecord,
)

PAIRS = 5
ROWS = 20_000
REPORT_REQUESTS = 100_000


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _pairs(ours: Callable[[], object], other: Callable[[], object]) -> tuple[float, float, list[float]]:
    """Median seconds of both, and the ratio ours / other of each pair; the order alternates."""
    times: list[tuple[float, float]] = []
    for turn in range(PAIRS):
        if turn % 2:
            b, a = _seconds(other), _seconds(ours)
        else:
            a, b = _seconds(ours), _seconds(other)
        times.append((a, b))
    ratios = [a / b for a, b in times]
    return statistics.median(a for a, _ in times), statistics.median(b for _, b in times), ratios


def start_up() -> tuple[str, str, float, float, list[float]]:
    def run(*arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)

    harness = "import sys; from harness.cli import main; sys.exit(main(['--help']))"
    return (
        "harness --help",
        "locust --help",
        *_pairs(lambda: run("-c", harness), lambda: run("-m", "locust", "--help")),
    )


def recording() -> tuple[str, str, float, float, list[float]]:
    """One request row with four spans, numbered and encoded, against a row of csv.writer."""
    ticket, spans = RunTicket("bench"), [Span(name, 100.0, 1.0) for name in "abcd"]
    request = Request("POST", "/api/cases", "SimpleCaseUser", "simple", "simple-001.0.0", 1, 1, 300)
    response = Response(classify(200, None, Answer(llm_calls=3)), 400_000, 200, 2_000, spans, Answer())

    def ours() -> None:
        recorder = Recorder()
        recorder.begin(ticket)
        for _ in range(ROWS):
            recorder.record(request, response)
        recorder.ship()

    def other() -> None:
        rows, span_rows = csv.writer(io.StringIO()), csv.writer(io.StringIO())
        for sequence in range(ROWS):
            rows.writerow(
                (sequence, request.case_id, request.user_class, request.name, "simple", 1, 400_000, 200, "ok")
            )
            for span in spans:
                span_rows.writerow((sequence, span.component, span.start_ms, span.duration_ms))

    return f"record {ROWS:,} requests, 4 spans each", "csv.writer, 9 + 4x4 columns", *_pairs(ours, other)


def reporting(folder: Path) -> tuple[str, str, float, float, list[float]]:
    """A whole report from a run folder, each side a fresh process, against the obvious script."""
    run = _recorded_run(folder)
    frame = pd.read_parquet(run / "requests.parquet")
    frame.to_csv(folder / "requests.csv", index=False)
    report = "import sys; from harness.cli import main; sys.exit(main(['report', sys.argv[1]]) not in (0, 4))"
    script = (
        "import sys, pandas as pd; d = pd.read_csv(sys.argv[1], parse_dates=['intended_at', 'done_at']);"
        "d['ms'] = (d.done_at - d.intended_at).dt.total_seconds() * 1000;"
        "print(d.groupby('category').ms.quantile([.5, .95, .99]))"
    )

    def child(code: str, argument: Path) -> None:
        subprocess.run([sys.executable, "-c", code, str(argument)], check=True, stdout=subprocess.DEVNULL)

    return (
        f"harness report, {REPORT_REQUESTS:,} requests",
        "pandas read_csv + groupby quantiles",
        *_pairs(lambda: child(report, run), lambda: child(script, folder / "requests.csv")),
    )


def _recorded_run(folder: Path) -> Path:
    """A sealed run of REPORT_REQUESTS requests over 300 s with three spans each."""
    rng = np.random.default_rng(1)
    start_us, length_us = 1_700_000_000_000_000, 300_000_000
    intended_us = start_us + np.sort(rng.integers(0, length_us, REPORT_REQUESTS))
    took_us = (rng.lognormal(0, 0.5, REPORT_REQUESTS) * 300_000).astype(np.int64)
    manifest = Manifest(
        run_id="bench",
        scenario=ScenarioRecord(name="bench", criteria={"p95": "p95(response_time){category=simple} < 9 s"}),
        phases=[
            PhaseRecord(
                name="50-users", kind="hold", users=50, start_us=start_us, end_us=start_us + length_us
            )
        ],
        workers=[WorkerRecord(index=0, id="w", rows_received=REPORT_REQUESTS, finished=True)],
    )
    target = RunFolder.create(folder, manifest)
    ids = np.arange(REPORT_REQUESTS, dtype=np.uint64)
    categories = rng.choice(["simple", "moderate", "complex"], REPORT_REQUESTS, p=[0.5, 0.3, 0.2])
    columns = {
        "request_id": ids,
        "worker": np.zeros(REPORT_REQUESTS, np.uint16),
        "name": np.full(REPORT_REQUESTS, "/api/cases"),
        "category": categories,
        "phase": np.full(REPORT_REQUESTS, "50-users"),
        "intended_at": pa.array(intended_us).cast(REQUEST_SCHEMA.field("intended_at").type),
        "sent_at": pa.array(intended_us).cast(REQUEST_SCHEMA.field("sent_at").type),
        "done_at": pa.array(intended_us + took_us).cast(REQUEST_SCHEMA.field("done_at").type),
        "outcome": np.full(REPORT_REQUESTS, "ok"),
    }
    target.append("requests", _batch(columns, REPORT_REQUESTS, REQUEST_SCHEMA))
    for component in ("triage", "specialists", "synthesis"):
        spans = {
            "request_id": ids,
            "component": np.full(REPORT_REQUESTS, component),
            "duration_ms": took_us / 3000,
        }
        target.append("spans", _batch(spans, REPORT_REQUESTS, SPAN_SCHEMA))
    target.seal(manifest)
    return target.path


def _batch(columns: Mapping[str, object], rows: int, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        pa.array(columns[field.name], type=field.type)
        if field.name in columns
        else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def main() -> None:
    print(f"{'what':38} {'against':38} {'ours s':>8} {'other s':>8} {'ratio':>6}  spread")
    with tempfile.TemporaryDirectory() as folder:
        for row in (start_up, recording, lambda: reporting(Path(folder))):
            what, against, ours_s, other_s, ratios = row()
            print(
                f"{what:38} {against:38} {ours_s:8.3f} {other_s:8.3f} {statistics.median(ratios):6.2f}"
                f"  {min(ratios):.2f}-{max(ratios):.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
