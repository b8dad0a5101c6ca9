"""What goes wrong, told apart, on real connections; an exchange never raises for any of it."""

import errno
import socket
import time

import gevent
import pytest

from harness.engine import now_us
from harness.engine._http import FailureKind, HttpClient
from harness.engine._http._failure import failure_of_os_error
from tests.http.conftest import MakeClient, get
from tests.http.servers import (
    OK,
    Talk,
    answering,
    once,
    read_request,
    reset,
    serving,
    wait_for_client,
)

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
HALF_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_refused(make_client: MakeClient) -> None:
    client = make_client(f"http://127.0.0.1:{closed_port()}")
    exchange = client.exchange(get(client), timeout_s=5)
    assert (exchange.status, exchange.first_byte_us, exchange.connection_reused) == (0, None, False)
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.failure.text) == (FailureKind.REFUSED, "connection refused")


def test_a_name_that_does_not_exist(make_client: MakeClient) -> None:
    client = make_client("http://no-such-host.invalid:8000")
    exchange = client.exchange(get(client), timeout_s=20)
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.NAME_NOT_FOUND
    assert "invalid" not in exchange.failure.text


ENDINGS: dict[str, tuple[Talk, FailureKind, int, bytes]] = {
    "closed before the response": (once(b""), FailureKind.CLOSED, 0, b""),
    "reset before the response": (once(b"", then=reset), FailureKind.RESET, 0, b""),
    "closed in the head": (once(b"HTTP/1.1 200 O"), FailureKind.TRUNCATED, 0, b""),
    "closed in the body": (once(HALF), FailureKind.TRUNCATED, 200, b"hello"),
    "closed in a chunked body": (once(HALF_CHUNKED), FailureKind.TRUNCATED, 200, b"hello"),
    "another protocol": (once(b"220 mail.example ESMTP\r\n"), FailureKind.PROTOCOL, 0, b""),
    "bad gzip": (
        answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"),
        FailureKind.UNDECODABLE,
        200,
        b"",
    ),
}


@pytest.mark.parametrize(("talk", "kind", "status", "body"), ENDINGS.values(), ids=ENDINGS.keys())
def test_endings(make_client: MakeClient, talk: Talk, kind: FailureKind, status: int, body: bytes) -> None:
    with serving(talk) as server:
        client = make_client(server.url)
        exchange = client.exchange(get(client), timeout_s=5)
        assert exchange.failure is not None
        assert (exchange.failure.kind, exchange.status, exchange.body) == (kind, status, body)
        assert (exchange.reconnects, exchange.connection_reused) == (0, False)
        # A second exchange never meets what is left of the first.
        again = client.exchange(get(client), timeout_s=5)
        assert (again.failure, again.connection_reused) == (exchange.failure, False)
        assert server.accepted == 2


def test_a_reset_in_a_body_cuts_it_even_where_closing_would_end_it(make_client: MakeClient) -> None:
    def slowly_reset(sock: socket.socket) -> None:
        time.sleep(0.1)  # so that the client has read what there is
        reset(sock)

    with serving(once(b"HTTP/1.1 200 OK\r\n\r\nhello", then=slowly_reset)) as server:
        client = make_client(server.url)
        exchange = client.exchange(get(client), timeout_s=5)
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.status) == (FailureKind.TRUNCATED, 200)


