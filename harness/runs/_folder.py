"""The run folder: written by the master while a test runs, read by everything else."""

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pydantic import ValidationError

from harness.errors import UnreadableFileError, UserError
from harness.runs._manifest import Manifest, RunState
from harness.runs._run import Run, RunSource
from harness.runs._tables import TABLES, FolderTables, StreamWriter, seal_stream

MANIFEST = "manifest.json"
LOCUST_CSV_PREFIX = "locust"


def new_run_id(scenario: str, now: datetime | None = None) -> str:
    """`20261124T063300Z-<scenario>-<short id>`: sorts by time, unique without coordination."""
    at = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in scenario)
    return f"{at}-{safe}-{secrets.token_hex(3)}"


class RunFolder:
    """One run's folder, open for writing by one process.

    `append` takes record batches in the table's schema. `update` replaces the manifest on disk
    in one step, so that a reader never sees half of it.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._streams = {
            name: StreamWriter(path / f"{name}.arrows", schema) for name, schema in TABLES.items()
        }

    @classmethod
    def create(cls, runs_dir: Path, manifest: Manifest) -> "RunFolder":
        """Make `runs_dir/run_id` and write the manifest as `running`.

        Raises UserError when the folder cannot be made or written.
        """
        path = runs_dir / manifest.run_id
        try:
            path.mkdir(parents=True)
            folder = cls(path, manifest)
            folder.update(manifest)
        except OSError as error:
            raise UserError(
                f"cannot write the run folder {path}: {error.strerror}; choose another with --runs-dir"
            ) from error
        return folder

    def append(self, table: str, batch: pa.RecordBatch) -> None:
        self._streams[table].append(batch)

    def rows(self, table: str) -> int:
        """Rows appended to a table so far."""
        return self._streams[table].rows

    def update(self, manifest: Manifest) -> None:
        self.manifest = manifest
        write_text_atomically(self.path / MANIFEST, manifest.model_dump_json(indent=2) + "\n")

    def close(self) -> None:
        """End the streams and leave them as they are; nothing can be appended any more."""
        for stream in self._streams.values():
            stream.close()

    def seal(self, manifest: Manifest) -> None:
        """Close the streams, turn them into Parquet, and mark the manifest as sealed."""
        self.close()
        for name, stream in self._streams.items():
            seal_stream(stream.path, self.path / f"{name}.parquet", TABLES[name])
        self.update(manifest.model_copy(update={"state": RunState.SEALED}))


def write_text_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new, never a part."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def is_run_folder(path: Path) -> bool:
    """Whether `path` is a folder that a run was recorded in."""
    return (path / MANIFEST).is_file()


def open_run(path: Path) -> Run:
    """Read a run folder, sealed, running or crashed.

    Raises UnreadableFileError when it is not one.
    """
    manifest_path = path / MANIFEST
    try:
        text = manifest_path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path}: not a run folder, its {MANIFEST} cannot be read") from error
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise UnreadableFileError(f"{manifest_path}: {where}: {first['msg']}") from error

    return Run(path, RunSource.FOLDER, manifest, _tables=FolderTables(path))


def process_is_alive(pid: int) -> bool:
    """Whether a process of this machine still runs; tells a running folder from a crashed one."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
