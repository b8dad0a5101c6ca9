"""benchmarks/baseline.json: what later runs are compared with, kept in git.

Small, in a fixed order and with one series of samples to a line, so that a change of it can be read
as a diff. Knows the file's shape alone; what a run's record holds is for `harness.analysis`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UnreadableFileError, UserError
from harness.runs._folder import write_text_atomically

BASELINE_SCHEMA_VERSION = 1

#: Tables of a run's record that are written with one entry to a line.
_BY_LINE = ("series", "contributions")


@dataclass(slots=True, frozen=True)
class BaselineEntry:
    """The baseline of one scenario: when it was saved (ISO 8601), and a record per run."""

    scenario: str
    saved_at: str
    runs: tuple[Mapping[str, Any], ...]


def read_baselines(path: Path) -> dict[str, BaselineEntry]:
    """The baselines by scenario; none where there is no file.

    Raises UnreadableFileError for a file that is not one.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not JSON"
        raise UnreadableFileError(f"{path}: cannot be read as a baseline ({reason})") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != BASELINE_SCHEMA_VERSION:
        raise UnreadableFileError(
            f"{path}: not a baseline of version {BASELINE_SCHEMA_VERSION}; save it again with "
            "`harness baseline save RUN`"
        )
    try:
        return {
            str(name): BaselineEntry(str(name), str(entry["saved_at"]), tuple(entry["runs"]))
            for name, entry in document["scenarios"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableFileError(f"{path}: not a baseline ({type(error).__name__} {error})") from error


def write_baselines(path: Path, entries: Mapping[str, BaselineEntry]) -> None:
    """Write all baselines, sorted by scenario, whole or not at all. Raises UserError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomically(path, baseline_text(entries))
    except OSError as error:
        raise UserError(f"cannot write the baseline {path}: {error.strerror}") from error


def baseline_text(entries: Mapping[str, BaselineEntry]) -> str:
    """The file's content."""
    scenarios = ",\n".join(_entry_text(entries[name]) for name in sorted(entries))
    inner = f"\n{scenarios}\n" if scenarios else ""
    return f'{{\n"schema_version": {BASELINE_SCHEMA_VERSION},\n"scenarios": {{{inner}}}\n}}\n'


def _entry_text(entry: BaselineEntry) -> str:
    runs = ",\n".join(_run_text(run) for run in entry.runs)
    name, saved_at = json.dumps(entry.scenario), json.dumps(entry.saved_at)
    return f'{name}: {{\n"saved_at": {saved_at},\n"runs": [\n{runs}\n]\n}}'


def _run_text(run: Mapping[str, Any]) -> str:
    lines = [
        f"{json.dumps(key)}: {_by_line(value) if key in _BY_LINE else _compact(value)}"
        for key, value in run.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}"


def _by_line(table: Mapping[str, Any]) -> str:
    lines = [f"  {json.dumps(name)}: {_compact(table[name])}" for name in table]
    return "{\n" + ",\n".join(lines) + "\n}" if lines else "{}"


def _compact(value: Any) -> str:
    separators = (",", ":") if not isinstance(value, str) else None
    return json.dumps(value, separators=separators, ensure_ascii=False, allow_nan=False)
