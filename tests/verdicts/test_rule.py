"""Rules as written: what they mean, and where a mistake is pointed at."""

import re

import pytest

from harness.analysis import Selection
from harness.errors import ConfigError, ExitCode
from harness.verdicts import Rule, parse_rule

SIMPLE = Selection(category="simple")


# text, statistic, quantity, selection, compare, target, critical, unit
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "p95(response_time){category=simple} < 500 ms, critical < 1000 ms",
            ("p95", "response_time", SIMPLE, "<", 500, 1000, "ms"),
        ),
        (
            "throughput{phase=highest} > 50 req/s, critical > 20 req/s",
            ("rate", "throughput", Selection(phase="highest"), ">", 50, 20, "req/s"),
        ),
        ("rate(throughput) > 3000 req/min", ("rate", "throughput", Selection(), ">", 50, None, "req/s")),
        ("error_rate < 1 %, critical < 5 %", ("rate", "error_rate", Selection(), "<", 1, 5, "%")),
        ("success_rate > 99 percent", ("rate", "success_rate", Selection(), ">", 99, None, "%")),
        (
            "p95(component_time){component=triage,category=simple} < 0.2 s",
            ("p95", "component_time", Selection(component="triage", category="simple"), "<", 200, None, "ms"),
        ),
        (
            "p99.9( service_time ){ name = 'POST /api/cases' , model=\"openai/gpt-oss-20b\" }<=2s",
            (
                "p99.9",
                "service_time",
                Selection(name="POST /api/cases", model="openai/gpt-oss-20b"),
                "<=",
                2000,
                None,
                "ms",
            ),
        ),
        ("mean(cost) < 0.02 usd", ("mean", "cost", Selection(), "<", 0.02, None, "USD")),
        ("mean(llm_calls) < 5", ("mean", "llm_calls", Selection(), "<", 5, None, "")),
        ("count(response_time) >= 100", ("count", "response_time", Selection(), ">=", 100, None, "")),
        (
            "p50(response_time) < 0.3 s, critical < 0.6 s",
            ("p50", "response_time", Selection(), "<", 300, 600, "ms"),
        ),
        ("goodput > 1e1 /s", ("rate", "goodput", Selection(), ">", 10, None, "req/s")),
        ("goodput > 1e1 rps", ("rate", "goodput", Selection(), ">", 10, None, "req/s")),
        ("slo_capacity >= 20", ("rate", "slo_capacity", Selection(), ">=", 20, None, "")),
        (
            "response_time_drift{category=simple} < 10 %",
            ("rate", "response_time_drift", SIMPLE, "<", 10, None, "%"),
        ),
        (
            "memory_drift{service=target} < 10 %, critical < 50 %",
            ("rate", "memory_drift", Selection(service="target"), "<", 10, 50, "%"),
        ),
        (
            "error_rate_drift < 0.5 points",
            ("rate", "error_rate_drift", Selection(), "<", 0.5, None, "points"),
        ),
        ("recovery_time < 0.5 min", ("rate", "recovery_time", Selection(), "<", 30, None, "s")),
    ],
)
def test_meaning(text: str, expected: tuple[object, ...]) -> None:
    rule = parse_rule("name", text)
    found = (
        rule.statistic, rule.quantity, rule.selection, rule.compare, rule.target, rule.critical, rule.unit
    )  # fmt: skip
    assert found == expected
    assert (rule.name, rule.text) == ("name", text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p95(response_time) == 500", 'expected "<" or ">" at column 20, found "=="'),
        ("p95(response_time)", 'expected "<" or ">" at column 19, found the end'),
        (
            "",
            "expected a statistic or a quantity, as p95(response_time) or throughput at column 1, found",
        ),
        (
            "p95(response_tme) < 1 s",
            "unknown quantity \"response_tme\"; did you mean 'response_time'? (column 5)",
        ),
        (
            "p95response_time < 1 s",
            "unknown quantity \"p95response_time\"; did you mean 'response_time'? (column 1)",
        ),
        ("men(response_time) < 1 s", "unknown statistic \"men\"; did you mean 'mean'? (column 1)"),
        ("p100(response_time) < 1 s", 'unknown statistic "p100"; known: count, max, mean'),
        ("p95 < 500 ms", 'expected "(" after the statistic p95 at column 5, found "<"'),
        ("response_time < 500 ms", "response_time needs a statistic, as p95(response_time) (column 1)"),
        (
            "p95(throughput) > 5 req/s",
            "p95 is not a statistic of throughput; write rate(throughput) (column 1)",
        ),
        ("rate(response_time) < 5 ms", "rate is not a statistic of response_time; write p95(response_time)"),
        ("p95(response_time < 5 ms", 'expected ")" at column 19, found "<"'),
        (
            "p95(response_time){catgory=simple} < 5 ms",
            "unknown selector \"catgory\"; did you mean 'category'? (column 20)",
        ),
        ("p95(response_time){category=a, category=b} < 5 ms", "category is given twice (column 32)"),
        ("p95(response_time){category} < 5 ms", 'expected "=" at column 28, found "}"'),
        ("p95(response_time){category=} < 5 ms", 'expected a value for category at column 29, found "}"'),
        ("p95(response_time){category=a < 5 ms", 'expected "}" at column 31, found "<"'),
        ("p95(component_time) < 5 ms", "component_time needs a component"),
        (
            "p95(response_time){component=a} < 5 ms",
            "component selects from component_time, not from response_time",
        ),
        ("p95(response_time){service=a} < 5 ms", "service selects from memory_drift, not from response_time"),
        (
            "response_time_drift{service=a} < 5 %",
            "response_time_drift is selected by category only, not by service (column 21)",
        ),
        ("recovery_time{category=a} < 5 s", "recovery_time takes no selector (column 15)"),
        ("slo_capacity{category=a} > 5", "slo_capacity takes no selector (column 14)"),
        (
            "p95(recovery_time) < 5 s",
            "p95 is not a statistic of recovery_time; write recovery_time (column 1)",
        ),
        ("memory_drift < 5 %/h", 'unknown unit "%/h"; known: %, percent (column 18)'),
        ("error_rate_drift < 5 %", 'unknown unit "%"; known: points, point (column 22)'),
        ("latency_drift < 5 %", 'unknown quantity "latency_drift"; '),
        ("p95(response_time) < ms", 'expected a number at column 22, found "ms"'),
        ("p95(response_time) < 500", "expected a unit (ms, s, us, min) at column 25, found the end"),
        ("p95(response_time) < 500 %", 'unknown unit "%"; known: ms, s, us, min (column 26)'),
        ("error_rate < 1 ms", 'unknown unit "ms"; known: %, percent (column 16)'),
        (
            "p95(response_time) < 5 ms critical",
            'expected ", critical" or the end at column 27, found "critical"',
        ),
        ("p95(response_time) < 5 ms, crit < 6 ms", 'expected "critical" at column 28, found "crit"'),
        ("p95(response_time) < 5 ms, critical > 6 ms", 'target and critical must both have "<" (column 37)'),
        ("p95(response_time) < 5 ms, critical < 4 ms", "the critical level is stricter than the target"),
        ("throughput > 20 req/s, critical > 50 req/s", "the critical level is stricter than the target"),
        ("error_rate < 1 %, critical < 5 %, x", 'expected the end at column 33, found ","'),
        ("p95(response_time) < 1.2.3 ms", 'expected a unit (ms, s, us, min) at column 25, found ".3"'),
    ],
)
def test_a_mistake_is_pointed_at(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"criteria.simple_p95: {message}")) as caught:
        parse_rule("simple_p95", text)
    line = str(caught.value)
    assert line.endswith(f": {text}")
    assert "\n" not in line
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_rule_that_is_its_own_name_is_not_said_twice() -> None:
    with pytest.raises(
        ConfigError, match=r"^rule: expected a number at column 14, found the end: error_rate < $"
    ):
        parse_rule("error_rate < ", "error_rate < ")


@pytest.mark.parametrize(
    ("text", "label", "title"),
    [
        ("p95(response_time){category=simple} < 1 s", "p95", "p95 response time (category simple)"),
        ("mean(service_time) < 1 s", "mean service time", "mean service time"),
        ("throughput{phase=highest} > 1 req/s", "throughput", "throughput (phase highest)"),
        (
            "p95(component_time){component=triage} < 1 s",
            "p95 time in component",
            "p95 time in component (component triage)",
        ),
    ],
)
def test_words(text: str, label: str, title: str) -> None:
    rule: Rule = parse_rule("name", text)
    assert (rule.label, rule.title) == (label, title)
