"""The run folder and stock Locust CSVs: what is written while a test runs, and how it is read back."""

from harness.runs._manifest import (
    HostRecord,
    Manifest,
    PhaseRecord,
    RunState,
    ScenarioRecord,
    TargetRecord,
    WorkerRecord,
)
from harness.runs._schema import (
    GENERATOR_SCHEMA,
    NOT_ERRORS,
    REQUEST_ID_BITS,
    REQUEST_SCHEMA,
    SCHEMA_VERSION,
    SPAN_SCHEMA,
    Cause,
    Outcome,
)

__all__ = [
    "GENERATOR_SCHEMA",
    "NOT_ERRORS",
    "REQUEST_ID_BITS",
    "REQUEST_SCHEMA",
    "SCHEMA_VERSION",
    "SPAN_SCHEMA",
    "Cause",
    "HostRecord",
    "Manifest",
    "Outcome",
    "PhaseRecord",
    "RunState",
    "ScenarioRecord",
    "TargetRecord",
    "WorkerRecord",
]
