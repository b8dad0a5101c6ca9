"""`/metrics` on real Locust processes. Oracle: the rows in the run folder, and what a busy port does."""

import html
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.plugin.conftest import SUPPORT, LocustRunner, Service
from tests.support.processes import ROOT, free_port, get

DEFAULT_PORT = 9646
CONFIG = """
[criteria]
fast = "p95(response_time){category=simple} < 5 s"

[scenarios.work_user]
locustfiles = ["work_user.py"]
criteria = ["fast"]
warm_up_s = 0.5
settle_s = 0.2
live_window_s = 1
live_grace_s = 1

[monitoring]
trace_url = "http://traces.example/trace/{trace_id}?view=a&b"
"""


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that something else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_a_busy_port_that_was_asked_for_is_a_mistake(
    run_locust: LocustRunner, service: Service, taken_port: int
) -> None:
    ended = run_locust("-H", service.url, "-t", "3s", "--metrics-port", str(taken_port), "WorkUser")
    assert ended.code == 2
    line = f"--metrics-port: 127.0.0.1:{taken_port} is in use; give another port, or 0 for none"
    assert f"harness: {line}\n" in ended.err
    assert ended.runs == []
    assert service.answered == 0


def test_a_busy_default_port_does_not_cost_the_run(run_locust: LocustRunner, service: Service) -> None:
    try:
        holder = socket.create_server(("127.0.0.1", DEFAULT_PORT))
    except OSError:
        holder = None  # something else holds it, which is as good
    env = {name: value for name, value in os.environ.items() if name != "HARNESS_METRICS_PORT"}
    try:
        os.environ.pop("HARNESS_METRICS_PORT", None)
        ended = run_locust("-H", service.url, "-u", "2", "-r", "2", "-t", "3s", "WorkUser")
    finally:
        os.environ.update(env, HARNESS_METRICS_PORT="0")
        if holder is not None:
            holder.close()
    warning = (
        f"no metrics for Prometheus: 127.0.0.1:{DEFAULT_PORT} is in use; --metrics-port gives another port"
    )
    assert ended.err.count(warning) == 1
    assert len(ended.requests) == service.answered > 10


@dataclass(slots=True)
class Watched:
    """A Locust process whose test starts by itself, and that stays when the test is over."""

    url: str
    runs_dir: Path
    process: subprocess.Popen[str]

    def samples(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        """What a scrape reads now, by name."""
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(get(f"{self.url}/metrics")):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    def total(self, name: str) -> float:
        return sum(value for _, value in self.samples().get(name, ()))

    def wait_for(self, name: str, least: float) -> None:
        deadline = time.monotonic() + 40
        while True:
            try:
                if self.total(name) >= least:
                    return
            except OSError:
                pass
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < deadline, f"{name} stayed under {least}"
            time.sleep(0.1)


@pytest.fixture(params=[(), ("--processes", "2")], ids=["local", "distributed"])
def watched(request: pytest.FixtureRequest, service: Service, tmp_path: Path) -> Iterator[Watched]:
    (tmp_path / "harness.toml").write_text(CONFIG)
    metrics, web, master = (str(free_port()) for _ in range(3))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "locust", "-f", str(SUPPORT / "work_user.py"), "-H", service.url),
            *("--autostart", "--autoquit", "-1", "-u", "4", "-r", "4", "-t", "8s", "--trace"),
            *("--web-host", "127.0.0.1", "--web-port", web, "--metrics-port", metrics),
            *("--master-bind-port", master, "--master-port", master, "--runs-dir", "runs", *request.param),
            *(("--expect-workers", "2") if request.param else ()),
            "WorkUser",
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    yield Watched(f"http://127.0.0.1:{metrics}", tmp_path / "runs", process)
    process.terminate()
    process.communicate(timeout=40)


def test_a_run_is_exported_while_it_lasts_and_counted_to_the_last_row(
    watched: Watched, service: Service
) -> None:
    watched.wait_for("harness_response_time_seconds_count", 10)
    while_it_lasts = watched.samples()
    assert [value for _, value in while_it_lasts["harness_run_active"]] == [1]
    assert [labels["scenario"] for labels, _ in while_it_lasts["harness_run_info"]] == ["work_user"]
    assert all(labels["phase"].startswith("4-users") for labels, _ in while_it_lasts["harness_phase_info"])
    assert [value for _, value in while_it_lasts["harness_users"]] == [4]
    assert sum(value for _, value in while_it_lasts["harness_worker_users"]) == 4
    assert {labels["level"]: value for labels, value in while_it_lasts["harness_criterion_threshold"]} == {
        "target": 5.0
    }
    # The same connection that Prometheus would use; nothing else can be asked, nothing be changed.
    for path, data, code in (("/", None, 404), ("/metrics", b"x", 405)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{watched.url}{path}", data, timeout=5)
        assert refused.value.code == code
        refused.value.close()

    watched.wait_for("harness_runs_ended_total", 1)
    ended = watched.samples()
    assert [value for _, value in ended["harness_run_active"]] == [0]
    assert "harness_worker_up" not in ended
    (run,) = watched.runs_dir.glob("*-work_user-*")
    rows = pd.read_parquet(run / "requests.parquet")
    by_outcome = {
        (labels["name"], labels["category"], labels["outcome"]): value
        for labels, value in ended["harness_response_time_seconds_count"]
    }
    complete = rows[rows["outcome"] != "incomplete"]
    assert by_outcome == {("/work", "simple", "ok"): len(complete)}
    assert watched.total("harness_requests_incomplete_total") == len(rows) - len(complete)
    # check_work says that each answer took two calls of a model.
    assert watched.total("harness_model_calls_total") == 2 * len(complete)
    seconds = (complete["done_at"] - complete["intended_at"]).dt.total_seconds().sum()
    assert watched.total("harness_response_time_seconds_sum") == pytest.approx(seconds)
    assert len(rows) == service.answered
    # --trace reached every worker: each request has a trace of its own.
    assert rows["trace_id"].str.fullmatch(r"[0-9a-f]{32}").all()
    assert rows["trace_id"].is_unique
    summary = json.loads((run / "summary.json").read_text())
    slowest = summary["slowest"][0]
    assert slowest["trace_id"] in set(rows["trace_id"])
    url = f"http://traces.example/trace/{slowest['trace_id']}?view=a&b"
    assert slowest["trace_url"] == url
    assert f'<a href="{html.escape(url)}"' in (run / "report.html").read_text()
