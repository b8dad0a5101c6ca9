"""The combined reports of a suite: HTML, the page to sign, Markdown, JUnit and the terminal's text."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from harness.reports._console import text_console
from harness.reports._format import NO_VALUE, count, duration, moment
from harness.reports._html import assets, environment
from harness.reports._junit import xml_text
from harness.reports._markdown import escape
from harness.reports._suite_model import SuiteRule, SuiteStep, SuiteView
from harness.reports._terminal import COLOURS, clean
from harness.reports._words import icon, tone

_MAX_LINES = 59
_URGENCY = ("FAIL", "NO DATA", "WARN", "PASS", "NOT APPLICABLE")
_MARKS = {"good": "✅", "warn": "⚠️", "bad": "❌", "neutral": "➖"}  # noqa: RUF001


def suite_html(view: SuiteView) -> str:
    """report.html: one file, nothing is fetched; links lead to the runs' own reports beside it."""
    page = environment().get_template("suite.html.j2")
    return page.render(view=view, rules=by_urgency(view.rules), assets=assets())


def sign_off_html(view: SuiteView) -> str:
    """sign-off.html: one printed page with what has to hold, and room for a name."""
    return environment().get_template("sign_off.html.j2").render(view=view, assets=assets())


def by_urgency(rules: Sequence[SuiteRule]) -> list[SuiteRule]:
    """The rules with those that need someone first; a word that is not known before all."""
    return sorted(rules, key=lambda rule: _URGENCY.index(rule.verdict) if rule.verdict in _URGENCY else -1)


def suite_markdown(view: SuiteView) -> str:
    """report.md: under 60 lines whatever the suite holds."""
    head = [
        f"## Performance Benchmark Results: suite `{view.suite}`",
        "",
        f"**{view.word}** · {_providers(view)} · {escape(view.headline)}",
        "",
        "| Step | What | Status | Length |",
        "| --- | --- | --- | --- |",
        *(_step_row(step) for step in view.steps[:15]),
    ]
    if len(view.steps) > 15:
        head.append(f"| | {len(view.steps) - 15} more steps in `report.html` | | |")
    tail = [
        "",
        _run_line(view),
        "",
        "Full report: `report.html` · as data: `suite.json` · a test case per rule: `junit.xml`",
    ]
    findings = [
        f"- **{escape(table.title)}**: {escape(table.finding)}" for table in view.tables if table.finding
    ]
    middle = ["", *findings[:8]] if findings else []
    room = _MAX_LINES - len(head) - len(middle) - len(tail)
    return "\n".join([*head, *middle, *_rule_rows(view, room), *tail]) + "\n"


def _step_row(step: SuiteStep) -> str:
    told = f": {escape(step.headline)}" if step.code else ""
    length = NO_VALUE if step.seconds is None else duration(step.seconds)
    status = f"{_MARKS[tone(step.word)]} {step.word}{told}"
    return f"| {escape(step.name)} | {escape(step.what)} | {status} | {length} |"


def _rule_rows(view: SuiteView, room: int) -> list[str]:
    rules = by_urgency(view.rules)
    if not rules or room < 6:
        return []
    rows = [
        f"| {escape(rule.step)} | {escape(rule.title or rule.name)} | {escape(rule.measured) or NO_VALUE} "
        f"| {_MARKS[tone(rule.verdict)]} {rule.verdict} |"
        for rule in rules
    ]
    free = room - 4
    left = len(rows) - free
    shown = rows if left <= 0 else [*rows[: free - 1], f"| | {left + 1} more rules in `report.html` | | |"]
    return ["", "| Step | Rule | Measured | Status |", "| --- | --- | --- | --- |", *shown]


def _run_line(view: SuiteView) -> str:
    return (
        f"{count(len(view.steps), 'step')} in {duration(view.seconds)} · {moment(view.started_at)} · "
        f"commit `{escape(view.git_commit)}` · {escape(view.machine)}"
    )


def _providers(view: SuiteView) -> str:
    return ", ".join(f"**{escape(provider)}**" for provider in view.providers) or "no model was asked"


def suite_terminal(view: SuiteView, *, width: int = 80, colour: bool = False) -> str:
    """The verdict of the suite and a line for each step, in 80 columns."""
    console, buffer = text_console(width, colour=colour)
    word = (f"{icon(view.word)} {view.word}", COLOURS[tone(view.word)])
    console.print(Text.assemble(word, "  ", clean(view.headline)))
    asked = ", ".join(view.providers) or "no model was asked"
    console.print(Text(clean(f"suite {view.suite} · {asked} · {duration(view.seconds)}")))
    console.print()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", expand=False)
    table.add_column("Step", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    table.add_column("Length", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for step in view.steps:
        length = NO_VALUE if step.seconds is None else duration(step.seconds)
        verdict = Text(f"{icon(step.word)} {step.word}", COLOURS[tone(step.word)])
        table.add_row(Text(clean(step.name)), verdict, length, Text(clean(step.headline)))
    console.print(table)
    for found in view.tables:
        if found.finding:
            console.print(Text(clean(f"{found.title}: {found.finding}")))
    for note in view.notes:
        console.print(Text(f"Note: {clean(note)}"))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def suite_junit(view: SuiteView, runs: Mapping[str, str]) -> str:
    """junit.xml: a suite with a case per step, then the suites of each step's run, named after the step.

    `runs` holds the junit.xml of runs by step; one that cannot be read is left out.
    """
    root = ET.Element("testsuites", name=xml_text(f"harness suite {view.suite}"), errors="0")
    root.append(_steps_suite(view))
    for step, text in runs.items():
        try:
            suites = ET.fromstring(text).findall("testsuite")  # noqa: S314 - written by this harness
        except ET.ParseError:
            continue
        for suite in suites:
            suite.set("name", xml_text(f"{step}: {suite.get('name', '')}"))
            root.append(suite)
    for number, suite in enumerate(root):
        suite.set("id", str(number))
    for key in ("tests", "failures"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _steps_suite(view: SuiteView) -> ET.Element:
    failing = [step for step in view.steps if _fails(step)]
    skipped = [step for step in view.steps if step.word in {"NOT CONFIGURED", "NOT RUN", "NOT JUDGED"}]
    suite = ET.Element(
        "testsuite",
        name=xml_text(f"suite {view.suite}"),
        package=xml_text(view.suite),
        tests=str(len(view.steps)),
        failures=str(len(failing)),
        errors="0",
        skipped=str(len([step for step in skipped if step not in failing])),
        time=f"{view.seconds:.3f}",
    )
    if match := re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", view.started_at):
        suite.set("timestamp", match[0])
    for step in view.steps:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=xml_text(f"suite.{view.suite}"),
            name=xml_text(step.name),
            time=f"{step.seconds or 0:.3f}",
        )
        if step in failing:
            found = ET.SubElement(case, "failure", message=xml_text(step.headline), type=xml_text(step.word))
        else:
            found = ET.SubElement(case, "skipped" if step in skipped else "system-out")
        found.text = xml_text(f"{step.word}\n{step.headline}".rstrip())
    return suite


def _fails(step: SuiteStep) -> bool:
    return bool(step.code)
