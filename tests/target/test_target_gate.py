"""The gate's last resort: bugs behind it."""

import logging
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from target_app.api import Admission, CaseGate
from target_app.metrics import Metrics
from target_app.settings import Settings


async def buggy(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ZeroDivisionError("SECRET")


async def buggy_halfway(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ZeroDivisionError("SECRET")


def count(metrics: Metrics, status: str) -> int:
    line = f'target_cases_total{{complexity="unknown",outcome="internal",status="{status}"}} 1.0'
    return metrics.exposition().decode().count(line)


def gate(app: ASGIApp, metrics: Metrics) -> CaseGate:
    return CaseGate(app, metrics, Admission(1, 0), Settings())


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
        response = await post(gate(buggy, metrics))()

    assert (response.status_code, response.json()["type"]) == (500, "urn:problem:internal")
    assert "SECRET" not in response.text
    assert "ZeroDivisionError" in caplog.text, "the log has the traceback"
    assert "total;dur=" in response.headers["server-timing"]
    assert count(metrics, "500") == 1


@pytest.mark.anyio
async def test_a_bug_after_the_headers_is_left_to_the_server() -> None:
    metrics = Metrics()
    with pytest.raises(ZeroDivisionError):
        await post(gate(buggy_halfway, metrics))()

    assert count(metrics, "200") == 1
    assert count(metrics, "500") == 0
