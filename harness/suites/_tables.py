"""What steps found beside their criteria, as tables for the report. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from harness.reports import SuiteTable, figure
from harness.stats import Estimate
from harness.suites._plan import CapacityPlan, TierLimit
from harness.suites._review import Consumer, Review, estimate_of

_NONE = "–"  # noqa: RUF001 - an empty cell


def plan_table(plan: CapacityPlan) -> SuiteTable:
    """What a rate of cases needs: processes, then each tier of the provider."""
    rows = [
        ("one process carries", figure(plan.per_process), plan.carried.how),
        ("processes needed", figure(plan.processes), f"its low end, used to {plan.headroom:.0%}"),
        ("model calls a case", f"{plan.per_case.calls:.3g}", f"{plan.per_case.tokens:,.0f} tokens"),
        (
            "cost at the listed prices",
            f"{plan.cost_per_hour_usd:,.2f} USD an hour",
            f"{plan.per_case.cost_usd:.3g} USD a case",
        ),
        *(_tier_row(plan, tier) for tier in plan.tiers),
    ]
    notes = [*plan.notes, f"limits of {plan.provider} as published: {plan.source}"]
    return SuiteTable(
        f"Capacity plan for {plan.cases_per_s:g} cases/s",
        plan.sentence,
        ("What", "Figure", "How"),
        rows,
        (1,),
        notes,
    )


def capacity_table(document: Mapping[str, Any]) -> SuiteTable:
    """The levels of a `capacity` as in summary.json, and what saturates first."""
    unit, slo = document["unit"], document["slo"]
    told = "no rule says what load is carried"
    if slo is not None:
        told = "no load met the criteria"
        if slo["value"] is not None:
            told = f"the criteria are met up to {slo['value']:g} {unit}"
            told += "; no load failed" if slo["high"] is None else f"; {slo['high']:g} fails"
    rows = [
        (
            f"{level['load']:g}",
            figure(estimate_of(level["throughput"])),
            _NONE if level["p95"] is None else figure(estimate_of(level["p95"])),
            figure(estimate_of(level["error_rate"])),
            _meets(level),
        )
        for level in document["levels"]
    ]
    notes = [
        *document["limit"]["evidence"],
        *([document["scaling_note"]] if document["scaling_note"] else []),
    ]
    return SuiteTable(
        "Capacity",
        f"{told}; {document['limit']['words']}",
        (f"Load ({unit})", "Throughput", "p95", "Error rate", "Meets the criteria"),
        rows,
        (0, 1, 2, 3),
        [*notes, *document.get("notes", ())],
    )


def _meets(level: Mapping[str, Any]) -> str:
    word = {True: "yes", False: "no", None: "not decided"}[level["meets"]]
    names = [*level["missed"], *level["undecided"]] if level["meets"] is not True else []
    return f"{word}: {', '.join(names)}" if names else word


def _tier_row(plan: CapacityPlan, tier: TierLimit) -> tuple[str, str, str]:
    name = f"{plan.provider}, tier {tier.tier}"
    if tier.sustained_per_s is None:
        return name, _NONE, f"nothing is published for {', '.join(tier.unknown_models) or 'these models'}"
    how = tier.sustained_binding
    if tier.burst_per_s is not None and tier.burst_per_s > tier.sustained_per_s:
        how += f"; {tier.burst_per_s:.3g} cases/s for a minute"
    if tier.unknown_models:
        how += f"; nothing is published for {', '.join(tier.unknown_models)}"
    return name, f"{tier.sustained_per_s:.3g} cases/s", how


def review_table(review: Review) -> SuiteTable:
    """The largest consumers of time per category, their change, and what each would give."""
    rows = [
        (
            each.category,
            each.component,
            figure(each.mean),
            figure(each.share),
            _change(each.change, review),
            figure(each.gain_halved),
            figure(each.gain_gone),
        )
        for each in review.consumers
    ]
    notes = list(review.notes)
    notes += [
        f"mean response time of {category} since {review.before}: {figure(change)}"
        for category, change in review.categories.items()
    ]
    notes.append(
        "gains are of the mean response time, by Amdahl's law, for parts that come one after the other"
    )
    columns = ("Category", "Component", "Mean", "Share", "Change", "Gain if twice as fast", "Gain if free")
    return SuiteTable("Optimisation review", _best(review), columns, rows, (2, 3, 4, 5, 6), notes)


def _change(change: Estimate | None, review: Review) -> str:
    if change is None:
        return "new" if review.before else "not known"
    text = figure(change)
    return text if text.startswith("-") else f"+{text}"


def _best(review: Review) -> str:
    """The one saving that is largest, in words."""
    first = {each.category: each for each in reversed(review.consumers)}
    told = [_consumer_words(each) for _, each in sorted(first.items())]
    return "; ".join(told) if told else "no component adds up to the time of a case"


def _consumer_words(each: Consumer) -> str:
    return (
        f"{each.category}: {each.component} takes {each.share.value or 0:.0f} % of the time, "
        f"twice as fast would save {figure(each.gain_halved)}"
    )


def as_details(table: SuiteTable, data: Any = None) -> dict[str, Any]:
    """A table and the data that it was made of, for suite.json."""
    return {"tables": [asdict(table)], "data": asdict(data) if data is not None else None}
