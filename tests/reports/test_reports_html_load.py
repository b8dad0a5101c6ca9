"""Load Test Results and how components shift with load: capacity, intervals, means counted by hand."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plotly.io import from_json

from harness.analysis import ComponentStep, LoadStep, summarise
from harness.analysis._capacity import steps_capacity
from harness.reports import html_report, judge_and_report
from harness.reports._capacity_words import slo_words
from harness.reports._findings import shift_finding
from harness.reports._tables import component_steps_table
from harness.runs import PhaseRecord, Run
from harness.stats import Estimate
from harness.verdicts import (
    CapacityVerdict,
    Criterion,
    CriterionVerdict,
    capacity_verdict,
    judge_levels,
    load_rules,
)
from tests.support.recorded_runs import phase, request, span, write_run


def figures_of(text: str) -> dict[str, Any]:
    start = text.index('id="figure-data">') + len('id="figure-data">')
    found: dict[str, Any] = json.loads(text[start : text.index("</script>", start)])
    return found


def criterion(rule: str) -> CriterionVerdict:
    return CriterionVerdict("rule", rule, "rule", Criterion.PASS, None, "", None, "", "")


def capacity(steps: Sequence[LoadStep], rules: Sequence[str]) -> CapacityVerdict | None:
    found = steps_capacity("run", steps, "not asked")
    assert found is not None
    asked = load_rules({}, {f"rule{number}": rule for number, rule in enumerate(rules)})
    return capacity_verdict(found, judge_levels("run", steps, asked))


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        # Upper ends of the simple p95 at 5, 20 and 40 users: 441, 542 and 678 ms; lower ends 385, 474, 592.
        (["p95(response_time){category=simple} < 550 ms"], "20 users; with 40 they no longer hold"),
        (["p95(response_time){category=simple} < 700 ms"], "40 users or more; no step went beyond it"),
        (["p95(response_time){category=simple} < 300 ms"], "under 5 users"),
        (["p99.9(response_time){category=simple} < 9000 ms"], "unknown, as no step has the evidence"),
        # A throughput is not reached with few users, and says nothing of the capacity.
        (["p95(response_time){category=simple} < 550 ms", "throughput > 50 req/s"], "20 users; with 40"),
    ],
    ids=["between", "above all", "below all", "no evidence", "throughput is left out"],
)
def test_capacity_is_the_largest_load_whose_intervals_meet_the_targets(
    samples: dict[str, Any], rules: list[str], says: str
) -> None:
    found = capacity(samples["full"].summary.steps, rules)
    assert found is not None
    assert slo_words(found.slo)[0].startswith(f"Capacity at the criteria: {says}")


@pytest.mark.parametrize("rule", ["throughput > 50 req/s", "p95(component_time){component=triage} < 9 ms"])
def test_without_a_rule_that_must_hold_at_every_load_there_is_no_capacity(
    samples: dict[str, Any], rule: str
) -> None:
    assert capacity(samples["full"].summary.steps, [rule]) is None


def test_load_is_one_figure_with_intervals_hollow_markers_and_the_capacity(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    steps = list(sample.summary.steps)
    simple = steps[0].by_category["simple"]
    p95 = replace(simple.response_time["p95"], high=None)
    few = replace(simple, response_time={**simple.response_time, "p95": p95})
    steps[0] = replace(steps[0], by_category={**steps[0].by_category, "simple": few})
    summary = replace(sample.summary, steps=steps)
    rule = "p95(response_time){category=moderate} < 1300 ms"
    judgement = replace(
        sample.judgement, criteria=[criterion(rule)], capacity=capacity(sample.summary.steps, [rule])
    )
    text = html_report(*sample._replace(summary=summary, judgement=judgement))
    drawn = figures_of(text)["load"]
    traces = {trace["name"]: trace for trace in drawn["data"]}
    assert {"throughput", "p95, simple", "error rate"} <= traces.keys()
    assert len({trace["yaxis"] for trace in traces.values()}) == 3
    assert traces["p95, simple"]["marker"]["symbol"] == ["circle-open", "circle", "circle"]
    assert all(len(trace["error_y"]["array"]) == 3 for trace in traces.values())
    # 20 of at most 40 users lie in the upper half, so the words stand to the left of the line.
    assert [(a["text"], a["xanchor"]) for a in drawn["layout"]["annotations"] if "capacity" in a["text"]] == [
        (" capacity 20 users ", "right")
    ]
    assert "Capacity at the criteria: 20 users; with 40 they no longer hold" in text


def two_loads() -> list[PhaseRecord]:
    return [phase("low", "hold", 5, 0, 10), phase("high", "hold", 20, 10, 20)]


def recorded(tmp_path: Path, **changes: Any) -> Run:
    """Ten requests a step; triage takes 10 ms, then 30 ms; every second has a debate of 40 ms, then 60 ms."""
    rows = [request(1.0 * index, 200, **changes) for index in range(20)]
    spans = []
    for index in range(20):
        triage, debate = (10, 40) if index < 10 else (30, 60)
        spans += [span(index, "triage", triage), span(index, "total", 150)]
        spans += [span(index, "debate", debate)] if index % 2 else []
    return write_run(tmp_path, rows, spans=spans, phases=two_loads())


def additive(run: Run) -> list[ComponentStep]:
    return [step for step in summarise(run).component_steps if step.additive]


@pytest.mark.parametrize("category", ["simple", None], ids=["a category", "no category"])
def test_means_by_load_step_count_a_missing_component_as_nothing(
    tmp_path: Path, category: str | None
) -> None:
    run = recorded(tmp_path, category=category)
    found = additive(run)
    label = category or "all"
    assert [
        (step.phase, step.users, step.category, step.component, step.mean.value, step.mean.n)
        for step in found
    ] == [
        ("low", 5, label, "triage", 10.0, 10),
        ("high", 20, label, "triage", 30.0, 10),
        ("low", 5, label, "debate", 20.0, 10),
        ("high", 20, label, "debate", 30.0, 10),
    ]
    low, high = found[2].mean.low, found[2].mean.high
    assert low is not None
    assert high is not None
    # Five times 0 and five times 40: a deviation of 21.08, and 2.262 for 9 degrees of freedom.
    assert (low, high) == pytest.approx(
        (20 - 2.262 * 21.08 / 10**0.5, 20 + 2.262 * 21.08 / 10**0.5), abs=0.01
    )


def test_requests_without_a_category_stand_beside_those_with_one(tmp_path: Path) -> None:
    rows = [request(1.0 * i, 200, category=None if i % 2 else "simple") for i in range(20)]
    spans = [span(i, name, 100 if i % 2 else 10) for i in range(20) for name in ("triage", "total")]
    run = write_run(tmp_path, rows, spans=spans, phases=two_loads())
    found = additive(run)
    assert {(step.category, step.mean.value, step.mean.n) for step in found} == {
        ("simple", 10.0, 5),
        ("uncategorised", 100.0, 5),
    }


def test_one_step_or_no_span_has_no_shift(tmp_path: Path) -> None:
    rows = [request(1.0 * index, 200) for index in range(10)]
    spans = [span(index, name, 10) for index in range(10) for name in ("triage", "total")]
    one = write_run(tmp_path / "one", rows, spans=spans, phases=[phase("only", "hold", 5, 0, 10)])
    none = write_run(tmp_path / "none", rows, phases=two_loads())
    for run in (one, none):
        assert additive(run) == []


def test_the_report_of_a_run_says_what_grows_with_load(tmp_path: Path) -> None:
    text = judge_and_report(recorded(tmp_path)).report_path.read_text(encoding="utf-8")
    assert "From 5 to 20 users a simple case takes 30 ms longer in the service, 20 ms of it in triage" in text
    drawn = figures_of(text)["component-steps"]
    for figure in figures_of(text).values():
        from_json(json.dumps(figure))  # Plotly checks every property.
    assert [(trace["name"], trace["x"], trace["y"]) for trace in drawn["data"]] == [
        ("triage", ["5 users", "20 users"], [10.0, 30.0]),
        ("debate", ["5 users", "20 users"], [20.0, 30.0]),
    ]


@pytest.mark.parametrize(
    ("means", "users", "says"),
    [
        ((10.0, 5.0), (5, 20), "No case takes longer with 20 users than with 5"),
        ((10.0, 50.0), (5, 5), "The load was the same in every step"),
    ],
    ids=["faster", "same load"],
)
def test_finding_where_nothing_grows(means: tuple[float, ...], users: tuple[int, ...], says: str) -> None:
    steps = [
        ComponentStep(f"s{n}", n, "simple", "triage", Estimate(ms, ms, ms, 10, "mean"))
        for ms, n in zip(means, users, strict=True)
    ]
    assert shift_finding(steps) == says


def test_a_short_warm_up_a_recovery_and_the_capacity_are_in_sentences(samples: dict[str, Any]) -> None:
    text = html_report(*samples["carried"])
    for said in (
        "The service was still warming up: response times came to rest 11.2 s after the start",
        "Recovery after step-6: p95 within 25 % of step-1 (below 1116 ms) after 12.5 s [8, 17]",
        "Capacity at the criteria: 20 users; with 40 they no longer hold",
        "Saturates first: provider decode slots, from 40 users on",
        "Knee at 22.6 users [21.5, 23.7]",
    ):
        assert said in text
    (words,) = [
        each for each in figures_of(text)["load"]["layout"]["annotations"] if "capacity" in each["text"]
    ]
    assert words["xanchor"] == "left", "right of the line there is more room, of 60 users"


def test_components_of_an_open_loop_are_told_by_arrivals() -> None:
    steps = [
        ComponentStep(
            f"s{n}", 50, "simple", "triage", Estimate(10.0 * n, None, None, 10, "mean"), arrivals_per_s=n / 2
        )
        for n in (5, 20)
    ]
    assert shift_finding(steps) == (
        "From 2.5 to 10 arrivals/s a simple case takes 150 ms longer in the service, 150 ms of it in triage"
    )
    assert [column.title for column in component_steps_table(steps).columns][2:] == [
        "s5, 2.5 arrivals/s",
        "s20, 10 arrivals/s",
    ]
