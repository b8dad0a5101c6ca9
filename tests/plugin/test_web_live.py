"""The data and the files behind the web UI's tab, over HTTP.

Oracles: the service's own count of answers, summary.json of the run, and the bytes in its folder.
"""

import http.cookiejar
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.conftest import SHORT_RUNS, SUPPORT, Service
from tests.support.awkward_names import ENDPOINTS, IMAGE, SCRIPT
from tests.support.processes import free_port, running

RULES = """
live_window_s = 4.0
live_grace_s = 1.0
criteria = ["quick", "sound"]

[criteria]
quick = "p50(response_time) < 1 ms"
sound = "error_rate < 1 %, critical < 90 %"
"""


@dataclass(slots=True)
class Site:
    """Locust's web UI, as a browser with cookies sees it; a redirect is followed."""

    url: str
    runs_dir: Path
    opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )
    )

    def get(self, path: str, method: str = "GET") -> tuple[Any, bytes]:
        request = urllib.request.Request(f"{self.url}{path}", method=method)
        with self.opener.open(request, timeout=20) as response:
            return response, response.read()

    def live(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.get("/harness/live.json")[1])
        return document

    def status(self, path: str, method: str = "GET") -> int:
        try:
            return int(self.get(path, method)[0].status)
        except urllib.error.HTTPError as error:
            return error.code

    def post(self, path: str, **form: Any) -> None:
        data = urllib.parse.urlencode(form).encode()
        with self.opener.open(f"{self.url}{path}", data, timeout=60) as response:
            assert response.status == 200

    def wait_for(self, holds: Callable[[dict[str, Any]], Any], seconds: float = 40) -> dict[str, Any]:
        """The document, once it is as wanted."""
        deadline = time.monotonic() + seconds
        while not holds(document := self.live()):
            assert time.monotonic() < deadline, document
            time.sleep(0.3)
        return document

    def wait_for_workers(self, count: int) -> None:
        deadline = time.monotonic() + 40
        while json.loads(self.get("/stats/requests")[1])["worker_count"] < count:
            assert time.monotonic() < deadline, "the workers did not come"
            time.sleep(0.3)


Start = Callable[..., AbstractContextManager[Site]]


@pytest.fixture
def start(service: Service, tmp_path: Path) -> Start:
    """Locust with its web UI, users of a locustfile of tests/support, and more arguments."""

    @contextmanager
    def started(locustfile: str, *arguments: str, ready: str = "/", base: str = "") -> Iterator[Site]:
        (tmp_path / "harness.toml").write_text(SHORT_RUNS.replace("work_user", locustfile) + RULES)
        port, master_port = free_port(), str(free_port())
        command = ["-m", "locust", "-f", str(SUPPORT / f"{locustfile}.py"), "-H", service.url]
        command += ["--web-host", "127.0.0.1", "--web-port", str(port), "--runs-dir", str(tmp_path / "runs")]
        command += ["--config-file", str(tmp_path / "harness.toml"), "--metrics-port", "0"]
        command += ["--master-bind-port", master_port, "--master-port", master_port, *arguments]
        site = Site(f"http://127.0.0.1:{port}{base}", tmp_path / "runs")
        with running(command, f"{site.url}{ready}"):
            yield site

    return started


@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["local", "distributed"])
def test_a_run_is_followed_to_its_verdict(start: Start, service: Service, processes: tuple[str, ...]) -> None:
    with start("work_user", "WorkUser", *processes) as site:
        assert site.live() == {"state": "none", "runs": [], "more_runs": 0}
        if processes:
            site.wait_for_workers(2)
        site.post("/swarm", user_count=4, spawn_rate=4)
        first = site.wait_for(lambda d: d["state"] == "running" and d["run"]["requests"] > 20)
        assert [rule["name"] for rule in first["criteria"]["rules"]] == ["quick", "sound"]
        found = site.wait_for(
            lambda d: (
                "FAIL" in {r["word"] for r in d["criteria"]["rules"]}
                and len(d["chart"]["requests_per_s"]) > 1
            )
        )
        assert found["criteria"]["rules"][0]["word"] == "FAIL"
        assert found["run"]["requests"] > first["run"]["requests"]
        assert found["run"]["requests"] <= service.answered
        (simple,) = found["recent"]["categories"]
        assert simple["name"] == "simple"
        assert 50 <= simple["response_ms"][0]["value"] < 1000  # the service takes 50 ms
        assert found["so_far"][0]["p50_ms"] == pytest.approx(simple["response_ms"][0]["value"], rel=0.5)
        assert {each["name"] for each in found["components"]} == {"work", "total"}
        assert {check["name"] for check in found["validity"]["checks"]} >= {
            "samples",
            "workers",
            "event loop busy",
        }
        site.post("/stop")
        ended = site.wait_for(lambda d: d["state"] == "ended")
        _assert_ended(site, ended)


