"""The combined report: what stands first, that nothing breaks it, and that its links lead somewhere."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from harness.reports import suite_markdown, suite_terminal
from harness.suites import (
    CriterionRecord,
    StepRecord,
    StepState,
    SuiteRecord,
    concluded,
    suite_view,
    write_suite_reports,
)

RULE = CriterionRecord(
    name="simple_p95",
    title="p95 response time (category simple)",
    rule="p95(response_time){category=simple} < 500 ms",
    verdict="PASS",
    measured="380 ms [370, 390]",
    reason="p95 380 ms [370, 390] < target 500 ms: PASS",
)
EVIL = "<script>alert(1)</script> | `x` & ]]>"
RUN_JUNIT = """<?xml version="1.0"?>
<testsuites name="harness demo" tests="2" failures="1" errors="0">
  <testsuite id="0" name="demo criteria" package="demo" tests="2" failures="1" errors="0" time="1">
    <testcase classname="demo.criteria" name="simple_p95" time="0"/>
    <testcase classname="demo.criteria" name="error_rate" time="0"><failure type="FAIL">t</failure></testcase>
  </testsuite>
</testsuites>
"""


def record(*, sign_off: bool = False) -> SuiteRecord:
    ended: dict[str, Any] = {
        "state": StepState.ENDED,
        "seconds": 62.0,
        "started_at": "2026-11-24T06:33:00+00:00",
    }
    steps = [
        StepRecord(
            name="smoke",
            kind="run",
            about="demo",
            word="PASS",
            code=0,
            run="../20261124T063300Z-demo-1a2b3c",
            headline="All 4 criteria met",
            provider="SIMULATED (reference)",
            criteria=[RULE],
            command=["harness", "run", "demo", "--", "--levels", "5"],
            **ended,
        ),
        StepRecord(
            name="stress",
            kind="run",
            about="stress",
            word="FAIL",
            code=1,
            headline=EVIL,
            provider="SIMULATED (reference)",
            criteria=[RULE.model_copy(update={"verdict": "FAIL", "title": EVIL, "remedy": "look at it"})],
            **ended,
        ),
        StepRecord(
            name="plan-stress",
            kind="plan",
            about="stress",
            word="PASS",
            code=0,
            headline="enough",
            details={
                "tables": [
                    {
                        "title": "Capacity plan",
                        "finding": "you need 3",
                        "columns": ["What", "Figure"],
                        "rows": [["processes", "3 [2, 3]"], [EVIL, "1"]],
                        "numeric": [1],
                        "notes": ["n"],
                    }
                ]
            },
            **ended,
        ),
        StepRecord(
            name="prometheus", kind="prometheus", word="NOT CONFIGURED", code=0, headline="no URL", **ended
        ),
    ]
    begun = SuiteRecord(
        suite_id="20261124T063300Z-suite-nightly-1a2b3c",
        suite="nightly",
        description="all",
        git_commit="f091000",
        machine="Linux, 2 CPUs",
        started_at="2026-11-24T06:33:00+00:00",
        seconds=250.0,
        steps=steps,
        sign_off=sign_off,
    )
    return concluded(begun)


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Path]:
    run = tmp_path / "20261124T063300Z-demo-1a2b3c"
    run.mkdir()
    (run / "junit.xml").write_text(RUN_JUNIT)
    (run / "report.html").touch()
    folder = tmp_path / "20261124T063300Z-suite-nightly-1a2b3c"
    folder.mkdir()
    return write_suite_reports(folder, record(sign_off=True))


def test_the_page_begins_with_the_verdict_and_fetches_nothing(written: dict[str, Path]) -> None:
    page = written["report.html"].read_text()
    assert page.lstrip().startswith("<!DOCTYPE html>")
    first = page.index("1 of 4 steps did not pass: stress (FAIL)")
    assert (
        first < page.index("SIMULATED (reference)") < page.index(">Steps<") < page.index(">Success Criteria<")
    )
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)


def test_what_comes_from_outside_is_escaped(written: dict[str, Path]) -> None:
    for name in ("report.html", "sign-off.html"):
        assert "<script>alert" not in written[name].read_text()
    assert "<script>" not in written["report.md"].read_text()


def test_links_lead_to_files_beside_it(written: dict[str, Path]) -> None:
    folder = written["report.html"].parent
    links = set(re.findall(r'href="([^"#:]+)"', written["report.html"].read_text()))
    assert "../20261124T063300Z-demo-1a2b3c/report.html" in links
    assert {link for link in links if not (folder / link).exists()} == {"suite.json"}, (
        "that one is not written here"
    )


def test_failing_rules_come_first() -> None:
    lines = suite_markdown(suite_view(record())).splitlines()
    rules = lines[lines.index("| Step | Rule | Measured | Status |") + 2 :]
    assert [line.split(" | ")[-1] for line in rules[:2]] == ["❌ FAIL |", "✅ PASS |"]


def test_the_comment_stays_short() -> None:
    many = record()
    step = many.steps[0].model_copy(update={"criteria": [RULE] * 80})
    text = suite_markdown(suite_view(many.with_step(step)))
    assert len(text.splitlines()) < 60
    assert "more rules in `report.html`" in text
    assert text.startswith("## Performance Benchmark Results")


def test_every_test_case_is_in_one_file(written: dict[str, Path]) -> None:
    root = ET.fromstring(written["junit.xml"].read_text())  # noqa: S314 - written by the code under test
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["suite nightly", "smoke: demo criteria"]
    assert (root.get("tests"), root.get("failures")) == ("6", "2")
    cases = {case.get("name"): case[0].tag for case in suites["suite nightly"]}
    assert cases == {
        "smoke": "system-out",
        "stress": "failure",
        "plan-stress": "system-out",
        "prometheus": "skipped",
    }


def test_the_page_to_sign_tells_what_does_not_hold(written: dict[str, Path]) -> None:
    text = re.sub(r"<[^>]+>|\s+", " ", written["sign-off.html"].read_text())
    assert re.search(r"no\s+Every criterion is met\s+stress: simple_p95", text)
    assert re.search(r"yes\s+Every measurement is valid", text)
    assert re.search(r"no\s+Nothing was left out\s+not configured: prometheus", text)
    assert "f091000" in text


def test_the_terminal_fits_80_columns() -> None:
    text = suite_terminal(suite_view(record()), width=80)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert text.startswith("✕ FAIL")
    assert "Capacity plan: you need 3" in text
