"""What came of one request: response or failure, stamps, sizes."""

from dataclasses import dataclass

from harness.engine._http._failure import Failure


@dataclass(slots=True)
class Exchange:
    """One request and what was received for it; times are UTC microseconds of the engine's clock.

    `status` is 0 where no response head came. `head` is the response's head as received, status
    line first; most of what is in it nobody asks for, so it is split only when somebody does.
    `body` is decoded (gzip, deflate), and empty where `on_body` took it; after a failure it holds
    what had arrived. `sent_us` is taken before connecting, or right before writing where a connection
    was there; `first_byte_us` and `done_us` when the bytes were received, before they were parsed;
    after a failure `done_us` is when it was noticed.
    `response_bytes` counts body bytes as received, without chunk framing.
    """

    status: int
    head: bytes
    body: bytes
    sent_us: int
    first_byte_us: int | None
    done_us: int
    response_bytes: int
    connection_reused: bool
    reconnects: int
    failure: Failure | None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """All headers as received, names in lower case; split anew with each call."""
        return split_head(self.head)

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, `name` in lower case; None where it was not sent."""
        return find_header(self.head, name)


def split_head(head: bytes) -> list[tuple[bytes, bytes]]:
    """Names in lower case and values of a head that a strict parser has accepted.

    >>> split_head(b"HTTP/1.1 200 OK\\r\\nServer: x\\r\\nEmpty:")
    [(b'server', b'x'), (b'empty', b'')]
    """
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return [(name.lower(), value.strip(b" \t")) for name, _, value in pairs]


def find_header(head: bytes, name: bytes) -> bytes | None:
    """The first value of one header, without splitting the rest.

    >>> find_header(b"HTTP/1.1 200 OK\\r\\nServer: x\\r\\nRetry-After: 3", b"retry-after")
    b'3'
    """
    mark = b"\r\n%s:" % name
    start = head.lower().find(mark)
    if start < 0:
        return None
    start += len(mark)
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip(b" \t")