def _assert_ended(site: Site, ended: dict[str, Any]) -> None:
    (folder,) = site.runs_dir.iterdir()
    summary = json.loads((folder / "summary.json").read_text())
    assert ended["run"]["run_id"] == folder.name
    assert ended["validity"]["word"] == summary["verdicts"]["validity"]
    words = {rule["name"]: rule["word"] for rule in ended["criteria"]["rules"]}
    assert words == {rule["name"]: rule["verdict"] for rule in summary["verdicts"]["criteria"]}
    (simple,) = ended["measured"]["categories"]
    exact = summary["groups"]["by_category"]["simple"]["response_time"]
    for name, shown in zip(("p50", "p95", "p99"), simple["response_ms"], strict=True):
        assert {key: shown[key] for key in ("value", "low", "high")} == {
            key: exact[name][key] for key in ("value", "low", "high")
        }
    assert [run["run_id"] for run in ended["runs"]] == [folder.name]
    assert {"report.html", "report.md", "summary.json", "requests.parquet"} <= set(ended["files"])
    for name in ended["files"]:
        response, content = site.get(f"/harness/runs/{folder.name}/{name}")
        assert content == (folder / name).read_bytes()
        assert response.headers["X-Content-Type-Options"] == "nosniff"


NOT_THERE = (
    "/harness/runs/latest/requests.arrows",
    "/harness/runs/latest/..%2f..%2fharness.toml",
    "/harness/runs/..%2f/harness.toml",
    "/harness/runs/no-such-run/report.html",
    "/harness/report/latest",
    "/harness/assets/..%2f__init__.py",
    "/harness/assets/live.html",
)


def test_nothing_else_is_handed_out_and_nothing_can_be_changed(start: Start) -> None:
    with start("work_user", "WorkUser", "--web-base-path", "/load", base="/load") as site:
        assert {path: site.status(path) for path in NOT_THERE} == dict.fromkeys(NOT_THERE, 404)
        routes = ("live", "live.json", "assets/live.js", "runs/latest/report.html", "report/latest")
        assert {site.status(f"/harness/{route}", "POST") for route in routes} == {405}
        page, _ = site.get("/harness/live")
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        _, index = site.get("/")
        assert b'<script src="/load/harness/assets/tab.js" defer></script>' in index
        assert site.status("/harness/assets/tab.js") == 200


def test_a_login_is_asked_for_where_locust_asks_for_one(start: Start) -> None:
    with start("awkward_users", "--web-login", ready="/login") as site:
        for route in ("live", "live.json", "assets/live.js", "runs/latest/report.html", "report/latest"):
            response, content = site.get(f"/harness/{route}")
            assert urllib.parse.urlsplit(response.url).path == "/login", route
            assert b"run_id" not in content
        site.get("/enter")
        assert site.live()["state"] == "none"
        assert site.status("/harness/runs/latest/report.html") == 404


def test_markup_stays_text_and_a_thousand_names_stay_few(start: Start) -> None:
    with start("awkward_users") as site:
        site.post("/swarm", user_count=20, spawn_rate=20)
        site.wait_for(lambda d: d["state"] == "running" and d["run"]["requests"] > 1.6 * ENDPOINTS, 90)
        response, content = site.get("/harness/live.json")
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert len(content) < 60_000
        found = json.loads(content)
        assert found["recent"]["names"][0]["name"] == SCRIPT
        assert found["recent"]["more_names"] > 300
        assert IMAGE in {each["name"] for each in found["so_far"]}
        assert found["recent"]["errors"][0]["error"] == f"{IMAGE} is wrong"
        site.post("/stop")
        ended = site.wait_for(lambda d: d["state"] == "ended", 90)
        assert len(json.dumps(ended)) < 60_000
        assert ended["measured"]["more_names"] > 50  # of those that have figures of their own
