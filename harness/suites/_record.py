"""suite.json: what a suite was to do, what each step came to, and the verdict of the whole."""

import enum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import ExitCode

SCHEMA_VERSION = 1

#: Endings after which a step has no result, so that a resumed suite does it again.
UNFINISHED = frozenset({ExitCode.USAGE, ExitCode.UNREACHABLE, ExitCode.BUG, ExitCode.INTERRUPTED})


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SuiteState(enum.StrEnum):
    """`running` in a folder whose process is gone means that it was killed."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"


class StepState(enum.StrEnum):
    """A step that is `running` or `pending` when the suite has ended was not finished."""

    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"


class CriterionRecord(_Frozen):
    """One rule of one step as it was judged; figures in words, with their intervals."""

    name: str
    title: str = ""
    rule: str = ""
    verdict: str
    measured: str = ""
    reason: str = ""
    remedy: str = ""


class StepRecord(_Frozen):
    """One step. `run` is the last run's folder as seen from suite.json, `attempts` all of them.

    `word` is the step's verdict, `code` the exit code that it stands for. `details` is what the step
    found beside its criteria: a capacity, a plan, a review.
    """

    name: str
    kind: str
    about: str = ""
    state: StepState = StepState.PENDING
    word: str = "NOT RUN"
    code: int | None = None
    headline: str = ""
    provider: str = ""
    command: list[str] = Field(default_factory=list)
    started_at: str | None = None
    seconds: float | None = None
    run: str | None = None
    attempts: list[str] = Field(default_factory=list)
    criteria: list[CriterionRecord] = Field(default_factory=list)
    details: dict[str, Any] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)

    @property
    def is_finished(self) -> bool:
        """Whether the step has a result that a resumed suite keeps."""
        return self.state is StepState.ENDED and self.code not in UNFINISHED


class SuiteRecord(_Frozen):
    """The whole file. `plan` is a digest of the suite's steps, so that only the same is resumed."""

    schema_version: int = SCHEMA_VERSION
    suite_id: str
    suite: str
    description: str = ""
    state: SuiteState = SuiteState.RUNNING
    pid: int = 0
    plan: str = ""
    sign_off: bool = False
    git_commit: str = "unknown"
    machine: str = ""
    started_at: str = ""
    ended_at: str | None = None
    seconds: float = 0.0
    word: str = "NOT RUN"
    headline: str = ""
    exit_code: int | None = None
    steps: list[StepRecord] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left that resuming would do."""
        return all(step.is_finished for step in self.steps)

    @property
    def run_ids(self) -> frozenset[str]:
        """The ids of every run that a step began, repeated ones too; their folders are beside the suite's."""
        linked = (folder for step in self.steps for folder in (*step.attempts, step.run) if folder)
        return frozenset(folder.rstrip("/").rpartition("/")[2] for folder in linked)

    def with_step(self, step: StepRecord) -> "SuiteRecord":
        """The record with the step of that name replaced."""
        steps = [step if step.name == other.name else other for other in self.steps]
        return self.model_copy(update={"steps": steps})

    def step(self, name: str) -> StepRecord:
        """The step of that name. Raises KeyError where there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)
