"""Content codings undone piece by piece, within a limit: gzip and deflate.

No other coding is offered, so a response that uses one is a failure and not handed on as it is.
"""

import zlib

from harness.engine._http._failure import TOO_LARGE, UNDECODABLE, UNKNOWN_ENCODING, Failure

_GZIP_BITS = 16 + zlib.MAX_WBITS


class DecodingError(Exception):
    """The body cannot be decoded; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


def make_decoder(codings: bytes, limit_bytes: int) -> "Decoder | None":
    """A decoder for the value of a Content-Encoding; None where there is nothing to decode."""
    names = [name.strip() for name in codings.lower().split(b",")]
    names = [name for name in names if name not in {b"", b"identity"}]
    return Decoder(names, limit_bytes) if names else None


class Decoder:
    """One compressed body; `limit_bytes` bounds what it may grow to.

    A coding that is not supported, or several in a row, fail with the first byte of a body, so
    that a response without one is as good as any.
    """

    __slots__ = ("_gzip", "_inflater", "_left", "_started", "_supported")

    def __init__(self, codings: list[bytes], limit_bytes: int) -> None:
        self._supported = len(codings) == 1 and codings[0] in {b"gzip", b"x-gzip", b"deflate"}
        self._gzip = codings[0] != b"deflate"
        self._inflater = zlib.decompressobj(_GZIP_BITS if self._gzip else zlib.MAX_WBITS)
        self._left = limit_bytes
        self._started = False

    def feed(self, data: bytes) -> bytes:
        """The next piece, decoded; may be empty. Raises DecodingError."""
        if not self._supported:
            raise DecodingError(UNKNOWN_ENCODING)
        pieces = []
        while data:
            if self._inflater.eof:
                data = self._next_member(data)
                if not data:
                    break
            pieces.append(self._inflate(data))
            data = self._inflater.unused_data
        return b"".join(pieces)

    def end(self) -> None:
        """The body is over. Raises DecodingError where the coding was not; an empty body is fine."""
        if self._started and not self._inflater.eof:
            raise DecodingError(UNDECODABLE)

    def _inflate(self, data: bytes) -> bytes:
        try:
            decoded = self._inflate_first(data) if not self._started else self._step(data)
        except zlib.error as error:
            raise DecodingError(UNDECODABLE) from error
        self._left -= len(decoded)
        if self._left < 0:
            raise DecodingError(TOO_LARGE)
        return decoded

    def _inflate_first(self, data: bytes) -> bytes:
        """Some servers mean raw deflate by `deflate` (RFC 9110, 8.4.1.2): the first byte tells."""
        self._started = True
        if not self._gzip and data[0] & 0x0F != zlib.DEFLATED:
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        return self._step(data)

    def _step(self, data: bytes) -> bytes:
        # One byte more than is allowed is enough to know; the rest would only fill memory.
        return self._inflater.decompress(data, self._left + 1)

    def _next_member(self, data: bytes) -> bytes:
        """gzip may hold several members (RFC 1952, 2.2); zeros behind the last are padding."""
        if not self._gzip:
            raise DecodingError(UNDECODABLE)
        data = data.lstrip(b"\0")
        if data:
            self._inflater = zlib.decompressobj(_GZIP_BITS)
        return data
