"""The trend from summaries in earlier run folders."""

import json
from pathlib import Path
from typing import Any

from harness.analysis import trend
from harness.stats import Estimate

P95 = {"value": 500.0, "low": 450.0, "high": None, "n": 50, "unit": "ms", "method": "m", "warnings": ["w"]}


def document(run_id: str, started_at: str, **changes: Any) -> dict[str, Any]:
    groups = {
        "all": {"response_time": {"p95": P95}},
        "by_category": {"simple": {"response_time": {"p95": P95}}},
    }
    run = {"id": run_id, "scenario": "cases", "started_at": started_at}
    return {"run": run, "groups": groups, "verdicts": {"overall": "PASS"}} | changes


def save(folder: Path, name: str, content: object) -> None:
    path = folder / name / "summary.json"
    path.parent.mkdir()
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def test_oldest_first_whatever_the_folders_are_called(tmp_path: Path) -> None:
    save(tmp_path, "a", document("late", "2026-11-24T08:00:00Z"))
    save(tmp_path, "b", document("early", "2026-11-23T08:00:00Z", verdicts={"overall": "FAIL"}))
    points = trend(tmp_path, "cases")
    assert [(point.run_id, point.category, point.verdict) for point in points] == [
        ("early", "simple", "FAIL"),
        ("late", "simple", "PASS"),
    ]
    assert points[0].p95 == Estimate(500.0, 450.0, None, 50, "m", "ms", ("w",))


def test_a_run_without_categories_is_one_point(tmp_path: Path) -> None:
    groups = {"all": {"response_time": {"p95": P95}}, "by_category": {}}
    save(tmp_path, "a", document("r", "", groups=groups))
    assert [point.category for point in trend(tmp_path, "cases")] == ["all"]


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
    assert [point.run_id for point in trend(tmp_path, "cases")] == ["r"]


def test_no_folder_no_trend(tmp_path: Path) -> None:
    assert trend(tmp_path / "missing", "cases") == []
