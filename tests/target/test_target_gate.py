"""The gate's last resorts: bugs behind it, and clients that leave before their body is complete."""

import logging
import socket
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from target_app.api import CaseGate
from target_app.metrics import Metrics

if TYPE_CHECKING:
    from tests.target.conftest import Target


async def buggy(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ZeroDivisionError("SECRET")


async def buggy_halfway(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ZeroDivisionError("SECRET")


def count(metrics: Metrics, status: str) -> int:
    return (
        metrics.exposition()
        .decode()
        .count(f'target_cases_total{{complexity="unknown",status="{status}"}} 1.0')
    )


def post(app: CaseGate) -> Any:
    """The gate called the way a server does, in process, so that what it raises can be seen."""
    transport = httpx.ASGITransport(app)

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://target") as client:
            return await client.post("/api/cases", json={})

    return call


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_a_bug_is_a_500_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    with caplog.at_level(logging.ERROR):
        response = await post(CaseGate(buggy, metrics, 100))()

    assert (response.status_code, response.json()["type"]) == (500, "urn:problem:internal")
    assert "SECRET" not in response.text
    assert "ZeroDivisionError" in caplog.text, "the log has the traceback"
    assert "total;dur=" in response.headers["server-timing"]
    assert count(metrics, "500") == 1


@pytest.mark.anyio
async def test_a_bug_after_the_headers_is_left_to_the_server() -> None:
    metrics = Metrics()
    with pytest.raises(ZeroDivisionError):
        await post(CaseGate(buggy_halfway, metrics, 100))()

    assert count(metrics, "200") == 1
    assert count(metrics, "500") == 0


def test_a_client_that_leaves_is_counted(target: "Target") -> None:
    before = target.metric("target_cases_total", status="disconnected")
    host, port = target.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(b"POST /api/cases HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{")

    deadline = time.monotonic() + 20
    while (
        target.metric("target_cases_total", status="disconnected") == before and time.monotonic() < deadline
    ):
        time.sleep(0.02)
    assert target.metric("target_cases_total", status="disconnected") == before + 1
    assert target.metric("target_cases_in_flight") == 0
