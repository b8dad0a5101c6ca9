"""Runs the steps of a suite one after the other, and keeps account after each.

What a step does is handed in; nothing here starts a process or reads a clock of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.config import StepConfig, SuiteConfig
from harness.errors import ExitCode
from harness.suites._combine import concluded, word_of
from harness.suites._record import CriterionRecord, StepRecord, StepState, SuiteRecord, SuiteState


@dataclass(slots=True, frozen=True)
class StepResult:
    """What one attempt at a step came to; `word` and `headline` are those of the run where there is one."""

    code: int
    run: Path | None = None
    word: str = ""
    headline: str = ""
    provider: str = ""
    command: tuple[str, ...] = ()
    criteria: tuple[CriterionRecord, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


Execute = Callable[[StepConfig, SuiteRecord], StepResult]


def run_steps(
    suite: SuiteConfig,
    record: SuiteRecord,
    execute: Execute,
    save: Callable[[SuiteRecord], None],
    now: Callable[[], datetime],
) -> SuiteRecord:
    """Do the steps that have no result yet; the record with the verdict of the whole.

    `save` is called before and after each step, so that the record is right at every moment. A step that
    fails keeps none from running; one that is interrupted ends the suite.
    """
    began = now()
    before_s = record.seconds
    record = record.model_copy(update={"state": SuiteState.RUNNING, "ended_at": None})
    for step in suite.steps:
        if record.step(step.label).is_finished:
            continue
        started = now()
        running = record.step(step.label).model_copy(
            update={"state": StepState.RUNNING, "started_at": started.isoformat(timespec="seconds")}
        )
        record = record.with_step(running)
        save(record)
        done = _attempts(step, record, suite.repeat_invalid, execute)
        ended = now()
        done = done.model_copy(update={"seconds": round((ended - started).total_seconds(), 1)})
        seconds = round(before_s + (ended - began).total_seconds(), 1)
        record = record.with_step(done).model_copy(update={"seconds": seconds})
        save(record)
        if done.code == ExitCode.INTERRUPTED:
            break
    return concluded(record).model_copy(update={"ended_at": now().isoformat(timespec="seconds")})


def _attempts(step: StepConfig, record: SuiteRecord, repeats: int, execute: Execute) -> StepRecord:
    """The step with its result: the first that measured anything, else the last."""
    kept = record.step(step.label)
    for left in range(repeats, -1, -1):
        result = _result(step, record, execute)
        folder = None if result.run is None else f"../{result.run.name}"
        attempts = [*kept.attempts, *([folder] if folder else [])]
        kept = StepRecord(
            name=kept.name,
            kind=kept.kind,
            about=kept.about,
            state=StepState.ENDED,
            word=result.word or word_of(result.code),
            code=result.code,
            headline=result.headline,
            provider=result.provider,
            command=list(result.command),
            started_at=kept.started_at,
            run=folder,
            attempts=attempts,
            criteria=list(result.criteria),
            details=result.details,
            notes=list(dict.fromkeys([*kept.notes, *result.notes])),
        )
        if result.code != ExitCode.INVALID or step.scenario is None or not left:
            break
        again = f"{folder or 'a run'} was invalid ({result.headline}) and repeated"
        kept = kept.model_copy(update={"notes": [*kept.notes, again]})
    return kept


def _result(step: StepConfig, record: SuiteRecord, execute: Execute) -> StepResult:
    try:
        return execute(step, record)
    except KeyboardInterrupt:
        return StepResult(ExitCode.INTERRUPTED, headline="interrupted")
