"""The client of a `ServiceUser`: sends, checks, and keeps the record of every request.

One session serves any number of greenlets at once. What it measures: `sent` when it begins to
send (connecting included), `done` when the last byte was read, both stamped next to the socket,
so that neither checks nor other greenlets' work are in the figures.
"""

import base64
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode, urljoin

from gevent import getcurrent

from harness.engine._bodies import encode_body
from harness.engine._clock import now_us
from harness.engine._exchange_outcome import OK, Judged, RedirectError, ending_of
from harness.engine._http import Exchange, SseReader, serialise
from harness.engine._listener import RECORDED
from harness.engine._outcome import Answer
from harness.engine._outgoing import Connect, Outgoing, Route, origin_of
from harness.engine._recorder import Recorder, Request, Response
from harness.engine._reply import CaughtReply, Reply, RequestError
from harness.engine._server_timing import Span, parse_server_timing
from harness.engine._stats_feed import StatsFeed
from harness.engine._trace import traced

logger = logging.getLogger(__name__)

Check = Callable[[Any], Answer]

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

#: timeout_s, on_body, idle_timeout_s of `HttpClient.exchange`
_Limits = tuple[float, Callable[[bytes, int], None] | None, float | None]
#: content type, headers and body of a request
_Content = tuple[str | None, Mapping[str, str] | None, bytes | None]


