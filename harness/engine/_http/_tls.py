"""TLS over the same non-blocking socket: the bytes pass through memory, by `ssl.MemoryBIO`.

So a connection with TLS reads, stamps and parses as one without, and it does not matter whose
`ssl` a monkey-patched process uses.
"""

import ssl
from collections.abc import Callable
from typing import Any

from harness.engine._http._connection import RECEIVE_BYTES, Connection
from harness.engine._http._failure import failure_of_tls_error


class Tunnel:
    """Both directions of one TLS session, without a socket."""

    __slots__ = ("_incoming", "_outgoing", "_session")

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def handshake(self) -> bool:
        """Go on with the handshake; is it done? Raises OSError of `ssl` when it cannot be."""
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def receive(self, data: bytes) -> None:
        """Bytes from the other side; none says that it closed the connection."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def to_send(self) -> bytes:
        """Bytes for the other side, possibly none."""
        return self._outgoing.read()

    def encrypt(self, data: bytes) -> bytes:
        rest = memoryview(data)
        while rest:
            rest = rest[self._session.write(rest) :]
        return self._outgoing.read()

    def decrypt(self) -> tuple[bytes, bool]:
        """What can be read by now, and whether the other side has ended the session.

        Raises OSError of `ssl` for what is not TLS.
        """
        pieces = []
        try:
            while piece := self._session.read(RECEIVE_BYTES):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            return b"".join(pieces), False
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass  # many servers close without saying so in TLS
        return b"".join(pieces), True


class TlsConnection(Connection):
    """A connection whose bytes pass through a `Tunnel` that has shaken hands."""

    __slots__ = ("_tunnel",)

    def __init__(
        self, sock: Any, hub: Any, limit_bytes: int, on_close: Callable[[Any], None], tunnel: Tunnel
    ) -> None:
        super().__init__(sock, hub, limit_bytes, on_close)
        self._tunnel = tunnel

    def _write(self, data: bytes) -> None:
        super()._write(self._tunnel.encrypt(data))

    def _take(self, data: bytes, at_us: int) -> None:
        self._tunnel.receive(data)
        try:
            plain, ended = self._tunnel.decrypt()
        except OSError as error:
            self._lost(failure_of_tls_error(error), at_us)
            return
        self._answer()
        if plain:
            super()._take(plain, at_us)
        # A session ticket alone is no reason to close, nor to wake anybody.
        if ended and self.open:
            self._end_of_stream(at_us)

    def _answer(self) -> None:
        """Send what TLS itself has to say, such as the answer to a key update."""
        if self._unsent is None and (more := self._tunnel.to_send()):
            super()._write(more)
