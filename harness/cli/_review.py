"""The latest run of a scenario beside one of about a month before, for the optimisation review."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UnreadableFileError

if TYPE_CHECKING:
    from harness.analysis import HistoryRow
    from harness.suites import Review

_MONTH = timedelta(days=30)
#: A run younger than this, beside the latest one, is no run of a month ago.
_LEAST = timedelta(days=20)


def review_of(runs_dir: Path, scenario: str) -> "Review":
    """The review of a scenario's latest run. Raises UnreadableFileError where it has none with a summary.

    The earlier run may be one of which the history alone is left.
    """
    from harness.analysis import history
    from harness.cli._run_names import run_folders
    from harness.suites import optimisation_review

    folders = run_folders(runs_dir)
    latest = _latest(folders, scenario)
    if latest is None:
        raise UnreadableFileError(f"{runs_dir}: no run of scenario '{scenario}' with a summary to review")
    rows = [row for row in history(runs_dir, folders) if row.scenario == scenario]
    return optimisation_review(latest, month_before(latest, rows))


def month_before(latest: dict[str, Any], rows: "list[HistoryRow]") -> "HistoryRow | None":
    """The comparable run whose age is nearest to a month; None where none is old enough.

    Runs that decided nothing are left out, and those of which no component times are known.
    """
    run = latest["run"]
    at = datetime.fromisoformat(run["started_at"])
    ages = {
        row.run_id: at - datetime.fromisoformat(row.started_at)
        for row in rows
        if row.fingerprint == run["fingerprint"] and row.decided and row.component_mean_ms
    }
    old = [row for row in rows if ages.get(row.run_id, timedelta()) >= _LEAST]
    return min(old, key=lambda row: abs(ages[row.run_id] - _MONTH), default=None)


def _latest(folders: "list[Path]", scenario: str) -> dict[str, Any] | None:
    """summary.json of the latest run of a scenario that decided something."""
    from harness.suites import read_summary

    found = []
    for folder in folders:
        document = read_summary(folder)
        if document is None or document["run"]["scenario"] != scenario:
            continue
        if document["verdicts"]["validity"] != "INVALID" and not document["run"]["interrupted"]:
            found.append(document)
    return max(
        found, key=lambda document: datetime.fromisoformat(document["run"]["started_at"]), default=None
    )
