"""The combined folder of a suite, beside the folders of its runs."""

import hashlib
import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from harness.config import SuiteConfig
from harness.errors import UnreadableFileError, UserError
from harness.runs import new_run_id, write_text_atomically
from harness.suites._record import StepRecord, SuiteRecord

SUITE_FILE = "suite.json"
_GIT_TIMEOUT_S = 5


def new_record(name: str, suite: SuiteConfig, now: datetime | None = None) -> SuiteRecord:
    """The record of a suite of which nothing has run yet."""
    at = now or datetime.now(UTC)
    return SuiteRecord(
        suite_id=new_run_id(f"suite-{name}", at),
        suite=name,
        description=suite.description,
        pid=os.getpid(),
        plan=digest_of(suite),
        sign_off=suite.sign_off,
        git_commit=git_commit(),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        started_at=at.isoformat(timespec="seconds"),
        steps=[StepRecord(name=step.label, kind=step.kind, about=step.about) for step in suite.steps],
    )


def digest_of(suite: SuiteConfig) -> str:
    """What tells one list of steps from another."""
    steps = [step.model_dump(mode="json") for step in suite.steps]
    return hashlib.sha256(json.dumps(steps, sort_keys=True).encode()).hexdigest()[:16]


def make_folder(runs_dir: Path, record: SuiteRecord) -> Path:
    """Make the suite's folder and write its record. Raises UserError when it cannot be written."""
    path = runs_dir / record.suite_id
    try:
        path.mkdir(parents=True)
        save(path, record)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another with --runs-dir") from error
    return path


def save(folder: Path, record: SuiteRecord) -> None:
    """Write suite.json in one step. Raises OSError."""
    write_text_atomically(folder / SUITE_FILE, record.model_dump_json(indent=2) + "\n")


def read_record(folder: Path) -> SuiteRecord:
    """The record of a suite's folder. Raises UnreadableFileError when it is not one."""
    path = folder / SUITE_FILE
    try:
        return SuiteRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(
            f"{folder}: not a suite's folder, its {SUITE_FILE} cannot be read"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise UnreadableFileError(f"{path}: {where}: {first['msg']}") from error


def suite_folders(runs_dir: Path, name: str) -> list[Path]:
    """The folders of a suite, oldest first; those that cannot be read are left out."""
    # `nightly` and `nightly-live` begin alike: the record decides.
    return [folder for folder, record in suite_records(runs_dir, name) if record.suite == name]


def suite_records(runs_dir: Path, name: str = "") -> list[tuple[Path, SuiteRecord]]:
    """Every suite's folder with its record, oldest first; `name` is what a suite's name begins with."""
    found = []
    for path in sorted(runs_dir.glob(f"*-suite-{name}*/{SUITE_FILE}")):
        try:
            found.append((path.parent, read_record(path.parent)))
        except UnreadableFileError:
            continue
    return found


def git_commit() -> str:
    """The commit of the working folder, with `+changes`; `unknown` outside git."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        return head + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words],  # noqa: S607 - git as the user's path has it
        capture_output=True,
        text=True,
        check=True,
        timeout=_GIT_TIMEOUT_S,
    ).stdout.strip()
