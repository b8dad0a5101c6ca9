"""The gate in front of POST /api/cases: key, body limit, admission, trace, `Server-Timing`, metrics, bugs.

It is a plain ASGI middleware, outermost, so that every answer passes it: assessments, problems, and the
errors that FastAPI makes before a route is reached. Each request is counted exactly once, before its headers
leave, so that a client that has its answer finds it in /metrics. When a client leaves, what works for it is
cancelled, calls to the provider included.
"""

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target_app import server_timing
from target_app.api._admission import Admission
from target_app.api._body import DisconnectedError, read_body
from target_app.api._problems import case_problem, internal_problem
from target_app.errors import CaseError, UnauthorisedError
from target_app.metrics import Metrics
from target_app.settings import Settings
from target_app.trace import CaseTrace

PATH = "/api/cases"
_LOGGER = logging.getLogger(__name__)


class CaseGate:
    """Wraps the app; see the module."""

    def __init__(self, app: ASGIApp, metrics: Metrics, admission: Admission, settings: Settings) -> None:
        self._app = app
        self._metrics = metrics
        self._admission = admission
        self._deadline_s = settings.case_deadline_s
        self._max_body_bytes = settings.max_body_bytes
        self._key = None if settings.api_key is None else settings.api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Measure a case; let everything else through."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        now_s = asyncio.get_running_loop().time()
        exchange = _Exchange(CaseTrace(deadline_at=now_s + self._deadline_s), self._metrics, send)
        scope.setdefault("state", {})["trace"] = exchange.trace
        try:
            await self._handle(scope, receive, exchange)
        except CaseError as error:
            exchange.trace.outcome = error.slug
            await case_problem(error)(scope, receive, exchange.send)
        except DisconnectedError:
            exchange.count("disconnected")
        except asyncio.CancelledError:
            exchange.count("cancelled")
            raise
        except Exception:
            _LOGGER.exception("a bug ended a case")
            if exchange.counted:
                raise  # headers are out: the server has to cut the connection
            exchange.trace.outcome = "internal"
            await internal_problem()(scope, receive, exchange.send)

    async def _handle(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        headers = dict(scope["headers"])
        self._authorise(headers)
        body = await read_body(headers, receive, self._max_body_bytes)
        trace = exchange.trace
        arrived_ms = trace.elapsed_ms()
        async with exchange.while_connected(receive), self._admission.place(trace.deadline_at) as waited:
            if waited:
                trace.add("admission", arrived_ms)
            with self._metrics.in_flight.track_inprogress():
                await self._app(scope, _replay(body, receive), exchange.send)

    def _authorise(self, headers: Mapping[bytes, bytes]) -> None:
        if self._key is None:
            return
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        # Compared in constant time, so that the time of a refusal tells nothing about the key.
        if not hmac.compare_digest(given.strip(), self._key) or scheme.lower() != b"bearer":
            raise UnauthorisedError("send Authorization: Bearer and the key")


class _Exchange:
    """One request: its trace, counted once, and whether its client is still there."""

    def __init__(self, trace: CaseTrace, metrics: Metrics, send: Send) -> None:
        self.trace = trace
        self.counted = False
        self._metrics = metrics
        self._send = send
        self._watcher: asyncio.Task[None] | None = None

    def count(self, status: str) -> None:
        """Count the request with its HTTP status, or with what became of it when it was not answered."""
        if not self.counted:
            self.counted = True
            self._metrics.observe_case(self.trace, status)

    @asynccontextmanager
    async def while_connected(self, receive: Receive) -> AsyncIterator[None]:
        """End the block with DisconnectedError if the client leaves before its answer has begun."""
        task, gone = asyncio.current_task(), False

        async def watch() -> None:
            nonlocal gone
            while (await receive())["type"] != "http.disconnect":
                pass
            gone = task is not None and task.cancel()

        self._watcher = asyncio.create_task(watch())
        try:
            yield
        except asyncio.CancelledError:
            if gone and task is not None and task.uncancel() == 0:
                raise DisconnectedError from None
            raise
        finally:
            self._watcher.cancel()

    async def send(self, message: Message) -> None:
        """Pass on, with `Server-Timing` among the headers."""
        if message["type"] == "http.response.start":
            if self._watcher is not None:
                # From here on the server reports the end of the exchange as a disconnect, too.
                self._watcher.cancel()
            MutableHeaders(scope=message)["Server-Timing"] = server_timing.render(self.trace)
            self.count(str(message["status"]))
        await self._send(message)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
