"""Responses as they arrive in pieces: bytes in, a state that can be asked at any time out.

It knows HTTP/1 (by llhttp) and content codings, and neither sockets nor greenlets. One is made
per connection; `begin` starts it on the next response.
"""

from collections.abc import Callable

from httptools import HttpParserError, HttpResponseParser

from harness.engine._http._decoding import Decoder, DecodingError, make_decoder
from harness.engine._http._exchange import find_header
from harness.engine._http._failure import (
    BAD_BODY,
    HEAD_TOO_LARGE,
    NOT_HTTP,
    TOO_LARGE,
    TRUNCATED,
    TRUNCATED_HEAD,
    UPGRADE,
    Failure,
)

OnBody = Callable[[bytes, int], None]

HEAD_BYTES = 262_144
#: Chunk framing may be this many times as large as the body before a response is called too large.
FRAMING = 8

_END_OF_HEAD = b"\r\n\r\n"
_FIRST_BYTE = ord("H")


class _Stop(Exception):  # noqa: N818  (it is no error: it ends the parser's work)
    """Raised inside a parser callback once the rest of the input is of no interest."""


class Response:
    """One response after another on a connection, each between `begin` and `complete` or `failure`.

    `reusable` says whether the connection may carry another exchange after a complete response;
    after a failure it may not, nor may this object. `raised` is what `on_body` raised: the
    caller's own bug, to be raised where it waits.

    The parser is not asked for headers: that would be one call per header of every response.
    The head's bytes are kept, and searched for the one header that matters here.
    """

    __slots__ = (
        "_at_us",
        "_data",
        "_decoder",
        "_earlier",
        "_interim",
        "_limit_bytes",
        "_more",
        "_no_body",
        "_on_body",
        "_parser",
        "body",
        "body_bytes",
        "complete",
        "failure",
        "first_byte_us",
        "head",
        "raised",
        "received",
        "reusable",
        "status",
    )

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._at_us = 0
        self._data = b""
        self._parser = HttpResponseParser(self)
        self._decoder: Decoder | None = None
        self.reusable = False
        self.failure: Failure | None = None
        self.raised: BaseException | None = None
        self.begin(None, False)

    def begin(self, on_body: OnBody | None, no_body: bool) -> None:
        """Expect a new response; `no_body` for one to HEAD, whose length tells of no bytes."""
        self._on_body = on_body
        self._no_body = no_body
        self._earlier: list[bytes] | None = None
        self.status = self.body_bytes = self.received = self._interim = 0
        self.head = self.body = b""
        self._more: list[bytes] | None = None
        self.complete = False
        self.first_byte_us: int | None = None

    def feed(self, data: bytes, at_us: int) -> None:
        """Take bytes that were received at `at_us`."""
        self._at_us = at_us
        self._data = data
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self._stopped()
        if not self.complete:
            self._go_on()

    def end(self, lost: Failure, *, in_order: bool) -> None:
        """No more bytes will come: that completes some responses and cuts the others.

        `lost` is the failure where no byte of a response came. Only a connection that ended in
        order can complete one.
        """
        if in_order and self._until_close():
            self._complete()
        elif self.status:
            self.failure = TRUNCATED
        else:
            self.failure = TRUNCATED_HEAD if self.received else lost

    def _stopped(self) -> None:
        """The parser will take no more: by our own wish, or because this is not HTTP."""
        if self._no_body and self.complete and self._data.endswith(_END_OF_HEAD):
            self._parser = HttpResponseParser(self)
        elif self.complete:
            self.reusable = False  # there are bytes behind the response
        elif self.failure is None and self.raised is None:
            self.failure = BAD_BODY if self.status else NOT_HTTP

    def _go_on(self) -> None:
        """Keep a head that is not whole yet, and heads and framing from filling memory.

        The body is bounded as it comes.
        """
        self.received += len(self._data)
        if self.failure is not None:
            return
        if self.status:
            if self.received > HEAD_BYTES + FRAMING * self._limit_bytes:
                self.failure = TOO_LARGE
        elif self.received > HEAD_BYTES:
            self.failure = HEAD_TOO_LARGE
        elif self._earlier is None:
            self._earlier = [self._data]
        else:
            self._earlier.append(self._data)

    def _until_close(self) -> bool:
        """Has the head arrived, and does it leave the body's length to the connection's end?"""
        if not self.status:
            return False
        codings = find_header(self.head, b"transfer-encoding")
        if codings is not None:
            return not codings.lower().endswith(b"chunked")
        return find_header(self.head, b"content-length") is None

    # What the parser calls. An exception in here ends feed_data with an HttpParserError.

    def on_message_begin(self) -> None:
        if self.complete:
            raise _Stop
        self.first_byte_us = self._at_us

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self._on_interim_head()
            return
        head = self._data if self._earlier is None else b"".join((*self._earlier, self._data))
        if self._interim:
            head = head.split(_END_OF_HEAD, self._interim)[-1]
        if head[0] != _FIRST_BYTE:
            head = head.lstrip(b"\r\n")  # which the parser skips before a status line, and only there
        self.head = head = head[: head.find(_END_OF_HEAD)]
        # Not `in`: for bytes it raises and drops a TypeError first, and takes 1 µs.
        if head.lower().find(b"\r\ncontent-encoding:") >= 0:
            self._decoder = make_decoder(find_header(head, b"content-encoding") or b"", self._limit_bytes)
        if self._no_body:
            self._decoder = None
            self.complete = True
            self.reusable = self._parser.should_keep_alive()
            raise _Stop

    def on_body(self, data: bytes) -> None:
        self.body_bytes += len(data)
        if self.body_bytes > self._limit_bytes:
            self.failure = TOO_LARGE
            raise _Stop
        plain = self._decoder is None and self._on_body is None
        if plain and not self.body:
            self.body = data  # as `_keep`, for most bodies come in one piece
        elif plain:
            self._keep(data)
        else:
            self._hand_over(data)

    def on_message_complete(self) -> None:
        if self.status >= 200:
            self.reusable = self._parser.should_keep_alive()
            if self._decoder is None and self._more is None:
                self.complete = True
            else:
                self._complete()
        else:  # 1xx: the response proper is still to come
            self._interim += 1
            self.status = 0

    def _on_interim_head(self) -> None:
        if self.status == 101:
            self.failure = UPGRADE
            raise _Stop

    def _complete(self) -> None:
        if self._decoder is not None:
            decoder, self._decoder = self._decoder, None
            try:
                decoder.end()
            except DecodingError as error:
                self.failure = error.failure
                return
        if self._more is not None:
            self.join()
        self.complete = True

    def join(self) -> None:
        """Put the pieces of a body together; needed only after a failure, to see what had come."""
        if self._more is not None:
            self.body = b"".join((self.body, *self._more))
            self._more = None

    def _keep(self, data: bytes) -> None:
        if not self.body:
            self.body = data
        elif self._more is None:
            if int(find_header(self.head, b"content-length") or 0) > self._limit_bytes:
                self.failure = TOO_LARGE  # by its own word: none of it need be read
                raise _Stop
            self._more = [data]
        else:
            self._more.append(data)

    def _hand_over(self, data: bytes) -> None:
        try:
            if self._decoder is not None:
                data = self._decoder.feed(data)
            if self._on_body is None:
                self._keep(data)
            elif data:
                self._on_body(data, self._at_us)
        except DecodingError as error:
            self.failure = error.failure
            raise _Stop from error
        except BaseException as error:
            self.raised = error
            raise _Stop from error
