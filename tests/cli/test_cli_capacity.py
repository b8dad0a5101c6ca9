"""`harness capacity` on recorded runs and stock CSVs: what it prints in each form, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from tests.support.recorded_runs import Row, health, phase, request, write_run

CSVS = Path(__file__).parents[1] / "csv" / "data"
RULES = {"fast": "p95(response_time) < 300 ms, critical < 900 ms"}


def recorded(
    folder: Path,
    loads: tuple[int, ...] = (10, 20, 40),
    run_id: str = "20261124T063300Z-test-00000a",
    **more: Any,
) -> Path:
    """Ten seconds a level, 10 requests/s a user; all take 100 ms, from 40 users on 500 ms."""
    rows: list[Row] = []
    for place, load in enumerate(loads):
        n = 10 * load
        rows += [request(10 * place + 10 * i / n, 500.0 if load >= 40 else 100.0) for i in range(n)]
    phases = [phase(f"{n}-users", "hold", n, 10 * p, 10 * p + 10) for p, n in enumerate(loads)]
    healthy = [health(at + 0.5) for at in range(10 * len(loads))]
    fields = {"generator": healthy, "criteria": RULES} | more
    return write_run(folder, rows, phases=phases, run_id=run_id, **fields).path


def capacity(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main(["capacity", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_piped_it_is_a_line_per_level(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = capacity(capsys, recorded(tmp_path))
    head, *lines = out.splitlines()
    assert code == 0
    rows = [dict(zip(head.split("\t"), line.split("\t"), strict=True)) for line in lines]
    assert [(row["load"], row["unit"], row["p95_ms"], row["meets"], row["missed"]) for row in rows] == [
        ("10", "users", "100", "yes", ""),
        ("20", "users", "100", "yes", ""),
        ("40", "users", "500", "no", "fast"),
    ]


def test_the_table_says_capacity_limit_and_why_there_is_no_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = capacity(capsys, recorded(tmp_path), "--table")
    assert max(map(len, out.splitlines())) <= 80
    text = " ".join(out.split())
    assert "Capacity at the criteria: 20 users; with 40 they no longer hold" in text
    assert "Saturates first: nothing up to 40 users, where throughput still grew" in text
    assert "it needs 6 levels of load or more, not 3" in text
    assert "no: fast" in text


def test_json_is_that_of_the_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded(tmp_path)
    assert main(["report", str(run)]) == 0  # over all levels the rule is a WARN
    capsys.readouterr()
    _, out, _ = capacity(capsys, run, "--json")
    found, kept = json.loads(out), json.loads((run / "summary.json").read_text())["capacity"]
    assert {key: found[key] for key in kept} == kept
    assert (found["slo"]["value"], found["slo"]["high"]) == (20.0, 40.0)
    assert found["throughput"]["value"] == pytest.approx(20.0, rel=0.05)
    assert found["valid"] is True


@pytest.mark.parametrize(("least", "code"), [("20", 0), ("21", 1)])
def test_a_capacity_can_be_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], least: str, code: int
) -> None:
    assert capacity(capsys, recorded(tmp_path), "--at-least", least)[0] == code


def test_levels_of_several_runs_are_fitted_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = recorded(tmp_path / "a", (5, 10, 20))
    other = recorded(tmp_path / "b", (30, 40, 50), run_id="20261124T063400Z-test-00000b")
    code, out, _ = capacity(capsys, one, other, "--json")
    found = json.loads(out)
    assert code == 0
    assert [level["load"] for level in found["levels"]] == [5, 10, 20, 30, 40, 50]
    assert found["scaling"]["rate_of_one"]["value"] == pytest.approx(1.0, rel=0.1)
    assert found["slo"]["value"] == 30


def test_an_invalid_run_is_shown_and_ends_with_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    starved = [health(at + 0.5, loop_busy_percent=99.0, cpu_percent=99.0) for at in range(30)]
    code, out, _ = capacity(capsys, recorded(tmp_path, generator=starved), "--table")
    text = " ".join(out.split())
    assert code == 4
    assert "Saturates first: generator CPU, from 10 users on; the run measures its own generator" in text
    assert "INVALID" in text


def test_stock_csvs_give_throughput_and_errors_and_say_what_they_lack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Ten users for 20 s at 10 requests/s, then twenty at 15.
    header, *_ = (CSVS / "full_stats_history.csv").read_text().splitlines()
    rows = [header]
    for at in range(40):
        users, total = (10, 10 * at) if at < 20 else (20, 200 + 15 * (at - 20))
        known = {
            "Timestamp": 1000 + at, "User Count": users, "Name": "Aggregated",
            "Total Request Count": total, "Total Failure Count": 0,
        }  # fmt: skip
        rows.append(",".join(str(known.get(name.strip('"'), "0")) for name in header.split(",")))
    (tmp_path / "p_stats_history.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "p_stats.csv").write_text((CSVS / "full_stats.csv").read_text())
    code, out, err = capacity(capsys, tmp_path / "p", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [(level["load"], level["throughput"]["value"]) for level in found["levels"]] == [
        (10, 10),
        (20, 15),
    ]
    assert all(level["p95"] is None for level in found["levels"])
    assert found["limit"]["words"].startswith("not known: stock Locust CSVs hold neither")
    assert any("their percentiles are cumulative" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["nowhere"], "no run 'nowhere'", id="no such run"),
        pytest.param(["ONE"], "1 load level measured, two or more are needed", id="one level"),
        pytest.param(["RUN", "RUN"], "is named twice", id="twice"),
        pytest.param(["RUN", "--at-least", "0"], "'0' is not a load above 0", id="no load"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    known = {"ONE": recorded(tmp_path / "one", (10,)), "RUN": recorded(tmp_path / "run")}
    code, out, err = capacity(capsys, *(known.get(word, word) for word in words))
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1
