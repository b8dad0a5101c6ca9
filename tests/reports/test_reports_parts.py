"""Parts that every report shares: the word of the banner, left-out stretches, limits, order of components."""

from dataclasses import replace
from typing import Any

import pytest

from harness.analysis import SlowRequest, Window, WindowPiece
from harness.errors import ExitCode
from harness.reports import __all__ as public
from harness.reports._findings import scaling_finding, throughput_finding, trend_finding
from harness.reports._limits import latency_limits, levels
from harness.reports._order import additive_order, fastest_first
from harness.reports._page import bar_parts
from harness.reports._timeline import Excluded, excluded_stretches
from harness.reports._words import headline, overall, provider
from harness.verdicts import Criterion, Validity


def test_public_surface() -> None:
    assert public == [
        "Judged",
        "SuiteRule",
        "SuiteStep",
        "SuiteTable",
        "SuiteView",
        "capacity_document",
        "capacity_terminal",
        "capacity_tsv",
        "comparison_html",
        "duration",
        "figure",
        "finite",
        "history_table",
        "history_tsv",
        "html_report",
        "judge_and_report",
        "junit_report",
        "markdown_report",
        "otlp_messages",
        "plan_lines",
        "plan_svg",
        "regression_document",
        "regression_markdown",
        "regression_terminal",
        "regression_tsv",
        "sign_off_html",
        "suite_html",
        "suite_junit",
        "suite_markdown",
        "suite_terminal",
        "summary_document",
        "terminal_report",
        "wants_colour",
        "write_comparison",
        "write_reports",
    ]


@pytest.mark.parametrize(
    ("validity", "verdicts", "exit_code", "word"),
    [
        pytest.param("VALID", [Criterion.PASS], ExitCode.OK, "PASS", id="all pass"),
        pytest.param("VALID", [Criterion.PASS, Criterion.WARN], ExitCode.OK, "WARN", id="a warning"),
        pytest.param("VALID", [Criterion.WARN, Criterion.FAIL], ExitCode.CRITERIA, "FAIL", id="a failure"),
        pytest.param(
            "VALID", [Criterion.PASS, Criterion.NO_DATA], ExitCode.CRITERIA, "NO DATA", id="no data"
        ),
        pytest.param("VALID", [Criterion.NO_DATA, Criterion.FAIL], ExitCode.CRITERIA, "FAIL", id="both"),
        pytest.param("INVALID", [Criterion.FAIL], ExitCode.INVALID, "INVALID", id="invalid decides nothing"),
        pytest.param("UNCHECKED", [Criterion.PASS], ExitCode.OK, "PASS", id="unchecked is neutral"),
        pytest.param("VALID", [Criterion.PASS], ExitCode.REGRESSION, "REGRESSION", id="a regression"),
        pytest.param("VALID", [Criterion.PASS], ExitCode.INTERRUPTED, "INTERRUPTED", id="interrupted"),
        pytest.param("VALID", [Criterion.PASS], ExitCode.UNREACHABLE, "ERROR", id="unreachable"),
        pytest.param("VALID", [], ExitCode.OK, "NOT JUDGED", id="no criteria"),
        pytest.param("VALID", [Criterion.NOT_APPLICABLE], ExitCode.OK, "NOT JUDGED", id="none applies"),
    ],
)
def test_overall_word(
    samples: dict[str, Any], validity: str, verdicts: list[Criterion], exit_code: ExitCode, word: str
) -> None:
    judgement = samples["full"].judgement
    rules = [replace(judgement.criteria[0], verdict=verdict) for verdict in verdicts]
    judged = replace(judgement, validity=Validity(validity), criteria=rules, exit_code=exit_code)
    assert overall(judged) == word


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("NO DATA: no data for: tail · SIMULATED (reference)", "No data for: tail"),
        ("3 of 4 criteria met", "3 of 4 criteria met"),
        ("FAIL: not the word of the banner", "FAIL: not the word of the banner"),
    ],
)
def test_headline_is_shown_without_what_stands_beside_it(
    samples: dict[str, Any], written: str, shown: str
) -> None:
    sample = samples["full"]
    assert headline(sample.summary, replace(sample.judgement, headline=written)) == shown


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ("SIMULATED (reference)", "SIMULATED (reference)"),
        ("LIVE (a, b (preview))", "LIVE (a, b (preview))"),
        ("unknown", "UNKNOWN provider"),
        ("", "UNKNOWN provider"),
    ],
)
def test_provider(samples: dict[str, Any], told: str, text: str) -> None:
    assert provider(replace(samples["full"].summary, provider=told)).text == text


