"""The regression section of report.html, the base beside this run, and where the trend changed its level."""

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.analysis import Histogram, Metric, Selection, Values, trend_changes
from harness.reports import html_report
from harness.reports._beside import beside, share_below
from harness.reports._trend_changes import change_short
from harness.stats import Distribution
from harness.verdicts import Regression, judge_regression, no_baseline, with_regression
from tests.reports.compared_sample import compared
from tests.support.compared_runs import rules, run


@pytest.fixture(scope="module")
def blocked() -> Regression:
    found: Regression = compared()
    return found


def figures_of(text: str) -> dict[str, Any]:
    start = text.index('id="figure-data">') + len('id="figure-data">')
    found: dict[str, Any] = json.loads(text[start : text.index("</script>", start)])
    return found


def section(text: str, name: str) -> str:
    start = text.index(f'<section aria-labelledby="{name}">')
    return text[start : text.index("</section>", start)]


def report(sample: Any, regression: Regression, trend: Any = ()) -> str:
    judgement = with_regression(sample.judgement, regression)
    return html_report(sample.summary, judgement, sample.manifest, trend or sample.trend, regression)


def test_what_blocks_stands_open_with_its_component_and_what_is_ok_is_folded(
    samples: dict[str, Any], blocked: Regression
) -> None:
    text = report(samples["full"], blocked)
    shown = section(text, "regression")
    opened, folded = shown.split('<details class="card">')
    assert "p95(response_time){category=complex}" in opened
    assert "is synthesis time" in opened
    assert "p95(response_time){category=simple}" not in opened
    assert "p95 response time, simple" in folded
    assert folded.count("<tr>") + opened.count("<tr>") == len(blocked.rows) + 2
    assert "base 5 runs, last run-5" in shown
    # The word is on the first screen too.
    assert "Regression <span" in text[: text.index('<main class="page">')].replace("\n", "")


def test_the_section_comes_right_after_the_criteria(samples: dict[str, Any], blocked: Regression) -> None:
    text = report(samples["full"], blocked)
    order = [text.index(f'<h2 id="{name}">') for name in ("criteria", "regression", "validity", "latency")]
    assert order == sorted(order)
    assert '<h2 id="regression">' not in html_report(*samples["full"])


def test_where_nothing_moved_the_figures_that_one_looks_for_are_open(samples: dict[str, Any]) -> None:
    unchanged = judge_regression([run(n) for n in range(5)], [run(50 + n) for n in range(5)], rules())
    opened, _ = section(report(samples["full"], unchanged), "regression").split('<details class="card">')
    assert "p95(response_time){category=simple}" in opened
    assert "component_time" not in opened


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (no_baseline([run(1)], "saved as the baseline"), "Saved as the baseline"),
        (
            judge_regression([run(1)], [run(2)], rules(), invalid={"run-2": "why"}),
            "Run run-2 decides nothing",
        ),
        (
            judge_regression([run(1)], [run(2, fingerprint_parts={"machine": "x"})], rules()),
            "The runs differ",
        ),
    ],
    ids=["no baseline", "invalid", "not comparable"],
)
def test_where_nothing_was_compared_the_reason_stands_alone(
    samples: dict[str, Any], found: Regression, says: str
) -> None:
    shown = section(report(samples["full"], found), "regression")
    assert says in shown
    assert "<table" not in shown


def test_names_and_reasons_from_outside_are_escaped(
    samples: dict[str, Any], blocked: Regression, hostile: str
) -> None:
    metric = Metric("p95", "response_time", Selection(category=hostile))
    rows = [replace(row, metric=metric, reason=hostile, attribution=None) for row in blocked.rows[:3]]
    found = replace(blocked, rows=rows, headline=hostile, notes=(hostile,))
    text = report(samples["full"], found)
    assert "<script>alert" not in text
    assert section(text, "regression").count("alert(") >= 4


def test_a_change_is_drawn_between_its_ends_and_within_the_scale(
    samples: dict[str, Any], blocked: Regression
) -> None:
    shown = section(report(samples["full"], blocked), "regression")
    # p95 +13.8 % [+8.3, +19.5] on a scale from -30 to +30 %: 50 + 50 x 13.8 / 30 = 73.
    assert 'class="dot" style="left: 73' in shown
    # +101 % lies beyond it.
    assert 'class="dot" style="left: 100' in shown


def test_the_base_lies_beside_this_run_in_both_distributions(
    samples: dict[str, Any], blocked: Regression
) -> None:
    drawn = figures_of(report(samples["full"], blocked))
    names = [trace["name"] for trace in drawn["histogram"]["data"]]
    assert names == ["simple", "simple, base", "moderate", "moderate, base", "complex", "complex, base"]
    for name in ("histogram", "cumulative"):
        assert len({tuple(trace["x"]) for trace in drawn[name]["data"]}) == 1
    half = {trace["name"]: _first_at(trace, 50) for trace in drawn["cumulative"]["data"]}
    # Medians: 985 ms now, 890 x exp(-0.28^2 / 2) = 856 ms in the base; bins are 7 % apart.
    assert 950 < half["complex"] < 1080
    assert 830 < half["complex, base"] < 940


def _first_at(trace: dict[str, Any], percent: float) -> float:
    return float(next(x for x, y in zip(trace["x"], trace["y"], strict=True) if y >= percent))


def test_a_base_that_reaches_further_widens_the_scale_and_loses_no_sample() -> None:
    now = Histogram([10.0, 20.0, 40.0], {"simple": [3, 1]})
    base = run(1, series={"response_time{category=simple}": Values(Distribution.of([4.0, 15.0, 300.0]), {})})
    wide, found = beside(now, [base])
    assert found is not None
    assert wide.edges_ms == [2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0]
    assert wide.counts == {"simple": [0, 0, 3, 1, 0, 0, 0]}
    assert found.counts == {"simple": [1, 0, 1, 0, 0, 0, 1]}


def test_without_a_base_of_the_same_label_nothing_changes() -> None:
    now = Histogram([10.0, 20.0, 40.0], {"other": [3, 1]})
    assert beside(now, [run(1)]) == (now, None)


@pytest.mark.parametrize("value", [50.0, 300.0, 777.7, 999.0])
def test_a_share_of_kept_quantiles_is_close_to_that_of_the_samples(value: float) -> None:
    samples = [float(n) for n in range(1000)]
    exact = sum(sample < value for sample in samples) / 1000
    assert share_below(Distribution.of(samples, most_points=128), value) == pytest.approx(exact, abs=0.002)


def test_a_new_level_of_the_trend_is_named_and_marked(samples: dict[str, Any], blocked: Regression) -> None:
    sample = samples["full"]
    day = [point for point in sample.trend if point.started_at.startswith("2026-11-16")]
    earlier = tuple(
        replace(
            point,
            run_id=f"early-{number}",
            started_at=f"2026-10-{number:02d}T06:33:00Z",
            p95=replace(point.p95, value=point.p95.value * (0.7 if point.category == "complex" else 1.0)),
        )
        for number in range(10, 18)
        for point in day
    )
    trend = (*earlier, *sample.trend)
    found = trend_changes(trend)
    assert [(change.run_id, change_short(change)[:7]) for change in found] == [
        ("20261116T063300Z-mixed-0016", "complex")
    ]
    summary = replace(sample.summary, trend_changes=found)
    text = report(sample._replace(summary=summary), blocked, trend=trend)
    assert "since 2026-11-16 06:33:00 UTC" in section(text, "trend")
    assert len(figures_of(text)["trend"]["layout"]["shapes"]) == 1
    assert trend_changes(sample.trend) == []
