"""`harness report`: stock CSVs and what is not one."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main

DATA = Path(__file__).parents[1] / "csv" / "data"


@pytest.fixture
def prefix(project: Any) -> Path:
    for path in DATA.glob("stock_*.csv"):
        shutil.copy(path, project.folder)
    return Path(project.folder) / "stock"


@pytest.fixture
def report(
    project: Any, prefix: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """`harness report` in this process, which has the heavy imports behind it: exit code, stdout, stderr."""
    monkeypatch.chdir(project.folder)
    for name in {name for name in os.environ if name.startswith("HARNESS_")}:
        monkeypatch.delenv(name)

    def run(*words: str) -> tuple[int, str, str]:
        return main(["report", *words]), *capsys.readouterr()

    return run


def test_stock_csvs_without_criteria_are_shown_and_not_judged(project: Any, prefix: Path) -> None:
    ended = project.run("report", "stock")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "NOT JUDGED" in ended.stdout
    assert ended.stdout.endswith("Report: stock-report/report.html\n")
    written = {path.name for path in prefix.with_name("stock-report").iterdir()}
    assert {"report.html", "report.md", "summary.json"} <= written
    assert "\x1b" not in ended.stdout, "no colour but on a terminal"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--scenario", "doomed"), 0, "error rate"),
        (("--criteria", "error_rate"), 0, "error rate"),
        (("--criteria", "p95(response_time) < 1 ms, critical < 1.2 ms"), 1, "FAIL"),
        (("--criteria", "error_rate < 50 %", "--criteria", "p95(response_time) < 300 ms"), 0, "2 of 2"),
    ],
    ids=["a scenario's", "by name", "a rule that fails", "two rules"],
)
def test_criteria_decide_the_exit_code(report: Any, words: tuple[str, ...], code: int, says: str) -> None:
    ended, out, err = report("stock", *words, "--out", "elsewhere")
    assert (ended, err) == (code, "")
    assert says in out
    assert json.loads(Path("elsewhere/summary.json").read_text())["verdicts"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--criteria", "error_rat"), "no criterion 'error_rat' in harness.toml; did you mean 'error_rate'?"),
        (("--criteria", "p95(respons_time) < 1 ms"), "did you mean 'response_time'?"),
        (("--scenario", "dommed"), "did you mean 'doomed'?"),
        (
            ("--out", "stock_stats.csv"),
            "cannot write reports at stock_stats.csv (File exists); choose another --out",
        ),
    ],
    ids=["criterion", "rule", "scenario", "a file for a folder"],
)
def test_a_mistake_beside_a_good_file_is_one_line(report: Any, words: tuple[str, ...], says: str) -> None:
    ended, out, err = report("stock", *words)
    assert (ended, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _foreign(path: Path) -> None:
    path.write_text("date,price\n2026-11-24,3\n")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_truncate, "as if cut off"),
        (_empty, "is empty"),
        (_foreign, "it is not Locust's"),
        (Path.unlink, "no such file"),
    ],
)
def test_an_unreadable_csv_is_one_line_and_exit_code_2(report: Any, damage: Any, says: str) -> None:
    damage(Path("stock_stats.csv"))
    ended, out, err = report("stock_stats.csv")
    assert (ended, out) == (2, "")
    assert err.startswith("harness: stock_stats.csv: ")
    assert says in err
    assert len(err.splitlines()) == 1


def test_a_folder_that_is_no_run_is_exit_code_2(project: Any) -> None:
    ended = project.run("report", ".")
    assert ended.returncode == 2
    assert "not a run folder" in ended.stderr


def test_a_folder_of_csvs_is_one_line_with_their_prefix(report: Any, prefix: Path) -> None:
    Path("csvs").mkdir()
    shutil.copy(prefix.with_name("stock_stats.csv"), "csvs")
    ended, out, err = report("csvs")
    assert (ended, out) == (2, "")
    assert "give their prefix, such as csvs/stock" in err
    assert len(err.splitlines()) == 1
    assert report("csvs/stock")[0] == 0


@pytest.mark.parametrize("counts", [b"/flaky,20,21", b"/flaky,20,-1"], ids=["too many", "negative"])
def test_impossible_counts_are_one_line(report: Any, counts: bytes) -> None:
    path = Path("stock_stats.csv")
    path.write_bytes(path.read_bytes().replace(b"/flaky,20,5", counts))
    ended, out, err = report("stock")
    assert (ended, out) == (2, "")
    assert len(err.splitlines()) == 1
