"""`harness report` of a run that `harness regression` compared: the same reports again."""

import json
from pathlib import Path

import pytest

from harness.cli._sides import judge_sides, read_runs
from harness.config import Config
from harness.reports import judge_and_report
from harness.runs import open_run
from harness.verdicts import no_baseline
from tests.support.command import Harness, command_in
from tests.support.triage_runs import FAST, SLOW, record_three

REPORTS = ("summary.json", "report.html", "report.md", "junit.xml")


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return record_three(tmp_path / "results")


@pytest.fixture
def harness(
    tmp_path: Path, runs_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Harness:
    return command_in(tmp_path, 'runs_dir = "results"\n', monkeypatch, capsys)


def compared(runs_dir: Path, *, strict: bool = False) -> dict[str, str]:
    """The reports of SLOW after it was compared with FAST, by name."""
    sides = [read_runs([run_id], runs_dir) for run_id in (FAST, SLOW)]
    regression = judge_sides(Config(), sides[0], sides[1], [])
    judge_and_report(open_run(runs_dir / SLOW), regression=regression, strict=strict)
    return texts(runs_dir / SLOW)


def texts(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text(encoding="utf-8") for name in REPORTS}


@pytest.mark.parametrize("strict", [False, True])
def test_every_report_says_the_same_again(harness: Harness, runs_dir: Path, strict: bool) -> None:
    before = compared(runs_dir, strict=strict)
    assert "### Regression" in before["report.md"]
    for path in (runs_dir / FAST).iterdir():
        path.unlink()
    for name in REPORTS:
        (runs_dir / SLOW / name).unlink()
    code, out, _ = harness("report", f"results/{SLOW}")
    assert code == 3
    assert "BLOCK" in out
    assert "is triage time" in " ".join(out.split())
    assert texts(runs_dir / SLOW) == before
    assert "simple, base" in before["report.html"]


def test_a_run_without_a_comparison_has_none(harness: Harness, runs_dir: Path) -> None:
    code, _, _ = harness("report", f"results/{FAST}")
    assert code == 0
    assert "regression" not in json.loads((runs_dir / FAST / "summary.json").read_text())


def test_that_there_was_no_baseline_is_kept_too(harness: Harness, runs_dir: Path) -> None:
    found = no_baseline(read_runs([FAST], runs_dir).runs, "saved")
    judge_and_report(open_run(runs_dir / FAST), regression=found)
    harness("report", f"results/{FAST}")
    assert (
        json.loads((runs_dir / FAST / "summary.json").read_text())["regression"]["verdict"] == "NO BASELINE"
    )


@pytest.mark.parametrize("content", ["{", "{}", '{"regression": {"word": "MAYBE"}}'])
def test_a_broken_record_is_one_line(harness: Harness, runs_dir: Path, content: str) -> None:
    (runs_dir / SLOW / "regression.json").write_text(content)
    code, out, err = harness("report", f"results/{SLOW}")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "regression.json: not a comparison; remove it to report without one" in err


def test_a_record_of_another_version_says_so(harness: Harness, runs_dir: Path) -> None:
    compared(runs_dir)
    path = runs_dir / SLOW / "regression.json"
    path.write_text(path.read_text().replace('"schema_version":1', '"schema_version":2'))
    code, _, err = harness("report", f"results/{SLOW}")
    assert code == 2
    assert "schema version 2, this harness reads 1" in err
