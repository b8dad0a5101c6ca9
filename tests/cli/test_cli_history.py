"""`harness history`, `prune` and `open` on a results folder with runs in it."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.analysis import HISTORY, HistoryRow, history_changes, merge_history, read_history, trend
from harness.errors import UnreadableFileError
from harness.reports import judge_and_report
from harness.suites import StepRecord, StepState, SuiteRecord, SuiteState, make_folder
from tests.support.command import Harness, command_in
from tests.support.recorded_runs import one_hold, request, write_run

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
    return command_in(tmp_path, 'runs_dir = "results"\n', monkeypatch, capsys)


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


def test_a_line_of_before_there_were_component_times_is_read(tmp_path: Path) -> None:
    old = {"run_id": "r", "started_at": "2026-10-01T06:00:00+00:00", "scenario": "cases", "verdict": "PASS"}
    path = tmp_path / HISTORY
    path.write_text(json.dumps(old) + "\n", encoding="utf-8")
    (found,) = read_history(path)
    assert (found.mean("simple"), found.component_mean("simple", "triage")) == (None, None)
    path.write_text(json.dumps(old | {"component_mean_ms": {"simple": {"triage": [1, 2]}}}), encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="line 1 is no run of a history"):
        read_history(path)


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
        (("prune", "--linked"), "say what may stay: --keep N, --max-mb MB, or both"),
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


def suite(runs_dir: Path, day: int, runs: Sequence[str], name: str = "daily", **fields: Any) -> str:
    """A suite of that day whose steps began these runs; the id of its folder."""
    suite_id = f"202611{day}T050000Z-suite-{name}-0000{day}"
    steps = [
        StepRecord(
            name=run_id, kind="run", state=StepState.ENDED, run=f"../{run_id}", attempts=[f"../{run_id}"]
        )
        for run_id in runs
    ]
    ended: dict[str, Any] = {"state": SuiteState.FINISHED, "pid": os.getpid()}
    record = SuiteRecord(suite_id=suite_id, suite=name, steps=steps, **ended | fields)
    make_folder(runs_dir, record)
    return suite_id


def folders_in(runs_dir: Path) -> set[str]:
    return {path.name for path in runs_dir.iterdir() if path.is_dir()}


def test_prune_keeps_the_last_of_each_suite_and_the_runs_that_they_link_to(
    harness: Harness, runs_dir: Path
) -> None:
    first, last = suite(runs_dir, 21, IDS[:1]), suite(runs_dir, 22, IDS[1:2])
    other = suite(runs_dir, 21, [], name="daily-live")
    _, out, _ = harness("prune", "--keep", "1")
    assert [line.split()[1] for line in out.splitlines()[:-1]] == [first, IDS[0]]
    assert folders_in(runs_dir) == {last, other, *IDS[1:]}
    assert re.search(
        r"^1 run and 1 suite of 3 runs and 3 suites, freed \S+ MB; 2 runs and 2 suites", out, re.M
    )
    assert IDS[0] in harness("history")[1]


def test_prune_removes_linked_runs_when_told(harness: Harness, runs_dir: Path) -> None:
    last = suite(runs_dir, 22, IDS[:2])
    harness("prune", "--keep", "1", "--linked")
    assert folders_in(runs_dir) == {last, IDS[2]}


def test_prune_by_size_counts_suites_and_says_why_more_stays(harness: Harness, runs_dir: Path) -> None:
    old, last = suite(runs_dir, 21, IDS[:1]), suite(runs_dir, 22, IDS[1:2])
    (runs_dir / old / "report.html").write_bytes(bytes(60_000_000))
    _, out, _ = harness("prune", "--max-mb", "50")
    assert out.splitlines()[0] == f"removed {old}"
    assert folders_in(runs_dir) == {last, *IDS}, "the runs are small enough"

    _, out, _ = harness("prune", "--max-mb", "0")
    assert folders_in(runs_dir) == {last, *IDS[1:]}
    assert "more than 0 MB stay" in out
    assert "--linked removes them" in out


def test_prune_leaves_a_suite_that_goes_on_with_its_runs(harness: Harness, runs_dir: Path) -> None:
    going_on = suite(runs_dir, 20, IDS[:1], state=SuiteState.RUNNING)
    killed = suite(runs_dir, 21, IDS[1:2], state=SuiteState.RUNNING, pid=2**22 + 1)
    last = suite(runs_dir, 22, [])
    harness("prune", "--keep", "1", "--linked")
    assert folders_in(runs_dir) == {going_on, last, IDS[0], IDS[2]}
    assert killed not in folders_in(runs_dir)


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
