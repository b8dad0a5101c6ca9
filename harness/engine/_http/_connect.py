"""New connections: each address in turn, then the TLS handshake, all within a deadline."""

import errno
import socket
import ssl
from collections.abc import Callable
from typing import Any

import gevent
from gevent import monkey

from harness.engine._clock import now_us
from harness.engine._http._address import Address, Origin, Resolver
from harness.engine._http._connection import Connection
from harness.engine._http._failure import (
    REFUSED,
    TIMEOUT_CONNECTING,
    TLS_CLOSED,
    UNREACHABLE,
    Failure,
    FailureKind,
    failure_of_os_error,
    failure_of_tls_error,
)
from harness.engine._http._tls import TlsConnection, Tunnel

_READ, _WRITE = 1, 2
# Locust's monkey patching puts gevent's sockets in place of these; the client waits by itself.
_SOCKET = monkey.get_original("socket", "socket")


class _FailedError(Exception):
    """Carries a failure out of the steps of connecting; it never leaves this module."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


class Connector:
    """Opens connections to one origin."""

    def __init__(
        self,
        origin: Origin,
        tls_context: Callable[[], ssl.SSLContext],
        limit_bytes: int,
        connect_timeout_s: float,
    ) -> None:
        self._origin = origin
        self._make_context = tls_context
        self._context: ssl.SSLContext | None = None
        self._limit_bytes = limit_bytes
        self._connect_timeout_s = connect_timeout_s
        self._resolver = Resolver(origin.host, origin.port)

    def connect(self, hub: Any, deadline_us: int, on_close: Callable[[Any], None]) -> Connection | Failure:
        """A connection to the first address that takes one; the most telling failure otherwise.

        What is thrown into the greenlet meanwhile closes the socket and goes on its way.
        """
        addresses = self._resolver.addresses(hub, _left_s(deadline_us))
        if isinstance(addresses, Failure):
            return addresses
        failure = UNREACHABLE
        for address in addresses:
            seconds = min(self._connect_timeout_s, _left_s(deadline_us))
            if seconds <= 0:
                return TIMEOUT_CONNECTING
            try:
                return self._connect_to(address, hub, seconds, on_close)
            except _FailedError as error:
                if error.failure.kind is FailureKind.NO_SOCKET:
                    return error.failure
                self._resolver.avoid(address)
                if failure is UNREACHABLE:
                    failure = error.failure
        return failure

    def _connect_to(
        self, address: Address, hub: Any, seconds: float, on_close: Callable[[Any], None]
    ) -> Connection:
        family, place = address
        try:
            sock = _SOCKET(family, socket.SOCK_STREAM)
        except OSError as error:
            raise _FailedError(failure_of_os_error(error.errno)) from error
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tunnel = self._tunnel()
            # False: its own end only leaves the block; anybody else's Timeout goes on.
            with gevent.Timeout(seconds, False):
                _dial(sock, place, hub)
                if tunnel is None:
                    return Connection(sock, hub, self._limit_bytes, on_close)
                _shake_hands(sock, tunnel, hub)
                return TlsConnection(sock, hub, self._limit_bytes, on_close, tunnel)
            raise _FailedError(TIMEOUT_CONNECTING)
        except BaseException:
            sock.close()
            raise

    def _tunnel(self) -> Tunnel | None:
        if not self._origin.tls:
            return None
        if self._context is None:
            self._context = self._make_context()
        return Tunnel(self._context, self._origin.host)


def _left_s(deadline_us: int) -> float:
    return max(0.0, (deadline_us - now_us()) / 1e6)


def _dial(sock: Any, place: Any, hub: Any) -> None:
    number = sock.connect_ex(place)
    if number == errno.EINPROGRESS:
        _wait(sock, _WRITE, hub)
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise _FailedError(failure_of_os_error(number))
    # Where nobody listens on a port that the system hands out, TCP may connect a socket to itself.
    if sock.getsockname() == place:
        raise _FailedError(REFUSED)


def _shake_hands(sock: Any, tunnel: Tunnel, hub: Any) -> None:
    try:
        while not tunnel.handshake():
            _send_all(sock, tunnel.to_send(), hub)
            _wait(sock, _READ, hub)
            tunnel.receive(sock.recv(65_536))
        _send_all(sock, tunnel.to_send(), hub)
    except ssl.SSLError as error:
        _say_why(sock, tunnel)
        raise _FailedError(failure_of_tls_error(error)) from error
    except OSError as error:
        raise _FailedError(TLS_CLOSED) from error


def _say_why(sock: Any, tunnel: Tunnel) -> None:
    """The alert, so that the other side knows why; it may be gone already."""
    try:
        sock.send(tunnel.to_send())
    except OSError:
        return


def _send_all(sock: Any, data: bytes, hub: Any) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[sock.send(rest) :]
        except BlockingIOError:
            _wait(sock, _WRITE, hub)


def _wait(sock: Any, event: int, hub: Any) -> None:
    watcher = hub.loop.io(sock.fileno(), event)
    try:
        hub.wait(watcher)
    finally:
        watcher.close()
