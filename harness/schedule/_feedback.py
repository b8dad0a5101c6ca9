"""What a shape may know of the run that it steers: the outcome of the load step that lasts now.

A shape whose next step depends on the last one (a ramp that stops at too many errors, a search for
the breaking point) reads it from `environment.feedback`, which `harness.plugin` sets on the master
and on the local runner. The protocol stands here so that shapes need nothing but plans and Locust.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(slots=True, frozen=True)
class StepOutcome:
    """The requests of one hold phase whose intended start lies after its settling, so far.

    `requests` are those that have ended and were reported by their worker (some seconds late);
    `errors` those of them that failed, `errors_by_cause` by `service`, `provider`, `network`,
    `generator` or `answer`. `seconds` is how much of the hold has passed without the settling.
    `criteria` holds, per rule of the scenario, `PASS`, `WARN`, `FAIL` or `NO DATA` on these requests
    alone; `load_criteria` the same of the rules that a load must meet to count as carried, by their
    targets alone: a critical level is no target. Times in ms, None without requests.
    `generator_trouble` says what kept a load generator from sending the step as it was planned; empty
    where nothing did, as far as workers have reported.
    """

    phase: str
    users: int
    seconds: float
    requests: int
    errors: int
    errors_by_cause: Mapping[str, int] = field(default_factory=dict)
    mean_ms: float | None = None
    p95_ms: float | None = None
    criteria: Mapping[str, str] = field(default_factory=dict)
    load_criteria: Mapping[str, str] = field(default_factory=dict)
    generator_trouble: str = ""


class Feedback(Protocol):
    """Set as `environment.feedback` where a run is coordinated."""

    def step(self, settle_s: float) -> StepOutcome | None:
        """The outcome of the hold phase that lasts now; None in a ramp and before the first hold."""
        ...
