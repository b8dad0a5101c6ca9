"""Runs as one line each: what is left of a run when its folder is gone, and what trends are made of."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import UnreadableFileError
from harness.runs import Manifest, RunState, open_run, process_is_alive, write_text_atomically
from harness.stats import ChangePoint, Estimate, change_points

HISTORY = "history.jsonl"
SUMMARY = "summary.json"

_KEPT = "as kept in the history"

#: Verdicts of runs whose figures are no point of a history.
DECIDES_NOTHING = frozenset({"ERROR", "INTERRUPTED", "INVALID", "RUNNING", "CRASHED", "NOT REPORTED"})


@dataclass(slots=True, frozen=True)
class HistoryRow:
    """One run. `p50_ms`, `p95_ms` and `mean_ms` are by category (`all`: all requests): value, low, high.

    `component_mean_ms` is by category and component: value, low, high and n. Lines of before there was
    one of these have none.
    """

    run_id: str
    started_at: str
    scenario: str
    verdict: str
    regression: str = ""
    provider: str = ""
    fingerprint: str = ""
    git_commit: str = ""
    requests: int = 0
    throughput_per_s: float | None = None
    error_percent: float | None = None
    p50_ms: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    p95_ms: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    n: Mapping[str, int] = field(default_factory=dict)
    mean_ms: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    component_mean_ms: Mapping[str, Mapping[str, Sequence[float | None]]] = field(default_factory=dict)

    @property
    def decided(self) -> bool:
        """Whether its figures are a point of a history."""
        return self.verdict not in DECIDES_NOTHING

    def p95(self, category: str) -> Estimate | None:
        """The p95 response time of a category; None where there is none."""
        return self._of_category(self.p95_ms, category)

    def mean(self, category: str) -> Estimate | None:
        """The mean response time of a category; None where there is none."""
        return self._of_category(self.mean_ms, category)

    def component_mean(self, category: str, component: str) -> Estimate | None:
        """The mean time in a component, over the requests in which it occurred; None where there is none."""
        ends = self.component_mean_ms.get(category, {}).get(component)
        if ends is None:
            return None
        value, low, high, n = ends
        return Estimate(value, low, high, int(n or 0), _KEPT, "ms")

    def _of_category(self, table: Mapping[str, Sequence[float | None]], category: str) -> Estimate | None:
        ends = table.get(category)
        if ends is None:
            return None
        value, low, high = ends
        return Estimate(value, low, high, self.n.get(category, 0), _KEPT, "ms")


@dataclass(slots=True, frozen=True)
class HistoryChange:
    """A change of the level of p95 in the history of comparable runs of a scenario."""

    scenario: str
    category: str
    row: HistoryRow
    change: ChangePoint


def row_of_folder(folder: Path) -> HistoryRow:
    """A run's line, from its manifest and summary. Raises UnreadableFileError for what is no run."""
    manifest = open_run(folder).manifest
    row = HistoryRow(
        run_id=manifest.run_id,
        started_at=manifest.started_at,
        scenario=manifest.scenario.name,
        verdict=_state(manifest),
        fingerprint=manifest.fingerprint,
        git_commit=manifest.git_commit,
    )
    try:
        document = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        return _with_summary(row, document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return row


def history(runs_dir: Path, folders: Iterable[Path]) -> list[HistoryRow]:
    """All runs that are known: those in folders, and those of the history file; oldest first.

    A folder that cannot be read is left out. Raises UnreadableFileError for a history file that is not one.
    """
    rows = {row.run_id: row for row in read_history(runs_dir / HISTORY)}
    for folder in folders:
        try:
            row = row_of_folder(folder)
        except UnreadableFileError:
            continue
        rows[row.run_id] = row
    return sorted(rows.values(), key=lambda row: (row.started_at, row.run_id))


def read_history(path: Path) -> list[HistoryRow]:
    """The rows of a history file; none where there is none. Raises UnreadableFileError with the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path}: cannot be read as a history") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                rows.append(_row(json.loads(line)))
            except (ValueError, TypeError, AttributeError) as error:
                raise UnreadableFileError(f"{path}: line {number} is no run of a history") from error
    return rows


def merge_history(path: Path, rows: Iterable[HistoryRow]) -> int:
    """Add rows to a history file, in place of older ones of the same runs; how many are new."""
    known = {row.run_id: row for row in read_history(path)}
    before = len(known)
    known |= {row.run_id: row for row in rows}
    ordered = sorted(known.values(), key=lambda row: (row.started_at, row.run_id))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(path, "".join(f"{json.dumps(asdict(row), allow_nan=False)}\n" for row in ordered))
    return len(known) - before


def history_changes(rows: Sequence[HistoryRow]) -> list[HistoryChange]:
    """Change points of p95 per scenario and category, over runs comparable with the scenario's last one."""
    found = []
    for scenario in dict.fromkeys(row.scenario for row in rows):
        runs = [row for row in rows if row.scenario == scenario and row.decided]
        alike = [row for row in runs if row.fingerprint == runs[-1].fingerprint]
        for category in sorted({name for row in alike for name in row.p95_ms}):
            points = [(row, p95.value) for row in alike if (p95 := row.p95(category)) is not None]
            known = [(row, value) for row, value in points if value is not None]
            changes = change_points([value for _, value in known], unit="ms") if len(known) >= 10 else ()
            found += [HistoryChange(scenario, category, known[c.index][0], c) for c in changes]
    return found


def _state(manifest: Manifest) -> str:
    if manifest.state is RunState.RUNNING:
        return "RUNNING" if process_is_alive(manifest.pid) else "CRASHED"
    return "INTERRUPTED" if manifest.interrupted else "NOT REPORTED"


def _with_summary(row: HistoryRow, document: Mapping[str, Any]) -> HistoryRow:
    groups = {"all": document["groups"]["all"], **document["groups"]["by_category"]}
    record = asdict(row) | {
        "verdict": document["verdicts"]["overall"] if row.verdict == "NOT REPORTED" else row.verdict,
        "regression": document.get("regression", {}).get("verdict", ""),
        "provider": document["provider"]["label"],
        "requests": document["totals"]["requests"],
        "throughput_per_s": _short(groups["all"]["throughput"]["value"]),
        "error_percent": _short(groups["all"]["error_rate"]["value"]),
        "p50_ms": {name: ends for name, group in groups.items() if (ends := _ends(group, "p50"))},
        "p95_ms": {name: ends for name, group in groups.items() if (ends := _ends(group, "p95"))},
        "n": {name: int(group["requests"]) for name, group in groups.items()},
        "mean_ms": {name: ends for name, group in groups.items() if (ends := _ends(group, "mean"))},
        "component_mean_ms": _component_means(document.get("components", ())),
    }
    return _row(record)


def _component_means(components: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, list[float | None]]]:
    found: dict[str, dict[str, list[float | None]]] = {}
    for entry in components:
        if (mean := entry["duration"].get("mean")) is not None:
            found.setdefault(entry["category"], {})[entry["component"]] = [*_interval(mean), int(mean["n"])]
    return found


def _ends(group: Mapping[str, Any], statistic: str) -> list[float | None] | None:
    estimate = group["response_time"].get(statistic)
    return None if estimate is None else _interval(estimate)


def _interval(estimate: Mapping[str, Any]) -> list[float | None]:
    return [_short(estimate[end]) for end in ("value", "low", "high")]


def _short(value: Any) -> float | None:
    return None if value is None else float(f"{float(value):.5g}")


def _row(record: Mapping[str, Any]) -> HistoryRow:
    """A row of a record; what it does not know is left at its default. TypeError for what is not one."""
    known = {name: record[name] for name in HistoryRow.__dataclass_fields__ if name in record}
    row = HistoryRow(**known)
    texts = (row.run_id, row.started_at, row.scenario, row.verdict)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("not a run of a history")
    tables = [(row.p50_ms, 3), (row.p95_ms, 3), (row.mean_ms, 3)]
    tables += [(table, 4) for table in row.component_mean_ms.values()]
    if any(len(ends) != length for table, length in tables for ends in table.values()):
        raise TypeError("not a run of a history")
    return row
