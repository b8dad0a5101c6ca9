"""The dashboards and the alert rules on a real run: a real Prometheus scrapes master, service and simulator.

Oracle: every query of every panel, and both sides of every alert's rule, have an answer while the run lasts.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.processes import ROOT, free_port, simulated_target
from tests.support.real_prometheus import FOLDER, Prometheus, prometheus, sides

pytestmark = [pytest.mark.compose, pytest.mark.timeout(180)]

DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
LOCUSTFILES = f"{ROOT}/locustfiles/cases.py,{ROOT}/tests/support/streamed_users.py"
CASES = 'harness_response_time_seconds_count{name="/api/cases"}'
RUN_S = 600  # it is ended once all is asked
CONFIG = """
[criteria]
simple_p95 = "p95(response_time){category=simple} < 500 ms, critical < 1000 ms"
complex_mean = "mean(response_time){category=complex} < 2 s, critical < 4 s"
throughput = "throughput > 1 req/s"
error_rate = "error_rate < 1 %, critical < 5 %"
first_token = "p95(time_to_first_token){category=streamed} < 500 ms, critical < 1 s"

[scenarios.watched]
locustfiles = ["cases.py", "streamed_users.py"]
criteria = ["simple_p95", "complex_mean", "throughput", "error_rate", "first_token"]
warm_up_s = 1
live_window_s = 3
live_grace_s = 2
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A run of two workers, ten seconds after it began, and the Prometheus that watches it."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "harness.toml").write_text(CONFIG)
    (folder / "prometheus").mkdir()
    metrics, master = str(free_port()), str(free_port())
    with simulated_target(4.0) as (inference, target):
        targets = {
            "master:9646": f"127.0.0.1:{metrics}",
            "target:8000": target.removeprefix("http://"),
            "inference:9101": inference.removeprefix("http://"),
        }
        with prometheus(folder / "prometheus", targets) as server:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "locust", "-f", LOCUSTFILES),
                    *("--headless", "--quiet-locust", "--processes", "2", "--host", target),
                    *("-u", "9", "-r", "9", "-t", f"{RUN_S}s", "--scenario", "watched", "--runs-dir", "runs"),
                    *("--master-bind-port", master, "--master-port", master, "--metrics-port", metrics),
                ],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT), "INFERENCE_URL": inference},
            )
            try:
                _wait_for(server, process, f"sum(increase({CASES}[10s])) > 20")
                _wait_for(server, process, 'sum(harness_criterion_status{status="pending"}) == 0')
                yield server
            finally:
                process.terminate()
                out = process.communicate(timeout=60)[0]
    assert "Measurement" in out, out


def _wait_for(server: Prometheus, process: subprocess.Popen[str], expr: str) -> None:
    deadline = time.monotonic() + 60
    while not server.values(expr):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, f"{expr}: not within 60 s"
        time.sleep(0.5)


def _queries() -> Iterator[Any]:
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield pytest.param(target["expr"], id=f"{path.stem}/{panel['title']}/{target['refId']}")


@pytest.mark.parametrize("expr", list(_queries()))
def test_a_panel_is_not_empty(watched: Prometheus, expr: str) -> None:
    filled = expr.replace("$__rate_interval", "10s").replace("$name", ".*").replace("$category", ".*")
    assert "$" not in filled
    assert watched.values(filled), f"empty: {filled}"


def _rules() -> Iterator[Any]:
    for group in YAML(typ="safe").load(FOLDER / "rules.yml")["groups"]:
        for rule in group["rules"]:
            yield pytest.param(rule["expr"], id=rule["alert"])


@pytest.mark.parametrize("expr", list(_rules()))
def test_a_rule_has_something_to_compare(watched: Prometheus, expr: str) -> None:
    measured, limit = sides(expr)
    assert watched.values(measured), f"empty: {measured}"
    assert re.fullmatch(r"[\d.]+", limit) or watched.values(limit), f"empty: {limit}"


def test_prometheus_evaluates_all_rules_without_an_error(watched: Prometheus) -> None:
    deadline = time.monotonic() + 20
    while True:
        rules = [rule for group in watched.get("rules")["groups"] for rule in group["rules"]]
        if "unknown" not in {rule["health"] for rule in rules} or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert {rule["name"]: rule["health"] for rule in rules} == {rule["name"]: "ok" for rule in rules}
    assert len(rules) == len(list(_rules()))


def test_annotations_and_variables_have_values(watched: Prometheus) -> None:
    (phase,) = watched.get("query", query="harness_phase_info")["result"]
    assert phase["metric"]["phase"].startswith("9-users")  # `9-users-2` where a worker was late
    selector = {"match[]": "harness_response_time_seconds_count"}
    assert watched.get("label/name/values", **selector) == ["/api/cases", "stream"]
    categories = {"simple", "moderate", "complex", "streamed"}
    assert set(watched.get("label/category/values", **selector)) == categories


def test_client_and_service_count_the_same(watched: Prometheus, tmp_path: Path) -> None:
    """Rows reach the master up to 3 s after the answer, so the client is behind, never ahead."""
    (client,) = watched.values(f"sum({CASES})")
    time.sleep(2)  # Prometheus looks at the two at different moments
    (service,) = watched.values("sum(target_cases_total)")
    assert 20 < client <= service
