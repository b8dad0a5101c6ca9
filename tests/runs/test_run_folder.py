"""Oracle: what was appended is what is read, before the seal, after it, and after a crash."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from harness.errors import UnreadableFileError, UserError
from harness.runs import (
    REQUEST_SCHEMA,
    Manifest,
    RunFolder,
    RunState,
    ScenarioRecord,
    WorkerRecord,
    is_run_folder,
    new_run_id,
    open_run,
    process_is_alive,
)


def _manifest() -> Manifest:
    return Manifest(run_id="20261124T063300Z-cases-abc123", scenario=ScenarioRecord(name="cases"))


def _batch(count: int, start: int = 0) -> pa.RecordBatch:
    rows = [{"request_id": start + n, "worker": 0, "name": "/api/cases"} for n in range(count)]
    return pa.RecordBatch.from_pylist(rows, schema=REQUEST_SCHEMA)


def test_run_ids_sort_by_time_and_name_the_scenario() -> None:
    run_id = new_run_id("cases/ü", datetime(2026, 11, 24, 6, 33, tzinfo=UTC))
    assert re.fullmatch(r"20261124T063300Z-cases-ü-[0-9a-f]{6}", run_id)


@pytest.mark.parametrize("sealed", [False, True])
def test_rows_come_back_running_and_sealed(tmp_path: Path, sealed: bool) -> None:
    folder = RunFolder.create(tmp_path, _manifest())
    folder.append("requests", _batch(3))
    folder.append("requests", _batch(2, start=3))
    if sealed:
        folder.seal(folder.manifest)
    run = open_run(folder.path)
    assert run.requests()["request_id"].tolist() == [0, 1, 2, 3, 4]
    assert run.spans().empty
    assert run.manifest.state is (RunState.SEALED if sealed else RunState.RUNNING)
    assert (folder.path / "requests.parquet").exists() is sealed
    assert (folder.path / "requests.arrows").exists() is not sealed


@pytest.mark.parametrize("cut_bytes", [1, 7, 200])
def test_a_torn_stream_is_read_to_its_last_whole_batch(tmp_path: Path, cut_bytes: int) -> None:
    folder = RunFolder.create(tmp_path, _manifest())
    folder.append("requests", _batch(100))
    folder.append("requests", _batch(50, start=100))
    stream = folder.path / "requests.arrows"
    os.truncate(stream, stream.stat().st_size - cut_bytes)
    assert len(open_run(folder.path).requests()) == 100


def test_a_folder_that_cannot_be_written_is_the_users_to_mend(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(UserError, match="choose another with --runs-dir"):
        RunFolder.create(blocker, _manifest())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("{", "manifest.json", id="cut short"),
        pytest.param("{}", "run_id", id="not ours"),
        pytest.param("\x00", "manifest.json", id="binary"),
    ],
)
def test_a_foreign_manifest_is_refused_in_one_line(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(UnreadableFileError, match=says) as caught:
        open_run(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_foreign_table_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, _manifest())
    folder.seal(folder.manifest)
    (folder.path / "requests.parquet").write_text("not parquet")
    with pytest.raises(UnreadableFileError, match="not a readable table") as caught:
        open_run(folder.path).requests()
    assert "\n" not in str(caught.value)


def test_any_folder_is_not_a_run(tmp_path: Path) -> None:
    assert not is_run_folder(tmp_path)
    with pytest.raises(UnreadableFileError, match="not a run folder"):
        open_run(tmp_path)


def test_a_process_that_is_gone_is_told_from_one_that_runs() -> None:
    assert process_is_alive(os.getpid())
    assert not process_is_alive(0)
    assert not process_is_alive(2**22 + 1)


def test_a_sealed_run_whose_requests_are_gone_is_not_an_empty_one(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, _manifest())
    folder.append("requests", _batch(5))
    workers = [WorkerRecord(index=0, id="local", rows_received=5)]
    folder.seal(folder.manifest.model_copy(update={"workers": workers}))
    (folder.path / "requests.parquet").unlink()
    says = "requests.parquet is missing although the run recorded 5 rows"
    with pytest.raises(UnreadableFileError, match=says):
        open_run(folder.path).requests()
