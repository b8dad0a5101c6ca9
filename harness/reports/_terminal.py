"""The verdict in a terminal: the first screen after a run, in 80 columns."""

import os
from collections.abc import Sequence
from typing import TextIO

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.analysis import ComponentTime, Group, ModelFigures, Summary
from harness.reports._capacity_words import capacity_lines
from harness.reports._console import text_console
from harness.reports._derived import derived_lines
from harness.reports._endurance import drift_lines, recovery_lines, steps_rows
from harness.reports._findings import component_finding
from harness.reports._format import (
    NO_VALUE,
    NOT_MEASURED,
    count,
    duration,
    figure,
    interval,
    is_hollow,
    quantity,
    sentence_case,
    sentences,
)
from harness.reports._limits import levels
from harness.reports._loads import load_rows, load_words
from harness.reports._models import HOLLOW_WORDS, models_lines, streams_lines
from harness.reports._order import fastest_first
from harness.reports._words import headline, icon, overall, provider, tone
from harness.runs import Manifest
from harness.verdicts import Criterion, CriterionVerdict, Judgement, Validity

#: Shapes whose result is a line per load step.
_STEP_BY_STEP = frozenset({"StressRamp"})

COLOURS = {"good": "green", "warn": "yellow", "bad": "bold red", "neutral": "dim"}


def terminal_report(
    summary: Summary, judgement: Judgement, manifest: Manifest, *, width: int = 80, colour: bool = False
) -> str:
    """Headline, provider, criteria, categories, slow component and notes; plain text unless `colour`."""
    console, buffer = text_console(width, colour=colour)
    console.print(_headline(summary, judgement))
    console.print(_run_line(summary, manifest))
    for part in _validity(judgement):
        console.print(part)
    if judgement.criteria:
        console.print()
        console.print(_criteria(judgement))
        for remedy in _remedies(judgement):
            console.print(remedy)
    console.print()
    if summary.models:
        for part in _models(summary.models):
            console.print(part)
    console.print(_groups(fastest_first(summary)))
    hint = _slow_component(summary.components)
    if hint:
        console.print(hint)
    for line in (
        *derived_lines(summary.derived),
        *capacity_lines(summary.capacity, judgement.capacity),
        *recovery_lines(summary.recovery),
        *drift_lines(summary.drifts),
    ):
        console.print(Text(clean(line)))
    for part in _by_load(summary, manifest):
        console.print(part)
    for note in summary.notes:
        console.print(Text(f"Note: {clean(note)}", ""))
    lines = buffer.getvalue().splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _by_load(summary: Summary, manifest: Manifest) -> list[RenderableType]:
    """What came of each load, where that is what the run was for."""
    if manifest.scenario.load.get("shape_class") in _STEP_BY_STEP:
        ended = Text(clean(f"Ended: {manifest.stop_reason}."))
        return [Text(), _rows(steps_rows(summary.steps), left=(0, 7)), ended]
    if rows := load_rows(summary, manifest):
        words = [Text(clean(line)) for line in load_words(manifest)]
        return [Text(), _rows(rows, left=(3,) if manifest.search else (0,)), *words]
    return []


def _headline(summary: Summary, judgement: Judgement) -> Text:
    word = overall(judgement)
    return Text.assemble(
        (f"{icon(word)} {word}", COLOURS[tone(word)]), "  ", clean(headline(summary, judgement))
    )


def _run_line(summary: Summary, manifest: Manifest) -> Text:
    facts = [
        provider(summary).text,
        summary.scenario,
        f"{count(summary.totals.requests, 'request')} in {duration(summary.duration_s)}",
    ]
    if manifest.workers:
        facts.append(count(len(manifest.workers), "worker"))
    if not summary.exact:
        facts.append("percentiles rounded by Locust")
    return Text(clean(" · ".join(facts)))


