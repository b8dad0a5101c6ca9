"""manifest.json: what was run, where, against what, and how it ended."""

import enum
import ipaddress
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from harness.config import DerivedConfig
from harness.runs._schema import SCHEMA_VERSION


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RunState(enum.StrEnum):
    """`running` in a folder whose process is gone means that it crashed."""

    RUNNING = "running"
    SEALED = "sealed"


class PhaseRecord(_Frozen):
    """One stretch of the run, on the master's clock, half open: start_us <= t < end_us.

    `arrivals_per_s` is what the users of a hold ask for together in an open loop, else None.
    """

    name: str
    kind: Literal["ramp", "hold", "drain"]
    users: int
    start_us: int
    end_us: int
    arrivals_per_s: float | None = None


class WorkerRecord(_Frozen):
    """One load generator: what it was to deliver and what arrived.

    Its clock was `clock_offset_us` ahead of the master's, give or take `clock_uncertainty_us`, when it
    was measured last. `rows_repeated` came once more and were not written again. `away_s` is for how long
    nothing was heard of it before it came back; one that did not come back is `lost`.
    """

    index: int
    id: str
    clock_offset_us: int | None = None
    clock_uncertainty_us: int | None = None
    rows_received: int = 0
    rows_repeated: int = 0
    last_sequence: int | None = None
    finished: bool = False
    lost: bool = False
    away_s: float = 0.0


class TargetRecord(_Frozen):
    """What the service said of itself at `GET /info`; `unknown` where it said nothing."""

    url: str = ""
    provider_mode: Literal["simulated", "live", "unknown"] = "unknown"
    profile: str | None = None
    models: dict[str, str] = Field(default_factory=dict)
    prompts_hash: str = "unknown"
    version: str = "unknown"


class HostRecord(_Frozen):
    name: str = "unknown"
    platform: str = "unknown"
    cpus: int = 0
    memory_bytes: int = 0


class StopRecord(_Frozen):
    """The rule that ended a run early, and what was measured `at_s` seconds after the load began.

    The figures are of the `window_s` seconds before that moment; `reason` says them in words.
    """

    criterion: str
    at_s: float
    window_s: float
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str = ""
    reason: str = ""


class ScenarioRecord(_Frozen):
    """The scenario as it was resolved when the run began, so that a run can be judged again later.

    `whole_holds`: the shape counts its requests, and has all of them measured.
    """

    name: str
    description: str = ""
    criteria: dict[str, str] = Field(default_factory=dict)
    load_criteria: dict[str, str] = Field(default_factory=dict)
    warm_up_s: float = 5.0
    settle_s: float | None = None
    whole_holds: bool = False
    abort_on_critical: bool = False
    live_window_s: float = 30.0
    live_grace_s: float | None = None
    load: dict[str, Any] = Field(default_factory=dict)
    derived: dict[str, DerivedConfig] = Field(default_factory=dict)
    trace_url: str | None = None


class ProbeRecord(_Frozen):
    """One load that a search tried: how long it was measured, and what each criterion said of it.

    `meets` is None where a criterion stayed undecided. `counts` is False where the load generator had
    `trouble` in the hold `phase` and the load was tried again: that hold is not measured.
    """

    load: float
    measured_s: float
    meets: bool | None
    criteria: dict[str, str]
    phase: str = ""
    counts: bool = True
    trouble: str = ""


class SearchRecord(_Frozen):
    """What a search for the highest load found; loads in `unit`, `users` or `arrivals/s`.

    `met` is the largest load that met its criteria, `missed` the smallest that did not; None where
    there was none. `words` says so in a sentence.
    """

    unit: str
    met: float | None
    missed: float | None
    words: str
    probes: list[ProbeRecord]


class Manifest(_Frozen):
    schema_version: int = SCHEMA_VERSION
    run_id: str
    state: RunState = RunState.RUNNING
    pid: int = 0
    scenario: ScenarioRecord
    command: list[str] = Field(default_factory=list)
    mode: Literal["local", "distributed"] = "local"
    started_at: str = ""
    ended_at: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    git_commit: str = "unknown"
    host: HostRecord = HostRecord()
    target: TargetRecord = TargetRecord()
    seed: int = 0
    workers: list[WorkerRecord] = Field(default_factory=list)
    phases: list[PhaseRecord] = Field(default_factory=list)
    stop_reason: str | None = None
    interrupted: bool = False
    stopped_by: StopRecord | None = None
    samples_missing: int = 0
    search: SearchRecord | None = None
    fingerprint: str = ""
    fingerprint_parts: dict[str, str] = Field(default_factory=dict)

    @property
    def target_is_here(self) -> bool:
        """Whether the target's address is one of the machine that the run was started on."""
        name = urlsplit(self.target.url).hostname or ""
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return name in {"localhost", self.host.name.lower()} - {""}
