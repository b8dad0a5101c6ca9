"""The bench of the target's agents, shortened, against a simulator and a target as processes.

Oracles: the simulator's own count of calls, and the spans inside the rows.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.processes import ROOT, get, simulated_target


@pytest.fixture(scope="module")
def services() -> Iterator[tuple[str, str]]:
    """Simulator, at three tenths of its latencies, and target: their addresses."""
    with simulated_target(0.3) as addresses:
        yield addresses


def _locust(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "locust", "-f", "locustfiles/agents.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **(env or {})},
    )


def _bench(services: tuple[str, str], runs_dir: Path, *arguments: str) -> tuple[Path, str]:
    inference, target = services
    done = _locust(
        *arguments,
        *("--headless", "--host", target, "--inference-url", inference, "--runs-dir", str(runs_dir)),
        *("--loglevel", "WARNING", "--scenario", "agents"),
    )
    (folder,) = runs_dir.glob("*-agents-*")
    return folder, done.stdout + done.stderr


def _calls_of(inference: str) -> float:
    """How many completions the simulator has answered so far."""
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in get(f"{inference}/metrics").splitlines()
        if line.startswith("inference_requests_total{")
    )


@pytest.fixture(scope="module")
def bench(
    services: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Rows, spans (each with its row's name) and summary of a run of all users."""
    runs_dir = tmp_path_factory.mktemp("runs")
    options = ("-u", "4", "-r", "4", "-t", "14s", "--specialists", "1,3")
    folder, output = _bench(services, runs_dir, *options)
    requests = pd.read_parquet(folder / "requests.parquet")
    assert len(requests), output
    spans = pd.read_parquet(folder / "spans.parquet")
    spans = spans.merge(requests[["request_id", "name", "case_id"]], on="request_id")
    return requests, spans, json.loads((folder / "summary.json").read_text())


def test_every_part_is_measured_and_right(bench: tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]) -> None:
    requests, _, summary = bench
    assert set(requests["name"]) == {
        "triage",
        "specialists-1",
        "specialists-3",
        "specialists-3-serial",
        "debate",
        "synthesis",
        "orchestrator",
        "gather",
        "http",
    }
    assert set(requests["outcome"]) <= {"ok", "incomplete"}
    done = requests[requests["outcome"] == "ok"]
    calls = {"triage": 1, "specialists-1": 1, "specialists-3": 3, "specialists-3-serial": 3, "synthesis": 1}
    for name, count in calls.items():
        assert set(done[done["name"] == name]["llm_calls"]) == {count}
    assert done[done["name"] != "gather"]["cost_usd"].gt(0).all()
    derived = {item["name"]: item for item in summary["derived"]}
    assert derived["time_per_agent_3"]["figure"]["value"] == pytest.approx(
        summary["groups"]["by_name"]["specialists-3"]["response_time"]["mean"]["value"] / 3
    )
    for name in ("efficiency_3", "orchestration", "http"):
        assert "pairs by case" in derived[name]["figure"]["method"], derived[name]
    assert derived["efficiency_10"]["figure"] is None


def test_parallel_specialists_overlap_and_serial_ones_do_not(
    bench: tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]],
) -> None:
    _, spans, _ = bench
    asked = spans[spans["component"].str.startswith("specialist-")]

    def overlaps(name: str) -> list[bool]:
        found = []
        for _, parts in asked[asked["name"] == name].groupby("request_id"):
            starts = parts["start_ms"].to_numpy()
            order = starts.argsort()
            ends = (starts + parts["duration_ms"].to_numpy())[order]
            found.append(bool((starts[order][1:] < ends[:-1] - 0.01).all()))
        return found

    assert overlaps("specialists-3")
    assert all(overlaps("specialists-3"))
    assert not any(overlaps("specialists-3-serial"))


def test_the_same_specialists_are_asked_in_both_ways(
    bench: tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]],
) -> None:
    _, spans, _ = bench
    asked = {
        name: rows.groupby("case_id")["component"].agg(sorted).to_dict()
        for name, rows in spans[spans["name"].str.startswith("specialists-3")].groupby("name")
    }
    both = asked["specialists-3"].keys() & asked["specialists-3-serial"].keys()
    assert both
    for case in both:
        assert asked["specialists-3"][case] == asked["specialists-3-serial"][case]


def test_gather_and_http_make_as_many_provider_calls_as_the_orchestrator(
    services: tuple[str, str], tmp_path: Path
) -> None:
    before = _calls_of(services[0])
    folder, output = _bench(services, tmp_path, "OrchestrationUser", "-u", "1", "-t", "6s")
    answered = _calls_of(services[0]) - before
    requests = pd.read_parquet(folder / "requests.parquet")
    assert set(requests["outcome"]) == {"ok"}, output
    by_name = {name: rows.set_index("case_id") for name, rows in requests.groupby("name")}
    assert set(by_name["http"].index) == set(by_name["gather"].index) == set(by_name["orchestrator"].index)
    inside = by_name["orchestrator"]["llm_calls"]
    assert by_name["http"]["llm_calls"].to_dict() == inside.to_dict()
    assert answered == 3 * inside.sum()
    # What was asked byte for byte again was answered the same, and so took the same number of tokens.
    assert by_name["http"]["output_tokens"].to_dict() == by_name["orchestrator"]["output_tokens"].to_dict()


def test_a_failed_provider_is_blamed_for_what_it_did(services: tuple[str, str], tmp_path: Path) -> None:
    """Nothing listens where the agents call: each row says so, and Locust ends as it should."""
    dead = ("http://127.0.0.1:9", services[1])
    folder, output = _bench(dead, tmp_path, "TriageUser", "-u", "1", "-t", "4s")
    requests = pd.read_parquet(folder / "requests.parquet")
    ended = requests[requests["outcome"] != "incomplete"]
    assert set(ended["outcome"]) <= {"server_error"}, output
    assert set(ended["cause"]) <= {"provider"}


MISTAKES = [
    pytest.param(["--specialists", "0"], {}, "should be numbers from 1 to 10", id="no specialist"),
    pytest.param(["--specialists", "3,11"], {}, "should be numbers from 1 to 10", id="more than there are"),
    pytest.param([], {"PROVIDER": "live"}, "runs on the simulator alone", id="live"),
]


@pytest.mark.parametrize(("options", "env", "words"), MISTAKES)
def test_mistakes_are_refused_with_one_line(
    options: list[str], env: dict[str, str], words: str, services: tuple[str, str], tmp_path: Path
) -> None:
    done = _locust(
        *("--headless", "--host", services[1], "-t", "2s", "--runs-dir", str(tmp_path), *options), env=env
    )
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*-agents-*"))


def test_the_scenario_calls_the_simulator_that_harness_toml_names() -> None:
    command = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main())"]
    done = subprocess.run(
        [*command, "run", "agents", "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--specialists 1,3,5,10 --inference-url http://127.0.0.1:9101" in done.stdout
