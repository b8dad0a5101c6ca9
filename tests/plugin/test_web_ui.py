"""The web UI as a browser uses it: start, change, reset, stop, start again at once, Ctrl-C.

Oracle: the service's own count. Each test of one Locust process has a clean folder of its own,
and the folders' rows together are all that the service answered.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.plugin.conftest import SHORT_RUNS, SUPPORT, Service
from tests.support.endings import alive_in, assert_in_time
from tests.support.processes import ROOT, free_port

DRAIN_DEADLINE_S = 3.0


@dataclass(slots=True)
class Web:
    url: str
    runs_dir: Path
    process: subprocess.Popen[str]

    def post(self, path: str, headers: dict[str, str] | None = None, **form: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=urllib.parse.urlencode(form).encode(),
            headers=headers or {},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read()
            return json.loads(text) if text.startswith(b"{") else {}

    def get(self, path: str) -> tuple[dict[str, str], str]:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as response:
            return dict(response.headers), response.read().decode()

    def runs(self) -> list[Path]:
        return sorted(self.runs_dir.glob("*-work_user-*"), key=lambda path: path.stat().st_ctime)


SHAPE = str(SUPPORT.parents[1] / "shapes" / "concurrency_steps.py")


@pytest.fixture(params=[(), ("--processes", "2")], ids=["local", "distributed"])
def web(request: pytest.FixtureRequest, service: Service, tmp_path: Path) -> Iterator[Web]:
    (tmp_path / "harness.toml").write_text(SHORT_RUNS)
    port, master_port = free_port(), str(free_port())
    picking = "--class-picker" in request.param
    files = str(SUPPORT / "work_user.py") + (f",{SHAPE}" if picking else "")
    command = [sys.executable, "-m", "locust", "-f", files, "-H", service.url]
    command += ["--web-host", "127.0.0.1", "--web-port", str(port), "--runs-dir", str(tmp_path / "runs")]
    command += ["--master-bind-port", master_port, "--master-port", master_port, *request.param]
    command += ["--drain-deadline-s", str(DRAIN_DEADLINE_S)]
    command += [] if picking else ["WorkUser", *getattr(request.function, "also_users", ())]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    web = Web(f"http://127.0.0.1:{port}", tmp_path / "runs", process)
    deadline = time.monotonic() + 40
    while True:
        try:
            _, text = web.get("/stats/requests")
            if "--processes" not in request.param or json.loads(text)["worker_count"] == 2:
                break
        except OSError:
            pass
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "the web UI did not come up"
        time.sleep(0.1)
    yield web
    if process.poll() is None:
        process.terminate()
    with process:
        process.wait(60)
    assert alive_in(process.pid) == []


def _wait_until(holds: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def test_tests_in_one_process_have_a_clean_folder_each(web: Web, service: Service) -> None:
    assert web.post("/swarm", user_count=4, spawn_rate=4)["success"]
    _wait_until(lambda: service.answered > 60)
    web.post("/swarm", user_count=8, spawn_rate=8)  # more users, in the same test
    before = service.answered
    _wait_until(lambda: service.answered > before + 100)
    web.post("/stop")
    assert web.post("/swarm", user_count=4, spawn_rate=4)["success"]  # at once
    before = service.answered
    _wait_until(lambda: service.answered > before + 40)
    web.post("/stats/reset")
    before = service.answered
    _wait_until(lambda: service.answered > before + 40)
    web.post("/stop")

    answered, runs = service.answered, web.runs()
    assert len(runs) == 2
    rows = [pd.read_parquet(run / "requests.parquet") for run in runs]
    assert sum(len(table) for table in rows) == answered
    assert all(set(table["outcome"]) == {"ok"} for table in rows)
    first = json.loads((runs[0] / "manifest.json").read_text())
    assert [p["users"] for p in first["phases"] if p["kind"] == "hold"] == [4, 8]
    assert first["samples_missing"] == 0
    stats = pd.read_csv(runs[0] / "locust_stats.csv")
    assert stats.loc[stats["Name"] == "Aggregated", "Request Count"].iloc[0] == len(rows[0])

    verdicts = json.loads(web.get("/stats/requests")[1])["extended_stats"][0]["data"]
    assert [row["run"] for row in verdicts] == [run.name for run in reversed(runs)]
    assert {row["folder"] for row in verdicts} == {str(run) for run in runs}
    headers, report = web.get("/harness/report/latest")
    assert headers["Content-Type"].startswith("text/html")
    assert runs[1].name in report


def _with_users_that_hang(test: Any) -> Any:
    """Half of the users send one request each that outlasts the drain deadline."""
    test.also_users = ("HangingUser",)
    return test


def _outcomes(run: Path) -> dict[str, int]:
    counts = pd.read_parquet(run / "requests.parquet")["outcome"].value_counts()
    return {str(outcome): int(count) for outcome, count in counts.items()}


@_with_users_that_hang
def test_stop_gives_up_what_hangs_and_the_next_test_starts(web: Web, service: Service) -> None:
    web.post("/swarm", user_count=4, spawn_rate=4)
    _wait_until(lambda: service.answered > 30)
    stopped_at = time.time()
    web.post("/stop")
    assert_in_time(stopped_at, DRAIN_DEADLINE_S)
    assert time.time() - stopped_at > DRAIN_DEADLINE_S - 0.5  # it did wait for them
    (first,) = web.runs()
    answered = service.answered
    assert _outcomes(first) == {"ok": answered, "incomplete": 2}

    assert web.post("/swarm", user_count=4, spawn_rate=4)["success"]
    _wait_until(lambda: service.answered > answered + 30)
    stopped_at = time.time()
    web.process.send_signal(signal.SIGTERM)
    web.process.communicate(timeout=60)
    _wait_until(lambda: not alive_in(web.process.pid))
    assert_in_time(stopped_at, DRAIN_DEADLINE_S)
    assert web.process.returncode == 130
    assert _outcomes(web.runs()[1]) == {"ok": service.answered - answered, "incomplete": 2}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_idle_web_ui_just_ends(web: Web, number: int) -> None:
    told_at = time.time()
    web.process.send_signal(number)
    output, _ = web.process.communicate(timeout=60)
    _wait_until(lambda: not alive_in(web.process.pid))
    assert_in_time(told_at, deadline_s=0)
    assert web.process.returncode == 0, output
    assert "Traceback" not in output
    assert web.runs() == []


def test_ctrl_c_ends_a_running_test_with_its_report(web: Web, service: Service) -> None:
    web.post("/swarm", user_count=4, spawn_rate=4)
    _wait_until(lambda: service.answered > 60)
    interrupted_at = time.time()
    web.process.send_signal(signal.SIGINT)
    output, _ = web.process.communicate(timeout=60)
    _wait_until(lambda: not alive_in(web.process.pid))
    assert_in_time(interrupted_at, DRAIN_DEADLINE_S)
    assert web.process.returncode == 130, output
    (run,) = web.runs()
    assert len(pd.read_parquet(run / "requests.parquet")) == service.answered
    assert f"Report: {run / 'report.html'}" in output


@pytest.mark.parametrize("web", [("--master",)], indirect=True, ids=["master alone"])
def test_a_master_without_workers_begins_nothing(web: Web, service: Service) -> None:
    web.post("/swarm", user_count=4, spawn_rate=4)
    time.sleep(2)
    web.post("/stop")
    assert web.runs() == []
    told_at = time.time()
    web.process.send_signal(signal.SIGINT)
    output, _ = web.process.communicate(timeout=60)
    assert_in_time(told_at, deadline_s=0)
    assert web.process.returncode == 0, output
    assert "Traceback" not in output


def test_the_door_is_shut(web: Web, service: Service) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        web.post("/swarm", {"Origin": "http://evil.example"}, user_count=1, spawn_rate=1)
    headers, _ = web.get("/stats/requests")
    assert not [name for name in headers if name.startswith("Access-Control-")]
    with pytest.raises(urllib.error.HTTPError, match="404"):
        web.get("/harness/report/latest")

    dead = f"http://127.0.0.1:{free_port()}"
    answer = web.post("/swarm", user_count=1, spawn_rate=1, host=dead)
    assert answer["success"] is False
    assert f"the service at {dead} does not answer" in answer["message"]
    assert service.answered == 0
    assert web.runs() == []


@pytest.mark.parametrize("web", [("--class-picker",)], indirect=True, ids=["class picker"])
def test_a_class_and_a_shape_are_picked_in_the_form(web: Web, service: Service) -> None:
    answer = web.post(
        "/swarm", user_classes="FailingUser", shape_class="ConcurrencySteps", levels="2,4", hold_s="3.0"
    )
    assert answer["success"]
    _wait_until(lambda: web.runs() and '"sealed"' in (web.runs()[0] / "manifest.json").read_text(), 60)
    (run,) = web.runs()
    manifest = json.loads((run / "manifest.json").read_text())
    assert [p["users"] for p in manifest["phases"] if p["kind"] == "hold"] == [2, 4]
    assert manifest["stop_reason"] == "the shape ended"
    assert manifest["scenario"]["load"]["levels"] == "2,4"
    requests = pd.read_parquet(run / "requests.parquet")
    assert set(requests["user_class"]) == {"FailingUser"}
    assert len(requests) == service.answered

    refused = web.post("/swarm", user_classes="WorkUser", shape_class="ConcurrencySteps", levels="0")
    _wait_until(lambda: "levels must all be at least 1" in web.get("/logs")[1])
    assert refused
    assert web.runs() == [run]


CRITICAL = """
live_window_s = 2.0
live_grace_s = 1.0
abort_on_critical = true
criteria = ["quick"]

[criteria]
quick = "p50(response_time) < 1 ms"
"""


@pytest.mark.parametrize("web", [()], indirect=True, ids=["local"])
def test_each_test_is_ended_by_its_own_critical_criterion(web: Web, service: Service, tmp_path: Path) -> None:
    """What the first test found must not end the second before it has found anything."""
    (tmp_path / "harness.toml").write_text(SHORT_RUNS + CRITICAL)
    for number in (1, 2):
        assert web.post("/swarm", user_count=4, spawn_rate=4)["success"]
        _wait_until(lambda n=number: len(web.runs()) == n)
        manifest = web.runs()[-1] / "manifest.json"
        _wait_until(lambda path=manifest: '"sealed"' in path.read_text(), 60)
        stop = json.loads(manifest.read_text())["stopped_by"]
        assert stop["criterion"] == "quick"
        assert stop["at_s"] > 5, "two evaluations, 3 s apart, from the second's own beginning"
        _wait_until(lambda: json.loads(web.get("/stats/requests")[1])["state"] == "stopped")
