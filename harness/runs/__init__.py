"""The run folder and stock Locust CSVs: what is written while a test runs, and how it is read back."""

from harness.runs._baseline import (
    BASELINE_SCHEMA_VERSION,
    BaselineEntry,
    baseline_text,
    read_baselines,
    write_baselines,
)
from harness.runs._folder import (
    LOCUST_CSV_PREFIX,
    RunFolder,
    is_run_folder,
    new_run_id,
    open_run,
    process_is_alive,
    write_text_atomically,
)
from harness.runs._locust_csv import locust_exceptions, read_locust_csvs
from harness.runs._manifest import (
    HostRecord,
    Manifest,
    PhaseRecord,
    RunState,
    ScenarioRecord,
    TargetRecord,
    WorkerRecord,
)
from harness.runs._pytest_benchmark import BenchmarkSession, is_benchmark_file, read_benchmarks
from harness.runs._run import LocustTables, Run, RunSource
from harness.runs._schema import (
    GENERATOR_SCHEMA,
    LATE_HEARTBEAT_MS,
    NOT_ERRORS,
    REQUEST_ID_BITS,
    REQUEST_SCHEMA,
    RESOURCE_SCHEMA,
    SCHEMA_VERSION,
    SPAN_SCHEMA,
    Cause,
    Outcome,
)

__all__ = [
    "BASELINE_SCHEMA_VERSION",
    "GENERATOR_SCHEMA",
    "LATE_HEARTBEAT_MS",
    "LOCUST_CSV_PREFIX",
    "NOT_ERRORS",
    "REQUEST_ID_BITS",
    "REQUEST_SCHEMA",
    "RESOURCE_SCHEMA",
    "SCHEMA_VERSION",
    "SPAN_SCHEMA",
    "BaselineEntry",
    "BenchmarkSession",
    "Cause",
    "HostRecord",
    "LocustTables",
    "Manifest",
    "Outcome",
    "PhaseRecord",
    "Run",
    "RunFolder",
    "RunSource",
    "RunState",
    "ScenarioRecord",
    "TargetRecord",
    "WorkerRecord",
    "baseline_text",
    "is_benchmark_file",
    "is_run_folder",
    "locust_exceptions",
    "new_run_id",
    "open_run",
    "process_is_alive",
    "read_baselines",
    "read_benchmarks",
    "read_locust_csvs",
    "write_baselines",
    "write_text_atomically",
]
