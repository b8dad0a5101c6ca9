"""The gate in front of POST /api/cases: body limit, trace, `Server-Timing`, metrics, last resort for bugs.

It is a plain ASGI middleware, outermost, so that every answer passes it: assessments, problems, and the
errors that FastAPI makes before a route is reached. Each request is counted exactly once, before its headers
leave, so that a client that has its answer finds it in /metrics.
"""

import asyncio
import logging

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target_app import server_timing
from target_app.api._problems import internal_problem, too_large_problem
from target_app.metrics import Metrics
from target_app.trace import CaseTrace

PATH = "/api/cases"
_LOGGER = logging.getLogger(__name__)


class _DisconnectedError(Exception):
    """The client left before its body was complete."""


class _TooLargeError(Exception):
    """The body exceeds the limit. (FastAPI's own `max_body_size` answers in text/plain.)"""


class CaseGate:
    """Wraps the app; see the module."""

    def __init__(self, app: ASGIApp, metrics: Metrics, max_body_bytes: int) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Measure a case; let everything else through."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(self._metrics, send)
        scope.setdefault("state", {})["trace"] = exchange.trace
        with self._metrics.in_flight.track_inprogress():
            try:
                body = await _read(scope, receive, self._max_body_bytes)
                await self._app(scope, _replay(body, receive), exchange.send)
            except _TooLargeError:
                await too_large_problem(self._max_body_bytes)(scope, receive, exchange.send)
            except _DisconnectedError:
                exchange.count("disconnected")
            except asyncio.CancelledError:
                exchange.count("cancelled")
                raise
            except Exception:
                _LOGGER.exception("a bug ended a case")
                if exchange.counted:
                    raise  # headers are out: the server has to cut the connection
                await internal_problem()(scope, receive, exchange.send)


class _Exchange:
    """One request's trace, counted once."""

    def __init__(self, metrics: Metrics, send: Send) -> None:
        self.trace = CaseTrace()
        self.counted = False
        self._metrics = metrics
        self._send = send

    def count(self, status: str) -> None:
        if not self.counted:
            self.counted = True
            self._metrics.observe_case(self.trace, status)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Server-Timing"] = server_timing.render(self.trace)
            self.count(str(message["status"]))
        await self._send(message)


async def _read(scope: Scope, receive: Receive, limit_bytes: int) -> bytes:
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise _TooLargeError
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _DisconnectedError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit_bytes:
            raise _TooLargeError
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
