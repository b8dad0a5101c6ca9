"""Exchanges that go well, over real connections: what is received, when, and on which connection."""

import gzip
import socket
import subprocess
import sys
import time
from pathlib import Path

import gevent
import pytest

from harness.engine import now_us
from harness.engine._http import HttpClient
from tests.http.conftest import MakeClient, get
from tests.http.servers import OK, answering, once, read_request, serving, wait_for_client


def test_what_an_exchange_tells(make_client: MakeClient) -> None:
    response = b"HTTP/1.1 201 Created\r\nX-Kind: a\r\nx-kind:b \r\nContent-Length: 5\r\n\r\nhello"
    with serving(answering(response)) as server:
        client = make_client(server.url + "/base/")
        before_us = now_us()
        first = client.exchange(get(client), timeout_s=5)
        again = client.exchange(get(client), timeout_s=5)
        after_us = now_us()
    assert (first.status, first.body, first.response_bytes, first.failure) == (201, b"hello", 5, None)
    assert first.headers == [(b"x-kind", b"a"), (b"x-kind", b"b"), (b"content-length", b"5")]
    assert (first.header(b"x-kind"), first.header(b"x-other")) == (b"a", None)
    assert first.first_byte_us is not None
    assert before_us <= first.sent_us <= first.first_byte_us <= first.done_us <= after_us
    assert [first.connection_reused, again.connection_reused] == [False, True]
    assert (server.accepted, client.base_path) == (1, "/base")


def test_the_request_arrives_as_it_was_serialised(make_client: MakeClient) -> None:
    seen = []

    def talk(sock: socket.socket) -> None:
        seen.append(read_request(sock))
        sock.sendall(OK)

    with serving(talk) as server:
        client = make_client(server.url)
        request = get(client, "POST", b'{"case_id": 1}')
        assert client.exchange(request, timeout_s=5).status == 200
    assert seen == [request]


REUSE = {
    "keep-alive": (OK, 1),
    "connection: close": (OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), 3),
    "HTTP/1.0": (OK.replace(b"1.1", b"1.0"), 3),
    "surplus bytes": (OK + b"surplus", 3),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 1),
    "100 continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 1),
}


@pytest.mark.parametrize(("response", "connections"), REUSE.values(), ids=REUSE.keys())
def test_connections_are_kept_where_the_response_allows(
    make_client: MakeClient, response: bytes, connections: int
) -> None:
    with serving(answering(response)) as server:
        client = make_client(server.url)
        ends = [client.exchange(get(client), timeout_s=5) for _ in range(3)]
        assert [end.failure for end in ends] == [None] * 3
        assert sum(not end.connection_reused for end in ends) == connections


def test_a_body_may_end_with_the_connection(make_client: MakeClient) -> None:
    with serving(once(b"HTTP/1.1 200 OK\r\n\r\nhello")) as server:
        client = make_client(server.url)
        exchange = client.exchange(get(client), timeout_s=5)
    assert (exchange.body, exchange.failure) == (b"hello", None)


def test_head_requests_keep_their_connection(make_client: MakeClient) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    with serving(answering(head, head, OK)) as server:
        client = make_client(server.url)
        for _ in range(2):
            exchange = client.exchange(get(client, "HEAD"), timeout_s=5, no_body=True)
            assert (exchange.status, exchange.body, exchange.failure) == (200, b"", None)
        assert client.exchange(get(client), timeout_s=5).body == b"ok"
        assert server.accepted == 1


def test_compressed_bodies_are_counted_as_sent_and_given_decoded(make_client: MakeClient) -> None:
    packed = gzip.compress(b"hello" * 100)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with serving(answering(head + packed)) as server:
        client = make_client(server.url)
        exchange = client.exchange(get(client), timeout_s=5)
    assert (exchange.body, exchange.response_bytes) == (b"hello" * 100, len(packed))


