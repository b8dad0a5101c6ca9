"""Earlier runs of a scenario, from the summaries in their folders."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.analysis._model import TrendPoint
from harness.stats import Estimate

SUMMARY = "summary.json"


def trend(results_dir: Path, scenario: str) -> list[TrendPoint]:
    """p95 response time per category of all runs of `scenario` under `results_dir`, oldest first.

    A run without categories gives one point with the category `all`. Folders without a readable
    summary.json are skipped: a trend is a courtesy and must not fail a report.
    """
    if not results_dir.is_dir():
        return []
    found = [
        point
        for path in sorted(results_dir.glob(f"*/{SUMMARY}"))
        if (document := _read(path)) is not None
        for point in _points(document, scenario)
    ]
    return sorted(found, key=lambda point: (point.started_at, point.run_id, point.category))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _points(document: dict[str, Any], scenario: str) -> Iterator[TrendPoint]:
    try:
        run, groups, verdict = document["run"], document["groups"], document["verdicts"]["overall"]
        if run["scenario"] != scenario:
            return
        labelled = groups["by_category"] or {"all": groups["all"]}
        points = [
            TrendPoint(str(run["id"]), str(run["started_at"]), str(label), _estimate(p95), str(verdict))
            for label, group in labelled.items()
            if (p95 := group["response_time"].get("p95")) is not None
        ]
    except (KeyError, TypeError, AttributeError, ValueError):
        return
    yield from points


def _estimate(record: dict[str, Any]) -> Estimate:
    value, low, high = (
        None if record[key] is None else float(record[key]) for key in ("value", "low", "high")
    )
    warnings = tuple(str(warning) for warning in record.get("warnings", ()))
    n, method, unit = int(record["n"]), str(record["method"]), str(record["unit"])
    return Estimate(value, low, high, n, method, unit, warnings)
