"""The report of a comparison made by hand: its order, its charts, and what is said where there is little."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.analysis import Metric, Selection
from harness.reports import comparison_html, write_comparison
from harness.verdicts import Regression, judge_regression, no_baseline
from tests.reports.compared_sample import compared
from tests.support.compared_runs import rules, run


@pytest.fixture(scope="module")
def blocked() -> Regression:
    found: Regression = compared()
    return found


@pytest.fixture(scope="module")
def page(blocked: Regression) -> str:
    return comparison_html(blocked)


def section(text: str, name: str) -> str:
    start = text.index(f'<section aria-labelledby="{name}">')
    return text[start : text.index("</section>", start)]


def figures_of(text: str) -> dict[str, Any]:
    start = text.index('id="figure-data">') + len('id="figure-data">')
    found: dict[str, Any] = json.loads(text[start : text.index("</script>", start)])
    return found


def test_the_verdict_comes_first_and_the_runs_last(page: str) -> None:
    names = ("regression", "from", "latency", "components", "runs")
    places = [page.index("BLOCK</div>"), *(page.index(f'<h2 id="{name}">') for name in names)]
    assert places == sorted(places)
    assert "+13.8 %" in page[: page.index('<main class="page">')]


def test_nothing_is_fetched(page: str) -> None:
    bare = page[: page.index('<script id="plotly">')]
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', bare) == []


def test_each_component_tells_what_it_adds(page: str) -> None:
    shown = section(page, "from")
    assert "is synthesis time" in shown
    assert re.search(r"<td>p95 response time, complex</td><td>synthesis</td><td class=\"num\">\+15 %", shown)


def test_base_and_candidate_lie_beside_each_other(page: str) -> None:
    drawn = figures_of(page)
    names = [trace["name"] for trace in drawn["histogram"]["data"]]
    assert names == ["simple", "simple, base", "moderate", "moderate, base", "complex", "complex, base"]
    for trace in drawn["histogram"]["data"]:
        assert sum(trace["y"][:-1]) == pytest.approx(100)
    for trace in drawn["cumulative"]["data"]:
        assert trace["y"][-1] == pytest.approx(100)
    [synthesis] = [trace for trace in drawn["components"]["data"] if trace["name"] == "synthesis"]
    of = dict(zip(synthesis["y"], synthesis["x"], strict=True))
    # 890 ms x 15 % in the base, and as much again in the candidate.
    assert of["complex, base"] == pytest.approx(133.5, rel=0.03)
    assert of["complex, candidate"] == pytest.approx(267, rel=0.03)
    assert "Synthesis takes 134 ms more in complex cases" in section(page, "components")


@pytest.mark.parametrize(
    ("found", "says"),
    [
        pytest.param(no_baseline([run(1)], "none"), "have no response times", id="no baseline"),
        pytest.param(
            judge_regression([run(1)], [run(2, fingerprint_parts={"machine": "x"})], rules()),
            "parts of the fingerprint differ",
            id="not comparable",
        ),
        pytest.param(
            judge_regression([run(1)], [run(2)], rules(), invalid={"run-2": "why"}),
            "Run run-2 decides nothing",
            id="invalid",
        ),
    ],
)
def test_where_nothing_was_compared_that_is_said(found: Regression, says: str) -> None:
    assert says in comparison_html(found)


def test_names_from_outside_are_escaped(blocked: Regression, hostile: str) -> None:
    metric = Metric("p95", "response_time", Selection(category=hostile))
    rows = [replace(row, metric=metric) for row in blocked.rows[:3]]
    found = replace(blocked, rows=rows, headline=hostile, scenario=hostile, notes=(hostile,))
    assert "<script>alert" not in comparison_html(found)


def test_the_files_say_the_same(blocked: Regression, tmp_path: Path) -> None:
    written = write_comparison(tmp_path / "new" / "place", blocked, strict=True)
    assert set(written) == {"comparison.json", "report.html", "report.md"}
    assert json.loads(written["comparison.json"].read_text())["exit_code"] == 3
    assert "❌ **BLOCK**" in written["report.md"].read_text()
    assert written["report.html"].stat().st_size < 6_000_000
