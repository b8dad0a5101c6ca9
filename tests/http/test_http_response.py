"""Responses in pieces: the same bytes give the same result, wherever they are split."""

import gzip
import itertools
import zlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine._http._failure import CLOSED, FailureKind
from harness.engine._http._response import HEAD_BYTES, Response

BODY = b'{"answer": "rest and fluids"}' * 20
GZIPPED = gzip.compress(BODY)


def with_length(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*chunks: bytes, headers: bytes = b"", trailers: bytes = b"") -> bytes:
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = b"HTTP/1.1 200 OK\r\n" + headers + b"Transfer-Encoding: chunked\r\n\r\n"
    return head + framed + b"0\r\n" + trailers + b"\r\n"


@dataclass(frozen=True)
class Result:
    """What can be told of a response."""

    status: int
    body: bytes
    wire_bytes: int
    reusable: bool
    failure: FailureKind | None = None


def read(pieces: list[bytes], *, no_body: bool = False, closes: bool = True) -> Result:
    """Feed the pieces until the response is over, and end the connection if that does not do it."""
    response = Response(limit_bytes=1 << 20)
    response.begin(None, no_body)
    for at_us, piece in enumerate(pieces):
        if response.failure is None and not response.complete:
            response.feed(piece, at_us)
        elif response.complete:
            response.reusable = False  # as a connection does with bytes that nobody asked for
    if not response.complete and response.failure is None and closes:
        response.end(CLOSED, in_order=True)
    response.join()
    assert response.complete == (response.failure is None)
    kind = response.failure.kind if response.failure else None
    return Result(response.status, response.body, response.body_bytes, response.reusable, kind)


COMPLETE = {
    "content-length": (with_length(b"hello"), Result(200, b"hello", 5, True)),
    "empty body": (with_length(b""), Result(200, b"", 0, True)),
    "connection: close": (with_length(b"hello", b"Connection: close"), Result(200, b"hello", 5, False)),
    "chunked": (chunked(b"hel", b"lo"), Result(200, b"hello", 5, True)),
    "chunked, extension and trailer": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
        Result(200, b"hello", 5, True),
    ),
    "until close": (b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello", Result(200, b"hello", 5, False)),
    "until close, empty": (b"HTTP/1.1 200 OK\r\n\r\n", Result(200, b"", 0, False)),
    "until close, other coding": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello",
        Result(200, b"hello", 5, False),
    ),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", Result(200, b"ok", 2, False)),
    "HTTP/1.0 keep-alive": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        Result(200, b"ok", 2, True),
    ),
    "204": (b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n", Result(204, b"", 0, True)),
    "304 with a length": (
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
        Result(304, b"", 0, True),
    ),
    "no reason phrase": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", Result(200, b"ok", 2, True)),
    "100 continue first": (
        b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(b"ok"),
        Result(200, b"ok", 2, True),
    ),
    "103s with headers first": (
        b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" * 2 + with_length(b"ok"),
        Result(200, b"ok", 2, True),
    ),
    "a blank line before it": (b"\r\n" + with_length(b"ok"), Result(200, b"ok", 2, True)),
    "gzip": (
        with_length(GZIPPED, b"Content-Encoding: gzip"),
        Result(200, BODY, len(GZIPPED), True),
    ),
    "GZIP in capitals, chunked": (
        chunked(GZIPPED[:7], GZIPPED[7:], headers=b"CONTENT-ENCODING: GZIP\r\n"),
        Result(200, BODY, len(GZIPPED), True),
    ),
    "gzip of two members and padding": (
        with_length(gzip.compress(b"a") + gzip.compress(b"b") + b"\0\0", b"Content-Encoding: x-gzip"),
        Result(200, b"ab", len(gzip.compress(b"a") + gzip.compress(b"b")) + 2, True),
    ),
    "gzip until close": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + GZIPPED,
        Result(200, BODY, len(GZIPPED), False),
    ),
    "deflate": (
        with_length(zlib.compress(BODY), b"Content-Encoding: deflate"),
        Result(200, BODY, len(zlib.compress(BODY)), True),
    ),
    "deflate, raw": (
        with_length(zlib.compress(BODY, wbits=-15), b"Content-Encoding: deflate"),
        Result(200, BODY, len(zlib.compress(BODY, wbits=-15)), True),
    ),
    "identity": (with_length(b"ok", b"Content-Encoding: identity"), Result(200, b"ok", 2, True)),
    "unknown coding of nothing": (with_length(b"", b"Content-Encoding: br"), Result(200, b"", 0, True)),
}

