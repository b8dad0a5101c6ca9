"""Regression verdicts as data: one row per metric, and what follows from all of them."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.analysis import Metric, RunSeries
from harness.errors import ExitCode
from harness.stats import Estimate


class RegressionWord(enum.StrEnum):
    """How a metric changed, or how the comparison as a whole came out."""

    BLOCK = "BLOCK"
    INVESTIGATE = "INVESTIGATE"
    INCONCLUSIVE = "INCONCLUSIVE"
    OK = "OK"
    IMPROVED = "IMPROVED"
    MISSING = "MISSING"
    NEW = "NEW"
    NOT_COMPARABLE = "NOT COMPARABLE"
    INVALID = "INVALID"
    NO_BASELINE = "NO BASELINE"


@dataclass(slots=True, frozen=True)
class Limits:
    """What the metric was judged by: percent of change for the worse, and the floor in its unit."""

    block_percent: float
    investigate_percent: float
    floor: float


@dataclass(slots=True, frozen=True)
class Attribution:
    """Where a change of a response time comes from.

    `share_percent` gives each component its part of the change, in percent of the base, so that
    they add up to about the change. `cause` is `does more`, `is slower`, `does more and is slower`,
    or empty where the change is for the better or nothing tells. `text` says both in words.
    """

    text: str
    component: str
    share_percent: Mapping[str, float]
    cause: str


@dataclass(slots=True, frozen=True)
class MetricChange:
    """One metric judged: base and candidate with intervals, the change in percent, and the verdict.

    `text` is the verdict with what belongs to it, as `OK (underpowered: could hide up to 23 %)`.
    `p_value` is adjusted for all metrics of the run. `change` is signed as measured (a lower
    throughput is negative); `worse_percent` has more as worse. `decides` is whether an INCONCLUSIVE
    here makes the whole comparison so.
    """

    metric: Metric
    verdict: RegressionWord
    text: str
    base: Estimate | None
    candidate: Estimate | None
    change: Estimate | None
    difference: Estimate | None
    worse_percent: float | None
    p_value: float | None
    limits: Limits
    reason: str
    attribution: Attribution | None = None
    decides: bool = True

    @property
    def name(self) -> str:
        """The metric as in rules: `p95(response_time){category=simple}`."""
        return self.metric.name


@dataclass(slots=True, frozen=True)
class RunReference:
    """Which run stood on a side."""

    run_id: str
    started_at: str
    git_commit: str


@dataclass(slots=True, frozen=True)
class Regression:
    """A comparison judged.

    `differs` names the parts of the fingerprint in which the runs differ, with the values of both
    sides; `ignored` are those of them that were asked to be ignored. Rows are empty where nothing
    was compared. `samples` are the runs of both sides, for charts.
    """

    word: RegressionWord
    headline: str
    rows: Sequence[MetricChange]
    bases: Sequence[RunReference]
    candidates: Sequence[RunReference]
    scenario: str = ""
    provider: str = ""
    differs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    samples: tuple[Sequence[RunSeries], Sequence[RunSeries]] = field(default=((), ()), repr=False)

    def exit_code(self, *, strict: bool = False) -> ExitCode:
        """3 for BLOCK and NOT COMPARABLE (strict: also INVESTIGATE, INCONCLUSIVE), 4 for INVALID, else 0."""
        failing = {RegressionWord.BLOCK, RegressionWord.NOT_COMPARABLE}
        if strict:
            failing |= {RegressionWord.INVESTIGATE, RegressionWord.INCONCLUSIVE}
        if self.word is RegressionWord.INVALID:
            return ExitCode.INVALID
        return ExitCode.REGRESSION if self.word in failing else ExitCode.OK

    def of(self, *words: RegressionWord) -> list[MetricChange]:
        """The rows with one of these verdicts."""
        return [row for row in self.rows if row.verdict in words]