def _validity(judgement: Judgement) -> list[RenderableType]:
    """The word, and below it each check that made the run invalid."""
    word = judgement.validity
    failed = [check for check in judgement.checks if check.verdict is Validity.INVALID]
    return [
        Text.assemble("Measurement ", (str(word), COLOURS[tone(word)])),
        *(_indented(f"{c.name}: {sentences(f'{c.measured}, limit {c.limit}', c.remedy)}") for c in failed),
    ]


def _criteria(judgement: Judgement) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", expand=False)
    table.add_column("Verdict", no_wrap=True)
    table.add_column("Rule", ratio=3, overflow="fold")
    table.add_column("Measured", ratio=3, justify="right", overflow="fold")
    table.add_column("Target", no_wrap=True)
    for criterion in judgement.criteria:
        table.add_row(
            Text(f"{icon(criterion.verdict)} {criterion.verdict}", COLOURS[tone(criterion.verdict)]),
            Text(clean(sentence_case(criterion.title or criterion.rule))),
            _measured(criterion),
            Text(clean(criterion.target)),
        )
    return table


def _measured(criterion: CriterionVerdict) -> Text:
    estimate = criterion.measured
    if estimate is None or estimate.value is None:
        return Text(NOT_MEASURED, "dim")
    return Text(figure(estimate, levels(criterion)), "dim" if is_hollow(estimate) else "")


def _remedies(judgement: Judgement) -> list[RenderableType]:
    """Reason and remedy of each rule that did not pass."""
    wanted = {Criterion.FAIL, Criterion.NO_DATA, Criterion.WARN}
    return [
        _indented(f"{icon(c.verdict)} {sentence_case(c.title or c.name)}: {sentences(c.reason, c.remedy)}")
        for c in judgement.criteria
        if c.verdict in wanted
    ]


def _indented(text: str) -> Padding:
    return Padding(Text(clean(text)), (0, 0, 0, 2))


def _groups(summary: Summary) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("Category" if summary.by_category else "Group", overflow="fold")
    for title in ("n", "p50", "p95", "Error rate"):
        table.add_column(title, justify="right", overflow="fold")
    groups = {**summary.by_category, "all": summary.overall}
    for label, group in groups.items():
        table.add_row(Text(clean(label)), f"{group.requests:,}", *_group_cells(group))
    return table


def _models(models: Sequence[ModelFigures]) -> list[RenderableType]:
    """The comparison of models, with an empty line after each table."""
    tables = [lines for lines in (models_lines(models), streams_lines(models)) if len(lines) > 1]
    parts: list[RenderableType] = [part for lines in tables for part in (_rows(lines, left=(0, 1)), "")]
    hollow = any(cell.startswith("(") for lines in tables for row in lines for cell in row)
    return [*parts, Text(f"{HOLLOW_WORDS}\n", "dim")] if hollow else parts


def _rows(lines: Sequence[tuple[str, ...]], left: Sequence[int]) -> Table:
    """A table whose first line is its heading; the columns `left` hold words."""
    head, *rows = lines
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for place, title in enumerate(head):
        table.add_column(title, justify="left" if place in left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    return table


def _group_cells(group: Group) -> list[str]:
    p50 = group.response_time.get("p50")
    p95 = group.response_time.get("p95")
    return [
        quantity(p50.value, p50.unit) if p50 else NO_VALUE,
        f"{quantity(p95.value, p95.unit)} {interval(p95)}".rstrip() if p95 else NO_VALUE,
        quantity(group.error_rate.value, group.error_rate.unit),
    ]


def _slow_component(components: Sequence[ComponentTime]) -> Text | None:
    if not any(item.additive and item.share_percent is not None for item in components):
        return None
    return Text(f"Where the time goes: {clean(component_finding(components))}.", "")


def clean(text: str) -> str:
    """One line without control characters: a name from outside must not move the cursor."""
    return "".join(c if c.isprintable() else " " for c in text)


def wants_colour(stream: TextIO) -> bool:
    """Colour only on a terminal that can show it, and never against NO_COLOR (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
