"""`harness prune`: keep the results folder in bounds; what goes leaves its line in the history."""

import argparse
import shutil
from collections import defaultdict
from pathlib import Path

from harness.cli._options import add_config_option, add_runs_dir_option, refuse_extra, show, whole_number
from harness.errors import ExitCode, UnreadableFileError, UserError

_EPILOG = """\
Runs that still go on are never removed, and of each scenario the newest run stays. Every run that
goes leaves a line in history.jsonl, so that trends keep it.

examples:
  harness prune --keep 20            the last 20 runs of each scenario stay
  harness prune --max-mb 500         the oldest go until 500 MB are left
  harness prune --keep 20 --dry-run  say what would go
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "prune",
        help="remove old runs from the results folder",
        description="Remove old run folders, oldest first.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--keep", type=whole_number, metavar="N", help="keep the last N runs of a scenario")
    parser.add_argument("--max-mb", type=whole_number, metavar="MB", help="keep at most so many megabytes")
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and remove nothing")
    add_runs_dir_option(parser)
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    from harness.analysis import HISTORY, merge_history, row_of_folder
    from harness.cli._run_names import run_folders
    from harness.config import load_config

    refuse_extra(options)
    if options.keep is None and options.max_mb is None:
        raise UserError("say what may stay: --keep N, --max-mb MB, or both")
    runs_dir = load_config(options.config_file).runs_path(options.runs_dir)
    folders = run_folders(runs_dir)
    leaving = _leaving(folders, options.keep, options.max_mb)
    freed = sum(_size(folder) for folder in leaving)
    if not options.dry_run and leaving:
        try:
            merge_history(runs_dir / HISTORY, [row_of_folder(folder) for folder in leaving])
            for folder in leaving:
                shutil.rmtree(folder)
        except OSError as error:
            raise UserError(f"cannot remove {error.filename}: {error.strerror}") from error
    for folder in leaving:
        show(f"{'would remove' if options.dry_run else 'removed'} {folder.name}")
    kept = len(folders) - len(leaving)
    done = "would free" if options.dry_run else "freed"
    show(f"{len(leaving)} of {len(folders)} runs, {done} {freed / 1e6:.1f} MB; {kept} stay in {runs_dir}")
    return ExitCode.OK


def _leaving(folders: list[Path], keep: int | None, max_mb: int | None) -> list[Path]:
    """The folders to remove, oldest first. The newest of a scenario and runs that go on are spared."""
    by_scenario: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        scenario = _removable(folder)
        if scenario is not None:
            by_scenario[scenario].append(folder)
    spared = {found[-1] for found in by_scenario.values()}
    candidates = {folder for found in by_scenario.values() for folder in found} - spared
    leaving = set()
    if keep is not None:
        leaving = {folder for found in by_scenario.values() for folder in found[: len(found) - max(keep, 1)]}
    if max_mb is not None:
        left = sum(_size(folder) for folder in folders if folder not in leaving)
        for folder in folders:
            if left <= max_mb * 1_000_000:
                break
            if folder in candidates - leaving:
                leaving.add(folder)
                left -= _size(folder)
    return [folder for folder in folders if folder in leaving]


def _removable(folder: Path) -> str | None:
    """The scenario of a run that has ended; None for one that goes on or cannot be read."""
    from harness.runs import RunState, open_run, process_is_alive

    try:
        manifest = open_run(folder).manifest
    except UnreadableFileError:
        return None
    goes_on = manifest.state is RunState.RUNNING and process_is_alive(manifest.pid)
    return None if goes_on else manifest.scenario.name


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
