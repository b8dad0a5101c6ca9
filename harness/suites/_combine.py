"""The verdict of a suite from those of its steps: one word, one sentence, one exit code. Pure."""

from collections.abc import Iterable, Sequence

from harness.errors import PRECEDENCE, ExitCode
from harness.suites._record import StepRecord, StepState, SuiteRecord, SuiteState

#: Verdicts of a step that neither pass nor fail anything.
NEUTRAL = frozenset({"NOT CONFIGURED", "NOT JUDGED"})
NOT_CONFIGURED = "NOT CONFIGURED"

#: How many of the steps that did not pass the verdict's sentence names.
_NAMED = 5
NOT_RUN = "NOT RUN"

_WORDS = {
    ExitCode.OK: "PASS",
    ExitCode.CRITERIA: "FAIL",
    ExitCode.USAGE: "ERROR",
    ExitCode.REGRESSION: "REGRESSION",
    ExitCode.INVALID: "INVALID",
    ExitCode.UNREACHABLE: "ERROR",
    ExitCode.BUG: "ERROR",
    ExitCode.INTERRUPTED: "INTERRUPTED",
}


def word_of(code: int) -> str:
    """The verdict that an exit code stands for, where nothing says it better.

    >>> word_of(0), word_of(4), word_of(99)
    ('PASS', 'INVALID', 'ERROR')
    """
    return _WORDS.get(ExitCode(code), "ERROR") if code in set(ExitCode) else "ERROR"


def first_of(codes: Iterable[int]) -> int:
    """The exit code that wins; one that the harness does not know, as after a signal, before all.

    >>> first_of([0, 3, 1]), first_of([1, 4, 130]), first_of([])
    (1, 130, 0)
    """
    order = [int(code) for code in PRECEDENCE]
    return min(codes, key=lambda code: order.index(code) if code in order else -1, default=int(ExitCode.OK))


def concluded(record: SuiteRecord) -> SuiteRecord:
    """The record with the verdict that follows from its steps as they are now.

    A step that was not run, as after Ctrl-C, makes the suite INTERRUPTED: what did not run did not pass.
    """
    ended = [step for step in record.steps if step.state is StepState.ENDED]
    missing = [step for step in record.steps if step.state is not StepState.ENDED]
    code = first_of(step.code for step in ended if step.code is not None)
    if missing:
        code = first_of((code, ExitCode.INTERRUPTED))
    word = _word(code, ended)
    state = (
        SuiteState.INTERRUPTED
        if ExitCode.INTERRUPTED in {code, *(s.code for s in ended)} or missing
        else None
    )
    return record.model_copy(
        update={
            "state": state or SuiteState.FINISHED,
            "exit_code": code,
            "word": word,
            "headline": _headline(record.steps, ended, word),
        }
    )


def _word(code: int, ended: Sequence[StepRecord]) -> str:
    if code != ExitCode.OK:
        deciding = [step.word for step in ended if step.code == code]
        return deciding[0] if deciding else word_of(code)
    words = {step.word for step in ended}
    if "WARN" in words:
        return "WARN"
    return "PASS" if words - NEUTRAL else "NOT JUDGED"


def _headline(steps: Sequence[StepRecord], ended: Sequence[StepRecord], word: str) -> str:
    bad = [step for step in ended if step.code]
    told = [f"{step.name} ({step.word})" for step in bad]
    missing = len(steps) - len(ended)
    aside = [step.name for step in ended if step.word == NOT_CONFIGURED]
    ran = len(ended) - len(aside)
    parts = []
    if told:
        more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
        parts.append(f"{len(bad)} of {len(steps)} steps did not pass: {', '.join(told[:_NAMED])}{more}")
    elif not ran:
        parts.append("no step judged anything")
    else:
        warned = [step.name for step in ended if step.word == "WARN"]
        but = f", {', '.join(warned)} with a warning" if word == "WARN" else ""
        which = "what ended" if missing else f"all {ran} steps" if ran > 1 else "the one step"
        parts.append(f"{which} passed{but}")
    if missing:
        parts.append(f"{missing} of {len(steps)} not run")
    if aside:
        parts.append(f"not configured: {', '.join(aside)}")
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]