BROKEN = {
    "nothing": (b"", FailureKind.CLOSED),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-Len", FailureKind.TRUNCATED),
    "half a body": (with_length(b"hello")[:-2], FailureKind.TRUNCATED),
    "half a chunk": (chunked(b"hello")[:-9], FailureKind.TRUNCATED),
    "no last chunk": (chunked(b"hello")[:-5], FailureKind.TRUNCATED),
    "interim response alone": (b"HTTP/1.1 100 Continue\r\n\r\n", FailureKind.TRUNCATED),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", FailureKind.PROTOCOL),
    "an upgrade": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        FailureKind.PROTOCOL,
    ),
    "a chunk size that is none": (chunked(b"hello").replace(b"5\r\n", b"zz\r\n"), FailureKind.PROTOCOL),
    "length and chunks": (
        chunked(b"hello", headers=b"Content-Length: 5\r\n"),
        FailureKind.PROTOCOL,
    ),
    "a header without a colon": (b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", FailureKind.PROTOCOL),
    "broken gzip": (with_length(b"not gzip at all", b"Content-Encoding: gzip"), FailureKind.UNDECODABLE),
    "gzip cut short": (with_length(GZIPPED[:-9], b"Content-Encoding: gzip"), FailureKind.UNDECODABLE),
    "gzip with rubbish behind": (
        with_length(GZIPPED + b"rubbish", b"Content-Encoding: gzip"),
        FailureKind.UNDECODABLE,
    ),
    "deflate with rubbish behind": (
        with_length(zlib.compress(BODY) + b"rubbish", b"Content-Encoding: deflate"),
        FailureKind.UNDECODABLE,
    ),
    "unknown coding": (with_length(b"hello", b"Content-Encoding: br"), FailureKind.UNDECODABLE),
    "two codings": (with_length(GZIPPED, b"Content-Encoding: gzip, gzip"), FailureKind.UNDECODABLE),
    "too large": (with_length(b"x" * ((1 << 20) + 1)), FailureKind.TOO_LARGE),
    "too large by its own word": (with_length(b"x" * (2 << 20))[:70_000], FailureKind.TOO_LARGE),
    "too large when decoded": (
        with_length(gzip.compress(b"x" * (2 << 20)), b"Content-Encoding: gzip"),
        FailureKind.TOO_LARGE,
    ),
    "endless head": (b"HTTP/1.1 200 OK\r\n" + b"X-Filler: x\r\n" * HEAD_BYTES, FailureKind.TOO_LARGE),
    "endless trailer": (chunked(trailers=b"X-Filler: x\r\n" * 700_000), FailureKind.TOO_LARGE),
}


def pieces_of(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize(("data", "expected"), COMPLETE.values(), ids=COMPLETE.keys())
def test_complete_responses_whole_and_byte_by_byte(data: bytes, expected: Result) -> None:
    assert read([data]) == expected
    assert read(pieces_of(data, 1)) == expected


@pytest.mark.parametrize(("data", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_responses_in_pieces_of_any_size(data: bytes, expected: FailureKind) -> None:
    for size in (65_536, 4_099) if len(data) > 65_536 else (65_536, 7, 1):
        assert read(pieces_of(data, size)).failure is expected, size


@given(case=st.sampled_from(list(COMPLETE)), cuts=st.lists(st.integers(0, 800), max_size=12))
def test_any_split_gives_the_same_result(case: str, cuts: list[int]) -> None:
    data, expected = COMPLETE[case]
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(edges) if end > start]
    assert read(pieces) == expected


@given(junk=st.binary(min_size=1, max_size=400))
def test_no_bytes_whatever_raise(junk: bytes) -> None:
    read([junk])
    read([with_length(b"ok", b"Content-Encoding: gzip") + junk])


@pytest.mark.parametrize("surplus", [b"H", b"HTTP/1.1 200 OK\r\n\r\n", b"rubbish"])
def test_bytes_behind_a_response_spoil_the_connection(surplus: bytes) -> None:
    assert read([with_length(b"ok") + surplus]) == Result(200, b"ok", 2, False)


@pytest.mark.parametrize(
    ("data", "reusable"),
    {
        "length of the body that GET would have": (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", True),
        "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        "gzip": (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n", True),
        "no length": (b"HTTP/1.1 200 OK\r\n\r\n", False),
        "a body all the same": (with_length(b"hello"), False),
    }.values(),
)
def test_head_has_no_body(data: bytes, reusable: bool) -> None:
    assert read([data], no_body=True) == Result(200, b"", 0, reusable)


def test_one_object_reads_one_response_after_another() -> None:
    response = Response(limit_bytes=1 << 20)
    answers = [with_length(b"one"), chunked(b"tw", b"o"), with_length(GZIPPED, b"Content-Encoding: gzip")]
    bodies = []
    for data in answers:
        response.begin(None, False)
        response.feed(data[:30], 1)
        response.feed(data[30:], 2)
        assert response.complete
        assert response.reusable
        bodies.append((response.body, response.first_byte_us))
    assert bodies == [(b"one", 1), (b"two", 1), (BODY, 1)]


def test_the_first_byte_is_that_of_the_response_proper() -> None:
    response = Response(limit_bytes=1 << 20)
    response.begin(None, False)
    response.feed(b"HTTP/1.1 100 Continue\r\n\r\n", 10)
    response.feed(with_length(b"ok")[:5], 20)
    response.feed(with_length(b"ok")[5:], 30)
    assert (response.first_byte_us, response.complete) == (20, True)


def test_streamed_pieces_are_decoded_and_stamped() -> None:
    response = Response(limit_bytes=1 << 20)
    got: list[tuple[bytes, int]] = []
    response.begin(lambda data, at_us: got.append((data, at_us)), False)
    packer = zlib.compressobj(wbits=31)
    first = packer.compress(b"one") + packer.flush(zlib.Z_SYNC_FLUSH)
    last = packer.compress(b"two") + packer.flush()
    whole = chunked(first, last, headers=b"Content-Encoding: gzip\r\n")
    cut = whole.index(first) + len(first)
    response.feed(whole[:cut], 1)
    response.feed(whole[cut:], 2)
    assert got == [(b"one", 1), (b"two", 2)]
    assert (response.complete, response.body, response.body_bytes) == (True, b"", len(first + last))


def test_what_on_body_raises_is_kept_for_the_caller() -> None:
    response = Response(limit_bytes=1 << 20)

    def careless(data: bytes, at_us: int) -> None:
        raise KeyError("no such key")

    response.begin(careless, False)
    response.feed(with_length(b"hello"), 1)
    assert isinstance(response.raised, KeyError)
    assert not response.complete
