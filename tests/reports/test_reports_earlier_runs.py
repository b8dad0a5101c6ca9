"""What a report of a run says of the runs in the folders beside it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from harness.reports import judge_and_report
from harness.runs import RunState, open_run
from tests.support.recorded_runs import START, health, one_hold, request, write_run


def record(folder: Path, run_id: str, day: int, **manifest: Any) -> Path:
    """A valid run that started that many days after the first; the times inside stay the same."""
    rows = [request(0.05 * index, 100) for index in range(380)]
    generator = [health(second) for second in range(20)]
    started_at = (START + timedelta(days=day)).isoformat()
    run = write_run(folder, rows, generator=generator, phases=one_hold(), run_id=run_id)
    changed = run.manifest.model_copy(update={"started_at": started_at, "state": RunState.SEALED} | manifest)
    (run.path / "manifest.json").write_text(changed.model_dump_json())
    return run.path


def test_an_older_run_shows_only_what_came_before_it(tmp_path: Path) -> None:
    paths = [record(tmp_path, f"run-{day}", day) for day in range(3)]
    paths.append(record(tmp_path, "other-load", 0, fingerprint="other"))
    for path in paths:
        judge_and_report(open_run(path))
    again = judge_and_report(open_run(paths[1]))
    text = again.report_path.read_text(encoding="utf-8")
    assert "run-0" in text
    assert "run-2" not in text
    assert "other-load" not in text
    assert "not in the trend: 1 of other load" in text
