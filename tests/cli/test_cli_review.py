"""The optimisation review of run folders, against a run of a month before whose folder may be gone."""

import json
from pathlib import Path

import pytest

from harness.analysis import HISTORY, read_history
from harness.cli._review import review_of
from harness.reports import judge_and_report
from harness.runs import open_run
from tests.support.command import Harness, command_in
from tests.support.triage_runs import record

MONTH_AGO, WEEK_AGO, NOW = (
    "20261024T060000Z-test-aaaaaa",
    "20261117T060000Z-test-bbbbbb",
    "20261124T060000Z-test-cccccc",
)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    for run_id, triage in ((MONTH_AGO, 1.0), (WEEK_AGO, 1.2), (NOW, 1.5)):
        at = f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T06:00:00+00:00"
        record(folder, run_id, 1, triage=triage, started_at=at)
        judge_and_report(open_run(folder / run_id))
    return folder


@pytest.fixture
def harness(
    tmp_path: Path, runs_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Harness:
    return command_in(tmp_path, 'runs_dir = "results"\n', monkeypatch, capsys)


def test_the_review_of_a_month_is_the_same_when_only_the_history_is_left(
    harness: Harness, runs_dir: Path
) -> None:
    with_folder = review_of(runs_dir, "test")
    assert with_folder.before == MONTH_AGO
    (triage, synthesis) = with_folder.consumers
    assert (triage.component, synthesis.component) == ("triage", "synthesis")
    assert triage.change is not None
    assert synthesis.change is not None
    assert triage.change.value == pytest.approx(50, abs=0.1)
    assert synthesis.change.value == pytest.approx(0, abs=0.1)
    assert with_folder.categories["simple"].value == pytest.approx(30, abs=1), "60 ms more on 200 ms"

    harness("prune", "--keep", "1")
    assert not (runs_dir / MONTH_AGO).exists()
    assert review_of(runs_dir, "test") == with_folder


def test_a_history_without_component_times_gives_no_changes(harness: Harness, runs_dir: Path) -> None:
    harness("prune", "--keep", "1")
    path = runs_dir / HISTORY
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        del line["component_mean_ms"], line["mean_ms"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert len(read_history(path)) == 2
    found = review_of(runs_dir, "test")
    assert found.before == ""
    assert all(each.change is None for each in found.consumers)