def test_left_out_stretches_are_named_and_cut_at_the_phases(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    assert excluded_stretches(sample.summary.window, sample.manifest, 170.0) == [
        Excluded("warm-up", 0.0, 8.0),
        Excluded("ramp", 50.0, 54.0),
        Excluded("settle", 54.0, 62.0),
        Excluded("ramp", 102.0, 106.0),
        Excluded("settle", 106.0, 114.0),
        Excluded("drain", 160.0, 170.0),
    ]


def test_a_run_without_phases_has_its_warm_up_left_out(samples: dict[str, Any]) -> None:
    window = Window((WindowPiece("run", 0, 5.0, 60.0),), ())
    stretches = excluded_stretches(window, samples["stock_csv"].manifest, 60.0)
    assert stretches == [Excluded("warm-up", 0.0, 5.0)]


def test_limits_are_those_of_whole_requests_once_each(samples: dict[str, Any]) -> None:
    rules = samples["full"].judgement.criteria
    component = replace(
        rules[0], rule="p95(component_time){component=triage} < 70 ms", target="< 70 ms", critical=None
    )
    found = latency_limits([*rules, component, rules[0]])
    assert [(limit.at_ms, limit.critical, limit.label) for limit in found] == [
        (500, False, "simple p95 500 ms"),
        (1000, True, "simple p95 1000 ms"),
        (1550, False, "complex p95 1550 ms"),
        (3000, True, "complex p95 3000 ms"),
        (4000, False, "tail 4000 ms"),
    ]


def test_levels_of_a_rule(samples: dict[str, Any]) -> None:
    rules = samples["full"].judgement.criteria
    assert [levels(rule) for rule in rules] == [[500, 1000], [1550, 3000], [50, 20], [4000]]


def test_components_are_in_the_order_of_the_category_that_has_all(samples: dict[str, Any]) -> None:
    order = additive_order(samples["full"].summary.components)
    assert order == ["triage", "specialists", "debate", "synthesis", "overhead"]


def test_categories_are_ordered_by_their_median_everywhere(samples: dict[str, Any]) -> None:
    summary = samples["full"].summary
    backwards = replace(
        summary,
        by_category=dict(reversed(summary.by_category.items())),
        components=list(reversed(summary.components)),
        histogram=replace(summary.histogram, counts=dict(reversed(summary.histogram.counts.items()))),
    )
    found = fastest_first(backwards)
    assert found.histogram is not None
    expected = ["simple", "moderate", "complex"]
    assert list(found.by_category) == expected
    assert list(found.histogram.counts) == expected
    assert list(dict.fromkeys(item.category for item in found.components)) == expected
    assert [list(step.by_category) for step in found.steps] == [expected] * 3


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        ((12.0, 40.0, 58.0), "Throughput grows: 12 req/s at 5 users, 58 at 40"),
        ((12.0, 58.0, 40.0), "Throughput peaks at 58 req/s with 20 users and is 40 with 40"),
        ((12.0, 12.1, 12.2), "Throughput stays flat: 12 req/s at 5 users, 12.2 at 40"),
        ((12.0,), "One load step, so no scaling can be seen"),
    ],
)
def test_throughput_finding(samples: dict[str, Any], rates: tuple[float, ...], sentence: str) -> None:
    steps = [
        replace(step, group=replace(step.group, throughput=replace(step.group.throughput, value=rate)))
        for step, rate in zip(samples["full"].summary.steps, rates, strict=False)
    ]
    assert throughput_finding(steps) == sentence


def test_scaling_finding(samples: dict[str, Any]) -> None:
    steps = samples["full"].summary.steps
    assert scaling_finding(steps) == "p95 response time rises from 893 ms at 5 users to 1374 ms at 40"
    assert scaling_finding(steps[:1]) == "One load step, so no latency growth can be seen"


def test_findings_of_an_open_loop_are_in_arrivals(samples: dict[str, Any]) -> None:
    steps = [replace(step, arrivals_per_s=2.5 * step.users) for step in samples["full"].summary.steps]
    assert throughput_finding(steps) == "Throughput grows: 12.1 req/s at 12.5 arrivals/s, 58.3 at 100"
    assert (
        scaling_finding(steps) == "p95 response time rises from 893 ms at 12.5 arrivals/s to 1374 ms at 100"
    )


def test_trend_finding_compares_with_the_latest_earlier_run(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    now = sample.summary.by_category["simple"].response_time["p95"]
    point = replace(sample.trend[0], category="simple", p95=replace(now, value=now.value / 1.25))
    older = replace(point, started_at="2026-01-01T00:00:00Z", p95=replace(now, value=1.0))
    found = trend_finding(sample.summary, [point, older], "PASS")
    assert found == "p95 response time of simple cases is 25 % above the previous run"


@pytest.mark.parametrize(
    ("components_ms", "words"),
    [
        pytest.param(
            {"model": 60.0, "db": 30.0, "total": 90.0}, ["model", "db", "outside the service"], id="all"
        ),
        pytest.param({"model": 60.0, "total": 90.0}, ["model", "the rest"], id="a part of the total"),
        pytest.param({"total": 90.0}, ["not broken down"], id="none"),
    ],
)
def test_what_is_left_of_a_slow_request(components_ms: dict[str, float], words: list[str]) -> None:
    slow = SlowRequest("c", "simple", "n", "p", 100.0, "ok", components_ms)
    assert [part.name for part in bar_parts(slow, ["model", "db"], 100.0)] == words
