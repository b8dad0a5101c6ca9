"""The client of one origin: a pool of keep-alive connections, for any number of greenlets."""

import ssl
from collections.abc import Callable
from typing import Any

import gevent

from harness.engine._clock import now_us
from harness.engine._http._address import parse_origin
from harness.engine._http._connect import Connector
from harness.engine._http._connection import Connection
from harness.engine._http._exchange import Exchange
from harness.engine._http._failure import Failure, FailureKind
from harness.engine._http._response import OnBody
from harness.engine._http._sweeper import sweeper_of

_LOST_BEFORE_RESPONSE = {FailureKind.RESET, FailureKind.CLOSED}


class HttpClient:
    """Keep-alive connections to one origin, for any number of greenlets of one thread at once.

    Each exchange has a connection of its own: the one that was idle for the shortest time, or a
    new one. There is no limit to them but the process's file descriptors. Redirects, cookies and
    proxies are the caller's. Nothing has to be monkey-patched, and it does no harm.
    """

    def __init__(
        self,
        base_url: str,
        *,
        tls_context: Callable[[], ssl.SSLContext] | None = None,
        max_response_bytes: int = 64 << 20,
        connect_timeout_s: float = 10.0,
    ) -> None:
        """Nothing is connected yet. `tls_context` is called once, for the first TLS connection.

        `max_response_bytes` bounds a body, both as received and decoded. `connect_timeout_s` is
        for each address of the name, TLS handshake included. Raises ValueError for a bad URL.
        """
        origin = parse_origin(base_url)
        self.host_header = origin.host_header
        self.base_path = origin.base_path
        make_context = tls_context or ssl.create_default_context
        self._connector = Connector(origin, make_context, max_response_bytes, connect_timeout_s)
        # A dict is an ordered set: the last in is the first out, and any can be taken out.
        self._idle: dict[Connection, None] = {}
        self._hub: Any = None
        self._sweeper: Any = None
        self._closed = False

    def exchange(
        self,
        request: bytes,
        timeout_s: float,
        on_body: OnBody | None = None,
        idle_timeout_s: float | None = None,
        no_body: bool = False,
        began_us: int | None = None,
    ) -> Exchange:
        """Send a request as it is and read the whole response.

        Never raises for what network or other side do: that is in `failure`. `timeout_s` is for
        all of it, from connecting to the last byte, and is kept to 50 ms. `on_body(data, at_us)`
        gets every piece of the decoded body with the time of its arrival; it runs in the loop and
        must not wait. `idle_timeout_s` bounds the gaps between bytes once a response has begun.
        `no_body` is for HEAD. `began_us` is now, where the caller has just asked. What is thrown into
        the greenlet closes the connection and goes on.

        A request that found an idle connection closed, before any byte of a response, is sent
        once more on a new connection; `reconnects` says so.
        """
        if began_us is None:
            began_us = now_us()
        check_us = deadline_us = began_us + int(timeout_s * 1_000_000)
        idle_timeout_us = 0
        if idle_timeout_s is not None:
            idle_timeout_us = int(idle_timeout_s * 1_000_000)
            check_us = min(deadline_us, began_us + idle_timeout_us)
        reused, reconnects = bool(self._idle), 0
        while True:
            connection = self._idle.popitem()[0] if reused else self._connect(deadline_us)
            if isinstance(connection, Failure):
                return _without_connection(began_us, reconnects, connection)
            if check_us < connection.check_us:
                self._sweeper.arm(connection, check_us)
            at_us = began_us if reused else now_us()
            connection.exchange(request, at_us, deadline_us, on_body, idle_timeout_us, no_body)
            if connection.failure is None or not (reused and _found_closed(connection)):
                break
            reused, reconnects = False, 1
            began_us = connection.sent_us
        if connection.reusable and not self._closed:
            self._idle[connection] = None
        else:
            connection.close()
        return Exchange(
            connection.status,
            connection.head,
            connection.body,
            connection.sent_us if reused else began_us,
            connection.first_byte_us,
            connection.done_us,
            connection.body_bytes,
            reused,
            reconnects,
            connection.failure,
        )

    def close(self) -> None:
        """Close the idle connections now, and each of the others at the end of its exchange."""
        self._closed = True
        for connection in list(self._idle):
            connection.close()

    def _connect(self, deadline_us: int) -> Connection | Failure:
        hub = gevent.get_hub()
        if self._hub is None:
            self._hub = hub
            self._sweeper = sweeper_of(hub)
        elif self._hub is not hub:
            raise RuntimeError("an HttpClient belongs to the thread that used it first")
        return self._connector.connect(hub, deadline_us, self._on_close)

    def _on_close(self, connection: Connection) -> None:
        self._idle.pop(connection, None)
        self._sweeper.forget(connection)


def _found_closed(connection: Connection) -> bool:
    """Did a connection turn out to be gone before one byte of a response?"""
    failure = connection.failure
    return failure is not None and failure.kind in _LOST_BEFORE_RESPONSE


def _without_connection(sent_us: int, reconnects: int, failure: Failure) -> Exchange:
    return Exchange(0, b"", b"", sent_us, None, now_us(), 0, False, reconnects, failure)
