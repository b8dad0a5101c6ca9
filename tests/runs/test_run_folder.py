"""Oracle: what was appended is what is read, before the seal, after it, and after a crash."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
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
from harness.runs._tables import seal_stream


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


def _sealed(tmp_path: Path, batches: int) -> Path:
    folder = RunFolder.create(tmp_path, _manifest())
    for number in range(batches):
        folder.append("requests", _batch(10, start=10 * number))
    folder.seal(folder.manifest)
    return folder.path


def test_a_sealed_table_has_large_row_groups_and_words_in_dictionaries(tmp_path: Path) -> None:
    metadata = pq.ParquetFile(_sealed(tmp_path, 30) / "requests.parquet").metadata
    assert (metadata.num_rows, metadata.num_row_groups) == (300, 1)
    encodings = {
        column.path_in_schema: column.encodings
        for column in (metadata.row_group(0).column(index) for index in range(metadata.num_columns))
    }
    assert "RLE_DICTIONARY" in encodings["name"]
    assert "RLE_DICTIONARY" not in encodings["case_id"]


@pytest.mark.parametrize("sealed", [True, False])
def test_a_table_is_scanned_in_pieces_and_taken_by_rows(
    tmp_path: Path, sealed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.runs._tables.PIECE_ROWS", 25)
    folder = RunFolder.create(tmp_path, _manifest())
    for number in range(10):
        folder.append("requests", _batch(10, start=10 * number))
    if sealed:
        folder.seal(folder.manifest)
    run = open_run(folder.path)
    pieces = list(run.scan("requests", ["name", "request_id"]))
    assert [len(piece) for piece in pieces] == [30, 30, 30, 10]
    assert [x for piece in pieces for x in piece["request_id"].to_pylist()] == list(range(100))
    assert all(pa.types.is_dictionary(piece.schema.field("name").type) for piece in pieces)
    assert run.rows("requests") == 100
    assert run.take("requests", "request_id", [0, 29, 30, 99]) == [0, 29, 30, 99]
    assert (run.rows("spans"), list(run.scan("spans", ["component"]))) == (0, [])


def test_small_row_groups_of_an_earlier_version_are_read_together(tmp_path: Path) -> None:
    path = _sealed(tmp_path, 1)
    table = pa.Table.from_batches([_batch(10, start=10 * number) for number in range(4)])
    pq.write_table(table, path / "requests.parquet", row_group_size=10)
    pieces = list(open_run(path).scan("requests", ["request_id", "name"]))
    assert [piece["request_id"].to_pylist() for piece in pieces] == [list(range(40))]
    assert set(pieces[0]["name"].to_pylist()) == {"/api/cases"}


@pytest.mark.parametrize("name", ["requests.parquet", "requests.arrows"])
def test_a_column_that_an_earlier_version_did_not_have_is_null(tmp_path: Path, name: str) -> None:
    path = _sealed(tmp_path, 1)
    (path / "requests.parquet").unlink()
    older = pa.Table.from_batches([_batch(3)]).drop_columns(["retries", "cause"])
    if name.endswith(".parquet"):
        pq.write_table(older, path / name)
    else:
        with pa.ipc.new_stream(path / name, older.schema) as writer:
            writer.write_table(older)
    requests = open_run(path).requests()
    assert len(requests) == 3
    assert requests[["retries", "cause"]].isna().all(axis=None)
    (piece,) = open_run(path).scan("requests", ["cause", "name"])
    assert piece["cause"].null_count == 3


def test_a_table_without_a_needed_column_is_refused(tmp_path: Path) -> None:
    path = _sealed(tmp_path, 1)
    pq.write_table(pa.table({"worker": [1]}), path / "requests.parquet")
    with pytest.raises(UnreadableFileError, match="no column request_id"):
        open_run(path).requests()


def test_a_stream_that_cannot_be_read_to_its_end_is_not_sealed_short(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, _manifest())
    for number in range(3):
        folder.append("requests", _batch(10, start=10 * number))
    folder.close()
    stream = folder.path / "requests.arrows"
    os.truncate(stream, stream.stat().st_size - 300)
    with pytest.raises((pa.ArrowInvalid, OSError)):
        seal_stream(stream, folder.path / "requests.parquet", REQUEST_SCHEMA)
    assert stream.exists()
    assert not (folder.path / "requests.parquet").exists()
