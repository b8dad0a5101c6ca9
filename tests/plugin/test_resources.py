"""What the service tells of itself at /metrics is kept, and nothing comes of it where it does not."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.runs import open_run
from tests.support.processes import ROOT, free_port, get, running

USERS = ("WorkUser", "-u", "3", "-r", "3", "-t", "5s")


@contextmanager
def telling_service(metrics: str) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    script = str(ROOT / "tests" / "support" / "telling_service.py")
    with running([script, "--port", str(port), "--metrics", metrics], f"{url}/count"):
        yield url


def test_cpu_memory_and_queue_of_the_service_are_kept_second_by_second(run_locust: Any) -> None:
    with telling_service("good") as url:
        ended = run_locust("--host", url, *USERS)
    rows = open_run(ended.run).resources()
    assert set(rows["service"]) == {"target"}
    assert 3 <= len(rows) <= 12
    assert set(rows["memory_bytes"]) == {104_857_600}
    assert set(rows["in_flight"]) == {5}
    assert set(rows["queue"]) == {4}
    assert rows["cpu_percent"].isna().tolist() == [True, *[False] * (len(rows) - 1)]
    assert rows["cpu_percent"].median() == pytest.approx(50, abs=5)
    assert rows["at"].is_monotonic_increasing
    (told,) = ended.summary["resources"]
    assert (told["phase"], told["service"]) == ("3-users", "target")
    assert {name: figure["value"] for name, figure in told["figures"].items() if "cpu" not in name} == {
        "memory_max": 104_857_600,
        "in_flight_max": 5,
        "queue_max": 4,
    }
    assert "Resources of the Service" in (ended.run / "report.html").read_text()


@pytest.mark.parametrize("metrics", ["none", "page", "hangs"])
def test_a_service_that_tells_nothing_is_asked_once_and_the_run_is_as_good(
    run_locust: Any, metrics: str
) -> None:
    with telling_service(metrics) as url:
        ended = run_locust("--host", url, *USERS)
        asked = json.loads(get(f"{url}/count"))["metrics"]
    assert asked == 1
    assert open_run(ended.run).resources().empty
    assert ended.summary["resources"] == []
    assert ended.summary["totals"]["requests"] > 50
    assert "metrics" not in ended.err
    assert ended.code == 0, ended.err


def test_services_that_the_target_needs_are_asked_too(run_locust: Any, tmp_path: Path) -> None:
    with telling_service("none") as target, telling_service("good") as model:
        (tmp_path / "harness.toml").write_text(
            f"""
            [services.model]
            command = ["x"]
            ready_url = "{model}/count"
            metrics_url = "{model}/metrics"
            [services.app]
            command = ["x"]
            ready_url = "{target}/count"
            after = ["model"]
            [services.stranger]
            command = ["x"]
            ready_url = "http://127.0.0.1:1/"
            metrics_url = "http://127.0.0.1:1/metrics"
            """
        )
        ended = run_locust("--host", target, *USERS)
    rows: pd.DataFrame = open_run(ended.run).resources()
    assert set(rows["service"]) == {"model"}


def test_addresses_may_come_from_the_environment(run_locust: Any) -> None:
    with telling_service("good") as url:
        named = {"HARNESS_METRICS_URLS": f"model={url}/metrics gone=http://127.0.0.1:1/metrics"}
        ended = run_locust("--host", url, *USERS, env=named)
        wrong = run_locust("--host", url, *USERS, env={"HARNESS_METRICS_URLS": "nonsense"})
    assert set(open_run(ended.run).resources()["service"]) == {"model"}
    assert wrong.code == 2
    assert "HARNESS_METRICS_URLS: should be NAME=http://" in wrong.err
