"""`docker compose --profile monitoring`: Prometheus sees all three sides of a test in the web UI.

Grafana's image is left out: its files are checked by tests/monitoring. Oracles: the target's own counter;
every query of every dashboard has an answer; the web UI's page is in the middle of a run.
"""

import json
import math
import os
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

IMAGE = "prom/prometheus:latest"
ROOT = Path(__file__).parents[2]
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"

#: The project's own scenarios and criteria, as a newcomer has them; beside them the target's counters.
AS_SHIPPED = """
services:
  inference: { pull_policy: never }
  target: { ports: ["127.0.0.1::8000"] }
"""

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]


@pytest.fixture(name="prometheus_image")
def _prometheus_image(image: str) -> str:
    done = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False)  # noqa: S607
    if done.returncode:
        pytest.skip(f"the engine does not have {IMAGE}")
    return IMAGE


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


def _values(address: str, expr: str) -> dict[str, float]:
    """By job, what a query gives."""
    result = _get(f"{address}/api/v1/query?{urllib.parse.urlencode({'query': expr})}")["data"]["result"]
    return {series["metric"].get("job", ""): float(series["value"][1]) for series in result}


def _unanswered(address: str) -> list[str]:
    """Queries of the dashboards without a finite value; of panels that may be empty, those with an error."""
    found = []
    for path in DASHBOARDS.glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            may_be_empty = "noValue" in panel["fieldConfig"]["defaults"]
            for target in panel["targets"]:
                expr = target["expr"].replace("$__rate_interval", "20s")
                values = _values(address, expr.replace("$name", ".*").replace("$category", ".*")).values()
                if not may_be_empty and not any(map(math.isfinite, values)):
                    found.append(f"{path.stem}: {panel['title']}: {expr}")
    return found


def test_prometheus_sees_harness_service_and_simulator(
    prometheus_image: str, stack: Any, wait_for: Any, tmp_path: Path
) -> None:
    override = tmp_path / "as-shipped.yml"
    override.write_text(AS_SHIPPED)
    started = {
        "COMPOSE_FILE": os.pathsep.join([str(ROOT / "docker-compose.yml"), str(override)]),
        "COMPOSE_PROFILES": "monitoring",
        "PROMETHEUS_IMAGE": prometheus_image,
        "PROMETHEUS_PORT": "0",
        "WORKERS": "2",
        "LOCUST_AUTOSTART": "true",
        "LOCUST_USERS": "6",
        "LOCUST_SPAWN_RATE": "6",
    }
    stack.up("master", "prometheus", **started)
    address = wait_for(lambda: stack.address("prometheus", 9090), "Prometheus", timeout_s=90)
    assert address.startswith("http://127.0.0.1:")
    everyone = {"harness": 1.0, "target": 1.0, "inference": 1.0}
    wait_for(lambda: _answered(address, "up") == everyone, "all three scraped", timeout_s=90)
    wait_for(
        lambda: _answered(address, "sum(harness_response_time_seconds_count) > 20"), "requests", timeout_s=60
    )
    assert _values(address, "sum(harness_worker_up)") == {"": 2.0}
    (counted,) = _values(address, "sum(harness_response_time_seconds_count)").values()
    assert 20 < counted <= stack.served()
    assert {group["name"] for group in _get(f"{address}/api/v1/rules")["data"]["groups"]} == {
        "criteria",
        "generator",
        "service",
    }
    wait_for(lambda: _unanswered(address) == [], "every panel's query answered", timeout_s=60)
    shown = _get(f"{stack.address('master', 8089)}/harness/live.json")
    assert shown["state"] == "running"
    assert shown["run"]["provider"] == "SIMULATED (reference)"
    assert shown["chart"]["p95_ms"]

    stack.compose("down", "--volumes")
    assert stack.left_over() == []


def _answered(address: str, expr: str) -> dict[str, float]:
    try:
        return _values(address, expr)
    except OSError:
        return {}
