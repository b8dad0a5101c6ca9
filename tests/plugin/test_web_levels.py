"""Which of a scenario's rules have lines in the live charts. Oracle: the levels as written."""

from typing import Any

import pytest

from harness.plugin._web_levels import MOST_RULES, levels_of

CASES: dict[str, tuple[str, dict[str, list[tuple[Any, ...]]]]] = {
    "of a category, in seconds": (
        "p95(response_time){category=simple} < 0.5 s, critical < 1 s",
        {"p95_ms": [("simple", "<", 500.0, 1000.0)]},
    ),
    "of all requests, one level": ("p95(response_time) <= 2 s", {"p95_ms": [(None, "<=", 2000.0, None)]}),
    "throughput": (
        "throughput > 50 req/s, critical > 20 req/s",
        {"requests_per_s": [(None, ">", 50.0, 20.0)]},
    ),
    "throughput at the highest load": (
        "throughput{phase=highest} > 600 req/min",
        {"requests_per_s": [(None, ">", 10.0, None)]},
    ),
    "another statistic": ("mean(response_time) < 1 s", {}),
    "another quantity": ("p95(service_time) < 1 s", {}),
    "of one endpoint": ('p95(response_time){name="/a"} < 1 s', {}),
    "of a model of a category": ("p95(response_time){category=a, model=m} < 1 s", {}),
    "throughput of a category": ("throughput{category=simple} > 5 req/s", {}),
    "a share": ("error_rate < 1 %", {}),
}


@pytest.mark.parametrize(("text", "lines"), CASES.values(), ids=CASES)
def test_a_rule_has_a_line_where_the_chart_shows_its_figure(
    text: str, lines: dict[str, list[tuple[Any, ...]]]
) -> None:
    keys = ("rule", "category", "compare", "target", "critical")
    wanted = {
        chart: [dict(zip(keys, ("r", *line), strict=True)) for line in lines.get(chart, [])]
        for chart in ("p95_ms", "requests_per_s")
    }
    assert levels_of({"r": text}) == wanted


def test_many_rules_have_few_lines() -> None:
    rules = {f"r{n}": f"p95(response_time){{category=c{n}}} < {n + 1} s" for n in range(3 * MOST_RULES)}
    assert len(levels_of(rules)["p95_ms"]) == MOST_RULES
