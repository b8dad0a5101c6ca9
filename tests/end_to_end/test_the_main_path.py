"""Simulator, target, Locust master and two workers as processes; the whole path, once at normal speed
and once three times slower.

Oracles: the target's own counter, and the criteria that a service three times slower must break.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from tests.support.processes import ROOT, get, simulated_target


def _harness_run(host: str, runs_dir: Path, *extra: str) -> tuple[int, str, Path]:
    """`harness run demo` against a host: exit code, output, run folder."""
    command = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main())"]
    done = subprocess.run(
        [*command, "run", "demo", "--host", host, "--runs-dir", str(runs_dir), "--", *extra],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    (folder,) = runs_dir.glob("*-demo-*")
    return done.returncode, done.stdout + done.stderr, folder


def _summary(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return document


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a target whose simulator runs at the speed factor that the test asks for."""
    with simulated_target(request.param) as (_, address):
        yield address


@pytest.mark.parametrize("target", [1.0], indirect=True)
def test_every_count_agrees(target: str, tmp_path: Path) -> None:
    code, output, folder = _harness_run(target, tmp_path, "--levels", "5,10", "--hold-s", "8")

    summary = _summary(folder)
    # A starved machine may make the run INVALID, rightly; the exit code must say so.
    assert code == summary["verdicts"]["exit_code"], output
    requests = pd.read_parquet(folder / "requests.parquet")
    served = sum(
        float(line.rsplit(" ", 1)[1])
        for line in get(f"{target}/metrics").splitlines()
        if line.startswith("target_cases_total{")
    )
    locust = pd.read_csv(folder / "locust_stats.csv")
    of_locust = int(locust.loc[locust["Name"] == "Aggregated", "Request Count"].iloc[0])
    assert len(requests) > 50
    assert [served, of_locust, summary["totals"]["requests"]] == [len(requests)] * 3
    assert f"{len(requests):,}" in (folder / "report.html").read_text()

    assert set(requests["category"]) == {"simple", "moderate", "complex"}
    assert set(requests["outcome"]) == {"ok"}
    assert requests["case_id"].is_unique
    assert "SIMULATED (reference)" in output
    left_over = [
        p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or [])
    ]
    assert left_over == []


@pytest.mark.parametrize("target", [1.0], indirect=True)
def test_the_components_add_up_to_the_service_time(target: str, tmp_path: Path) -> None:
    """`total` lies within the time that the client saw, and the additive five make it up."""
    _, _, folder = _harness_run(target, tmp_path, "--levels", "5", "--hold-s", "8")
    requests = pd.read_parquet(folder / "requests.parquet").set_index("request_id")
    spans = pd.read_parquet(folder / "spans.parquet").pivot_table(
        index="request_id", columns="component", values="duration_ms", aggfunc="sum"
    )
    parts = spans[["triage", "specialists", "debate", "synthesis", "overhead"]].fillna(0).sum(axis=1)
    assert ((parts - spans["total"]).abs() <= (spans["total"] * 0.02).clip(lower=1)).all()
    took_ms = (requests["done_at"] - requests["sent_at"]).dt.total_seconds() * 1000
    assert (spans["total"] <= took_ms.loc[spans.index] + 1).all()


@pytest.mark.parametrize("target", [3.0], indirect=True)
def test_three_times_slower_fails_what_it_should(target: str, tmp_path: Path) -> None:
    as_many_complex = '{"user_class_name": "ComplexCaseUser", "weight": 5}'
    code, output, folder = _harness_run(
        target, tmp_path, "--levels", "30", "--hold-s", "34", "--config-users", as_many_complex
    )
    summary = _summary(folder)
    verdicts = {rule["name"]: rule["verdict"] for rule in summary["verdicts"]["criteria"]}
    assert verdicts["simple_p95"] == "FAIL", output
    assert verdicts["complex_p95"] == "FAIL", output
    assert verdicts["error_rate"] == verdicts["success_rate"] == "PASS", output
    assert code == summary["verdicts"]["exit_code"]
    assert code in {1, 4}
    assert re.search(r"FAIL +p95 response time", output)