def test_streams_are_handed_over_as_they_arrive(make_client: MakeClient) -> None:
    def talk(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"one", b"two"):
            time.sleep(0.03)
            sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        sock.sendall(b"0\r\n\r\n")
        wait_for_client(sock)

    got: list[tuple[bytes, int]] = []
    with serving(talk) as server:
        client = make_client(server.url)
        exchange = client.exchange(get(client), timeout_s=5, on_body=lambda *piece: got.append(piece))
    assert [data for data, _ in got] == [b"one", b"two"]
    assert exchange.first_byte_us is not None
    assert exchange.first_byte_us < got[0][1] < got[1][1] <= exchange.done_us
    assert got[1][1] - got[0][1] > 20_000
    assert (exchange.body, exchange.response_bytes, exchange.failure) == (b"", 6, None)


def test_large_bodies_go_out_to_a_slow_reader(make_client: MakeClient) -> None:
    def talk(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        time.sleep(0.1)
        while request := read_request(sock):
            length = len(request.partition(b"\r\n\r\n")[2])
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n%8d" % length)

    with serving(talk) as server:
        client = make_client(server.url)
        request = get(client, "POST", bytes(10_000_000))
        ticks = 0

        def tick() -> None:
            nonlocal ticks
            while True:
                gevent.sleep(0.01)
                ticks += 1

        ticker = gevent.spawn(tick)
        ends = [client.exchange(request, timeout_s=30) for _ in range(2)]
        ticker.kill()
    assert [(end.body, end.failure) for end in ends] == [(b"10000000", None)] * 2
    assert [end.connection_reused for end in ends] == [False, True]
    assert ticks > 3  # other greenlets ran meanwhile


def test_an_early_answer_to_a_large_body_is_read(make_client: MakeClient) -> None:
    """413 before the body was read: the answer counts, the connection is not used again."""

    def talk(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # else the kernel may hold all of it
        sock.recv(1_000)
        sock.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        wait_for_client(sock)

    with serving(talk) as server:
        client = make_client(server.url)
        for _ in range(2):
            exchange = client.exchange(get(client, "POST", bytes(20_000_000)), timeout_s=10)
            assert (exchange.status, exchange.connection_reused, exchange.failure) == (413, False, None)


def test_large_responses_arrive_whole(make_client: MakeClient) -> None:
    body = bytes(range(256)) * 20_000
    with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)) as server:
        client = make_client(server.url)
        for _ in range(2):
            exchange = client.exchange(get(client), timeout_s=10)
            assert exchange.body == body
            assert exchange.response_bytes == len(body)


def test_ipv6(make_client: MakeClient) -> None:
    with serving(answering(OK), host="::1") as server:
        client = make_client(server.url)
        assert client.exchange(get(client), timeout_s=5).body == b"ok"
        assert client.host_header == b"[::1]:%d" % server.port


PATCHED = """
from gevent import monkey
monkey.patch_all()
import gevent
from harness.engine._http import HttpClient, request_head, serialise
client = HttpClient({url!r})
request = serialise(request_head("GET", "/", client.host_header, {{}}), None)
done = gevent.pool.Pool(10).map(lambda _: client.exchange(request, timeout_s=10), range(30))
assert all(exchange.body == b"ok" for exchange in done), done
print(sum(not exchange.connection_reused for exchange in done), "connections")
gevent.wait()  # returns only if idle connections keep nothing alive
"""


def test_the_same_in_a_monkey_patched_process() -> None:
    with serving(answering(OK)) as server:
        code = "import gevent.pool\n" + PATCHED.format(url=server.url)
        root = Path(__file__).parents[2]
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60, check=False
        )
    assert (ended.returncode, ended.stdout) == (0, "10 connections\n"), ended.stderr


def test_the_process_may_end_while_connections_are_idle() -> None:
    """gevent.wait() waits for all that may still happen; nothing will, on an idle connection."""

    def in_a_loop_of_its_own(url: str) -> tuple[bool, bool]:
        client = HttpClient(url)
        client.exchange(get(client), timeout_s=60)
        idle = gevent.wait(timeout=10)
        reused = client.exchange(get(client), timeout_s=60).connection_reused
        client.close()
        return idle, reused

    with serving(answering(OK)) as server:
        assert gevent.get_hub().threadpool.apply(in_a_loop_of_its_own, (server.url,)) == (True, True)
