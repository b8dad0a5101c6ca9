"""Many greenlets, one client: whose answer is whose, and what becomes of connections left behind."""

import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest

from harness.engine._http import FailureKind, HttpClient
from tests.http.conftest import MakeClient, get
from tests.http.servers import OK, answering, once, read_request, serving, wait_for_client


def echo(sock: socket.socket) -> None:
    """Answer with the request's body, in two pieces and after a moment."""
    while request := read_request(sock):
        body = request.partition(b"\r\n\r\n")[2]
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        sock.sendall(answer[:20])
        time.sleep(0.002)
        sock.sendall(answer[20:])


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def descriptors_above(number: int) -> Iterator[None]:
    """Take all descriptors below a number, so that the next ones are higher."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number + 200:
        pytest.skip(f"the hard limit of open files, {hard}, leaves none above {number}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number + 200), hard))
    taken: list[int] = []
    try:
        while not taken or taken[-1] < number:
            taken.append(os.dup(0))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_each_greenlet_gets_its_own_answers(make_client: MakeClient) -> None:
    with serving(echo) as server:
        client = make_client(server.url)

        def user(number: int) -> list[bool]:
            bodies = [b"user %d request %d" % (number, count) for count in range(10)]
            return [client.exchange(get(client, "POST", body), timeout_s=30).body == body for body in bodies]

        users = [gevent.spawn(user, number) for number in range(60)]
        gevent.joinall(users, raise_error=True)
        assert all(all(user.value) for user in users)
        assert server.accepted <= 60


def test_connections_are_reused_last_in_first_out(make_client: MakeClient) -> None:
    with serving(echo) as server:
        client = make_client(server.url)
        together = [gevent.spawn(client.exchange, get(client, "POST", b"x"), timeout_s=9) for _ in range(3)]
        gevent.joinall(together)
        assert server.accepted == 3
        for _ in range(5):
            assert client.exchange(get(client, "POST", b"x"), timeout_s=9).connection_reused
        assert server.accepted == 3


def test_keep_alive_works_beyond_1024_descriptors(make_client: MakeClient) -> None:
    """select() ends there, and with it the pools that ask it whether a connection is alive."""
    with descriptors_above(1100), serving(answering(OK)) as server:
        client = make_client(server.url)
        ends = [client.exchange(get(client), timeout_s=9) for _ in range(3)]
        assert [end.connection_reused for end in ends] == [False, True, True]
        client.close()


def test_a_greenlet_killed_mid_exchange_takes_its_connection_along(make_client: MakeClient) -> None:
    client_left = threading.Event()

    def talk(sock: socket.socket) -> None:
        if b"slow" in read_request(sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl")
            wait_for_client(sock)
            client_left.set()
        else:
            sock.sendall(OK)
            wait_for_client(sock)

    with serving(talk) as server:
        client = make_client(server.url)
        slow = gevent.spawn(client.exchange, get(client, "POST", b"slow"), timeout_s=30)
        gevent.sleep(0.1)
        slow.kill()
        assert isinstance(slow.value, gevent.GreenletExit)
        assert client_left.wait(10)
        exchange = client.exchange(get(client, "POST", b"fast"), timeout_s=9)
        assert (exchange.body, exchange.connection_reused, server.accepted) == (b"ok", False, 2)


def test_a_greenlet_killed_while_connecting_leaves_no_socket(make_client: MakeClient) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(address)
            client = make_client(f"http://127.0.0.1:{address[1]}")
            client.exchange(get(client), timeout_s=0.05)  # gevent's resolver keeps files of its own
            before = open_files()
            waiting = [gevent.spawn(client.exchange, get(client), timeout_s=30) for _ in range(5)]
            gevent.sleep(0.05)
            assert open_files() == before + 5
            gevent.killall(waiting)
            assert open_files() == before


def test_a_timeout_of_the_callers_own_goes_on(make_client: MakeClient) -> None:
    with serving(wait_for_client) as server:
        client = make_client(server.url)
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.1):
            client.exchange(get(client), timeout_s=30)


def test_what_on_body_raises_goes_to_the_caller(make_client: MakeClient) -> None:
    def careless(data: bytes, at_us: int) -> None:
        raise KeyError("no such key")

    with serving(answering(OK)) as server:
        client = make_client(server.url)
        with pytest.raises(KeyError, match="no such key"):
            client.exchange(get(client), timeout_s=9, on_body=careless)
        assert client.exchange(get(client), timeout_s=9).connection_reused is False


def test_on_body_must_not_wait(make_client: MakeClient) -> None:
    with serving(answering(OK)) as server:
        client = make_client(server.url)
        with pytest.raises(gevent.exceptions.BlockingSwitchOutError):
            client.exchange(get(client), timeout_s=9, on_body=lambda data, at_us: gevent.sleep(0.01))


def test_failures_leave_no_descriptors(make_client: MakeClient) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    with serving(once(half)) as server:
        client = make_client(server.url)
        client.exchange(get(client), timeout_s=9)
        time.sleep(0.1)
        before = open_files()
        for _ in range(20):
            exchange = client.exchange(get(client), timeout_s=9)
            assert exchange.failure is not None
            assert exchange.failure.kind is FailureKind.TRUNCATED
        time.sleep(0.1)  # the server's threads close theirs
        assert open_files() <= before + 1


def test_closing_lets_exchanges_end(make_client: MakeClient) -> None:
    before = open_files()
    with serving(echo) as server:
        client = make_client(server.url)
        client.exchange(get(client, "POST", b"x"), timeout_s=9)
        last = gevent.spawn(client.exchange, get(client, "POST", b"last"), timeout_s=9)
        gevent.sleep(0)
        client.close()
        assert last.get().body == b"last"
    time.sleep(0.1)
    assert open_files() <= before + 2  # the loop's own


def test_no_descriptors_left_is_this_machines_own_fault() -> None:
    with serving(answering(OK)) as server:
        client = HttpClient(server.url)
        client.exchange(get(client), timeout_s=9)
        client.close()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            exchange = client.exchange(get(client), timeout_s=9)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.NO_SOCKET


def test_a_client_belongs_to_one_thread(make_client: MakeClient) -> None:
    with serving(answering(OK)) as server:
        client = make_client(server.url)
        client.exchange(get(client), timeout_s=9)
        client.close()
        raised = []

        def elsewhere() -> None:
            try:
                client.exchange(get(client), timeout_s=9)
            except RuntimeError as error:
                raised.append(str(error))
            gevent.get_hub().destroy(destroy_loop=True)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert raised == ["an HttpClient belongs to the thread that used it first"]
