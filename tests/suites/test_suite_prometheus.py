"""Criteria on a deployed service, asked of a server that speaks Prometheus' query API."""

import pytest

from harness.cli._suite_steps import _fetch
from harness.config import PrometheusConfig
from harness.errors import TargetUnreachableError, UserError
from harness.suites import PrometheusApi, PrometheusMeasurements
from harness.verdicts import judge_criteria, parse_rule
from tests.suites.prometheus_server import Series, histogram, prometheus
from tests.support.processes import free_port

SIMPLE = histogram(
    "target_case_duration_seconds",
    {"complexity": "simple", "job": "target"},
    {"0.3": 5000, "0.5": 9800, "1.0": 9990, "2.0": 10_000, "+Inf": 10_000},
    3400.0,
)
COMPLEX = histogram(
    "target_case_duration_seconds",
    {"complexity": "complex", "job": "target"},
    {"0.5": 0, "1.0": 100, "2.0": 700, "3.0": 900, "5.0": 1000, "+Inf": 1000},
    2000.0,
)
CASES: Series = [
    ("target_cases_total", {"complexity": "simple", "outcome": "ok", "status": "200", "job": "target"}, 9990),
    (
        "target_cases_total",
        {"complexity": "simple", "outcome": "degraded", "status": "200", "job": "target"},
        10,
    ),
    ("target_cases_total", {"complexity": "complex", "outcome": "ok", "status": "200", "job": "target"}, 900),
    (
        "target_cases_total",
        {"complexity": "complex", "outcome": "timeout", "status": "504", "job": "target"},
        100,
    ),
    ("target_cases_total", {"complexity": "simple", "outcome": "ok", "job": "other"}, 5_000_000),
]
TRIAGE = histogram(
    "target_component_duration_seconds",
    {"component": "triage", "job": "target"},
    {"0.1": 9000, "0.2": 11_000, "+Inf": 11_000},
    800.0,
)
EVERYTHING = [*SIMPLE, *COMPLEX, *CASES, *TRIAGE]

RULES = [
    ("98 % took at most 500 ms", "p95(response_time){category=simple} < 500 ms, critical < 1 s", "PASS"),
    (
        "70 % took at most 2 s, 90 % at most 3",
        "p95(response_time){category=complex} < 2 s, critical < 3 s",
        "FAIL",
    ),
    ("between target and critical", "p95(response_time){category=complex} < 2 s, critical < 6 s", "WARN"),
    ("100 of 11,000 failed, the 10 degraded did not", "error_rate < 2 %, critical < 5 %", "PASS"),
    ("of a category", "error_rate{category=complex} < 1 %, critical < 5 %", "FAIL"),
    ("degraded is no success", "success_rate{category=simple} > 99.95 %, critical > 95 %", "WARN"),
    ("mean is sum over count", "mean(response_time){category=simple} < 500 ms", "PASS"),
    ("a component", "p95(component_time){component=triage} < 200 ms", "PASS"),
    ("a category that nobody asked for", "p95(response_time){category=moderate} < 1 s", "NO DATA"),
    ("traffic is no capacity", "throughput > 50 req/s", "NOT APPLICABLE"),
    ("no phases in production", "p95(response_time){phase=highest} < 1 s", "NOT APPLICABLE"),
    ("no cost", "mean(cost) < 0.01 USD", "NOT APPLICABLE"),
]


def measurements(url: str, **settings: object) -> PrometheusMeasurements:
    config = PrometheusConfig.model_validate({"selector": 'job="target"', **settings})
    return PrometheusMeasurements(PrometheusApi(url, _fetch), config)


@pytest.mark.parametrize(("rule", "verdict"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_a_rule(rule: str, verdict: str) -> None:
    with prometheus(EVERYTHING) as url:
        (judged,) = judge_criteria([parse_rule("r", rule)], measurements(url))
    assert (judged.verdict, judged.reason.endswith(verdict)) == (verdict, True), judged.reason


def test_figures_are_those_of_the_series() -> None:
    with prometheus(EVERYTHING) as url:
        measured = measurements(url)
        assert measured.requests() == 11_000, "another job's requests do not count"
        (mean,) = judge_criteria([parse_rule("r", "mean(response_time){category=simple} < 1 s")], measured)
    assert mean.measured is not None
    assert mean.measured.value == 340.0
    assert mean.measured.n == 10_000


def test_no_requests_are_no_data_and_the_series_is_named() -> None:
    with prometheus([], window_s=7200) as url:
        (judged,) = judge_criteria(
            [parse_rule("r", "p95(response_time){category=simple} < 1 s")], measurements(url, window_h=2.0)
        )
    assert judged.verdict == "NO DATA"
    assert 'duration_seconds_bucket{job="target",complexity="simple"} counted nothing in' in judged.reason
    assert "the last 2 h" in judged.reason


def test_a_refused_query_is_told() -> None:
    with prometheus(EVERYTHING) as url, pytest.raises(UserError, match="refused a query: cannot evaluate"):
        measurements(url, window_h=1.0).requests()


def test_something_else_at_the_address_is_told() -> None:
    with (
        prometheus(EVERYTHING) as url,
        pytest.raises(UserError, match="does not speak Prometheus' query API"),
    ):
        measurements(f"{url}/grafana").requests()


def test_nothing_at_the_address_is_told_without_the_password() -> None:
    url = f"http://ada:secret@127.0.0.1:{free_port()}"
    with pytest.raises(TargetUnreachableError, match=r"http://\*\*\*@127\.0\.0\.1:\d+ \(.*refused.*\)$"):
        measurements(url).requests()
