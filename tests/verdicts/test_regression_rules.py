"""Which limits hold for which metric, and patterns that cannot be read."""

import pytest

from harness.analysis import Metric, Selection
from harness.errors import ConfigError
from harness.verdicts import Limits, RegressionRules, parse_metric_pattern
from tests.support.compared_runs import rules

SIMPLE = Metric("p95", "response_time", Selection(category="simple"))
TRIAGE = Metric("mean", "component_time", Selection(category="simple", component="triage"))
CARDIOLOGY = Metric("p95", "component_time", Selection(component="specialist-cardiology"))
ERRORS = Metric("rate", "error_rate")
TOKENS = Metric("mean", "output_tokens", Selection(category="simple"))


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ("response_time", {SIMPLE}),
        ("p95(response_time)", {SIMPLE}),
        ("p99(response_time)", set()),
        ("p95(*)", {SIMPLE, CARDIOLOGY}),
        ("component_time", {TRIAGE, CARDIOLOGY}),
        ("component_time{component=specialist-*}", {CARDIOLOGY}),
        ("component_time{component=triage,category=simple}", {TRIAGE}),
        ("component_time{category=simple}", {TRIAGE}),
        ("*_rate", {ERRORS}),
        ("*", {SIMPLE, TRIAGE, CARDIOLOGY, ERRORS}),
    ],
)
def test_patterns_select(pattern: str, selected: set[Metric]) -> None:
    found = parse_metric_pattern(pattern)
    assert {metric for metric in (SIMPLE, TRIAGE, CARDIOLOGY, ERRORS) if found.selects(metric)} == selected


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("respnse_time", "did you mean 'response_time'?"),
        ("q95(response_time)", "unknown statistic 'q95'; did you mean 'p95'?"),
        ("response_time{categry=simple}", "did you mean 'category'?"),
        ("response_time{category}", "category needs a value"),
        ("p95(response_time", "expected a metric as"),
        ("", "expected a metric as"),
    ],
)
def test_patterns_that_cannot_be_read(pattern: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_metric_pattern(pattern)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_last_rule_that_gives_a_value_holds() -> None:
    found = rules(
        rules=[
            {"metric": "component_time", "block_percent": 20, "floor": 3},
            {"metric": "component_time{component=specialist-*}", "block_percent": 15},
        ]
    )
    assert found.limits(CARDIOLOGY) == Limits(15, 5, 3)
    assert found.limits(TRIAGE) == Limits(20, 5, 3)
    assert found.limits(SIMPLE) == Limits(10, 5, 1)


@pytest.mark.parametrize(
    ("floor_ms", "target", "expected"),
    [
        pytest.param(1, "500 ms", 1, id="the floor itself"),
        pytest.param(50, "500 ms", 25, id="never above 5 % of the target"),
        pytest.param(1, "10 ms", 0.5, id="of a small target"),
    ],
)
def test_the_floor_and_the_target(floor_ms: float, target: str, expected: float) -> None:
    criteria = {"simple_p95": f"p95(response_time){{category=simple}} < {target}"}
    assert rules(criteria, floor_ms=floor_ms).limits(SIMPLE).floor == expected


def test_the_work_of_a_case_is_taken_to_be_the_same_in_every_run() -> None:
    found = rules(run_spread_percent=4)
    assert (found.spread(SIMPLE).percent, found.spread(TOKENS).percent) == (4, 0)
    own = rules(rules=[{"metric": "output_tokens", "run_spread_percent": 2}])
    assert own.spread(TOKENS).percent == 2


def test_metrics_can_be_left_out() -> None:
    found = rules(rules=[{"metric": "*_rate", "ignore": True}, {"metric": "error_rate"}])
    assert found.is_ignored(Metric("rate", "debate_rate"))
    assert not found.is_ignored(ERRORS), "a rule that comes later takes the metric in again"
    assert not RegressionRules.is_ignored(found, SIMPLE)
