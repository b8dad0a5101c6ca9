"""Verdicts as data: the word, the rule, the measured value, the reason, the remedy."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import ExitCode
from harness.stats import Estimate


class Validity(enum.StrEnum):
    """Whether the measurement can be believed."""

    VALID = "VALID"
    INVALID = "INVALID"
    UNCHECKED = "UNCHECKED"


class Criterion(enum.StrEnum):
    """How one rule came out."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    WARN = "WARN"
    FAIL = "FAIL"
    NO_DATA = "NO DATA"
    NOT_APPLICABLE = "NOT APPLICABLE"


@dataclass(slots=True, frozen=True)
class ValidityCheck:
    """One thing that could make the measurement worthless, and what was seen."""

    name: str
    verdict: Validity
    measured: str
    limit: str
    reason: str
    remedy: str


@dataclass(slots=True, frozen=True)
class CriterionVerdict:
    """One rule judged. `rule` is the rule as written; `name` its key in harness.toml."""

    name: str
    rule: str
    title: str
    verdict: Criterion
    measured: Estimate | None
    target: str
    critical: str | None
    reason: str
    remedy: str


@dataclass(slots=True, frozen=True)
class LevelVerdict:
    """Whether one level of load meets its criteria; None where the evidence does not tell.

    `missed` and `undecided` are the names of the rules that keep it from it.
    """

    run_id: str
    phase: str
    meets: bool | None
    missed: tuple[str, ...]
    undecided: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class CapacityVerdict:
    """The largest load that meets its criteria, as `slo_capacity` has it, and the throughput there.

    `levels` are those of the capacity, in their order.
    """

    slo: Estimate
    throughput: Estimate | None
    levels: tuple[LevelVerdict, ...]


@dataclass(slots=True, frozen=True)
class Judgement:
    """All verdicts of one run, and the exit code that follows from them."""

    validity: Validity
    checks: Sequence[ValidityCheck]
    criteria: Sequence[CriterionVerdict]
    exit_code: ExitCode
    headline: str
    capacity: CapacityVerdict | None = None
