"""`docker compose --profile monitoring`: Prometheus sees all three sides of a test in the web UI.

Grafana's image is left out: its files are checked by tests/monitoring. Oracle: the target's own counter.
"""

import json
import subprocess
import urllib.parse
import urllib.request
from typing import Any

import pytest

IMAGE = "prom/prometheus:latest"

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]


@pytest.fixture(name="prometheus_image")
def _prometheus_image(image: str) -> str:
    done = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False)  # noqa: S607
    if done.returncode:
        pytest.skip(f"the engine does not have {IMAGE}")
    return IMAGE


def _values(address: str, expr: str) -> dict[str, float]:
    """By job, what a query gives."""
    url = f"{address}/api/v1/query?{urllib.parse.urlencode({'query': expr})}"
    with urllib.request.urlopen(url, timeout=10) as response:
        result = json.load(response)["data"]["result"]
    return {series["metric"].get("job", ""): float(series["value"][1]) for series in result}


def test_prometheus_sees_harness_service_and_simulator(
    prometheus_image: str, stack: Any, wait_for: Any
) -> None:
    started = {
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
    with urllib.request.urlopen(f"{address}/api/v1/rules", timeout=10) as response:
        groups = json.load(response)["data"]["groups"]
    assert {group["name"] for group in groups} == {"criteria", "generator", "service"}

    stack.compose("down", "--volumes")
    assert stack.left_over() == []


def _answered(address: str, expr: str) -> dict[str, float]:
    try:
        return _values(address, expr)
    except OSError:
        return {}
