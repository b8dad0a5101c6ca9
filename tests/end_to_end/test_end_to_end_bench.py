"""The end-to-end bench, shortened, with a master and two workers against a simulated service.

Oracles: the rows themselves, told apart by the time they were sent, and the service's own counter.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.processes import ROOT, free_port, get, simulated_target

CATEGORIES = ("simple", "moderate", "complex")


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """A service that has just been started, at a fifth of the simulated latencies."""
    with simulated_target(0.2) as (_, address):
        yield address


def _locust(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "locust", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.fixture(scope="module")
def bench(target: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a run of the scenario, and what was printed."""
    runs_dir = tmp_path_factory.mktemp("runs")
    port = str(free_port())
    done = _locust(
        *("-f", "locustfiles/end_to_end.py,shapes/alone_then_mixed.py", "--headless", "--processes", "2"),
        *("--master-bind-port", port, "--master-port", port, "--host", target, "--scenario", "end_to_end"),
        *("--runs-dir", str(runs_dir), "--mixed-users", "8", "--alone-s", "5", "--mixed-s", "6"),
        *("--pause-s", "1", "--mix", "4,2,2", "--loglevel", "WARNING"),
    )
    (folder,) = runs_dir.glob("*-end_to_end-*")
    return folder, done.stdout + done.stderr


def _documents(folder: Path) -> tuple[dict[str, Any], dict[str, Any], pd.DataFrame]:
    manifest = json.loads((folder / "manifest.json").read_text())
    summary = json.loads((folder / "summary.json").read_text())
    return manifest, summary, pd.read_parquet(folder / "requests.parquet")


def test_each_category_is_alone_in_its_step_and_all_are_in_the_mix(bench: tuple[Path, str]) -> None:
    manifest, _, requests = _documents(bench[0])
    holds = {phase["name"]: phase["users"] for phase in manifest["phases"] if phase["kind"] == "hold"}
    assert holds == {
        "alone-cold-start": 1,
        "alone-simple": 4,
        "alone-moderate": 2,
        "alone-complex": 2,
        "mixed": 8,
    }, bench[1]
    assert set(requests["outcome"]) == {"ok"}
    for category in CATEGORIES:
        inside = requests[requests["phase"] == f"alone-{category}"]
        assert set(inside["category"]) == {category}
        assert set(inside["user_class"]) == {f"EndToEnd{category.capitalize()}"}
    assert set(requests[requests["phase"] == "mixed"]["category"]) == set(CATEGORIES)


def test_the_first_case_of_the_fresh_service_stands_apart(bench: tuple[Path, str], target: str) -> None:
    _, summary, requests = _documents(bench[0])
    cold = requests[requests["name"] == "cold-start"]
    assert len(cold) == 1
    assert cold["sent_at"].iloc[0] == requests["sent_at"].min()
    assert cold["done_at"].iloc[0] <= requests[requests["name"] != "cold-start"]["sent_at"].min()
    took_ms = (cold["done_at"] - cold["sent_at"]).dt.total_seconds().iloc[0] * 1000
    derived = {item["name"]: item for item in summary["derived"]}
    assert derived["cold_start"]["figure"]["value"] == pytest.approx(took_ms)
    assert "cold-start" not in summary["groups"]["by_name"]
    served = sum(
        float(line.rsplit(" ", 1)[1])
        for line in get(f"{target}/metrics").splitlines()
        if line.startswith("target_cases_total{")
    )
    assert served >= len(requests)


def test_interference_is_the_ratio_of_two_steps(bench: tuple[Path, str]) -> None:
    _, summary, requests = _documents(bench[0])
    derived = {item["name"]: item for item in summary["derived"]}
    for category in CATEGORIES:
        item = derived[f"{category}_interference"]
        mine = requests[requests["category"] == category]
        for side, step in (("of", "mixed"), ("over", f"alone-{category}")):
            assert 0 < item[side]["n"] <= len(mine[mine["phase"] == step])
        assert item["figure"]["value"] == pytest.approx(item["of"]["value"] / item["over"]["value"])
    page = (bench[0] / "report.html").read_text()
    assert "p95 of complex cases, mixed over alone" in page
    assert "Cold start: first case after the service started: " in bench[1]


def test_a_service_that_has_answered_before_has_no_cold_start(
    bench: tuple[Path, str], target: str, tmp_path: Path
) -> None:
    done = _locust(
        *("-f", "locustfiles/end_to_end.py", "ColdStart", "EndToEndSimple", "--headless", "--host", target),
        *("-u", "2", "-t", "3s", "--runs-dir", str(tmp_path), "--loglevel", "WARNING"),
    )
    assert "no cold start: a case would not be this service's first" in done.stderr
    (folder,) = tmp_path.glob("*-end_to_end-*")
    _, summary, requests = _documents(folder)
    assert set(requests["name"]) == {"/api/cases"}
    derived = {item["name"]: item for item in summary["derived"]}
    assert derived["cold_start"]["figure"] is None
    assert "no request with name cold-start" in derived["cold_start"]["reason"]


MISTAKES = [
    pytest.param(["--mix", "5,3"], "should be three shares above 0", id="two shares"),
    pytest.param(["--mix", "5,3,0"], "should be three shares above 0", id="a share of nothing"),
    pytest.param(["--mixed-users", "2"], "mixed_users must be at least 3", id="fewer users than kinds"),
]


@pytest.mark.parametrize(("options", "words"), MISTAKES)
def test_mistakes_end_with_one_line(options: list[str], words: str, tmp_path: Path) -> None:
    files = "locustfiles/end_to_end.py,shapes/alone_then_mixed.py"
    done = _locust(
        *("-f", files, "--headless", "--host", "http://127.0.0.1:9", "--runs-dir", str(tmp_path)),
        *("--skip-target-check", *options),
    )
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
