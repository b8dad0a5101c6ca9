"""The service as a process: what it prints, whom it calls, how it ends, how its workers count together."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.target.conftest import StandIn

from tests.target.conftest import ordinary, wait_until

Reply = dict[str, Any]
KEY = "gsk_key_of_a_test"
CASE = {"case_id": "p-1", "chief_complaint": "chest pain"}


@contextlib.contextmanager
def process(log: Path, *options: str, **env: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`python -m target_app` on a free port; yields it and its address once it answers, and ends it."""
    clean = {key: value for key, value in os.environ.items() if key not in {"PROVIDER", "GROQ_API_KEY"}}
    argv = [sys.executable, "-m", "target_app", "--port", "0", *options]
    with log.open("wb") as out, subprocess.Popen(argv, stdout=out, stderr=out, env=clean | env) as child:
        try:
            yield child, _address(child, log)
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(30)


def _address(child: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and child.poll() is None:
        for line in log.read_text().splitlines():
            if line.startswith("target_app: listening on "):
                url = line.rsplit(" ", 1)[1]
                # The socket listens from the start; an answer means that the application is up.
                httpx.get(f"{url}/healthz", timeout=60)
                return url
        time.sleep(0.02)
    pytest.fail(f"no address: {log.read_text()}")


def test_the_key_goes_to_the_provider_and_nowhere_else(provider: "StandIn", tmp_path: Path) -> None:
    log = tmp_path / "log"
    env = {"PROVIDER": "live", "GROQ_API_KEY": KEY, "GROQ_BASE_URL": provider.url, "MAX_RETRIES": "0"}
    with process(log, **env) as (_, url), httpx.Client(base_url=url, timeout=30) as client:
        answers = [client.post("/api/cases", json=CASE)]
        provider.script = lambda _call: Reply(
            status=401, raw=f'{{"error":{{"message":"bad {KEY}"}}}}'.encode()
        )
        answers.append(client.post("/api/cases", json=CASE))
        answers += [
            client.get(path) for path in ("/info", "/readyz", "/metrics", "/openapi.json", "/nowhere")
        ]

    assert {call.headers["authorization"] for call in provider.calls} == {f"Bearer {KEY}"}
    assert [answer.status_code for answer in answers] == [200, 502, 200, 200, 200, 200, 404]
    assert answers[0].json()["provider"] == {
        "mode": "live",
        "profile": None,
        "models": {"large": "openai/gpt-oss-120b", "small": "openai/gpt-oss-20b"},
    }
    assert "provider-refused" in log.read_text()
    for text in [log.read_text(), *(answer.text + str(answer.headers) for answer in answers)]:
        assert KEY not in text


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_lets_every_case_in_work_finish(provider: "StandIn", tmp_path: Path, workers: str) -> None:
    release = threading.Event()
    provider.script = lambda call: Reply(content=ordinary(call), hold=release)
    log = tmp_path / "log"
    with (
        process(log, "--workers", workers, INFERENCE_URL=provider.url) as (child, url),
        ThreadPoolExecutor(8) as pool,
    ):
        answers = [pool.submit(httpx.post, f"{url}/api/cases", json=CASE, timeout=60) for _ in range(8)]
        wait_until(lambda: len(provider.calls) == 8, "all are in work")
        child.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(url), "no new connections are taken")
        release.set()
        statuses = [answer.result(60).status_code for answer in answers]
        code = child.wait(30)

    assert statuses == [200] * 8
    assert code == 0
    assert "Traceback" not in log.read_text()


def refuses(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    try:
        with socket.create_connection((host, int(port))):
            return False
    except ConnectionRefusedError:
        return True


def test_a_key_alone_stays_at_home_and_sigterm_ends_it(provider: "StandIn", tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process(log, GROQ_API_KEY=KEY, INFERENCE_URL=provider.url) as (child, url):
        mode = httpx.post(f"{url}/api/cases", json=CASE, timeout=30).json()["provider"]["mode"]
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0

    assert mode == "simulated"
    assert {call.headers["authorization"] for call in provider.calls} == {"Bearer simulated"}
    assert "Traceback" not in log.read_text()
    assert "Unclosed" not in log.read_text()


def test_workers_count_together(provider: "StandIn", tmp_path: Path) -> None:
    with (
        process(tmp_path / "log", "--workers", "2", INFERENCE_URL=provider.url) as (_, url),
        ThreadPoolExecutor(4) as pool,
    ):
        # A connection each, so that both workers get some.
        statuses = list(pool.map(lambda _: httpx.post(f"{url}/api/cases", json=CASE).status_code, range(12)))
        metrics = httpx.get(f"{url}/metrics").text

    assert statuses == [200] * 12
    assert 'target_cases_total{complexity="moderate",outcome="ok",status="200"} 12.0' in metrics
    assert "target_cases_in_flight 0.0" in metrics


QUIET = """
    import asyncio, os, sys
    hosts = set()
    def watch(event, args):
        if event == "socket.getaddrinfo":
            hosts.add(str(args[0]))
    sys.addaudithook(watch)
    os.environ["AGNO_TELEMETRY"] = "true"
    from target_app.app import create_app
    from target_app.case import CaseRequest
    from target_app.settings import Settings
    from target_app.trace import CaseTrace

    async def main():
        app = create_app(Settings(provider_url=sys.argv[1], max_retries=0))
        async with app.router.lifespan_context(app):
            service = app.state.service
            for complaint in ("chest pain", "a fault, please"):
                case = CaseRequest(case_id="q", chief_complaint=complaint)
                answer = await service.orchestrator.assess(case, CaseTrace(), service.provider_info())
                print(answer.status)

    asyncio.run(main())
    from agno.agent import Agent
    assert "agno.api" not in sys.modules, "agno's telemetry client was imported"
    assert hosts <= {"127.0.0.1"}, hosts
"""


def test_agno_neither_phones_home_nor_prints(provider: "StandIn") -> None:
    fault = Reply(status=500, raw=b'{"error":{"message":"printed by agno"}}')
    provider.script = lambda call: fault if call.role == "cardiology" and "fault" in call.user else None

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(QUIET), provider.url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "ok\ndegraded\n"
    # One line of our own, from Python's handler of last resort.
    assert done.stderr == (
        "specialist cardiology failed: the provider answered 500 for openai/gpt-oss-20b (provider-fault)\n"
    )
