"""Requests as bytes, serialised once and sent as often as one likes."""

import re
from collections.abc import Mapping

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"[!-~]+")
_NO_CONTROL = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_BODILESS = ("GET ", "HEAD ", "OPTIONS ", "TRACE ", "DELETE ", "CONNECT ")


def request_head(method: str, target: str, host_header: bytes, headers: Mapping[str, str]) -> bytes:
    """The head of a request up to, and without, Content-Length and the blank line.

    `target` is what follows the method: a path with its query, percent-encoded. A `Host` in
    `headers` replaces `host_header`; Content-Length is left out, for `serialise` to set. Raises
    ValueError for anything that would end a line early or is not ASCII where it must be.

    >>> request_head("GET", "/cases?n=1", b"localhost:8000", {"Accept": "*/*"})
    b'GET /cases?n=1 HTTP/1.1\\r\\nHost: localhost:8000\\r\\nAccept: */*\\r\\n'
    """
    if not _TOKEN.fullmatch(method):
        raise ValueError("the method is not an HTTP token")
    if not _TARGET.fullmatch(target):
        raise ValueError("the target holds a space, a line break or a letter beyond ASCII: percent-encode it")
    own_host = any(name.lower() == "host" for name in headers)
    lines = [f"{method} {target} HTTP/1.1".encode()]
    if not own_host:
        lines.append(b"Host: " + host_header)
    lines += [_header(name, value) for name, value in headers.items() if name.lower() != "content-length"]
    return b"\r\n".join(lines) + b"\r\n"


def serialise(head: bytes, body: bytes | None) -> bytes:
    """A whole request from its head and body; None sends none, and no length either.

    A method that usually carries a body says Content-Length: 0 without one (RFC 9110, 8.6).

    >>> serialise(b"POST / HTTP/1.1\\r\\nHost: x\\r\\n", b"{}")
    b'POST / HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n\\r\\n{}'
    """
    if body:
        return b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)
    if body is None and head.startswith(_BODILESS_BYTES):
        return head + b"\r\n"
    return head + b"Content-Length: 0\r\n\r\n"


_BODILESS_BYTES = tuple(method.encode() for method in _BODILESS)


def _header(name: str, value: str) -> bytes:
    if not _TOKEN.fullmatch(name):
        raise ValueError("a header's name is not an HTTP token")
    if not _NO_CONTROL.fullmatch(value):
        raise ValueError(f"the header {name} holds a line break or a control character")
    try:
        return f"{name}: {value}".encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(f"the header {name} holds a letter beyond Latin-1") from error
