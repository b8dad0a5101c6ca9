"""junit.xml: one test case per rule, for whatever shows test results.

Suites are validity, criteria and regression. A rule fails here exactly where it fails the run; what
could not be judged, and is not required to be, is skipped. Elements and attributes are those that
the schemas of Jenkins, Surefire and Ant have in common.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.analysis import Summary
from harness.errors import ExitCode
from harness.reports._format import sentence_case
from harness.reports._words import overall, provider
from harness.runs import Manifest
from harness.verdicts import Criterion, Judgement, Regression, RegressionWord, Validity

#: What XML 1.0 cannot hold, not even escaped.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_FAILING_CHANGES = frozenset({RegressionWord.BLOCK, RegressionWord.MISSING})
_STRICTLY_FAILING = _FAILING_CHANGES | {RegressionWord.INVESTIGATE, RegressionWord.INCONCLUSIVE}


@dataclass(slots=True, frozen=True)
class _Case:
    """`outcome` is `passed`, `failure` or `skipped`; `text` says why and what to do."""

    name: str
    outcome: str
    word: str
    message: str
    text: str


def junit_report(
    summary: Summary,
    judgement: Judgement,
    manifest: Manifest,
    regression: Regression | None = None,
    *,
    strict: bool = False,
) -> str:
    """The content of junit.xml. `strict` as in `judge`: what is then failing is a failure here too."""
    suites = {"validity": _validity(judgement), "criteria": _criteria(judgement, strict=strict)}
    if regression is not None:
        suites["regression"] = _regression(regression, strict=strict)
    cases = [case for suite in suites.values() for case in suite]
    root = ET.Element(
        "testsuites",
        name=xml_text(f"harness {summary.scenario}"),
        tests=str(len(cases)),
        failures=_count(cases, "failure"),
        errors="0",
    )
    for number, (name, suite) in enumerate(suites.items()):
        root.append(_suite(number, name, suite, summary, judgement, manifest))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _validity(judgement: Judgement) -> list[_Case]:
    outcomes = {Validity.VALID: "passed", Validity.INVALID: "failure", Validity.UNCHECKED: "skipped"}
    cases = [
        _Case(
            check.name,
            outcomes[check.verdict],
            check.verdict,
            check.reason,
            _lines(f"measured {check.measured}", f"limit {check.limit}", check.reason, check.remedy),
        )
        for check in judgement.checks
    ]
    if judgement.exit_code is ExitCode.INTERRUPTED:
        cases.insert(0, _Case("ended by itself", "failure", "INTERRUPTED", judgement.headline, ""))
    return cases


def _criteria(judgement: Judgement, *, strict: bool) -> list[_Case]:
    failing = {Criterion.FAIL, Criterion.NO_DATA} | ({Criterion.WARN} if strict else set())

    def outcome(verdict: Criterion) -> str:
        if verdict in failing:
            return "failure"
        return "skipped" if verdict is Criterion.NOT_APPLICABLE else "passed"

    return [
        _Case(
            criterion.name,
            outcome(criterion.verdict),
            criterion.verdict,
            criterion.reason,
            f"{criterion.rule}\n{_lines(criterion.reason, criterion.remedy)}",
        )
        for criterion in judgement.criteria
    ]


def _regression(regression: Regression, *, strict: bool) -> list[_Case]:
    """A case per metric; one for the whole where nothing was compared."""
    if not regression.rows:
        fails = regression.exit_code(strict=strict) is not ExitCode.OK
        outcome = "failure" if fails else "skipped"
        return [_Case("comparison", outcome, regression.word, regression.headline, regression.headline)]
    failing = _STRICTLY_FAILING if strict else _FAILING_CHANGES
    cases = []
    for row in regression.rows:
        # An open question that does not decide the whole must not decide here either.
        fails = row.verdict in failing and (row.decides or row.verdict is not RegressionWord.INCONCLUSIVE)
        why = row.attribution.text if row.attribution else ""
        text = _lines(row.text, row.reason, why)
        cases.append(_Case(row.name, "failure" if fails else "passed", row.verdict, row.reason, text))
    return cases


def _suite(
    number: int,
    name: str,
    cases: Sequence[_Case],
    summary: Summary,
    judgement: Judgement,
    manifest: Manifest,
) -> ET.Element:
    suite = ET.Element(
        "testsuite",
        id=str(number),
        name=xml_text(f"{summary.scenario} {name}"),
        package=xml_text(summary.scenario),
        tests=str(len(cases)),
        failures=_count(cases, "failure"),
        errors="0",
        skipped=_count(cases, "skipped"),
        hostname=xml_text(manifest.host.name),
        time=f"{summary.duration_s if number == 0 else 0:.3f}",
    )
    if at := _timestamp(summary.started_at):
        suite.set("timestamp", at)
    properties = ET.SubElement(suite, "properties")
    for key, value in (
        ("run", summary.run_id),
        ("provider", provider(summary).text),
        ("verdict", overall(judgement)),
        ("commit", manifest.git_commit),
    ):
        ET.SubElement(properties, "property", name=key, value=xml_text(value))
    for case in cases:
        suite.append(_case(case, f"{summary.scenario}.{name}"))
    return suite


def _case(case: _Case, class_name: str) -> ET.Element:
    element = ET.Element("testcase", classname=xml_text(class_name), name=xml_text(case.name), time="0.000")
    if case.outcome == "passed":
        ET.SubElement(element, "system-out").text = xml_text(f"{case.word}\n{case.text}".rstrip())
        return element
    attributes = {"message": xml_text(case.message)}
    if case.outcome == "failure":
        attributes["type"] = xml_text(case.word)
    ET.SubElement(element, case.outcome, attributes).text = xml_text(case.text)
    return element


def _count(cases: Iterable[_Case], outcome: str) -> str:
    return str(sum(case.outcome == outcome for case in cases))


def _lines(*parts: str) -> str:
    return "\n".join(sentence_case(part) for part in parts if part)


def _timestamp(iso: str) -> str:
    """UTC without a zone, as the schemas want it; empty where the start is unknown.

    >>> _timestamp("2026-11-24T07:33:00.5+01:00"), _timestamp("")
    ('2026-11-24T06:33:00', '')
    """
    try:
        at = datetime.fromisoformat(iso)
    except ValueError:
        return ""
    at = at if at.tzinfo is None else at.astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def xml_text(text: str) -> str:
    """Text without the characters that XML cannot hold.

    >>> xml_text("a" + chr(0) + "b")
    'a�b'
    """
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
