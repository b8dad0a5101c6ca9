"""The parts of summary.json, one function each; numbers are as they were made, finite or not."""

from collections.abc import Mapping
from typing import Any

from harness.analysis import (
    ComponentStep,
    ComponentTime,
    DerivedFigure,
    ErrorGroup,
    Group,
    LoadStep,
    ServiceResources,
    SlowRequest,
    Summary,
    Totals,
    TrendChange,
    WarmUpCheck,
)
from harness.reports._words import overall
from harness.stats import Estimate
from harness.verdicts import Judgement


def window_json(summary: Summary) -> dict[str, Any]:
    return {
        "seconds": summary.window.seconds,
        "pieces": [
            {"phase": p.phase, "users": p.users, "start_s": p.start_s, "end_s": p.end_s}
            for p in summary.window.pieces
        ],
        "excluded": list(summary.window.excluded),
    }


def groups_json(groups: Mapping[str, Group]) -> dict[str, Any]:
    return {label: group_json(group) for label, group in groups.items()}


def group_json(group: Group) -> dict[str, Any]:
    return {
        "label": group.label,
        "requests": group.requests,
        "outcomes": dict(group.outcomes),
        "response_time": estimates_json(group.response_time),
        "service_time": estimates_json(group.service_time),
        "throughput": estimate_json(group.throughput),
        "error_rate": estimate_json(group.error_rate),
        "success_rate": estimate_json(group.success_rate),
        "per_case": estimates_json(group.per_case),
    }


def component_json(item: ComponentTime) -> dict[str, Any]:
    return {
        "category": item.category,
        "component": item.component,
        "additive": item.additive,
        "share_percent": item.share_percent,
        "duration": estimates_json(item.duration),
    }


def step_json(step: LoadStep) -> dict[str, Any]:
    return {
        "phase": step.phase,
        "users": step.users,
        "arrivals_per_s": step.arrivals_per_s,
        "seconds": step.seconds,
        "group": group_json(step.group),
        "by_category": groups_json(step.by_category),
        "errors_by_cause": dict(step.errors_by_cause),
    }


def component_step_json(item: ComponentStep) -> dict[str, Any]:
    return {
        "phase": item.phase,
        "users": item.users,
        "category": item.category,
        "component": item.component,
        "additive": item.additive,
        "mean": estimate_json(item.mean),
        "p95": estimate_json(item.p95),
    }


def warm_up_json(check: WarmUpCheck | None) -> dict[str, Any] | None:
    if check is None:
        return None
    return {
        "phase": check.phase,
        "configured_s": check.configured_s,
        "lasted_s": check.lasted_s,
        "n": check.n,
        "before": estimate_json(check.before),
        "after": estimate_json(check.after),
        "method": check.method,
    }


def trend_change_json(item: TrendChange) -> dict[str, Any]:
    return {
        "category": item.category,
        "run_id": item.run_id,
        "started_at": item.started_at,
        "before": estimate_json(item.change.before),
        "after": estimate_json(item.change.after),
        "change_percent": item.change.change_percent,
        "p_value": item.change.p_value,
        "n": item.change.n,
        "method": item.change.method,
    }


def verdicts_json(judgement: Judgement) -> dict[str, Any]:
    return {
        "overall": overall(judgement),
        "validity": str(judgement.validity),
        "headline": judgement.headline,
        "exit_code": int(judgement.exit_code),
        "checks": [
            {
                "name": check.name,
                "verdict": str(check.verdict),
                "measured": check.measured,
                "limit": check.limit,
                "reason": check.reason,
                "remedy": check.remedy,
            }
            for check in judgement.checks
        ],
        "criteria": [
            {
                "name": criterion.name,
                "rule": criterion.rule,
                "title": criterion.title,
                "verdict": str(criterion.verdict),
                "measured": estimate_json(criterion.measured),
                "target": criterion.target,
                "critical": criterion.critical,
                "reason": criterion.reason,
                "remedy": criterion.remedy,
            }
            for criterion in judgement.criteria
        ],
    }


def estimates_json(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: estimate.to_json() for name, estimate in estimates.items()}


def estimate_json(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else estimate.to_json()


def totals_json(totals: Totals) -> dict[str, Any]:
    return {
        "requests": totals.requests,
        "errors": totals.errors,
        "degraded": totals.degraded,
        "incomplete": totals.incomplete,
        "outcomes": dict(totals.outcomes),
    }


def error_json(error: ErrorGroup) -> dict[str, Any]:
    return {
        "name": error.name,
        "outcome": error.outcome,
        "cause": error.cause,
        "error": error.error,
        "count": error.count,
    }


def slow_json(slow: SlowRequest) -> dict[str, Any]:
    return {
        "case_id": slow.case_id,
        "category": slow.category,
        "name": slow.name,
        "phase": slow.phase,
        "response_time_ms": slow.response_time_ms,
        "outcome": slow.outcome,
        "components_ms": dict(slow.components_ms),
        "trace_id": slow.trace_id,
        "trace_url": slow.trace_url,
    }


def resources_json(item: ServiceResources) -> dict[str, Any]:
    return {"phase": item.phase, "service": item.service, "figures": estimates_json(item.figures)}


def derived_json(item: DerivedFigure) -> dict[str, Any]:
    return {
        "name": item.name,
        "title": item.title,
        "formula": item.formula,
        "figure": estimate_json(item.figure),
        "of": estimate_json(item.of),
        "over": estimate_json(item.to),
        "reason": item.reason,
    }
