"""Server-sent events: what came when, wherever the bytes are split."""

import itertools
import json
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine._http import FailureKind, SseReader
from tests.http.conftest import MakeClient, get
from tests.http.servers import read_request, serving, wait_for_client


def chunk(content: str | None, *, role: str | None = None, finish: str | None = None) -> str:
    delta = {key: value for key, value in (("role", role), ("content", content)) if value is not None}
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


CHAT = [chunk("", role="assistant"), chunk("Rest"), chunk(" and fluids, ☕"), chunk(None, finish="stop")]
WITH_DONE = "".join(f"data: {data}\n\n" for data in CHAT) + "data: [DONE]\n\n"


def read(stream: bytes, cuts: list[int], *, is_content: bool = False) -> SseReader:
    """All of a stream, split at the cuts, each piece stamped with its number."""
    reader = SseReader(bool, keep=True) if is_content else SseReader(keep=True)
    edges = [0, *cuts, len(stream)]
    for at_us, (start, end) in enumerate(itertools.pairwise(edges)):
        reader.feed(stream[start:end], at_us)
    return reader


STREAMS: dict[str, tuple[str, list[str]]] = {
    "line feeds": ("data: a\n\ndata: b\n\n", ["a", "b"]),
    "CRLF": ("data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
    "carriage returns": ("data: a\r\rdata: b\r\r", ["a", "b"]),
    "mixed": ("data: a\r\n\ndata: b\n\r\n", ["a", "b"]),
    "several lines": ("data: a\ndata:\ndata: b\n\n", ["a\n\nb"]),
    "no space, two spaces": ("data:a\n\ndata:  b\n\n", ["a", " b"]),
    "comments": (": ping\n\ndata: a\n: inside\n\n:\n\n", ["a"]),
    "other fields": ("event: token\nid: 7\nretry: 10\ndata: a\n\nevent: none\n\n", ["a"]),
    "a field that only begins so": ("database: a\n\ndata: b\n\n", ["b"]),
    "without a colon": ("data\n\ndata\ndata\n\n", ["", "\n"]),
    "byte order mark": ("\ufeffdata: a\n\n", ["a"]),
    "beyond ASCII": ("data: ☕ é\n\n", ["☕ é"]),
    "the last event unfinished": ("data: a\n\ndata: b\n", ["a"]),
    "blank lines": ("\n\n\ndata: a\n\n\n\n", ["a"]),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("stream", "expected"), STREAMS.values(), ids=STREAMS.keys())
def test_events_split_at_every_byte(stream: str, expected: list[str]) -> None:
    data = stream.encode()
    assert read(data, []).data == expected
    assert read(data, list(range(1, len(data)))).data == expected
    for cut in range(len(data)):
        assert read(data, [cut]).data == expected, cut


@given(name=st.sampled_from(list(STREAMS)), cuts=st.lists(st.integers(0, 60), max_size=8))
def test_any_split_gives_the_same_events(name: str, cuts: list[int]) -> None:
    stream, expected = STREAMS[name]
    data = stream.encode()
    reader = read(data, sorted(cut for cut in cuts if cut < len(data)), is_content=True)
    assert (reader.data, reader.events) == (expected, len(expected))
    assert reader.content_events == len([text for text in expected if text])
    assert len(reader.gaps_us) == max(0, reader.content_events - 1)


def test_a_chat_split_at_every_byte() -> None:
    data = WITH_DONE.encode()
    for cut in range(len(data)):
        reader = read(data, [cut])
        assert reader.data == CHAT
        assert (reader.events, reader.content_events, reader.done) == (5, 2, True)


def test_stamps_are_those_of_the_piece_that_ended_the_event() -> None:
    reader = SseReader()
    reader.feed(f"data: {CHAT[0]}\n\n".encode(), 100)  # the role alone is no content
    reader.feed(f"data: {CHAT[1]}\n".encode(), 200)
    reader.feed(f"\ndata: {CHAT[2]}\n\n: ping\n\n".encode(), 250)
    reader.feed(b": ping\n\n", 300)
    reader.feed(f"data: {CHAT[1]}\n\ndata: {CHAT[1]}\n\n".encode(), 400)
    assert (reader.first_content_us, reader.last_content_us) == (250, 400)
    assert reader.gaps_us == [0, 150, 0]  # tokens that arrive together have the same stamp
    assert (reader.done, reader.data) == (False, [])


ENDS = {
    "[DONE]": ("data: [DONE]\n\n", True),
    "finish reason": (f"data: {chunk(None, finish='stop')}\n\n", True),
    "finish reason null": (f"data: {chunk('a')}\n\n", False),
    "finish reason null, compact": ('data: {"choices":[{"delta":{},"finish_reason":null}]}\n\n', False),
    "the word alone": ('data: {"finish_reason": "stop"}\n\n', False),
    "no JSON": ('data: "finish_reason" {\n\n', False),
    "other JSON": ('data: ["finish_reason", "content"]\n\n', False),
    "odd choices": ('data: {"choices": ["content", {"delta": "finish_reason"}]}\n\n', False),
}


@pytest.mark.parametrize(("stream", "done"), ENDS.values(), ids=ENDS.keys())
def test_ends(stream: str, done: bool) -> None:
    reader = SseReader()
    reader.feed(stream.encode(), 1)
    assert reader.done is done


def test_the_last_data_is_kept_for_the_usage() -> None:
    reader = SseReader()
    reader.feed(b'data: {"choices": []}\n\ndata: {"usage": {"completion_tokens": 7}}\n\ndata: [DONE]\n\n', 1)
    assert json.loads(reader.last_data)["usage"] == {"completion_tokens": 7}


def stream_of(sock: socket.socket, events: list[str]) -> None:
    read_request(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for event in events:
        data = event.encode()
        sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))
        time.sleep(0.02)


