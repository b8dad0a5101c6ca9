"""A small project of its own in a temporary folder, and the installed `harness` command run in it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

HARNESS = str(Path(sys.executable).with_name("harness"))

SERVICE = """\
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ.get("UPSTREAM", "none").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

print("listening on", sys.argv[1], flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

LOAD = """\
from locust import User, constant, task

import harness.plugin

class Idle(User):
    wait_time = constant(0.1)

    @task
    def nothing(self):
        pass
"""

CONFIG = """\
runs_dir = "results"

[services.upstream]
port = {upstream_port}
command = ["python", "service.py", "{{port}}"]
ready_url = "http://127.0.0.1:{{port}}/"

[services.app]
port = {app_port}
command = ["python", "service.py", "{{port}}"]
env = {{ UPSTREAM = "http://127.0.0.1:{{upstream.port}}" }}
ready_url = "http://127.0.0.1:{{port}}/ready"
after = ["upstream"]

[services.dies]
port = 7001
command = ["python", "-c", "print('no disk left'); raise SystemExit(3)"]
ready_url = "http://127.0.0.1:{{port}}/"

[criteria]
error_rate = "error_rate < 1 %, critical < 5 %"

[scenarios.smoke]
locustfiles = ["load.py"]
host = "http://127.0.0.1:{{app.port}}"
services = ["app"]

[scenarios.doomed]
locustfiles = ["load.py"]
host = "http://127.0.0.1:{{dies.port}}"
services = ["dies"]
criteria = ["error_rate"]

[scenarios.broken]
locustfiles = ["broken.py"]
host = "http://127.0.0.1:{{app.port}}"
workers = 0
"""


@dataclass(slots=True, frozen=True)
class Project:
    """The folder, and how to run `harness` in it."""

    folder: Path
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [HARNESS, *words],
            cwd=self.folder,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        with self.start(*words) as process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, out, err)


@pytest.fixture
def project(tmp_path: Path, unused_port: Callable[[], int]) -> Project:
    text = CONFIG.format(upstream_port=unused_port(), app_port=unused_port())
    (tmp_path / "harness.toml").write_text(text)
    (tmp_path / "service.py").write_text(SERVICE)
    (tmp_path / "load.py").write_text(LOAD)
    (tmp_path / "broken.py").write_text("def :\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    return Project(tmp_path, env)


@pytest.fixture
def unused_port() -> Callable[[], int]:
    from harness.cli._net import free_port

    return free_port


@pytest.fixture
def answering() -> Iterator[str]:
    """A server on a free port that answers every GET with 404; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
