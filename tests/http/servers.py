"""Raw servers on loopback for the client's tests: each connection is a plain thread with a script.

They speak bytes, not HTTP, so that they can break every rule of it.
"""

import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Talk = Callable[[socket.socket], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class RawServer:
    """A listening socket; `talk` gets each accepted connection, which is closed when it returns."""

    def __init__(self, talk: Talk, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=1024)
        self._talk, self._tls = talk, tls
        self._open: set[socket.socket] = set()
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self.called: Counter[str] = Counter()  # by the address that the client called
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if tls else 'http'}://{shown}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop_listening(self) -> None:
        """Refuse further connections; those that are open stay."""
        with _left_by_client():
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        self.stop_listening()
        for sock in list(self._open):
            with _left_by_client():
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            self.called[sock.getsockname()[0]] += 1
            self._open.add(sock)
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock: socket.socket) -> None:
        with _left_by_client(), sock:
            if self._tls is None:
                self._talk(sock)
            else:
                with self._tls.wrap_socket(sock, server_side=True) as wrapped:
                    self._talk(wrapped)
        self._open.discard(sock)


@contextmanager
def serving(talk: Talk, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """A server for the length of a block."""
    server = RawServer(talk, host, tls)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def _left_by_client() -> Iterator[None]:
    try:
        yield
    except OSError:
        return


def read_request(sock: socket.socket) -> bytes:
    """The next request, body included; b"" when the client has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65_536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    left = int(lengths[0].split(b":")[1]) - len(body) if lengths else 0
    pieces = [body]
    while left > 0:
        pieces.append(sock.recv(65_536))
        left -= len(pieces[-1])
    return head + b"\r\n\r\n" + b"".join(pieces)


def answering(*responses: bytes) -> Talk:
    """Answer each request of a connection with the next response, the last one for ever."""

    def talk(sock: socket.socket) -> None:
        left = list(responses)
        while read_request(sock):
            sock.sendall(left.pop(0) if len(left) > 1 else left[0])

    return talk


def once(response: bytes, *, then: Callable[[socket.socket], object] | None = None) -> Talk:
    """Answer one request, do `then`, and close."""

    def talk(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(response)
        if then is not None:
            then(sock)

    return talk


def reset(sock: socket.socket) -> None:
    """Make closing send a reset, as a process that is killed with unread input does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def wait_for_client(sock: socket.socket) -> None:
    """Wait until the client closes its side."""
    while sock.recv(65_536):
        pass
