"""The trend from summaries in earlier run folders."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.analysis import Trend, trend
from harness.runs import Manifest, RunState, ScenarioRecord
from harness.stats import Estimate

P95 = {"value": 500.0, "low": 450.0, "high": None, "n": 50, "unit": "ms", "method": "m", "warnings": ["w"]}


def document(run_id: str, started_at: str, **changes: Any) -> dict[str, Any]:
    groups = {
        "all": {"response_time": {"p95": P95}},
        "by_category": {"simple": {"response_time": {"p95": P95}}},
    }
    run = {"id": run_id, "scenario": "cases", "started_at": started_at}
    return {"run": run, "groups": groups, "verdicts": {"overall": "PASS"}} | changes


def save(folder: Path, name: str, content: object, **manifest: Any) -> None:
    """A sealed run's folder with that summary.json, unless `manifest` says otherwise."""
    path = folder / name / "summary.json"
    path.parent.mkdir()
    record = Manifest(run_id=name, scenario=ScenarioRecord(name="cases"), state=RunState.SEALED)
    (path.parent / "manifest.json").write_text(record.model_copy(update=manifest).model_dump_json())
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def test_oldest_first_whatever_the_folders_are_called(tmp_path: Path) -> None:
    save(tmp_path, "a", document("late", "2026-11-24T08:00:00Z"))
    save(tmp_path, "b", document("early", "2026-11-23T08:00:00Z", verdicts={"overall": "FAIL"}))
    points = trend(tmp_path, "cases").points
    assert [(point.run_id, point.category, point.verdict) for point in points] == [
        ("early", "simple", "FAIL"),
        ("late", "simple", "PASS"),
    ]
    assert points[0].p95 == Estimate(500.0, 450.0, None, 50, "m", "ms", ("w",))


def test_a_run_without_categories_is_one_point(tmp_path: Path) -> None:
    groups = {"all": {"response_time": {"p95": P95}}, "by_category": {}}
    save(tmp_path, "a", document("r", "", groups=groups))
    assert [point.category for point in trend(tmp_path, "cases").points] == ["all"]


def test_what_cannot_be_read_is_skipped(tmp_path: Path) -> None:
    save(tmp_path, "good", document("r", ""))
    other = {"id": "x", "scenario": "other", "started_at": ""}
    empty: dict[str, Any] = {"all": {"response_time": {}}, "by_category": {}}
    bad = [
        "",
        "{",
        "[]",
        '{"run": 3}',
        {"run": {}},
        document("x", "", run=other),
        document("x", "", groups=empty),
        document("x", "", groups={"all": {}, "by_category": {"s": None}}),
        document("x", "", groups={"by_category": {"s": {"response_time": {"p95": {"value": "x"}}}}}),
    ]
    for index, content in enumerate(bad):
        save(tmp_path, f"bad-{index}", content)
    (tmp_path / "no-summary").mkdir()
    save(tmp_path, "no-manifest", document("x", ""))
    (tmp_path / "no-manifest" / "manifest.json").unlink()
    save(tmp_path, "bad-manifest", document("x", ""))
    (tmp_path / "bad-manifest" / "manifest.json").write_text("{")
    assert [point.run_id for point in trend(tmp_path, "cases").points] == ["r"]


def test_no_folder_no_trend(tmp_path: Path) -> None:
    assert trend(tmp_path / "missing", "cases") == Trend()


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        pytest.param(None, ["unknown", "first", "second", "third"], id="no limit"),
        pytest.param("2026-11-24T08:00:00Z", ["first"], id="its own start is not before it"),
        pytest.param("2026-11-24T09:30:00+01:00", ["first", "second"], id="moments, not texts"),
        pytest.param("", [], id="a run of unknown start has no earlier ones"),
    ],
)
def test_only_runs_that_started_earlier(tmp_path: Path, before: str | None, kept: list[str]) -> None:
    starts = {"first": "2026-11-23T08:00:00Z", "second": "2026-11-24T08:00:00Z", "unknown": ""}
    for name, started_at in ({"third": "2026-11-24T09:00:00.5+00:00"} | starts).items():
        save(tmp_path, name, document(name, started_at))
    found = trend(tmp_path, "cases", before=before)
    assert [point.run_id for point in found.points] == kept
    assert found.note == ""


@pytest.mark.parametrize(
    ("verdict", "manifest", "note"),
    [
        pytest.param("INVALID", {}, "2 INVALID", id="invalid"),
        pytest.param("INTERRUPTED", {}, "2 INTERRUPTED", id="interrupted"),
        pytest.param("PASS", {"interrupted": True}, "2 INTERRUPTED", id="interrupted, by its manifest"),
        pytest.param("PASS", {"state": RunState.RUNNING}, "2 not sealed", id="running or crashed"),
        pytest.param("PASS", {"fingerprint": "other"}, "2 of other load", id="another fingerprint"),
        pytest.param("FAIL", {"fingerprint": "same"}, None, id="a failed criterion is comparable"),
    ],
)
def test_runs_that_cannot_be_compared_are_left_out_and_counted(
    tmp_path: Path, verdict: str, manifest: dict[str, Any], note: str | None
) -> None:
    save(tmp_path, "good", document("good", "2026-11-23T08:00:00Z"), fingerprint="same")
    for name in ("a", "b"):
        earlier = document(name, "2026-11-22T08:00:00Z", verdicts={"overall": verdict})
        save(tmp_path, name, earlier, **({"fingerprint": "same"} | manifest))
    found = trend(tmp_path, "cases", before="2026-11-24T08:00:00Z", fingerprint="same")
    assert [point.run_id for point in found.points] == (["a", "b", "good"] if note is None else ["good"])
    assert (note in found.note) if note else not found.note
