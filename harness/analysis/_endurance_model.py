"""What a run tells of the service over time: what drifts in a soak, how long it took to recover."""

from dataclasses import dataclass

from harness.stats import Estimate


@dataclass(slots=True, frozen=True)
class DriftFigure:
    """Whether one quantity crept up or down during the longest hold.

    `of` is a category, a service or `all`. `start` is the level at the beginning of the `seconds` that
    were tested, `change` what the drift makes of it by their end: in percent of the start, of the error
    rate in percentage points. `verdict`: `grows`, `falls`, `steady`, or `too little data`, where
    `reason` says what is missing.
    """

    quantity: str
    of: str
    phase: str
    seconds: float
    start: Estimate | None
    change: Estimate | None
    p_value: float | None
    verdict: str
    reason: str = ""


@dataclass(slots=True, frozen=True)
class Recovery:
    """How a sudden peak passed: `time` is from its end until p95 was within the limit again.

    `time` is None where it cannot be told, with a `reason`; without a value where p95 was not back
    before the run ended, `watched_s` after the peak.
    """

    baseline_phase: str
    peak_phase: str
    recovery_phase: str
    watched_s: float
    within_percent: float
    limit_ms: float | None
    time: Estimate | None
    reason: str = ""
