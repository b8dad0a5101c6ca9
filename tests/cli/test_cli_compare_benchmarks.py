"""`harness compare` on pytest-benchmark's JSON: the rule that runs are judged by."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main

ROUNDS = 200


def session(folder: Path, name: str, factors: dict[str, float], seed: int, machine: str = "AMD") -> str:
    """A file as pytest-benchmark writes it: 10 µs, 2 % apart within a session, 0.4 % between sessions."""
    rng = random.Random(seed)
    shift = rng.gauss(1, 0.004)
    document: dict[str, Any] = {
        "datetime": f"2026-11-24T12:{seed:02d}:00+00:00",
        "version": "5.3.1",
        "commit_info": {"id": f"{seed:040d}"},
        "machine_info": {
            "system": "Linux",
            "python_version": "3.13.0",
            "cpu": {"brand_raw": machine, "count": 2},
        },
        "benchmarks": [
            {
                "name": f"test_{benchmark}",
                "stats": {"data": [1e-5 * factor * shift * rng.gauss(1, 0.02) for _ in range(ROUNDS)]},
            }
            for benchmark, factor in factors.items()
        ],
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def compare(folder: Path, head: dict[str, float], *options: str, machine: str = "AMD") -> int:
    bases = [session(folder, f"base-{n}", {"parse": 1.0, "record": 1.0}, n) for n in range(3)]
    heads = [session(folder, f"head-{n}", head, 10 + n, machine) for n in range(3)]
    return main(["compare", *bases, "--against", *heads, *options])


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harness.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("factor", "code", "word"),
    [
        pytest.param(1.0, 0, "OK", id="unchanged"),
        pytest.param(1.2, 3, "BLOCK", id="20 % slower"),
        pytest.param(0.8, 0, "IMPROVED", id="20 % faster"),
    ],
)
def test_is_judged_by_the_rule_for_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], factor: float, code: int, word: str
) -> None:
    assert compare(tmp_path, {"parse": 1.0, "record": factor}, "--json") == code
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == word
    rows = {row["metric"]: row for row in document["metrics"]}
    assert rows["p50(call_time){component=record}"]["verdict"] == word
    assert rows["p50(call_time){component=parse}"]["verdict"] == "OK"
    assert rows["p50(call_time){component=record}"]["change"]["value"] == pytest.approx(
        100 * (factor - 1), abs=3
    )
    assert rows["p50(call_time){component=record}"]["base"]["unit"] == "µs"


def test_a_benchmark_that_is_gone_blocks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(tmp_path, {"parse": 1.0}) == 3
    assert "record" in capsys.readouterr().out


def test_another_machine_is_not_comparable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(tmp_path, {"parse": 1.0, "record": 1.0}, machine="Intel") == 3
    assert "machine" in capsys.readouterr().out
    assert (
        compare(tmp_path, {"parse": 1.0, "record": 1.0}, "--ignore-fingerprint", "machine", machine="Intel")
        == 0
    )


def test_for_a_pull_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare(tmp_path, {"parse": 1.0, "record": 1.2}, "--markdown")
    text = capsys.readouterr().out
    assert text.startswith("### Regression\n")
    assert "| p50 record | 9" in text or "| p50 record | 1" in text
