"""The combined report of a suite, made from suite.json and the folders of its runs alone."""

import shlex
from pathlib import Path

from harness.reports import (
    SuiteRule,
    SuiteStep,
    SuiteTable,
    SuiteView,
    sign_off_html,
    suite_html,
    suite_junit,
    suite_markdown,
)
from harness.runs import write_text_atomically
from harness.suites._record import StepRecord, SuiteRecord

_KINDS = {
    "run": "run of {}",
    "regression": "{} against its baseline",
    "capacity": "capacity from {}",
    "plan": "capacity plan from {}",
    "review": "optimisation review of {}",
    "prometheus": "deployed service, by Prometheus",
    "command": "{}",
}


def suite_view(record: SuiteRecord) -> SuiteView:
    """The record as its reports show it."""
    return SuiteView(
        suite_id=record.suite_id,
        suite=record.suite,
        description=record.description,
        word=record.word,
        headline=record.headline,
        exit_code=record.exit_code or 0,
        providers=list(dict.fromkeys(step.provider for step in record.steps if step.provider)),
        started_at=record.started_at,
        seconds=record.seconds,
        git_commit=record.git_commit,
        machine=record.machine,
        steps=[_step(step) for step in record.steps],
        rules=[rule for step in record.steps for rule in _rules(step)],
        tables=[table for step in record.steps for table in _tables(step)],
        notes=record.notes,
        sign_off=record.sign_off,
    )


def write_suite_reports(folder: Path, record: SuiteRecord) -> dict[str, Path]:
    """Write report.html, report.md, junit.xml and, where asked for, sign-off.html; paths by name.

    Raises OSError.
    """
    view = suite_view(record)
    texts = {
        "report.html": suite_html(view),
        "report.md": suite_markdown(view),
        "junit.xml": suite_junit(view, _junit_of_runs(folder, record)),
    }
    if record.sign_off:
        texts["sign-off.html"] = sign_off_html(view)
    for name, text in texts.items():
        write_text_atomically(folder / name, text.encode("utf-8", "replace").decode("utf-8"))
    return {name: folder / name for name in texts}


def _step(step: StepRecord) -> SuiteStep:
    return SuiteStep(
        name=step.name,
        what=_KINDS.get(step.kind, "{}").format(step.about),
        word=step.word,
        code=step.code,
        headline=step.headline,
        provider=step.provider,
        seconds=step.seconds,
        link=f"{step.run}/report.html" if step.run else "",
        command=shlex.join(step.command),
        notes=step.notes,
    )


def _rules(step: StepRecord) -> list[SuiteRule]:
    return [
        SuiteRule(
            step.name, rule.name, rule.title, rule.rule, rule.verdict, rule.measured, rule.reason, rule.remedy
        )
        for rule in step.criteria
    ]


def _tables(step: StepRecord) -> list[SuiteTable]:
    return [SuiteTable(**table) for table in step.details.get("tables", ())]


def _junit_of_runs(folder: Path, record: SuiteRecord) -> dict[str, str]:
    found = {}
    for step in record.steps:
        if step.run is not None:
            try:
                found[step.name] = (folder / step.run / "junit.xml").read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue
    return found
