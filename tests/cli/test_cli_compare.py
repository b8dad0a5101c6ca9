"""`harness compare` and `harness baseline` on run folders whose samples are known."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Harness, command_in
from tests.support.triage_runs import FAST, PARTS, SAME, SLOW, record, record_three

CONFIG = 'runs_dir = "results"\n[regression]\nbaseline = "baseline.json"\n'


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return record_three(tmp_path / "results")


@pytest.fixture
def harness(
    tmp_path: Path, runs_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Harness:
    return command_in(tmp_path, CONFIG, monkeypatch, capsys)


def test_a_slower_run_blocks_and_the_component_is_named(harness: Harness) -> None:
    code, out, err = harness("compare", f"results/{FAST}", f"results/{SLOW}")
    assert (code, err) == (3, "")
    assert out.startswith("✕ BLOCK  ")
    assert "is triage time" in " ".join(out.split())
    assert "is slower: calls, tokens and debates per case are as before" in " ".join(out.split())
    assert max(len(line) for line in out.splitlines() if not line.startswith("Report: ")) <= 80


def test_an_unchanged_run_does_not(harness: Harness) -> None:
    code, out, _ = harness("compare", "aaaaaa", "bbbbbb", "--strict")
    assert (code, out.split()[1]) == (0, "OK")


def test_several_runs_a_side_and_every_metric(harness: Harness) -> None:
    code, out, _ = harness("compare", "aaaaaa", "bbbbbb", "--against", "cccccc", "--all")
    assert code == 3
    assert "base 2 runs" in " ".join(out.split())
    assert "mean synthesis time" in " ".join(out.split())
    assert "more metrics" not in out


def test_as_json_and_tab_separated(harness: Harness) -> None:
    code, out, _ = harness("compare", "aaaaaa", "latest", "--json")
    found = json.loads(out)
    assert (code, found["verdict"], found["exit_code"]) == (3, "BLOCK", 3)
    rows = {row["metric"]: row for row in found["metrics"]}
    p95 = rows["p95(response_time){category=simple}"]
    assert (p95["verdict"], p95["attribution"]["component"]) == ("BLOCK", "triage")
    assert p95["change"]["low"] < p95["change"]["value"] < p95["change"]["high"]

    _, out, _ = harness("compare", "aaaaaa", "latest", "--tsv")
    lines = [line.split("\t") for line in out.splitlines()]
    assert {len(line) for line in lines} == {16}
    assert {line[0] for line in lines[1:]} == set(rows)


def test_the_report_is_written_beside_the_candidates_own(harness: Harness, runs_dir: Path) -> None:
    _, out, _ = harness("compare", "aaaaaa", "latest")
    folder = Path("results") / SLOW / f"compared-with-{FAST}"
    assert out.endswith(f"Report: {folder / 'report.html'}\n")
    assert {path.name for path in folder.iterdir()} == {"comparison.json", "report.html", "report.md"}
    page = (folder / "report.html").read_text()
    order = [page.index(text) for text in ("BLOCK", 'id="regression"', 'id="from"', 'id="chart-histogram"')]
    assert order == sorted(order)
    assert "simple, base" in page
    assert (folder / "report.md").read_text().startswith("### Regression\n")
    assert json.loads((folder / "comparison.json").read_text())["verdict"] == "BLOCK"
    harness("compare", "aaaaaa", "bbbbbb", "--against", "latest")
    assert (runs_dir / SLOW / f"compared-with-{FAST}-and-1-more" / "report.html").is_file()


def test_the_report_goes_where_it_is_asked_for(harness: Harness, runs_dir: Path) -> None:
    _, out, _ = harness("compare", "aaaaaa", "latest", "--json")
    assert not list((runs_dir / SLOW).glob("compared-*"))
    code, out, _ = harness("compare", "aaaaaa", "latest", "--json", "--out", "there")
    assert (code, json.loads(out)) == (3, json.loads(Path("there/comparison.json").read_text()))
    Path("a-file").write_text("")
    code, _, err = harness("compare", "aaaaaa", "latest", "--out", "a-file")
    assert (code, err) == (
        2,
        "harness: cannot write the report at a-file (File exists); choose another --out\n",
    )


def test_as_markdown(harness: Harness) -> None:
    _, out, _ = harness("compare", "aaaaaa", "latest", "--markdown")
    lines = out.splitlines()
    assert lines[0] == "### Regression"
    assert lines[2].startswith("❌ **BLOCK** · ")
    assert len(lines) <= 22


def test_another_provider_is_not_comparable_unless_that_is_ignored(harness: Harness, runs_dir: Path) -> None:
    record(runs_dir, "x3", 4, fingerprint_parts={**PARTS, "provider": "simulated reference x3"})
    code, out, _ = harness("compare", "aaaaaa", "results/x3")
    said = " ".join(out.split())
    assert code == 3
    assert said.startswith("✕ NOT COMPARABLE the runs differ in provider")
    assert "(simulated reference against simulated reference x3)" in said
    code, out, _ = harness("compare", "aaaaaa", "results/x3", "--ignore-fingerprint", "provider")
    assert code == 0
    assert "Note: provider differs and was ignored" in out


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"samples_missing": 7}, "INVALID", id="samples missing"),
        pytest.param({"interrupted": True}, "it was interrupted", id="interrupted"),
        pytest.param({"sealed": False}, "it has not ended, or crashed", id="not sealed"),
    ],
)
def test_a_run_that_decides_nothing_is_never_compared(
    harness: Harness, runs_dir: Path, changes: dict[str, Any], says: str
) -> None:
    record(runs_dir, "broken", 4, **changes)
    code, out, _ = harness("compare", "aaaaaa", "results/broken")
    assert code == 4
    assert out.startswith("✕ INVALID")
    assert says in " ".join(out.split())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("aaaaaa",), "compare takes a base and a candidate, not 1 run(s)"),
        (("aaaaaa", "bbbbbb", "cccccc"), "compare takes a base and a candidate, not 3 run(s)"),
        (("aaaaaa", "aaaaaa"), "stands on both sides"),
        (("aaaaaa", "bbbbbb", "--against", "cccccc", "cccccc"), "is named twice"),
        (("aaaaaa", "20261124T061000Z-test-cccccd"), "did you mean '20261124T061000Z-test-cccccc'?"),
        (("aaaaaa", "zzz"), "no run 'zzz'; the latest run in results is 20261124T061000Z-test-cccccc"),
        (("aaaaaa", "Z-test-"), "'Z-test-' could be 3 runs"),
        (("aaaaaa", "bbbbbb", "--ignore-fingerprint", "provder"), "did you mean 'provider'?"),
        (("aaaaaa", "."), "not a run folder, it has no manifest.json"),
        (("aaaaaa", "harness.toml"), "no run 'harness.toml'"),
        (("aaaaaa", "bbbbbb", "--json", "--tsv"), "not allowed with argument"),
    ],
)
def test_mistakes_are_one_line(harness: Harness, words: tuple[str, ...], says: str) -> None:
    code, out, err = harness("compare", *words)
    assert (code, out) == (2, "")
    assert says in err
    assert err.startswith("harness: ")
    assert err.count("\n") == 1


def test_a_baseline_stands_for_runs_that_are_gone(harness: Harness, tmp_path: Path, runs_dir: Path) -> None:
    code, out, _ = harness("baseline", "save", "aaaaaa", "bbbbbb")
    assert (code, out) == (0, "Baseline of scenario 'test' saved from 2 runs to baseline.json\n")
    assert (tmp_path / "baseline.json").stat().st_size < 200_000
    for name in (FAST, SAME):
        for path in (runs_dir / name).iterdir():
            path.unlink()
    assert harness("compare", "baseline.json", "cccccc")[0] == 3

    code, out, _ = harness("baseline", "show")
    assert code == 0
    assert "2 run(s), 800 requests" in out
    assert "provider: simulated reference" in out
    shown = json.loads(harness("baseline", "show", "--json")[1])
    assert [run["run_id"] for run in shown[0]["runs"]] == [FAST, SAME]


def test_a_baseline_is_replaced_only_when_asked(harness: Harness) -> None:
    assert harness("baseline", "save", "aaaaaa")[0] == 0
    code, _, err = harness("baseline", "save", "bbbbbb")
    assert code == 2
    assert "`harness baseline promote bbbbbb` replaces it" in err
    code, out, _ = harness("baseline", "promote", "bbbbbb")
    assert code == 0
    assert ", in place of that of 20" in out
    assert "bbbbbb" in harness("baseline", "show")[1]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"interrupted": True}, "cannot be a baseline: it was interrupted", id="interrupted"),
        pytest.param({"samples_missing": 7}, "cannot be a baseline: ", id="invalid"),
    ],
)
def test_what_cannot_be_a_baseline(
    harness: Harness, tmp_path: Path, runs_dir: Path, changes: dict[str, Any], says: str
) -> None:
    record(runs_dir, "broken", 4, **changes)
    code, _, err = harness("baseline", "save", "results/broken")
    assert (code, err.count("\n")) == (2, 1)
    assert says in err
    assert not (tmp_path / "baseline.json").exists()


def test_runs_that_differ_make_no_baseline(harness: Harness, runs_dir: Path) -> None:
    record(runs_dir, "x3", 4, fingerprint_parts={**PARTS, "provider": "simulated reference x3"})
    code, _, err = harness("baseline", "save", "aaaaaa", "results/x3")
    assert code == 2
    assert "make no baseline: they differ in provider" in err


def test_an_old_baseline_says_so(harness: Harness, tmp_path: Path) -> None:
    harness("baseline", "save", "aaaaaa")
    path = tmp_path / "baseline.json"
    document = json.loads(path.read_text())
    document["scenarios"]["test"]["saved_at"] = "2020-01-01T00:00:00+00:00"
    path.write_text(json.dumps(document))
    _, out, _ = harness("compare", "baseline.json", "bbbbbb")
    assert "days old: `harness baseline promote RUN` renews it" in " ".join(out.split())


def test_no_baseline_of_the_scenario(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"schema_version": 1, "scenarios": {}}')
    code, _, err = harness("compare", "other.json", "bbbbbb")
    assert code == 2
    assert "other.json: no baseline of scenario 'test'; none is defined" in err


def test_stock_csvs_have_their_error_rate_compared(harness: Harness, tmp_path: Path) -> None:
    data = Path(__file__).parents[1] / "csv" / "data"
    for name in ("one", "two"):
        for path in data.glob("stock_*.csv"):
            (tmp_path / path.name.replace("stock", name)).write_bytes(path.read_bytes())
    code, out, _ = harness("compare", "one", "two")
    assert code == 0
    assert "error rate" in out
    assert "stock Locust CSVs hold no samples" in " ".join(out.split())
