"""A comparison as data: the `regression` part of summary.json, and tab-separated rows."""

from typing import Any

from harness.reports._document import finite
from harness.stats import Estimate
from harness.verdicts import MetricChange, Regression

_COLUMNS = (
    "metric",
    "verdict",
    "base",
    "candidate",
    "unit",
    "change_percent",
    "change_low_percent",
    "change_high_percent",
    "p_value",
    "n_base",
    "n_candidate",
    "block_percent",
    "floor",
    "text",
    "reason",
    "attribution",
)


def regression_document(regression: Regression, *, strict: bool = False) -> dict[str, Any]:
    """JSON types only; one entry of `metrics` per metric, in the order of the comparison."""
    document = {
        "verdict": str(regression.word),
        "headline": regression.headline,
        "exit_code": int(regression.exit_code(strict=strict)),
        "scenario": regression.scenario,
        "provider": regression.provider,
        "base": [_reference(run) for run in regression.bases],
        "candidate": [_reference(run) for run in regression.candidates],
        "differs": {
            part: {"base": base, "candidate": candidate, "ignored": part in regression.ignored}
            for part, (base, candidate) in regression.differs.items()
        },
        "metrics": [_row(row) for row in regression.rows],
        "notes": list(regression.notes),
    }
    return {key: finite(value) for key, value in document.items()}


def regression_tsv(regression: Regression) -> str:
    """One line per metric below a line of column names; empty cells where nothing is known."""
    lines = ["\t".join(_COLUMNS)]
    lines += ["\t".join(_cell(value) for value in _cells(row)) for row in regression.rows]
    return "\n".join(lines)


def _reference(run: Any) -> dict[str, str]:
    return {"run_id": run.run_id, "started_at": run.started_at, "git_commit": run.git_commit}


def _row(row: MetricChange) -> dict[str, Any]:
    found = row.attribution
    return {
        "metric": row.name,
        "verdict": str(row.verdict),
        "text": row.text,
        "base": _json(row.base),
        "candidate": _json(row.candidate),
        "change": _json(row.change),
        "difference": _json(row.difference),
        "worse_percent": row.worse_percent,
        "p_value": row.p_value,
        "limits": {
            "block_percent": row.limits.block_percent,
            "investigate_percent": row.limits.investigate_percent,
            "floor": row.limits.floor,
        },
        "reason": row.reason,
        "attribution": None
        if found is None
        else {
            "text": found.text,
            "component": found.component,
            "cause": found.cause,
            "share_percent": dict(found.share_percent),
        },
    }


def _json(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else estimate.to_json()


def _cells(row: MetricChange) -> list[Any]:
    base, candidate, change = row.base, row.candidate, row.change
    return [
        row.name,
        row.verdict,
        base and base.value,
        candidate and candidate.value,
        row.metric.unit,
        change and change.value,
        change and change.low,
        change and change.high,
        row.p_value,
        base and base.n,
        candidate and candidate.n,
        row.limits.block_percent,
        row.limits.floor,
        row.text,
        row.reason,
        row.attribution and row.attribution.text,
    ]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return " ".join(str(value).split())
