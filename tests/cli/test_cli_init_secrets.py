"""Secrets from the environment, with real Locust processes: they reach the service and nothing else.

The oracle is the service's own log of what it was sent, and a search through every byte that was
printed and every file and table that was written.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd
import pytest

SECRETS = {
    "CHAT_TOKEN": "zq-header-zq",
    "CHAT_KEY": "zq-param-zq",
    "CHAT_PASSWORD": "zq-body-zq",
    "CHAT_HOOK": "zq-path-zq",
}
LOCUSTFILE = """\
import harness.plugin
from harness.engine import ServiceUser
from locust import constant, task


class ChatUser(ServiceUser):
    wait_time = constant(0.05)
    request_timeout_s = 0.5
    headers = {"Authorization": "Bearer ${CHAT_TOKEN}", "X-Tenant": "t1"}
    secrets = ("CHAT_KEY", "CHAT_PASSWORD", "CHAT_HOOK")

    @task
    def ask(self):
        for kind in ("ok", "broken", "slow"):
            self.client.post(
                f"/{self.secret('CHAT_HOOK')}/{kind}",
                name=f"/hook/{kind}",
                category=kind,
                headers={"X-Tenant": "t2"},
                params={"key": self.secret("CHAT_KEY")},
                json={"password": self.secret("CHAT_PASSWORD")},
            )
        self.client.get(f"{OTHER}/elsewhere", name="/elsewhere")
"""


class Seen(list[dict[str, Any]]):
    """What a server was sent; `url` is its address."""

    url = ""


@pytest.fixture
def servers() -> Iterator[tuple[Seen, Seen]]:
    """Two services that write down what they get; `/.../broken` fails, `/.../slow` comes too late."""

    def serve(seen: Seen) -> ThreadingHTTPServer:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                seen.append({"path": self.path, "headers": dict(self.headers), "body": body})
                if "/slow" in self.path:
                    time.sleep(1)
                    self.close_connection = True
                    return
                self.send_response(500 if "/broken" in self.path else 200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = _answer  # noqa: N815 - names that the base class looks for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        seen.url = f"127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever).start()
        return server

    own, other = Seen(), Seen()
    running = [serve(own), serve(other)]
    yield own, other
    for server in running:
        server.shutdown()
        server.server_close()


def locust(folder: Path, *words: str, secrets: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "locust", "-f", "chat.py", "--headless", "--runs-dir", "runs", *words]
    env = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    return subprocess.run(
        command,
        cwd=folder,
        env=env | secrets,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def everything(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file's bytes as text, and the tables of the compressed ones."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes().decode("utf-8", errors="replace")
        if path.suffix == ".parquet":
            yield path.name, pd.read_parquet(path).to_csv()


def test_secrets_reach_the_service_and_nothing_else(servers: tuple[Seen, Seen], tmp_path: Path) -> None:
    own, other = servers
    (tmp_path / "chat.py").write_text(f'OTHER = "http://{other.url}"\n{LOCUSTFILE}')
    host = f"http://ada:zq-basic-zq@{own.url}"
    ended = locust(tmp_path, "--host", host, "-u", "2", "-r", "2", "-t", "2s", secrets=SECRETS)
    (folder,) = (tmp_path / "runs").iterdir()

    asked = [each for each in own if each["path"] not in {"/info", "/metrics"}]
    assert {each["path"].split("?")[0].rsplit("/", 1)[1] for each in asked} == {"ok", "broken", "slow"}
    for each in asked:
        assert each["path"].startswith("/zq-path-zq/")
        assert each["path"].endswith("?key=zq-param-zq")
        assert each["body"] == '{"password":"zq-body-zq"}'
        assert each["headers"]["Authorization"] == "Bearer zq-header-zq"
        assert each["headers"]["X-Tenant"] == "t2", "a request's own header wins"
    assert other, "the other host was asked"
    assert not any({"Authorization", "X-Tenant"} & set(each["headers"]) for each in other)

    assert "zq-" not in ended.stdout + ended.stderr
    assert [name for name, text in everything(folder) if "zq-" in text] == []
    requests = pd.read_parquet(folder / "requests.parquet")
    assert {"ok", "server_error", "timeout"} <= set(requests["outcome"])
    failures = (folder / "locust_failures.csv").read_text()
    assert "/hook/broken" in failures
    assert "/hook/slow" in failures
    assert f"http://***@{own.url}" in (folder / "manifest.json").read_text()


def test_a_missing_variable_is_one_line_before_any_load(servers: tuple[Seen, Seen], tmp_path: Path) -> None:
    own, _ = servers
    (tmp_path / "chat.py").write_text(LOCUSTFILE)
    secrets = SECRETS | {"CHAT_KEY": ""}
    ended = locust(tmp_path, "--host", f"http://{own.url}", "-t", "5s", secrets=secrets)
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("harness: ")]
    assert line == "harness: CHAT_KEY is not set, and ChatUser needs it: export CHAT_KEY=..."
    assert (ended.returncode, own) == (2, [])
    assert "zq-" not in ended.stdout + ended.stderr
    assert not list((tmp_path / "runs").glob("*"))
