"""junit.xml: what schemas agree on, one case per rule, and a failure exactly where the run fails."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xmlschema

from harness.errors import ExitCode
from harness.reports import junit_report, write_reports
from harness.verdicts import Criterion, Regression, judge_regression, no_baseline
from tests.reports.all_samples import NAMES
from tests.support.compared_runs import rules, run

XSD = xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd")))


@pytest.fixture(scope="module")
def blocked() -> Regression:
    bases = [run(number) for number in range(3)]
    return judge_regression(bases, [run(50 + number, {"triage": 1.6}) for number in range(3)], rules())


def report(sample: Any, regression: Regression | None = None, *, strict: bool = False) -> ET.Element:
    text = junit_report(sample.summary, sample.judgement, sample.manifest, regression, strict=strict)
    XSD.validate(text)
    return ET.fromstring(text)  # noqa: S314 - our own


def outcomes(root: ET.Element, suite: str) -> dict[str, str]:
    """Outcome by name of case: the tag of the child that says so, `passed` without one."""
    cases = root.findall(f".//testsuite[@name='mixed {suite}']/testcase")
    assert all(case.get("classname") == f"mixed.{suite}" for case in cases)
    return {
        case.get("name", ""): next(
            (child.tag for child in case if child.tag in {"failure", "skipped"}), "passed"
        )
        for case in cases
    }


@pytest.mark.parametrize("name", NAMES)
def test_golden_and_schema(samples: dict[str, Any], golden: Callable[[str, str], None], name: str) -> None:
    sample = samples[name]
    text = junit_report(sample.summary, sample.judgement, sample.manifest)
    XSD.validate(text)
    golden(f"{name}.junit.xml", text)


def test_one_case_per_rule_with_its_outcome(samples: dict[str, Any]) -> None:
    root = report(samples["full"])
    assert outcomes(root, "criteria") == {
        "simple_p95": "passed",
        "complex_p95": "passed",
        "throughput": "passed",
        "tail": "failure",
    }
    assert outcomes(root, "validity") == {
        "worker CPU": "passed",
        "loop lag": "passed",
        "samples": "passed",
        "service resources": "skipped",
    }
    assert (root.get("tests"), root.get("failures")) == ("8", "1")


def test_a_failure_tells_the_reason_and_the_remedy(samples: dict[str, Any]) -> None:
    failure = report(samples["invalid"]).find(".//testcase[@name='worker CPU']/failure")
    assert failure is not None
    assert failure.get("type") == "INVALID"
    assert failure.get("message", "").startswith("Worker 1 was saturated")
    assert "Add workers: --processes 4" in (failure.text or "")


def test_a_warning_fails_only_where_strict(samples: dict[str, Any]) -> None:
    assert outcomes(report(samples["full"], strict=True), "criteria")["complex_p95"] == "failure"


def test_an_interrupted_run_fails(samples: dict[str, Any]) -> None:
    sample = samples["passing"]
    judgement = replace(sample.judgement, exit_code=ExitCode.INTERRUPTED, headline="INTERRUPTED: by Ctrl-C")
    root = report(sample._replace(judgement=judgement))
    assert outcomes(root, "validity")["ended by itself"] == "failure"


def test_regression_has_a_case_per_metric(samples: dict[str, Any], blocked: Regression) -> None:
    found = outcomes(report(samples["full"], blocked), "regression")
    assert set(found) == {row.name for row in blocked.rows}
    failing = {row.name for row in blocked.rows if row.verdict in {"BLOCK", "MISSING"}}
    assert failing
    assert {name for name, outcome in found.items() if outcome == "failure"} == failing


def test_runs_that_were_not_compared_give_one_case(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    none = no_baseline([run(1)], "saved as the baseline")
    apart = replace(none, word=type(none.word).NOT_COMPARABLE, headline="NOT COMPARABLE: models differ")
    assert outcomes(report(sample, none), "regression") == {"comparison": "skipped"}
    assert outcomes(report(sample, apart), "regression") == {"comparison": "failure"}


@pytest.mark.parametrize("text", ["\x00\x1b[31m", "\ud800", "]]>&<", "\ufffe", "a\tb\nc"], ids=ascii)
def test_any_text_from_outside_stays_well_formed(samples: dict[str, Any], text: str, tmp_path: Path) -> None:
    sample = samples["passing"]
    rule = replace(sample.judgement.criteria[0], verdict=Criterion.FAIL, reason=text, remedy=text)
    judgement = replace(sample.judgement, criteria=[rule])
    report(sample._replace(judgement=judgement))
    written = write_reports(tmp_path, sample.summary, judgement, sample.manifest)
    XSD.validate(written["junit.xml"].read_text(encoding="utf-8"))
