"""`harness history`, `prune` and `open` on a results folder with runs in it."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.analysis import HISTORY, HistoryRow, history_changes, merge_history, trend
from harness.cli import main
from harness.reports import judge_and_report
from tests.support.recorded_runs import one_hold, request, write_run

Harness = Callable[..., tuple[int, str, str]]
IDS = [f"2026112{day}T060000Z-test-00000{day}" for day in (1, 2, 3)]


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    for day, run_id in enumerate(IDS, 1):
        requests = [request(i / 5, 100.0 * day) for i in range(100)]
        moments: dict[str, Any] = {"started_at": f"2026-11-2{day}T06:00:00+00:00", "fingerprint": "f"}
        judge_and_report(
            write_run(folder, requests, phases=one_hold(20.0), run_id=run_id, pid=os.getpid(), **moments)
        )
    return folder


@pytest.fixture
def harness(
    tmp_path: Path, runs_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Harness:
    (tmp_path / "harness.toml").write_text('runs_dir = "results"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name in {name for name in os.environ if name.startswith("HARNESS_")}:
        monkeypatch.delenv(name)

    def run(*words: str) -> tuple[int, str, str]:
        return main(list(words)), *capsys.readouterr()

    return run


def test_the_runs_oldest_first_with_their_verdicts(harness: Harness) -> None:
    code, out, err = harness("history")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["Run", *IDS]
    assert "NOT JUDGED" in lines[1]
    assert lines[3].endswith("300 ms")
    assert max(map(len, lines)) <= 80


def test_as_tsv_and_json(harness: Harness) -> None:
    table = [line.split("\t") for line in harness("history", "--tsv")[1].splitlines()]
    assert table[0][-4:] == ["p50_ms_simple", "p95_ms_simple", "p50_ms_all", "p95_ms_all"]
    assert [row[-1] for row in table[1:]] == ["100.0", "200.0", "300.0"]
    found = json.loads(harness("history", "test", "--json", "--limit", "2")[1])
    assert [row["run_id"] for row in found["runs"]] == IDS[1:]
    assert found["change_points"] == []


def test_a_history_goes_to_another_machine(harness: Harness, tmp_path: Path) -> None:
    assert harness("history", "--export", "kept.jsonl")[1].startswith("3 new runs in kept.jsonl")
    assert harness("history", "--export", "kept.jsonl")[1].startswith("0 new runs in kept.jsonl")
    fresh = tmp_path / "fresh"
    _, out, _ = harness("history", "--import", "kept.jsonl", "--runs-dir", str(fresh))
    assert out == f"3 new runs in {fresh / HISTORY}\n"
    _, out, _ = harness("history", "--runs-dir", str(fresh))
    assert all(run_id in out for run_id in IDS)
    assert [point.p95.value for point in trend(fresh, "test").points] == [100.0, 200.0, 300.0]


def row(number: int, p95: float, **changes: Any) -> HistoryRow:
    ends = {"all": [p95, p95 - 5, p95 + 5]}
    at = f"2026-10-{number:02d}T06:00:00+00:00"
    fields: dict[str, Any] = {"fingerprint": "f", "p95_ms": ends, "n": {"all": 500}} | changes
    return HistoryRow(f"run-{number}", at, "cases", "PASS", **fields)


def test_change_points_of_comparable_runs() -> None:
    levels = [500.0 + number % 3 for number in range(1, 11)] + [
        600.0 + number % 3 for number in range(11, 21)
    ]
    rows = [row(number, level) for number, level in enumerate(levels, 1)]
    others = [row(number, 5000.0, fingerprint="other") for number in range(21, 25)]
    invalid = [
        HistoryRow("x", "2026-10-26", "cases", "INVALID", fingerprint="f", p95_ms={"all": [9e9, 1, 1]})
    ]
    (found,) = history_changes([*others, *rows, *invalid])
    assert (found.category, found.row.run_id) == ("all", "run-11")
    assert found.change.change_percent == pytest.approx(20, abs=0.5)


def test_a_change_point_is_in_the_table(harness: Harness, runs_dir: Path) -> None:
    rows = [row(number, 500.0 + number % 3 + (100 if number > 10 else 0)) for number in range(1, 21)]
    merge_history(runs_dir / HISTORY, rows)
    _, out, _ = harness("history", "cases")
    assert re.search(r"Change of p95 \(cases\): 501 ms to 601 ms \(\+20 %\) with run run-11, p = 0\.00", out)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("history", "tset"), "did you mean 'test'?"),
        (("history", "--import", "none.jsonl"), "none.jsonl: no such history file"),
        (("history", "--import", "harness.toml"), "harness.toml: line 1 is no run of a history"),
        (("prune",), "say what may stay: --keep N, --max-mb MB, or both"),
        (("prune", "--keep", "many"), "'many' is not a whole number"),
        (("open", "20261123T060000Z-test-000004"), "did you mean '20261123T060000Z-test-000003'?"),
    ],
)
def test_mistakes_are_one_line(harness: Harness, words: tuple[str, ...], says: str) -> None:
    code, out, err = harness(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_prune_keeps_the_newest_and_a_line_of_the_others(harness: Harness, runs_dir: Path) -> None:
    _, out, _ = harness("prune", "--keep", "1", "--dry-run")
    assert out.splitlines()[:2] == [f"would remove {run_id}" for run_id in IDS[:2]]
    assert all((runs_dir / run_id).is_dir() for run_id in IDS)

    code, out, _ = harness("prune", "--keep", "1")
    assert code == 0
    assert [path.name for path in runs_dir.iterdir() if path.is_dir()] == [IDS[2]]
    assert all(run_id in harness("history")[1] for run_id in IDS)


def test_prune_by_size_spares_the_newest_of_each_scenario(harness: Harness, runs_dir: Path) -> None:
    harness("prune", "--max-mb", "0")
    assert [path.name for path in runs_dir.iterdir() if path.is_dir()] == [IDS[2]]


def test_prune_leaves_what_is_no_run_and_what_goes_on(harness: Harness, runs_dir: Path) -> None:
    (runs_dir / "service-logs").mkdir()
    going_on = "20261120T060000Z-test-000000"
    write_run(runs_dir, [request(1)], sealed=False, run_id=going_on, pid=os.getpid())
    harness("prune", "--keep", "1")
    assert {path.name for path in runs_dir.iterdir() if path.is_dir()} == {"service-logs", going_on, IDS[2]}


def test_open_serves_the_report_on_loopback(harness: Harness, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("harness")), "open"]
    with subprocess.Popen(
        command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as opened:
        assert opened.stdout is not None
        address = opened.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/report\.html", address)
        with urllib.request.urlopen(address.removesuffix("report.html"), timeout=10) as response:
            assert response.url == address
            assert IDS[2] in response.read().decode()
        for path in ("../harness.toml", "none.html"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(address.replace("report.html", path), timeout=10)
            assert caught.value.code == 404
            caught.value.close()
        opened.terminate()
        opened.communicate(timeout=10)
