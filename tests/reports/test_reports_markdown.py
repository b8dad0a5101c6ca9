"""report.md: golden files, the order of the rows, its length, and names that are not markup."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.reports import markdown_report
from harness.verdicts import Criterion
from tests.reports.all_samples import NAMES


@pytest.mark.parametrize("name", NAMES)
def test_golden(samples: dict[str, Any], golden: Callable[[str, str], None], name: str) -> None:
    golden(f"{name}.md", markdown_report(*samples[name]))


def test_first_rows_are_simple_complex_throughput(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    turned = replace(sample.judgement, criteria=sample.judgement.criteria[::-1])
    rows = [
        line for line in markdown_report(*sample._replace(judgement=turned)).splitlines() if line[:1] == "|"
    ]
    assert [row.split("|")[1].strip() for row in rows[2:5]] == ["Simple Case", "Complex Case", "Throughput"]
    assert len(rows) == 2 + len(sample.judgement.criteria)


def test_figures_without_a_rule_are_shown_without_a_verdict(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    text = markdown_report(*sample._replace(judgement=replace(sample.judgement, criteria=[])))
    assert "| Simple Case | none in this scenario | 380 ms [355, 406] | \N{EN DASH} |" in text


def test_first_rows_without_rule_or_figure_say_so(samples: dict[str, Any]) -> None:
    sample = samples["stock_csv"]
    text = markdown_report(*sample._replace(judgement=replace(sample.judgement, criteria=[])))
    for label in ("Simple Case", "Complex Case"):
        assert f"| {label} | \N{EN DASH} | not measured in this scenario | \N{EN DASH} |" in text
    assert "| Throughput | none in this scenario | 13.4 req/s" in text


def test_names_cannot_leave_their_cell_or_become_markup(samples: dict[str, Any]) -> None:
    text = markdown_report(*samples["full"])
    assert "<script" not in text
    row = next(line for line in text.splitlines() if "alert" in line and line.startswith("|"))
    assert row.replace("\\|", "").count("|") == 5
    assert "`" not in row.replace("\\`", "")


def test_length_is_bounded_whatever_the_run_holds(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    many = [replace(sample.judgement.criteria[3], name=f"rule_{i}") for i in range(200)]
    checks = list(samples["invalid"].judgement.checks) * 50
    judgement = replace(sample.judgement, criteria=many, checks=checks)
    text = markdown_report(*sample._replace(judgement=judgement))
    assert len(text.splitlines()) == 59
    rows = [line for line in text.splitlines() if line.startswith("| p99.9")]
    # One of the 200 speaks for the complex cases.
    assert f"| {199 - len(rows)} more in report.html | | | |" in text.replace("  ", " ")


def test_a_failed_rule_is_among_the_rows_that_are_left(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    passing = sample.judgement.criteria[0]
    failed = replace(passing, name="last", title="the last rule", verdict=Criterion.FAIL)
    many = [replace(passing, name=f"rule_{i}", title=f"rule {i}") for i in range(200)]
    text = markdown_report(*sample._replace(judgement=replace(sample.judgement, criteria=[*many, failed])))
    assert "| The last rule | < 500 ms | 380 ms [355, 406] | \N{CROSS MARK} FAIL |" in text


def test_says_live_with_the_models(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    live = replace(sample.summary, provider="LIVE (openai/gpt-oss-20b)")
    assert "**LIVE (openai/gpt-oss-20b)**" in markdown_report(*sample._replace(summary=live))
