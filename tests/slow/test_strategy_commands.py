"""Every command of docs/strategy.md, shortened and run for real against the simulated service.

The loads are far too small to judge by, and the machine may be busy: a verdict of any kind is fine here, a
mistake (2), a service that is not there (5) or a bug (70) is not.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli._locust_line import load_words
from harness.config import Config, load_config
from tests.support.processes import ROOT, simulated_target
from tests.support.recorded_runs import phase, request, write_run
from tests.support.strategy import MICRO, SHORT, Row, rows, short_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

#: 0, and every verdict that a run may end with.
VERDICTS = {0, 1, 3, 4}
HARNESS = str(Path(sys.executable).with_name("harness"))

COMMANDS = list(dict.fromkeys(row.command for row in rows()))
BY_COMMAND = {row.command: row for row in rows()}


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(ROOT / "harness.toml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Path:
    path = tmp_path_factory.mktemp("strategy")
    short_config(config, path)
    return path


@pytest.fixture(scope="module")
def env(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a person whose services are up, on ports of their own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    with simulated_target(1.0) as (inference, target):
        ports = {name: url.rpartition(":")[2] for name, url in (("inference", inference), ("target", target))}
        yield {
            **clean,
            "HARNESS_CONFIG": str(folder / "harness.toml"),
            "HARNESS_PORTS": " ".join(f"{name}={port}" for name, port in ports.items()),
        }


def run(words: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=1400, check=False)


def shortened(row: Row, folder: Path) -> list[str]:
    """The command with a small load, and with runs that there are in place of those it speaks of."""
    words = row.words
    if words[0] == "pytest":
        return [sys.executable, "-m", "pytest", MICRO, f"--benchmark-json={folder}/micro.json"]
    words = [HARNESS, *words[1:]]
    if words[1] in {"run", "regression"} and words[2] in SHORT:
        return [*words, "--", *load_words(SHORT[words[2]])]
    return words


def runs(folder: Path, scenario: str) -> list[str]:
    found = sorted((folder / "results").glob(f"*Z-{scenario}-*/summary.json"))
    return [str(path.parent) for path in found]


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c.split()[1] in {"run", "suite", "regression", "demo"}]
)
def test_a_command_that_loads(command: str, folder: Path, env: dict[str, str]) -> None:
    row = BY_COMMAND[command]
    done = run(shortened(row, folder), env)
    if "inference_live" in command:
        assert done.returncode == 2, "it is refused without the switch and the key"
        assert "PROVIDER=live" in done.stderr
        return
    assert done.returncode in VERDICTS, done.stderr[-3000:]
    if row.words[1] == "suite":
        (record,) = (folder / "results").glob(f"*-suite-{row.words[2]}-*/suite.json")
        document = json.loads(record.read_text())
        codes = {step["name"]: step["code"] for step in document["steps"]}
        assert set(codes.values()) <= VERDICTS, codes
        assert (record.parent / "report.html").is_file()


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.split()[1] in {"capacity", "compare"}])
def test_a_command_that_reads_runs(command: str, folder: Path, env: dict[str, str]) -> None:
    for scenario in ("stress", "cases", "cases"):
        if len(runs(folder, scenario)) < 2:
            run([HARNESS, "run", scenario, "--", *load_words(SHORT[scenario])], env)
    stress, cases = runs(folder, "stress")[-1], runs(folder, "cases")
    words = [HARNESS, *BY_COMMAND[command].words[1:]]
    names = {"latest": stress, "BASE": cases[-2], "CANDIDATE": cases[-1]}
    words = [names.get(word, word) for word in words]
    done = run(words, env)
    assert done.returncode in VERDICTS, done.stderr[-3000:]
    assert done.stdout


def test_capacity_planning(tmp_path: Path, env: dict[str, str]) -> None:
    """On a recorded run, so that it hangs on no busy machine: one process carried 20 cases/s."""
    (command,) = (c for c in COMMANDS if c.split()[1] == "plan")
    phases = [phase("5-users", "hold", 5, 0, 30), phase("10-users", "hold", 10, 30, 60)]
    requests = [request(i / 20, 100.0 + i % 7) for i in range(1200)]
    recorded = write_run(tmp_path, requests, phases=phases, criteria={"fast": "p95(response_time) < 500 ms"})
    words = [HARNESS, *BY_COMMAND[command].words[1:]]
    done = run([*words[:2], str(recorded.path), *words[2:], "--processes", "1", "--json"], env)
    assert done.returncode in VERDICTS, done.stderr[-3000:]
    plan = json.loads(done.stdout)
    assert plan["carried"]["cases_per_s"]["value"] == pytest.approx(20, abs=0.5)
    assert plan["cases_per_s"] == 40
    assert plan["processes"]["value"] >= 2, "40 cases/s of 20 each, and the headroom"


def test_microbenchmarks(folder: Path, env: dict[str, str]) -> None:
    (command,) = (c for c in COMMANDS if c.startswith("pytest"))
    done = run(shortened(BY_COMMAND[command], folder), env)
    assert done.returncode == 0, done.stdout[-3000:]
    assert json.loads((folder / "micro.json").read_text())["benchmarks"]
