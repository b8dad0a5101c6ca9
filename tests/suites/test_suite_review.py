"""The optimisation review: shares, gains by Amdahl's law, and changes, against arithmetic one can follow."""

from typing import Any

import pytest

from harness.analysis import HistoryRow
from harness.stats import Estimate
from harness.suites import estimate_of, optimisation_review, relative_change, review_table


def mean(value: float, half: float, n: int = 400) -> dict[str, Any]:
    return Estimate(value, value - half, value + half, n, "mean", "ms").to_json()


def document(run: str, parts: dict[tuple[str, str], float], totals: dict[str, float]) -> dict[str, Any]:
    """A summary.json of components with these means in ms; `specialist-*` are inside `specialists`."""
    components = [
        {
            "category": category,
            "component": name,
            "additive": not name.startswith("specialist-"),
            "share_percent": None if name.startswith("specialist-") else 100 * value / totals[category],
            "duration": {"mean": mean(value, value / 50)},
        }
        for (category, name), value in parts.items()
    ]
    groups = {
        category: {"response_time": {"mean": mean(total, total / 50)}} for category, total in totals.items()
    }
    return {"run": {"id": run}, "components": components, "groups": {"by_category": groups}}


NOW = document(
    "now",
    {
        ("simple", "triage"): 100.0,
        ("simple", "specialists"): 150.0,
        ("simple", "specialist-cardiology"): 150.0,
        ("simple", "synthesis"): 50.0,
        ("simple", "total"): 300.0,
        ("complex", "debate"): 900.0,
        ("complex", "synthesis"): 100.0,
    },
    {"simple": 300.0, "complex": 1000.0},
)


def kept(value: float, *more: int) -> list[float]:
    """A mean with the interval of `document`, as the history keeps it."""
    return [value, value * 0.98, value * 1.02, *more]


BEFORE = HistoryRow(
    "before",
    "2026-10-24T06:00:00+00:00",
    "cases",
    "PASS",
    n={"simple": 400, "complex": 400},
    mean_ms={"simple": kept(250), "complex": kept(1100)},
    component_mean_ms={
        "simple": {"triage": kept(80, 400), "specialists": kept(150, 400)},
        "complex": {"debate": kept(1000, 400)},
    },
)


def test_the_largest_come_first_in_each_category_and_parts_of_parts_are_left_out() -> None:
    found = optimisation_review(NOW, None)
    assert [(each.category, each.component) for each in found.consumers] == [
        ("complex", "debate"),
        ("complex", "synthesis"),
        ("simple", "specialists"),
        ("simple", "triage"),
        ("simple", "synthesis"),
    ]
    assert all(each.change is None for each in found.consumers)
    assert found.notes == ("no run of this scenario from about a month ago: changes are not known",)


def test_gains_are_amdahls() -> None:
    """A part of 90 % that is twice as fast saves 45 %; one that is free saves 90 %."""
    debate = optimisation_review(NOW, None).consumers[0]
    assert debate.share.value == pytest.approx(90.0)
    assert debate.gain_halved.value == pytest.approx(45.0)
    assert debate.gain_gone.value == pytest.approx(90.0)
    assert (debate.gain_halved.low, debate.gain_halved.high) == pytest.approx((44.1, 45.9)), (
        "the mean's +-2 %"
    )


def test_changes_are_against_the_earlier_run() -> None:
    found = optimisation_review(NOW, BEFORE)
    changes = {(each.category, each.component): each.change for each in found.consumers}
    triage = changes["simple", "triage"]
    assert triage is not None
    assert triage.value == pytest.approx(25.0)
    assert triage.low is not None
    assert triage.low > 20
    assert changes["simple", "synthesis"] is None, "it was not there before"
    assert found.categories["simple"].value == pytest.approx(20.0)
    assert found.categories["complex"].value == pytest.approx(-9.09, abs=0.01)


def test_a_run_of_which_no_component_times_were_kept_has_no_changes() -> None:
    found = optimisation_review(NOW, HistoryRow("old", "2026-10-24T06:00:00+00:00", "cases", "PASS"))
    assert all(each.change is None for each in found.consumers)
    assert not found.categories


def test_only_the_top_are_kept() -> None:
    assert [each.component for each in optimisation_review(NOW, None, top=1).consumers] == [
        "debate",
        "specialists",
    ]


def test_the_table_says_it_in_words() -> None:
    table = review_table(optimisation_review(NOW, BEFORE))
    assert table.finding == (
        "complex: debate takes 90 % of the time, twice as fast would save 45 % [44.1, 45.9]; "
        "simple: specialists takes 50 % of the time, twice as fast would save 25 % [24.5, 25.5]"
    )
    triage = next(row for row in table.rows if row[:2] == ("simple", "triage"))
    assert triage[4].startswith("+25 % [")
    synthesis = next(row for row in table.rows if row[:2] == ("simple", "synthesis"))
    assert synthesis[4] == "new"


def test_a_change_needs_bounded_means_above_nothing() -> None:
    good = Estimate(10, 9, 11, 50, "mean")
    assert relative_change(good, Estimate(10, None, 11, 50, "mean")) is None
    assert relative_change(Estimate(1, 0, 2, 50, "mean"), good) is None


def test_an_estimate_survives_json() -> None:
    estimate = Estimate(1.0, 0.5, 1.5, 30, "mean", "ms", ("a warning",))
    assert estimate_of(estimate.to_json()) == estimate
