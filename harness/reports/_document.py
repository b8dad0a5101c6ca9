"""summary.json: every derived figure of a run with its interval, and the verdicts.

The published schema is docs/summary.schema.json. Nothing is computed here but the three
top-level figures for consumers that want one number each, which are picked, not derived.
"""

import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

from harness.analysis import Summary
from harness.reports import _document_parts as parts
from harness.reports._capacity import capacity_document
from harness.reports._endurance import endurance_document
from harness.reports._headline_figures import case_figure, throughput_figure
from harness.reports._models import models_document
from harness.reports._words import provider
from harness.runs import Manifest
from harness.verdicts import Judgement

SUMMARY_SCHEMA_VERSION = 2


def summary_document(summary: Summary, judgement: Judgement, manifest: Manifest) -> dict[str, Any]:
    """The content of summary.json; JSON types only, and null for whatever is not finite."""
    document: dict[str, Any] = {
        "schema_version": SUMMARY_SCHEMA_VERSION,
        "simple_case": parts.estimate_json(case_figure(summary, judgement, "simple")),
        "complex_case": parts.estimate_json(case_figure(summary, judgement, "complex")),
        "throughput": parts.estimate_json(throughput_figure(summary, judgement)),
        "run": _run(summary, manifest),
        "provider": _provider(summary, manifest),
        "window": parts.window_json(summary),
        "totals": parts.totals_json(summary.totals),
        "groups": {
            "all": parts.group_json(summary.overall),
            "by_category": parts.groups_json(summary.by_category),
            "by_name": parts.groups_json(summary.by_name),
        },
        **_by_part_and_load(summary, judgement),
        "trend_changes": [parts.trend_change_json(item) for item in summary.trend_changes],
        "errors": [parts.error_json(error) for error in summary.errors],
        "slowest": [parts.slow_json(slow) for slow in summary.slowest],
        "resources": [parts.resources_json(item) for item in summary.resources],
        "derived": [parts.derived_json(item) for item in summary.derived],
        "models": models_document(summary.models, parts.estimate_json),
        **endurance_document(summary.drifts, summary.recovery, parts.estimate_json),
        "search": manifest.search.model_dump() if manifest.search is not None else None,
        "notes": list(summary.notes),
        "verdicts": parts.verdicts_json(judgement),
    }
    return {key: finite(item) for key, item in document.items()}


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


def _provider(summary: Summary, manifest: Manifest) -> dict[str, Any]:
    return {
        "label": provider(summary).text,
        "mode": manifest.target.provider_mode,
        "profile": manifest.target.profile,
        "models": dict(manifest.target.models),
    }


def _by_part_and_load(summary: Summary, judgement: Judgement) -> dict[str, Any]:
    return {
        "components": [parts.component_json(item) for item in summary.components],
        "steps": [parts.step_json(step) for step in summary.steps],
        "component_steps": [parts.component_step_json(item) for item in summary.component_steps],
        "capacity": capacity_document(summary.capacity, judgement.capacity),
        "warm_up": parts.warm_up_json(summary.warm_up),
    }
