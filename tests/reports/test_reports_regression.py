"""A comparison in every presentation: the same verdicts, in 80 columns, in a few lines, escaped."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.analysis import Metric, Selection
from harness.reports import (
    markdown_report,
    regression_document,
    regression_markdown,
    regression_terminal,
    regression_tsv,
    write_reports,
)
from harness.verdicts import Regression, judge_regression, no_baseline, with_regression
from tests.support.compared_runs import rules, run

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "summary.schema.json").read_text(encoding="utf-8"))


def compared(factors: dict[str, float], runs: int = 5) -> Regression:
    bases = [run(number) for number in range(runs)]
    return judge_regression(bases, [run(50 + number, factors) for number in range(runs)], rules())


@pytest.fixture(scope="module")
def blocked() -> Regression:
    return compared({"triage": 1.6, "decode": 1.22, "specialist": 1.3})


def without_intervals(text: str) -> str:
    """Bootstrapped ends follow NumPy's generators, which differ in the last digit between versions."""
    return re.sub(r"\[[+\-\u2212][^\]]*\]", "[...]", text)


def test_terminal(blocked: Regression, golden: Callable[[str, str], None]) -> None:
    text = regression_terminal(blocked, width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    golden("regression.txt", without_intervals(text) + "\n")


def test_markdown(blocked: Regression, golden: Callable[[str, str], None]) -> None:
    lines = regression_markdown(blocked)
    assert len(lines) <= 22
    golden("regression.md", without_intervals("\n".join(lines)) + "\n")


def test_terminal_shows_every_metric_when_asked(blocked: Regression) -> None:
    text = regression_terminal(blocked, width=100, everything=True)
    assert all(row.metric.title in text for row in blocked.rows)
    assert "\x1b" in regression_terminal(blocked, colour=True)


def test_document_follows_the_published_schema(
    blocked: Regression, samples: dict[str, Any], tmp_path: Path
) -> None:
    sample = samples["full"]
    judgement = with_regression(sample.judgement, blocked)
    write_reports(tmp_path, sample.summary, judgement, sample.manifest, sample.trend, blocked)
    document = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["regression"] == regression_document(blocked)
    assert "### Regression" in (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["full", "passing", "invalid", "stock_csv"])
def test_the_report_for_a_pull_request_stays_under_60_lines(
    blocked: Regression, samples: dict[str, Any], name: str
) -> None:
    sample = samples[name]
    text = markdown_report(sample.summary, sample.judgement, sample.manifest, sample.trend, blocked)
    assert len(text.splitlines()) < 60


def test_tab_separated_rows_hold_no_tab_and_no_line_break(blocked: Regression) -> None:
    rows = [line.split("\t") for line in regression_tsv(blocked).splitlines()]
    assert {len(row) for row in rows} == {16}
    assert len(rows) == len(blocked.rows) + 1


def test_names_from_outside_are_harmless(blocked: Regression, hostile: str) -> None:
    metric = Metric("p95", "response_time", Selection(category=hostile))
    worst = replace(blocked.of(*{row.verdict for row in blocked.rows})[0], metric=metric)
    found = replace(blocked, rows=[worst], headline=hostile, notes=(hostile,))
    text = regression_terminal(found)
    assert all(character.isprintable() for line in text.splitlines() for character in line)
    markdown = "\n".join(regression_markdown(found))
    assert "<script" not in markdown
    assert len(regression_tsv(found).splitlines()) == 2


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (no_baseline([run(1)], "saved"), "NO BASELINE  saved"),
        (judge_regression([run(1)], [run(2, fingerprint_parts={"machine": "x"})], rules()), "NOT COMPARABLE"),
        (judge_regression([run(1)], [run(2)], rules(), invalid={"run-2": "why"}), "INVALID"),
    ],
    ids=["no baseline", "not comparable", "invalid"],
)
def test_where_nothing_was_compared(found: Regression, says: str) -> None:
    assert says in regression_terminal(found)
    assert "|" not in "\n".join(regression_markdown(found))
    assert regression_document(found)["metrics"] == []
    assert len(regression_tsv(found).splitlines()) == 1
