"""Runs by what a person types: a path, or a run's id (or a part that no other has) in the results folder."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UnreadableFileError, UserError

if TYPE_CHECKING:
    from harness.runs import Run

LATEST = "latest"

_RUN_ID = re.compile(r"\d{8}T\d{6}Z-")


def find_run(word: str, runs_dir: Path) -> Path:
    """The run folder that `word` means, or the prefix of stock CSVs.

    `latest` is the newest folder of `runs_dir`. Raises UnreadableFileError, with the nearest name,
    where there is none, and UserError where several could be meant.
    """
    from harness.runs import is_run_folder

    path = Path(word)
    if is_run_folder(path) or Path(f"{path}_stats.csv").is_file():
        return path
    folders = run_folders(runs_dir)
    if word == LATEST:
        if not folders:
            raise UnreadableFileError(f"{runs_dir}: no run in it yet")
        return folders[-1]
    if is_run_folder(runs_dir / word):
        return runs_dir / word
    if path.is_dir():
        raise UnreadableFileError(f"{path}: not a run folder, it has no manifest.json")
    matching = [folder for folder in folders if len(word) >= 4 and word in folder.name]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(folder.name for folder in matching[-3:])
        raise UserError(f"'{word}' could be {len(matching)} runs, as {names}; give more of the id")
    raise UnreadableFileError(f"no run '{word}'{_hint(word, [folder.name for folder in folders], runs_dir)}")


def run_folders(runs_dir: Path) -> list[Path]:
    """The run folders of a results folder, oldest first."""
    from harness.runs import is_run_folder

    if not runs_dir.is_dir():
        return []
    found = (path for path in runs_dir.iterdir() if path.is_dir() and is_run_folder(path))
    return sorted(found, key=by_age)


def by_age(folder: Path) -> tuple[bool, str]:
    """Sorts the folders of runs and of suites, oldest first: ids begin with the time; others come first."""
    return bool(_RUN_ID.match(folder.name)), folder.name


def open_named(word: str, runs_dir: Path) -> "Run":
    """The run that `word` means, opened; see `find_run`."""
    from harness.runs import is_run_folder, open_run, read_locust_csvs

    path = find_run(word, runs_dir)
    return open_run(path) if is_run_folder(path) else read_locust_csvs(path)


def _hint(word: str, names: list[str], runs_dir: Path) -> str:
    import difflib

    if not names:
        return f": neither a run folder, nor the prefix of Locust CSVs, and {runs_dir} holds no run"
    name = Path(word).name
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else f"; the latest run in {runs_dir} is {names[-1]}"