class ServiceSession:
    """`self.client`: `get`, `post`, `put`, `patch`, `delete`, `head`, `options`, `request`.

    `requests` counts what was sent. Of `base_url`, `own_headers` and `connect`, see `Outgoing`.
    """

    def __init__(
        self,
        user: Any,
        base_url: str,
        *,
        connect: Connect,
        own_headers: Mapping[str, str],
        recorder: Recorder,
        feed: StatsFeed,
    ) -> None:
        self.user = user
        self.outgoing = Outgoing(base_url, own_headers, connect)
        self.base_url = self.outgoing.base_url
        self.request_name: str | None = None
        self.requests = 0
        self._recorder = recorder
        self._feed = feed
        self._user_class = type(user).__name__
        self._timeout_s = float(user.request_timeout_s)
        self._traces = bool(getattr(user, "trace", False))
        self._response = Response(OK, None)  # filled anew for each row: the recorder keeps nothing of it
        # Methods with **options of their own would cost twice what this does, at every request.
        self.get = partial(self.request, "GET")
        self.post = partial(self.request, "POST")
        self.put = partial(self.request, "PUT")
        self.patch = partial(self.request, "PATCH")
        self.delete = partial(self.request, "DELETE")
        self.head = partial(self.request, "HEAD")
        self.options = partial(self.request, "OPTIONS")

    def request(  # noqa: PLR0913 - one keyword for each thing a task may say, as with Locust's clients
        self,
        method: str,
        url: str,
        *,
        name: str | None = None,
        category: str | None = None,
        case_id: str | None = None,
        check: Check | None = None,
        catch_response: bool = False,
        json: Any = None,
        data: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout_s: float | None = None,
        idle_timeout_s: float | None = None,
        events: SseReader | None = None,
        allow_redirects: bool = True,
        context: dict[str, Any] | None = None,
    ) -> Any:
        """Send one request, wait for the whole answer, write its row; returns a `Reply`.

        `category` and `case_id` label the row. `check` reads a good response (2xx) into an
        `Answer`; with `catch_response=True` the task judges instead, in a with-block. `events`
        reads server-sent events as they arrive. `timeout_s` bounds the whole request,
        `idle_timeout_s` the silence between two pieces of the answer. Never raises for what the
        network or the service did: that is in the reply, and in the record.
        """
        body, content_type = (None, None) if json is data is None else encode_body(json, data)
        if params:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(params, doseq=True)}"
        if auth is not None:
            headers = _with_auth(headers or {}, auth)
        route = self.outgoing.route(method, url, content_type, headers)
        request = Request(method, name or self.request_name or url, self._user_class, category, case_id)
        if body is not None:
            request.request_bytes = len(body)
        limits = (timeout_s or self._timeout_s, None if events is None else events.feed, idle_timeout_s)
        exchange = self._send(request, route, body, limits)
        if exchange.status in _REDIRECTS and allow_redirects:
            exchange = self._follow(request, exchange, url, (content_type, headers, body), limits)
        if catch_response:
            self._recorder.settled(request)  # what the task does in its block is not time in flight
            report = partial(self._report, request, exchange, events=events, context=context)
            return CaughtReply(exchange, url, report)
        reply = Reply(exchange, url)
        judged, answer = None, None
        if exchange.status in _REDIRECTS and allow_redirects:
            judged = RedirectError(f"HTTP {exchange.status} to another address")
        elif check is not None and exchange.failure is None and 200 <= exchange.status < 300:
            answer = _run_check(check, reply)
        self._report(request, exchange, reply, judged, answer=answer, events=events, context=context)
        return reply

    @contextmanager
    def rename_request(self, name: str) -> Iterator[None]:
        """All requests within the block are recorded under `name`, as in Locust."""
        before, self.request_name = self.request_name, name
        try:
            yield
        finally:
            self.request_name = before

    def close(self) -> None:
        """Close the connections: the user will send no more."""
        self.outgoing.close()

    # --- sending ---------------------------------------------------------------------------

    def _send(self, request: Request, route: Route, body: bytes | None, limits: _Limits) -> Exchange:
        """Exchange while the request counts as in flight, and stamp it.

        Response time counts from the intended start: in an open loop the arrival's, else the
        moment of sending.
        """
        greenlet: Any = getcurrent()
        intended_us: int = getattr(greenlet, "intended_us", 0)
        request.sent_us = now_us()
        request.intended_us = intended_us or request.sent_us
        if intended_us:
            greenlet.intended_us = 0  # only an arrival's first request was due then
        self.requests += 1
        self._recorder.sent(request)
        client, head, bodiless = route
        if self._traces or self._recorder.ticket.traced:
            head, request.trace_id = traced(head, request.trace_id)
            bodiless = serialise(head, None)
        timeout_s, on_body, idle_timeout_s = limits
        try:
            exchange = client.exchange(
                bodiless if body is None else serialise(head, body),
                timeout_s,
                on_body,
                idle_timeout_s,
                request.method == "HEAD",
                request.sent_us,
            )
        except Exception:
            self._recorder.settled(request)  # what reads the events has a bug: Locust reports it
            raise
        except BaseException:
            self._recorder.abandon(request)  # the greenlet is killed: nobody waits for the answer
            raise
        request.sent_us = exchange.sent_us
        if not intended_us:
            request.intended_us = exchange.sent_us
        return exchange

    def _follow(
        self, request: Request, exchange: Exchange, url: str, content: _Content, limits: _Limits
    ) -> Exchange:
        """Follow redirects within the origin, as part of the same request; others stay an answer."""
        sent_us, intended_us = request.sent_us, request.intended_us
        method, (content_type, headers, body) = request.method, content
        url = self.outgoing.whole(url)
        for _ in range(MAX_REDIRECTS):
            location = exchange.header(b"location")
            if location is None or exchange.status not in _REDIRECTS:
                break
            there = urljoin(url, location.decode("latin-1"))
            if origin_of(there) != origin_of(url):
                break
            url = there
            self._take_cookies(exchange)
            if exchange.status in {301, 302, 303} and method != "HEAD":
                method, content_type, body = "GET", None, None
            exchange = self._send(
                request, self.outgoing.route(method, url, content_type, headers), body, limits
            )
        request.sent_us, request.intended_us = sent_us, intended_us
        return exchange

    # --- what is kept ----------------------------------------------------------------------

    def _report(
        self,
        request: Request,
        exchange: Exchange,
        reply: Reply,
        judged: Judged,
        *,
        answer: Answer | None = None,
        events: SseReader | None = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        """Write the row of a request, and tell Locust's statistics or whoever listens."""
        ending = OK
        if judged or answer or events or exchange.failure or exchange.status >= 400:
            ending = ending_of(exchange, answer, judged, events)
        head = exchange.head.lower()
        spans: Sequence[Span] = ()
        # Not `in`: for bytes it raises and drops a TypeError first, and takes 1 µs.
        if head.find(b"\r\nserver-timing:") >= 0:
            spans = parse_server_timing(reply.headers["server-timing"])
        if head.find(b"\r\nset-cookie:") >= 0:
            self._take_cookies(exchange)
        response = self._response
        response.ending = ending
        response.done_us = exchange.done_us
        response.status = exchange.status or None
        response.response_bytes = exchange.response_bytes
        response.spans = spans
        response.answer = answer
        response.first_byte_us = exchange.first_byte_us
        response.first_token_us = None if events is None else events.first_content_us
        response.last_token_us = None if events is None else events.last_content_us
        recording = self._recorder.active
        self._recorder.record(request, response)
        response_time_ms = (exchange.done_us - request.intended_us) / 1000
        error = None if ending is OK else self._recorder.text_of(ending)
        if recording and not self._feed.wanted_per_request:
            self._feed.note(
                request.method,
                request.name,
                response_time_ms,
                exchange.response_bytes,
                exchange.done_us,
                error,
            )
        else:
            self._fire(request, exchange, reply, response_time_ms, error, context)

    def _fire(
        self,
        request: Request,
        exchange: Exchange,
        reply: Reply,
        response_time_ms: float,
        error: str | None,
        context: dict[str, Any] | None,
    ) -> None:
        """Locust's own event, for its statistics and for every other listener."""
        self.user.environment.events.request.fire(
            request_type=request.method,
            name=request.name,
            response_time=response_time_ms,
            response_length=exchange.response_bytes,
            response=reply,
            context={**self.user.context(), **(context or {}), RECORDED: True},
            exception=None if error is None else RequestError(error),
            start_time=request.intended_us / 1e6,
            url=reply.url,
        )

    def _take_cookies(self, exchange: Exchange) -> None:
        for name, value in exchange.headers:
            if name == b"set-cookie":
                self.outgoing.cookies.take(value.decode("latin-1"))


def _with_auth(headers: Mapping[str, str], auth: tuple[str, str]) -> Mapping[str, str]:
    token = base64.b64encode(":".join(auth).encode()).decode()
    return {"Authorization": f"Basic {token}", **headers}


def _run_check(check: Check, reply: Reply) -> Answer:
    """A check that raises is a bug in the locustfile: the request fails, and the log says where."""
    try:
        return check(reply)
    except Exception as error:
        logger.exception("the answer check %s raised", getattr(check, "__name__", check))
        return Answer(reason=f"check raised {type(error).__name__}")
