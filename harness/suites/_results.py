"""What a step came to, read from what its command left behind: a run's summary.json, judged rules."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import ExitCode
from harness.reports import figure
from harness.suites._combine import word_of
from harness.suites._record import CriterionRecord
from harness.suites._review import estimate_of
from harness.suites._runner import StepResult
from harness.verdicts import Criterion, CriterionVerdict


def result_of_run(code: int, folder: Path | None, command: Iterable[str]) -> StepResult:
    """The result of a command that ran a scenario and left `folder`, if it came to have one."""
    document = read_summary(folder) if folder is not None else None
    if document is None:
        why = "the run left no summary" if folder is not None else "no run began; see the output above"
        return StepResult(code, folder, word_of(code), why if code else "", command=tuple(command))
    verdicts = document["verdicts"]
    # A command may end worse than its run, as when the comparison blocks; then the run's word is not it.
    same = code == verdicts["exit_code"] or code == ExitCode.OK
    compared = document.get("regression")
    told = () if compared is None else (f"regression: {compared['headline']}",)
    headline = verdicts["headline"] if same or compared is None else compared["headline"]
    return StepResult(
        code,
        folder,
        verdicts["overall"] if same else word_of(code),
        _sentence(headline, verdicts["overall"], document["provider"]["label"]),
        document["provider"]["label"],
        tuple(command),
        tuple(_criterion(entry) for entry in verdicts["criteria"]),
        notes=tuple(note for note in told if note.partition(": ")[2] not in headline),
    )


def read_summary(folder: Path) -> dict[str, Any] | None:
    """summary.json of a run; None where there is none or it cannot be read."""
    try:
        document = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) and "verdicts" in document else None


def result_of_criteria(
    verdicts: Iterable[CriterionVerdict], provider: str, command: Iterable[str], note: str
) -> StepResult:
    """The result of rules that were judged without a run."""
    judged = list(verdicts)
    words = [verdict.verdict for verdict in judged]
    failing = [word for word in (Criterion.FAIL, Criterion.NO_DATA) if word in words]
    word = str(next((w for w in (*failing, Criterion.WARN, Criterion.PASS) if w in words), "NOT JUDGED"))
    met, applicable = words.count(Criterion.PASS), len(words) - words.count(Criterion.NOT_APPLICABLE)
    return StepResult(
        ExitCode.CRITERIA if failing else ExitCode.OK,
        None,
        word,
        f"{met} of {applicable} criteria met" if applicable else "no criterion applies",
        provider,
        tuple(command),
        tuple(_from_verdict(verdict) for verdict in judged),
        notes=(note,),
    )


def _sentence(headline: str, word: str, provider: str) -> str:
    """The headline without what stands beside it anyway."""
    text = headline.removesuffix(f" · {provider}").removeprefix(f"{word}: ")
    return text[:1].upper() + text[1:]


def _criterion(entry: Mapping[str, Any]) -> CriterionRecord:
    measured = entry["measured"]
    return CriterionRecord(
        name=entry["name"],
        title=entry["title"],
        rule=entry["rule"],
        verdict=entry["verdict"],
        measured="" if measured is None else figure(estimate_of(measured)),
        reason=entry["reason"],
        remedy=entry["remedy"],
    )


def _from_verdict(verdict: CriterionVerdict) -> CriterionRecord:
    return CriterionRecord(
        name=verdict.name,
        title=verdict.title,
        rule=verdict.rule,
        verdict=str(verdict.verdict),
        measured="" if verdict.measured is None else figure(verdict.measured),
        reason=verdict.reason,
        remedy=verdict.remedy,
    )
