"""`harness history`: the runs there were, their verdicts, and when p95 changed."""

import argparse
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli._options import add_config_option, add_runs_dir_option, refuse_extra, show, whole_number
from harness.errors import ExitCode, UnreadableFileError, UserError

if TYPE_CHECKING:
    from harness.analysis import HistoryChange, HistoryRow

_EPILOG = """\
A history file holds one line of JSON per run. On a fresh machine, import the one that the machine
before exported: trends then go on. It is kept as history.jsonl in the results folder.

examples:
  harness history
  harness history cases --tsv
  harness history --export trend.jsonl
  harness history --import trend.jsonl
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "history",
        help="list runs with their verdicts, and when p95 changed",
        description="List runs with their verdicts, newest last, and the change points of p95.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", nargs="?", metavar="SCENARIO", help="runs of this scenario alone")
    parser.add_argument("--limit", type=whole_number, metavar="N", help="the last N runs")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print runs and change points as JSON")
    form.add_argument("--tsv", action="store_true", help="print a line per run, tab-separated")
    form.add_argument("--export", metavar="FILE", help="add all runs to this history file")
    form.add_argument("--import", dest="from_file", metavar="FILE", help="take the runs of a history file in")
    add_runs_dir_option(parser)
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    from harness.analysis import HISTORY, history, history_changes, merge_history, read_history
    from harness.cli._run_names import run_folders
    from harness.config import load_config, suggest

    refuse_extra(options)
    runs_dir = load_config(options.config_file).runs_path(options.runs_dir)
    if options.from_file:
        if not Path(options.from_file).is_file():
            raise UnreadableFileError(f"{options.from_file}: no such history file")
        new = _merge(merge_history, runs_dir / HISTORY, read_history(Path(options.from_file)))
        show(f"{new} new runs in {runs_dir / HISTORY}")
        return ExitCode.OK
    rows = history(runs_dir, run_folders(runs_dir))
    if options.scenario:
        known = {row.scenario for row in rows}
        if options.scenario not in known:
            hint = suggest(options.scenario, known)
            raise UserError(f"no run of scenario '{options.scenario}' in {runs_dir}; {hint}")
        rows = [row for row in rows if row.scenario == options.scenario]
    if options.export:
        new = _merge(merge_history, Path(options.export), rows)
        show(f"{new} new runs in {options.export}, {len(rows)} in all of {runs_dir}")
        return ExitCode.OK
    changes = history_changes(rows)
    last = rows[-options.limit :] if options.limit else rows
    show(_text(options, last, changes, runs_dir))
    return ExitCode.OK


def _merge(merge: "Callable[[Path, list[HistoryRow]], int]", path: Path, rows: "list[HistoryRow]") -> int:
    try:
        return merge(path, rows)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def _text(
    options: argparse.Namespace, rows: "list[HistoryRow]", changes: "list[HistoryChange]", runs_dir: Path
) -> str:
    from harness.cli._sides import as_json
    from harness.reports import history_table, history_tsv, wants_colour

    if options.json:
        points = [
            {
                "scenario": found.scenario,
                "category": found.category,
                "run_id": found.row.run_id,
                "started_at": found.row.started_at,
                "before_ms": found.change.before.value,
                "after_ms": found.change.after.value,
                "change_percent": found.change.change_percent,
                "p_value": found.change.p_value,
            }
            for found in changes
        ]
        return as_json({"runs": [asdict(row) for row in rows], "change_points": points})
    if options.tsv:
        return history_tsv(rows)
    if not rows:
        return f"{runs_dir}: no run yet"
    width = shutil.get_terminal_size().columns
    return history_table(rows, changes, width=width, colour=wants_colour(sys.stdout))
