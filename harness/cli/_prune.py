"""`harness prune`: keep the results folder in bounds; what goes leaves its line in the history."""

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli._options import add_config_option, add_runs_dir_option, refuse_extra, show, whole_number
from harness.errors import ExitCode, UnreadableFileError, UserError

if TYPE_CHECKING:
    from harness.cli._prune_choice import Kept

#: What a folder is of: the first word of its group.
_SCENARIO, _SUITE = "scenario", "suite"

_EPILOG = """\
Runs and suites that still go on are never removed, and of each scenario and of each suite the newest
stays. A run that the report of a remaining suite links to stays too, unless --linked is given. Every
run that goes leaves a line in history.jsonl, so that trends keep it; a suite that goes leaves nothing.

examples:
  harness prune --keep 20            the last 20 runs of each scenario and of each suite stay
  harness prune --max-mb 500         the oldest go until 500 MB are left
  harness prune --keep 20 --dry-run  say what would go
  harness prune --keep 5 --linked    runs go although a suite's report links to them
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "prune",
        help="remove old runs and suites from the results folder",
        description="Remove old folders of runs and of suites, oldest first.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--keep", type=whole_number, metavar="N", help="keep the last N runs of a scenario, and of a suite"
    )
    parser.add_argument("--max-mb", type=whole_number, metavar="MB", help="keep at most so many megabytes")
    parser.add_argument(
        "--linked", action="store_true", help="remove runs too that the report of a remaining suite links to"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and remove nothing")
    add_runs_dir_option(parser)
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    from harness.cli._prune_choice import held, leaving
    from harness.config import load_config

    refuse_extra(options)
    if options.keep is None and options.max_mb is None:
        raise UserError("say what may stay: --keep N, --max-mb MB, or both")
    runs_dir = load_config(options.config_file).runs_path(options.runs_dir)
    folders = _folders(runs_dir)
    max_bytes = None if options.max_mb is None else options.max_mb * 1_000_000
    going = leaving(folders, options.keep, max_bytes, linked=options.linked)
    if not options.dry_run and going:
        _remove(runs_dir, going)
    for folder in going:
        show(f"{'would remove' if options.dry_run else 'removed'} {folder.name}")
    gone = {folder.name for folder in going}
    left = [folder for folder in folders if folder.name not in gone]
    done = "would free" if options.dry_run else "freed"
    show(
        f"{_count(going)} of {_count(folders)}, {done} {_mb(going)}; "
        f"{_count(left)}, {_mb(left)}, stay in {runs_dir}"
    )
    if max_bytes is not None and sum(folder.n_bytes for folder in left) > max_bytes:
        hint = (
            "" if options.linked or not held(left) else ", runs that a suite links to (--linked removes them)"
        )
        show(f"more than {options.max_mb} MB stay: the newest of each scenario and suite, what goes on{hint}")
    return ExitCode.OK


def _remove(runs_dir: Path, going: "list[Kept]") -> None:
    """Put the runs into the history, then remove the folders. Raises UserError where that fails."""
    from harness.analysis import HISTORY, merge_history, row_of_folder

    runs = [runs_dir / folder.name for folder in going if folder.group[0] == _SCENARIO]
    try:
        if runs:
            merge_history(runs_dir / HISTORY, [row_of_folder(run) for run in runs])
        for folder in going:
            shutil.rmtree(runs_dir / folder.name)
    except OSError as error:
        raise UserError(f"cannot remove {error.filename}: {error.strerror}") from error


def _folders(runs_dir: Path) -> "list[Kept]":
    """Every folder of a run or a suite, oldest first; runs that cannot be read count as going on."""
    from harness.cli._prune_choice import Kept
    from harness.cli._run_names import by_age, run_folders
    from harness.runs import process_is_alive
    from harness.suites import SuiteState, suite_records

    found = {folder: _run(folder) for folder in run_folders(runs_dir)}
    for folder, record in suite_records(runs_dir):
        goes_on = record.state is SuiteState.RUNNING and process_is_alive(record.pid)
        group = (_SUITE, record.suite)
        found[folder] = Kept(folder.name, group, _size(folder), record.run_ids, goes_on)
    return [found[folder] for folder in sorted(found, key=by_age)]


def _run(folder: Path) -> "Kept":
    from harness.cli._prune_choice import Kept
    from harness.runs import RunState, open_run, process_is_alive

    try:
        manifest = open_run(folder).manifest
    except UnreadableFileError:
        return Kept(folder.name, (_SCENARIO, ""), _size(folder), goes_on=True)
    goes_on = manifest.state is RunState.RUNNING and process_is_alive(manifest.pid)
    return Kept(folder.name, (_SCENARIO, manifest.scenario.name), _size(folder), goes_on=goes_on)


def _count(folders: "list[Kept]") -> str:
    suites = sum(folder.group[0] == _SUITE for folder in folders)
    runs = len(folders) - suites
    words = f"{runs} run{'' if runs == 1 else 's'}"
    return f"{words} and {suites} suite{'' if suites == 1 else 's'}" if suites else words


def _mb(folders: "list[Kept]") -> str:
    return f"{sum(folder.n_bytes for folder in folders) / 1e6:.1f} MB"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
