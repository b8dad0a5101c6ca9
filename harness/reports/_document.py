"""summary.json: every derived figure of a run with its interval, and the verdicts.

The published schema is docs/summary.schema.json. Nothing is computed here but the three
top-level figures for consumers that want one number each, which are picked, not derived.
"""

import math
import numbers
import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.analysis import ComponentStep, ComponentTime, Group, LoadStep, Summary, TrendChange, WarmUpCheck
from harness.reports._capacity import capacity_document
from harness.reports._endurance import endurance_document
from harness.reports._models import models_document
from harness.reports._words import overall, provider
from harness.runs import Manifest
from harness.stats import Estimate
from harness.verdicts import CriterionVerdict, Judgement

SUMMARY_SCHEMA_VERSION = 2


def summary_document(summary: Summary, judgement: Judgement, manifest: Manifest) -> dict[str, Any]:
    """The content of summary.json; JSON types only, and null for whatever is not finite."""
    document: dict[str, Any] = {
        "schema_version": SUMMARY_SCHEMA_VERSION,
        "simple_case": _json(case_figure(summary, judgement, "simple")),
        "complex_case": _json(case_figure(summary, judgement, "complex")),
        "throughput": _json(throughput_figure(summary, judgement)),
        "run": _run(summary, manifest),
        "provider": {
            "label": provider(summary).text,
            "mode": manifest.target.provider_mode,
            "profile": manifest.target.profile,
            "models": dict(manifest.target.models),
        },
        "window": _window(summary),
        "totals": {
            "requests": summary.totals.requests,
            "errors": summary.totals.errors,
            "degraded": summary.totals.degraded,
            "incomplete": summary.totals.incomplete,
            "outcomes": dict(summary.totals.outcomes),
        },
        "groups": {
            "all": _group(summary.overall),
            "by_category": _groups(summary.by_category),
            "by_name": _groups(summary.by_name),
        },
        "components": [_component(item) for item in summary.components],
        "steps": [_step(step) for step in summary.steps],
        "component_steps": [_component_step(item) for item in summary.component_steps],
        "capacity": capacity_document(summary.capacity, judgement.capacity),
        "warm_up": _warm_up(summary.warm_up),
        "trend_changes": [_trend_change(item) for item in summary.trend_changes],
        "errors": [
            {"name": e.name, "outcome": e.outcome, "cause": e.cause, "error": e.error, "count": e.count}
            for e in summary.errors
        ],
        "slowest": [
            {
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
            for slow in summary.slowest
        ],
        "resources": [
            {"phase": item.phase, "service": item.service, "figures": _estimates(item.figures)}
            for item in summary.resources
        ],
        "derived": [
            {
                "name": item.name,
                "title": item.title,
                "formula": item.formula,
                "figure": _json(item.figure),
                "of": _json(item.of),
                "over": _json(item.to),
                "reason": item.reason,
            }
            for item in summary.derived
        ],
        "models": models_document(summary.models, _json),
        **endurance_document(summary.drifts, summary.recovery, _json),
        "search": manifest.search.model_dump() if manifest.search is not None else None,
        "notes": list(summary.notes),
        "verdicts": _verdicts(judgement),
    }
    return {key: finite(item) for key, item in document.items()}


def case_criterion(judgement: Judgement, category: str) -> CriterionVerdict | None:
    """The rule that speaks for a category: the first on its response time, p95 before other statistics."""
    about = re.compile(rf"response_time\)\s*\{{[^}}]*\bcategory\s*=\s*[\"']?{re.escape(category)}\b")
    rules = [criterion for criterion in judgement.criteria if about.search(criterion.rule)]
    return min(rules, key=lambda criterion: not criterion.rule.lstrip().startswith("p95("), default=None)


def throughput_criterion(judgement: Judgement) -> CriterionVerdict | None:
    """The first rule on throughput."""
    about = re.compile(r"^\s*(rate\(\s*)?throughput\b")
    return next((criterion for criterion in judgement.criteria if about.search(criterion.rule)), None)


def case_figure(summary: Summary, judgement: Judgement, category: str) -> Estimate | None:
    """What the category's rule was judged on; its p95 response time where no rule speaks for it."""
    criterion = case_criterion(judgement, category)
    if criterion is not None and criterion.measured is not None:
        return criterion.measured
    group = summary.by_category.get(category)
    return group.response_time.get("p95") if group else None


def throughput_figure(summary: Summary, judgement: Judgement) -> Estimate | None:
    """What the throughput rule was judged on; the measured window's throughput where there is none."""
    criterion = throughput_criterion(judgement)
    if criterion is not None and criterion.measured is not None:
        return criterion.measured
    return summary.overall.throughput


def finite(value: Any) -> Any:
    """The same structure in JSON types, with null for NaN and infinities (JSON has neither).

    >>> finite({"a": float("nan"), "b": (1, 2.5)})
    {'a': None, 'b': [1, 2.5]}
    """
    match value:
        case None | bool() | str():
            return value
        case numbers.Integral():
            return int(value)
        case numbers.Real():
            return float(value) if math.isfinite(value) else None
        case Mapping():
            return {str(key): finite(item) for key, item in value.items()}
        case Iterable():
            return [finite(item) for item in value]
        case _:
            raise TypeError(f"{type(value).__name__} has no place in summary.json")


def _run(summary: Summary, manifest: Manifest) -> dict[str, Any]:
    recorded = summary.exact  # stock CSVs tell neither how they were made nor from what seed
    return {
        "id": summary.run_id,
        "scenario": summary.scenario,
        "source": summary.source,
        "exact": summary.exact,
        "started_at": summary.started_at,
        "duration_s": summary.duration_s,
        "mode": manifest.mode if recorded else None,
        "workers": len(manifest.workers) if recorded else None,
        "seed": manifest.seed if recorded else None,
        "git_commit": manifest.git_commit,
        "stop_reason": manifest.stop_reason,
        "interrupted": manifest.interrupted,
        "stopped_by": manifest.stopped_by.model_dump() if manifest.stopped_by is not None else None,
        "fingerprint": manifest.fingerprint,
    }


def _window(summary: Summary) -> dict[str, Any]:
    return {
        "seconds": summary.window.seconds,
        "pieces": [
            {"phase": p.phase, "users": p.users, "start_s": p.start_s, "end_s": p.end_s}
            for p in summary.window.pieces
        ],
        "excluded": list(summary.window.excluded),
    }


def _groups(groups: Mapping[str, Group]) -> dict[str, Any]:
    return {label: _group(group) for label, group in groups.items()}


def _group(group: Group) -> dict[str, Any]:
    return {
        "label": group.label,
        "requests": group.requests,
        "outcomes": dict(group.outcomes),
        "response_time": _estimates(group.response_time),
        "service_time": _estimates(group.service_time),
        "throughput": _json(group.throughput),
        "error_rate": _json(group.error_rate),
        "success_rate": _json(group.success_rate),
        "per_case": _estimates(group.per_case),
    }


def _component(item: ComponentTime) -> dict[str, Any]:
    return {
        "category": item.category,
        "component": item.component,
        "additive": item.additive,
        "share_percent": item.share_percent,
        "duration": _estimates(item.duration),
    }


def _step(step: LoadStep) -> dict[str, Any]:
    return {
        "phase": step.phase,
        "users": step.users,
        "arrivals_per_s": step.arrivals_per_s,
        "seconds": step.seconds,
        "group": _group(step.group),
        "by_category": _groups(step.by_category),
        "errors_by_cause": dict(step.errors_by_cause),
    }


def _component_step(item: ComponentStep) -> dict[str, Any]:
    return {
        "phase": item.phase,
        "users": item.users,
        "category": item.category,
        "component": item.component,
        "additive": item.additive,
        "mean": _json(item.mean),
        "p95": _json(item.p95),
    }


def _warm_up(check: WarmUpCheck | None) -> dict[str, Any] | None:
    if check is None:
        return None
    return {
        "phase": check.phase,
        "configured_s": check.configured_s,
        "lasted_s": check.lasted_s,
        "n": check.n,
        "before": _json(check.before),
        "after": _json(check.after),
        "method": check.method,
    }


def _trend_change(item: TrendChange) -> dict[str, Any]:
    return {
        "category": item.category,
        "run_id": item.run_id,
        "started_at": item.started_at,
        "before": _json(item.change.before),
        "after": _json(item.change.after),
        "change_percent": item.change.change_percent,
        "p_value": item.change.p_value,
        "n": item.change.n,
        "method": item.change.method,
    }


def _verdicts(judgement: Judgement) -> dict[str, Any]:
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
                "measured": _json(criterion.measured),
                "target": criterion.target,
                "critical": criterion.critical,
                "reason": criterion.reason,
                "remedy": criterion.remedy,
            }
            for criterion in judgement.criteria
        ],
    }


def _estimates(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: estimate.to_json() for name, estimate in estimates.items()}


def _json(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else estimate.to_json()
