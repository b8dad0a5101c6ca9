"""One keep-alive connection: bytes out, bytes in, and the greenlet that waits for them.

The socket is non-blocking and has one persistent watcher on gevent's loop. What arrives is read,
stamped and parsed inside the loop's callback, and the waiting greenlet is switched to once: when
its response is complete, or can no longer be. An exchange thus costs two switches, and epoll is
told of a socket once in its life.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from gevent import getcurrent

from harness.engine._clock import now_us
from harness.engine._http._failure import (
    CLOSED,
    RESET,
    STALLED,
    TIMEOUT,
    TIMEOUT_IN_BODY,
    Failure,
    failure_of_os_error,
)
from harness.engine._http._outbox import outbox_of
from harness.engine._http._response import OnBody, Response
from harness.engine._http._sweeper import NEVER_US

RECEIVE_BYTES = 65_536

_READ, _WRITE = 1, 2


class Connection(Response):
    """A connected socket; `exchange` is for one greenlet at a time, which owns it meanwhile."""

    __slots__ = (
        "_deadline_us",
        "_hub",
        "_idle_timeout_us",
        "_on_close",
        "_outbox",
        "_receive",
        "_request",
        "_send",
        "_socket",
        "_unsent",
        "_waiter",
        "_watcher",
        "_write_failed",
        "_write_watcher",
        "check_us",
        "done_us",
        "open",
        "sent_us",
    )

    def __init__(self, sock: Any, hub: Any, limit_bytes: int, on_close: Callable[[Any], None]) -> None:
        super().__init__(limit_bytes)
        self.open = True
        self.check_us = NEVER_US
        self._socket = sock
        # By descriptor: the socket's own methods look for a timeout first, at 0.3 µs a call.
        self._receive, self._send = partial(os.read, sock.fileno()), partial(os.write, sock.fileno())
        self._hub = hub
        self._on_close = on_close
        self._waiter: Any = None
        self._outbox = outbox_of(hub)
        self._request = b""
        self._unsent: memoryview | None = None
        self._write_failed = False
        self._write_watcher: Any = None
        self.sent_us = 0
        # It must not keep a process alive by itself; the sweeper's timer does while somebody waits.
        self._watcher = hub.loop.io(sock.fileno(), _READ, ref=False)
        self._watcher.start(self._on_readable)

    def exchange(
        self,
        request: bytes,
        at_us: int,
        deadline_us: int,
        on_body: OnBody | None,
        idle_timeout_us: int,
        no_body: bool,
    ) -> None:
        """Send a request and wait until `complete` or `failure` is set; the rest is in attributes.

        `at_us` is now, `sent_us` when it left: it may wait for others of this turn of the loop, and what
        the loop takes for that is added to its deadline. Whatever is thrown into the greenlet
        meanwhile closes the connection and goes on its way, as does what `on_body` raises.
        """
        self.begin(on_body, no_body)
        self._deadline_us = deadline_us
        self._idle_timeout_us = idle_timeout_us
        self._waiter = getcurrent()
        self._request = request
        self.sent_us = at_us
        try:
            self._outbox.add(self)
            while self._waiter is not None:
                self._hub.switch()
        except BaseException:
            self._waiter = None
            self.close()
            raise
        if self.raised is not None:
            raise self.raised

    def close(self) -> None:
        """Close at once, and tell the owner; a greenlet that still waits is not woken."""
        if not self.open:
            return
        self.open = self.reusable = False
        for watcher in (self._watcher, self._write_watcher):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._socket.close()
        # The parser holds this object, and this object the parser: cut here, neither needs the
        # garbage collector.
        del self._parser
        self._on_close(self)

    # What the sweeper asks.

    def due_us(self) -> int:
        if self._waiter is None:
            return NEVER_US
        if self._request:  # it has not left, and its time has not begun
            return self._deadline_us + now_us() - self.sent_us
        if not self._idle_timeout_us:
            return self._deadline_us
        # A model may think for long before its first byte: only gaps inside a response are stalls.
        since_us = now_us() if self.first_byte_us is None else self._at_us
        return min(self._deadline_us, since_us + self._idle_timeout_us)

    def time_out(self, at_us: int) -> None:
        if at_us < self._deadline_us:
            self.failure = STALLED
        else:
            self.failure = TIMEOUT_IN_BODY if self.status else TIMEOUT
        self._give_up(at_us)

    # In the loop's callbacks.

    def _on_readable(self) -> None:
        try:
            data = self._receive(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(failure_of_os_error(error.errno), now_us())
            return
        if data:
            self._take(data, now_us())
        else:
            self._end_of_stream(now_us())

    def _take(self, data: bytes, at_us: int) -> None:
        """Parse what arrived; wake the waiting greenlet if that completes its response."""
        waiter = self._waiter
        if waiter is None:
            self.close()  # nobody asked for these bytes
            return
        self.feed(data, at_us)
        if self.complete:
            if self._unsent is not None or self._write_failed:
                self.reusable = False
            self.done_us = at_us
            self._waiter = None
            waiter.switch()
        elif self.failure is not None or self.raised is not None:
            self._give_up(at_us)

    def _end_of_stream(self, at_us: int) -> None:
        """The other side will send no more, in order."""
        self._lost(RESET if self._write_failed else CLOSED, at_us, in_order=not self._write_failed)

    def _lost(self, failure: Failure, at_us: int, *, in_order: bool = False) -> None:
        if self._waiter is None:
            self.close()
            return
        self.end(failure, in_order=in_order)
        self._give_up(at_us)

    def _give_up(self, at_us: int) -> None:
        """Close, and wake the waiting greenlet: with a failure, or a body that ends so."""
        waiter, self._waiter = self._waiter, None
        self.done_us = at_us
        self.join()
        self.close()
        waiter.switch()

    # Writing.

    def send_now(self) -> None:
        """Begin to write the request, unless its greenlet was killed or the connection lost meanwhile."""
        request, self._request = self._request, b""
        if self._waiter is not None and self.open:
            waited_us = now_us() - self.sent_us
            self.sent_us += waited_us
            self._deadline_us += waited_us
            self._write(request)

    def _write(self, data: bytes) -> None:
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            # The other side may have answered before it closed (413, say): reading will tell.
            self._write_failed = True
            return
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            self._write_later()

    def _write_later(self) -> None:
        if self._write_watcher is None:
            self._write_watcher = self._hub.loop.io(self._socket.fileno(), _WRITE, ref=False)
        self._write_watcher.start(self._on_writable)

    def _on_writable(self) -> None:
        unsent = self._unsent
        try:
            if unsent is not None:
                unsent = unsent[self._send(unsent) :] or None
        except BlockingIOError:
            return
        except OSError:
            self._write_failed, unsent = True, None
        self._unsent = unsent
        if unsent is None:
            self._write_watcher.stop()
