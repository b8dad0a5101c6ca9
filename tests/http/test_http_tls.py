"""TLS on real connections, with certificates made by `openssl`."""

import socket
import ssl
import time
from pathlib import Path

import gevent
import pytest

from harness.engine._http import FailureKind, HttpClient
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
from tests.support.certificates import OPENSSL, make_certificates

pytestmark = pytest.mark.skipif(not OPENSSL, reason="needs the openssl command")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem, and NAME.pem with NAME.key signed by it: for this host, and for another."""
    return make_certificates(
        tmp_path_factory.mktemp("pki"), {"good": "IP:127.0.0.1", "other": "DNS:elsewhere"}
    )


def server_side(pki: Path, name: str = "good") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / f"{name}.pem", pki / f"{name}.key")
    return context


def trusting(pki: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(pki / "ca.pem"))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def test_keep_alive_and_one_context_for_all(pki: Path, make_client: MakeClient) -> None:
    made = []

    def context() -> ssl.SSLContext:
        made.append(trusting(pki))
        return made[-1]

    with serving(answering(OK), tls=server_side(pki)) as server:
        client = make_client(server.url, tls_context=context)
        assert made == []
        both = [gevent.spawn(client.exchange, get(client), timeout_s=9) for _ in range(2)]
        gevent.joinall(both, raise_error=True)
        ends = [greenlet.value for greenlet in both]
        ends.append(client.exchange(get(client), timeout_s=9))
        assert [end.body for end in ends] == [b"ok"] * 3
        assert [end.connection_reused for end in ends] == [False, False, True]
        assert (len(made), server.accepted) == (1, 2)


def test_large_bodies_both_ways(pki: Path, make_client: MakeClient) -> None:
    def talk(sock: socket.socket) -> None:
        while request := read_request(sock):
            body = request.partition(b"\r\n\r\n")[2]
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    body = bytes(range(256)) * 12_000
    with serving(talk, tls=server_side(pki)) as server:
        client = make_client(server.url, tls_context=lambda: trusting(pki))
        ends = [client.exchange(get(client, "POST", body), timeout_s=30) for _ in range(2)]
    assert [end.failure for end in ends] == [None, None]
    assert all(end.body == body for end in ends)
    assert ends[1].connection_reused


def test_streams_keep_their_stamps(pki: Path, make_client: MakeClient) -> None:
    def talk(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\none")
        time.sleep(0.05)
        sock.sendall(b"two")

    got: list[tuple[bytes, int]] = []
    with serving(talk, tls=server_side(pki)) as server:
        client = make_client(server.url, tls_context=lambda: trusting(pki))
        exchange = client.exchange(get(client), timeout_s=9, on_body=lambda *piece: got.append(piece))
    assert [data for data, _ in got] == [b"one", b"two"]
    assert got[1][1] - got[0][1] > 30_000
    assert exchange.failure is None  # the body ends with the connection


def failure_of(client: HttpClient, timeout_s: float = 9) -> tuple[FailureKind, str]:
    failure = client.exchange(get(client), timeout_s=timeout_s).failure
    assert failure is not None
    return failure.kind, failure.text


def test_an_unknown_issuer(pki: Path, make_client: MakeClient) -> None:
    with serving(answering(OK), tls=server_side(pki)) as server:
        client = make_client(server.url)
        assert failure_of(client) == (FailureKind.TLS, "TLS: certificate of an unknown issuer")


def test_a_certificate_for_another_host(pki: Path, make_client: MakeClient) -> None:
    with serving(answering(OK), tls=server_side(pki, "other")) as server:
        client = make_client(server.url, tls_context=lambda: trusting(pki))
        assert failure_of(client) == (FailureKind.TLS, "TLS: certificate for another address")
        client = make_client(server.url.replace("127.0.0.1", "localhost"), tls_context=lambda: trusting(pki))
        assert failure_of(client) == (FailureKind.TLS, "TLS: certificate for another host")


def test_a_client_that_trusts_anybody(pki: Path, make_client: MakeClient) -> None:
    careless = trusting(pki)
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    with serving(answering(OK), tls=server_side(pki, "other")) as server:
        client = make_client(server.url, tls_context=lambda: careless)
        assert client.exchange(get(client), timeout_s=9).body == b"ok"


def answer_in_clear(sock: socket.socket) -> None:
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    wait_for_client(sock)


def read_hello(sock: socket.socket) -> None:
    sock.recv(10_000)


def reset_after_hello(sock: socket.socket) -> None:
    read_hello(sock)
    reset(sock)


CUT: dict[str, tuple[Talk, str]] = {
    "closed": (lambda sock: None, "TLS: connection closed in the handshake"),
    "closed after the hello": (read_hello, "TLS: connection closed in the handshake"),
    "reset": (reset_after_hello, "TLS: connection closed in the handshake"),
    "plain HTTP": (answer_in_clear, "TLS: wrong version number"),
}


@pytest.mark.parametrize(("talk", "text"), CUT.values(), ids=CUT.keys())
def test_handshakes_cut(pki: Path, make_client: MakeClient, talk: Talk, text: str) -> None:
    with serving(talk) as server:
        client = make_client(server.url.replace("http:", "https:"), tls_context=lambda: trusting(pki))
        assert failure_of(client) == (FailureKind.TLS, text)


def test_a_silent_handshake_meets_the_deadline(pki: Path, make_client: MakeClient) -> None:
    with serving(wait_for_client) as server:
        client = make_client(server.url.replace("http:", "https:"), tls_context=lambda: trusting(pki))
        assert failure_of(client, 0.3) == (FailureKind.TIMEOUT, "timed out while connecting")


def test_a_body_cut_short(pki: Path, make_client: MakeClient) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
    with serving(once(half), tls=server_side(pki)) as server:
        client = make_client(server.url, tls_context=lambda: trusting(pki))
        exchange = client.exchange(get(client), timeout_s=9)
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.body) == (FailureKind.TRUNCATED, b"hello")


def test_an_idle_connection_that_the_server_ends(pki: Path, make_client: MakeClient) -> None:
    def talk(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(OK)
        assert isinstance(sock, ssl.SSLSocket)
        sock.unwrap()

    with serving(talk, tls=server_side(pki)) as server:
        client = make_client(server.url, tls_context=lambda: trusting(pki))
        for _ in range(2):
            exchange = client.exchange(get(client), timeout_s=9)
            assert (exchange.body, exchange.failure) == (b"ok", None)
            gevent.sleep(0.1)
        assert (server.accepted, exchange.reconnects) == (2, 0)


def test_a_server_that_speaks_no_tls_any_more(pki: Path, make_client: MakeClient) -> None:
    def talk(sock: socket.socket) -> None:
        read_request(sock)
        with socket.socket(fileno=socket.dup(sock.fileno())) as raw:
            raw.sendall(b"this is no TLS record at all")
            time.sleep(0.2)

    with serving(talk, tls=server_side(pki)) as server:
        client = make_client(server.url, tls_context=lambda: trusting(pki))
        assert failure_of(client)[0] is FailureKind.TLS