@pytest.mark.parametrize("with_reset", [False, True], ids=["closed", "reset"])
def test_a_reused_connection_found_closed_is_replaced_once(make_client: MakeClient, with_reset: bool) -> None:
    """The server ends each connection on its second request, as one that restarts does."""

    def talk(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(OK)
        read_request(sock)
        if with_reset:
            reset(sock)

    with serving(talk) as server:
        client = make_client(server.url)
        first, second = (client.exchange(get(client), timeout_s=5) for _ in range(2))
        assert (first.reconnects, second.reconnects) == (0, 1)
        assert (second.body, second.failure, second.connection_reused) == (b"ok", None, False)
        assert server.accepted == 2


def test_only_once(make_client: MakeClient) -> None:
    def talk(sock: socket.socket) -> None:
        read_request(sock)
        if server.accepted == 1:
            sock.sendall(OK)
            read_request(sock)

    with serving(talk) as server:
        client = make_client(server.url)
        client.exchange(get(client), timeout_s=5)
        exchange = client.exchange(get(client), timeout_s=5)
        assert exchange.failure is not None
        assert (exchange.failure.kind, exchange.reconnects, server.accepted) == (FailureKind.CLOSED, 1, 2)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 2", HALF], ids=["in the head", "in the body"])
def test_no_second_try_once_a_byte_was_seen(make_client: MakeClient, answer: bytes) -> None:
    def talk(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(OK)
        read_request(sock)
        sock.sendall(answer)

    with serving(talk) as server:
        client = make_client(server.url)
        client.exchange(get(client), timeout_s=5)
        exchange = client.exchange(get(client), timeout_s=5)
        assert exchange.failure is not None
        assert (exchange.failure.kind, exchange.reconnects) == (FailureKind.TRUNCATED, 0)
        assert (server.accepted, exchange.connection_reused) == (1, True)


def test_the_second_try_may_be_refused(make_client: MakeClient) -> None:
    def talk(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(OK)
        read_request(sock)
        server.stop_listening()

    with serving(talk) as server:
        client = make_client(server.url)
        client.exchange(get(client), timeout_s=5)
        exchange = client.exchange(get(client), timeout_s=5)
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.reconnects) == (FailureKind.REFUSED, 1)


def test_idle_connections_that_the_server_closes_are_dropped(make_client: MakeClient) -> None:
    with serving(once(OK)) as server:
        client = make_client(server.url)
        client.exchange(get(client), timeout_s=5)
        gevent.sleep(0.1)  # the loop notices by itself
        exchange = client.exchange(get(client), timeout_s=5)
        assert (exchange.reconnects, exchange.connection_reused, exchange.body) == (0, False, b"ok")


@pytest.mark.parametrize("chunked", [False, True], ids=["kept", "streamed"])
def test_endless_responses_are_cut_at_the_limit(make_client: MakeClient, chunked: bool) -> None:
    def talk(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            sock.sendall(b"1000\r\n" + bytes(4096) + b"\r\n")

    got = []
    with serving(talk) as server:
        client = make_client(server.url, max_response_bytes=1_000_000)
        on_body = (lambda data, at_us: got.append(len(data))) if chunked else None
        exchange = client.exchange(get(client), timeout_s=20, on_body=on_body)
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.TOO_LARGE
    assert len(exchange.body) + sum(got) == 1_000_000 // 4096 * 4096


def timed(client: HttpClient, timeout_s: float, idle_timeout_s: float | None = None) -> tuple[str, int, bool]:
    """Kind, status, and whether the time given was kept: never less, and not much more."""
    before_us = now_us()
    exchange = client.exchange(get(client), timeout_s=timeout_s, idle_timeout_s=idle_timeout_s)
    took_s = (now_us() - before_us) / 1e6
    assert exchange.failure is not None
    expected_s = timeout_s if exchange.failure.kind is FailureKind.TIMEOUT else idle_timeout_s or 0
    # A busy machine may be late by itself; a deadline that is ignored would be far later.
    return exchange.failure.kind, exchange.status, expected_s <= took_s < expected_s + 2


def test_the_deadline_for_a_silent_server(make_client: MakeClient) -> None:
    with serving(wait_for_client) as server:
        assert timed(make_client(server.url), 0.2) == (FailureKind.TIMEOUT, 0, True)


def test_each_of_many_deadlines_is_kept(make_client: MakeClient) -> None:
    with serving(wait_for_client) as server:
        client = make_client(server.url)
        waiting = [gevent.spawn(timed, client, 0.1 + 0.005 * (count * 7 % 60)) for count in range(60)]
        gevent.joinall(waiting, raise_error=True)
        assert [greenlet.value for greenlet in waiting] == [(FailureKind.TIMEOUT, 0, True)] * 60


def test_a_loop_that_was_held_up_reads_before_it_gives_up(make_client: MakeClient) -> None:
    """The answer came in time; only this process was not there to read it."""
    with serving(answering(OK)) as server:
        client = make_client(server.url)
        client.exchange(get(client), timeout_s=5)
        waiting = gevent.spawn(client.exchange, get(client), timeout_s=0.2)
        gevent.sleep(0)
        time.sleep(0.4)  # nobody else runs meanwhile
        assert waiting.get().failure is None


def test_the_deadline_for_a_body_that_drips(make_client: MakeClient) -> None:
    def drip(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            time.sleep(0.02)
            sock.sendall(b"x")

    with serving(drip) as server:
        assert timed(make_client(server.url), 0.3, 10) == (FailureKind.TIMEOUT, 200, True)


def test_the_deadline_on_a_reused_connection_is_its_own(make_client: MakeClient) -> None:
    """An earlier exchange with a longer, and one with a shorter time, leave nothing behind."""

    def talk(sock: socket.socket) -> None:
        for _ in range(2):
            read_request(sock)
            sock.sendall(OK)
        read_request(sock)
        wait_for_client(sock)

    with serving(talk) as server:
        client = make_client(server.url)
        assert client.exchange(get(client), timeout_s=60).failure is None
        assert client.exchange(get(client), timeout_s=0.5).failure is None
        assert timed(client, 0.2) == (FailureKind.TIMEOUT, 0, True)
        assert server.accepted == 1


def test_a_short_deadline_before_does_not_cut_a_longer_one(make_client: MakeClient) -> None:
    def talk(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(OK)
        read_request(sock)
        time.sleep(0.5)
        sock.sendall(OK)
        wait_for_client(sock)

    with serving(talk) as server:
        client = make_client(server.url)
        assert client.exchange(get(client), timeout_s=0.2).failure is None
        assert client.exchange(get(client), timeout_s=20).failure is None
        assert server.accepted == 1


def test_a_stalled_response(make_client: MakeClient) -> None:
    with serving(once(HALF, then=wait_for_client)) as server:
        assert timed(make_client(server.url), 20, 0.2) == (FailureKind.STALLED, 200, True)


def test_thinking_before_the_first_byte_is_no_stall(make_client: MakeClient) -> None:
    def talk(sock: socket.socket) -> None:
        read_request(sock)
        time.sleep(0.5)
        sock.sendall(OK)
        wait_for_client(sock)

    with serving(talk) as server:
        client = make_client(server.url)
        assert client.exchange(get(client), timeout_s=20, idle_timeout_s=0.1).failure is None


@pytest.mark.parametrize(("timeout_s", "connect_timeout_s"), [(0.3, 10.0), (10.0, 0.3)])
def test_the_deadline_while_connecting(
    make_client: MakeClient, timeout_s: float, connect_timeout_s: float
) -> None:
    """Nobody accepts, and the backlog is full: Linux leaves further calls unanswered."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        client = make_client(f"http://127.0.0.1:{port}", connect_timeout_s=connect_timeout_s)
        before_us = now_us()
        exchange = client.exchange(get(client), timeout_s=timeout_s)
        took_s = (now_us() - before_us) / 1e6
        for filler in fillers:
            filler.close()
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.failure.text) == (
        FailureKind.TIMEOUT,
        "timed out while connecting",
    )
    assert 0.3 <= took_s < 3


@pytest.mark.parametrize(
    ("number", "kind"),
    {
        "unreachable net": (errno.ENETUNREACH, FailureKind.UNREACHABLE),
        "unreachable host": (errno.EHOSTUNREACH, FailureKind.UNREACHABLE),
        "broken pipe": (errno.EPIPE, FailureKind.RESET),
        "files used up": (errno.EMFILE, FailureKind.NO_SOCKET),
        "ports used up": (errno.EADDRNOTAVAIL, FailureKind.NO_SOCKET),
        "given up by TCP": (errno.ETIMEDOUT, FailureKind.TIMEOUT),
        "none": (None, FailureKind.UNREACHABLE),
    }.values(),
)
def test_error_numbers(number: int | None, kind: FailureKind) -> None:
    assert failure_of_os_error(number).kind is kind
