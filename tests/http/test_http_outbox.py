"""Requests that leave together at the end of a turn of the loop: none is late, lost or sent for nobody."""

import socket
import threading
import time

import gevent
import pytest

from harness.engine._http._outbox import MOST_WAITING
from tests.http.conftest import MakeClient, get
from tests.http.servers import OK, answering, read_request, serving


def test_a_request_that_waits_for_a_held_up_loop_has_all_its_time(make_client: MakeClient) -> None:
    """Its time begins when it leaves: what holds up the generator is no timeout of the service."""
    with serving(answering(OK)) as server:
        client = make_client(server.url)
        client.exchange(get(client), timeout_s=5)
        waiting = gevent.spawn(client.exchange, get(client), timeout_s=0.2)
        asked_s = time.time()
        gevent.spawn(time.sleep, 0.5)  # blocks: it has the turn after the request was handed over
        exchange = waiting.get(timeout=5)
    assert exchange.failure is None
    assert exchange.connection_reused
    assert exchange.sent_us >= (asked_s + 0.45) * 1e6
    assert exchange.done_us - exchange.sent_us < 200_000


@pytest.mark.parametrize("together", [1, MOST_WAITING - 1, MOST_WAITING, 3 * MOST_WAITING + 1])
def test_all_requests_of_a_turn_are_sent(make_client: MakeClient, together: int) -> None:
    """The server answers nobody before it has every request: one that stayed behind would show."""
    all_here = threading.Barrier(together)

    def talk(sock: socket.socket) -> None:
        for turn in range(2):  # over new connections, then over those that are idle
            read_request(sock)
            all_here.wait(10)
            sock.sendall(OK if turn == 0 else OK.replace(b"1.1 200", b"1.1 201"))

    with serving(talk) as server:
        client = make_client(server.url)
        for status in (200, 201):
            asking = [gevent.spawn(client.exchange, get(client), timeout_s=15) for _ in range(together)]
            assert [each.get(timeout=20).status for each in asking] == [status] * together


def test_nothing_is_sent_for_a_greenlet_that_was_killed(make_client: MakeClient) -> None:
    seen = []

    def talk(sock: socket.socket) -> None:
        while request := read_request(sock):
            seen.append(request.split()[0])
            sock.sendall(OK)

    with serving(talk) as server:
        client = make_client(server.url)
        client.exchange(get(client), timeout_s=5)
        asking = gevent.spawn(client.exchange, get(client, "DELETE"), timeout_s=5)
        gevent.spawn(asking.throw, gevent.GreenletExit)  # in the same turn, before its end
        asking.join(timeout=5)
        after = client.exchange(get(client), timeout_s=5)
    assert asking.ready()
    assert (after.status, after.connection_reused) == (200, False)
    assert seen == [b"GET", b"GET"]
