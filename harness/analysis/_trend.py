"""Earlier runs of a scenario that can be compared with one run, from the files in their folders."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.analysis._history import DECIDES_NOTHING, HISTORY, read_history
from harness.analysis._model import Summary, TrendChange, TrendPoint
from harness.errors import UnreadableFileError
from harness.runs import Manifest, RunState
from harness.stats import Estimate, change_points

SUMMARY = "summary.json"
MANIFEST = "manifest.json"

#: Overall verdicts of runs whose figures decide nothing.
NOT_COMPARABLE = frozenset({"ERROR", "INTERRUPTED", "INVALID"})

#: Runs of a trend that are looked at, and the fewest that tell of levels; as in `harness history`.
_TREND_RUNS = 50
_FEWEST_RUNS = 10

_OTHER = "of other load, cases, models, provider, machine or harness (another fingerprint)"
_UNSEALED = "not sealed"
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True, frozen=True)
class Trend:
    """`points` of comparable runs, oldest first; `left_out` counts the other earlier runs by reason."""

    points: tuple[TrendPoint, ...] = ()
    left_out: Mapping[str, int] | None = None

    @property
    def note(self) -> str:
        """Which earlier runs are not in the trend; empty where all are.

        >>> Trend(left_out={"INVALID": 2, "not sealed": 1}).note
        'earlier runs of the scenario that are not in the trend: 2 INVALID, 1 not sealed'
        """
        parts = [f"{n} {reason}" for reason, n in (self.left_out or {}).items()]
        return f"earlier runs of the scenario that are not in the trend: {', '.join(parts)}" if parts else ""


def trend(
    results_dir: Path, scenario: str, *, before: str | None = None, fingerprint: str | None = None
) -> Trend:
    """p95 response time per category of the runs of `scenario` in folders of `results_dir`.

    `before` (ISO 8601) keeps the runs that started earlier, `fingerprint` those that are comparable.
    Runs that are INVALID, INTERRUPTED or not sealed are left out and counted. A run without
    categories gives one point with the category `all`. Runs of the history file (`harness history
    --import`, `harness prune`) that have no folder count as well. Folders without a readable manifest and
    summary are skipped: a trend is a courtesy and must not fail a report.
    """
    if not results_dir.is_dir():
        return Trend()
    limit = _moment(before or "")
    points: list[TrendPoint] = []
    left_out = Counter[str]()
    for path in sorted(results_dir.glob(f"*/{SUMMARY}")):
        document, manifest = _read(path), _manifest(path.with_name(MANIFEST))
        if document is None or manifest is None:
            continue
        of_run = list(_points(document, scenario))
        if not of_run or (before is not None and not _is_earlier(of_run[0].started_at, limit)):
            continue
        reason = _reason(manifest, of_run[0].verdict, fingerprint)
        if reason:
            left_out[reason] += 1
        else:
            points += of_run
    points += _kept(results_dir, scenario, limit if before is not None else None, fingerprint, points)
    points.sort(key=lambda point: (_moment(point.started_at) or _EARLIEST, point.run_id, point.category))
    return Trend(tuple(points), dict(sorted(left_out.items())))


def with_run(points: Sequence[TrendPoint], summary: Summary, verdict: str) -> list[TrendPoint]:
    """Earlier runs and this one if it can be compared, oldest first, the last `_TREND_RUNS` of them."""
    found = [point for point in points if point.run_id != summary.run_id]
    comparable = verdict not in NOT_COMPARABLE
    for label, group in (summary.by_category or {"all": summary.overall}).items() if comparable else ():
        p95 = group.response_time.get("p95")
        if p95 is not None:
            found.append(TrendPoint(summary.run_id, summary.started_at, label, p95, verdict))
    order = list(summary.by_category)
    found.sort(key=lambda p: order.index(p.category) if p.category in order else len(order))
    found.sort(key=lambda point: (point.started_at, point.run_id))
    kept = set(list(dict.fromkeys(point.run_id for point in found))[-_TREND_RUNS:])
    return [point for point in found if point.run_id in kept]


def trend_changes(points: Sequence[TrendPoint]) -> list[TrendChange]:
    """Change points of each category's p95 over the runs, which are in the order of time.

    A category with fewer than ten runs has none.
    """
    found = []
    for category in dict.fromkeys(point.category for point in points):
        runs = [
            (point, point.p95.value)
            for point in points
            if point.category == category and point.p95.value is not None
        ]
        changes = change_points([value for _, value in runs], unit="ms") if len(runs) >= _FEWEST_RUNS else ()
        for change in changes:
            point = runs[change.index][0]
            found.append(TrendChange(category, point.run_id, point.started_at, change))
    return found


def _kept(
    results_dir: Path,
    scenario: str,
    limit: datetime | None,
    fingerprint: str | None,
    found: Sequence[TrendPoint],
) -> Iterator[TrendPoint]:
    """Runs whose folders are gone or were on another machine, from the history file beside the folders."""
    known = {point.run_id for point in found} | {path.name for path in results_dir.iterdir()}
    try:
        rows = read_history(results_dir / HISTORY)
    except UnreadableFileError:
        return
    for row in rows:
        if row.run_id in known or row.scenario != scenario or row.verdict in DECIDES_NOTHING:
            continue
        if fingerprint is not None and row.fingerprint != fingerprint:
            continue
        if limit is not None and not _is_earlier(row.started_at, limit):
            continue
        labels = [label for label in row.p95_ms if label != "all"] or list(row.p95_ms)
        for label in labels:
            p95 = row.p95(label)
            if p95 is not None:
                yield TrendPoint(row.run_id, row.started_at, label, p95, row.verdict)


def _reason(manifest: Manifest, verdict: str, fingerprint: str | None) -> str:
    """Why a run is not on the line; empty where it is."""
    if fingerprint is not None and manifest.fingerprint != fingerprint:
        return _OTHER
    if manifest.state is not RunState.SEALED:
        return _UNSEALED
    if manifest.interrupted:
        return "INTERRUPTED"
    return verdict if verdict in NOT_COMPARABLE else ""


def _is_earlier(started_at: str, limit: datetime | None) -> bool:
    started = _moment(started_at)
    return started is not None and limit is not None and started < limit


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _manifest(path: Path) -> Manifest | None:
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None


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