def test_tokens_over_a_connection(make_client: MakeClient) -> None:
    def talk(sock: socket.socket) -> None:
        stream_of(sock, [f"data: {data}\n\n" for data in CHAT] + ["data: [DONE]\n\n"])
        sock.sendall(b"0\r\n\r\n")
        wait_for_client(sock)

    reader = SseReader()
    with serving(talk) as server:
        client = make_client(server.url)
        exchange = client.exchange(get(client), timeout_s=9, on_body=reader.feed)
    assert (exchange.failure, reader.done, reader.content_events) == (None, True, 2)
    assert exchange.first_byte_us is not None
    assert reader.first_content_us is not None
    assert reader.last_content_us is not None
    assert exchange.sent_us < exchange.first_byte_us < reader.first_content_us
    assert reader.first_content_us < reader.last_content_us < exchange.done_us
    assert reader.gaps_us[0] > 10_000


@pytest.mark.parametrize("stalls", [False, True], ids=["cut", "stalled"])
def test_streams_that_do_not_end(make_client: MakeClient, stalls: bool) -> None:
    def talk(sock: socket.socket) -> None:
        stream_of(sock, [f"data: {data}\n\n" for data in CHAT[:2]])
        if stalls:
            wait_for_client(sock)

    reader = SseReader()
    with serving(talk) as server:
        client = make_client(server.url)
        exchange = client.exchange(get(client), timeout_s=20, idle_timeout_s=0.3, on_body=reader.feed)
    assert exchange.failure is not None
    assert exchange.failure.kind is (FailureKind.STALLED if stalls else FailureKind.TRUNCATED)
    assert (reader.done, reader.content_events, exchange.status) == (False, 1, 200)


def test_a_stream_may_be_cut_where_http_sees_no_fault(make_client: MakeClient) -> None:
    """Until-close framing: only the missing end of the stream tells."""

    def talk(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(f"HTTP/1.1 200 OK\r\n\r\ndata: {CHAT[1]}\n\n".encode())

    reader = SseReader()
    with serving(talk) as server:
        client = make_client(server.url)
        exchange = client.exchange(get(client), timeout_s=9, on_body=reader.feed)
    assert (exchange.failure, reader.content_events, reader.done) == (None, 1, False)
