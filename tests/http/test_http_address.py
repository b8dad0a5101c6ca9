"""Base URLs, and names with several addresses, by a resolver put in the place that gevent has for it."""

import socket
from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from harness.engine._http import FailureKind, HttpClient
from harness.engine._http._address import parse_origin
from tests.http.conftest import MakeClient, get
from tests.http.servers import OK, answering, serving

GOOD = {
    "port": ("http://localhost:8000", (False, "localhost", 8000, b"localhost:8000", "")),
    "usual port": ("http://example.org", (False, "example.org", 80, b"example.org", "")),
    "usual port, said": ("https://example.org:443/", (True, "example.org", 443, b"example.org", "")),
    "path": ("https://example.org/v1/", (True, "example.org", 443, b"example.org", "/v1")),
    "capitals": ("HTTP://Example.ORG:81", (False, "example.org", 81, b"example.org:81", "")),
    "IPv4": ("http://127.0.0.1:1", (False, "127.0.0.1", 1, b"127.0.0.1:1", "")),
    "IPv6": ("http://[::1]:8000", (False, "::1", 8000, b"[::1]:8000", "")),
    "IPv6 of a link": ("http://[fe80::1%eth0]", (False, "fe80::1%eth0", 80, b"[fe80::1]", "")),
    "letters beyond ASCII": (
        "http://bücher.example",
        (False, "xn--bcher-kva.example", 80, b"xn--bcher-kva.example", ""),
    ),
}

BAD = {
    "no scheme": "localhost:8000",
    "other scheme": "ftp://localhost",
    "no host": "http://:8000",
    "bad port": "http://localhost:port",
    "port 0": "http://localhost:0",
    "port beyond 65535": "http://localhost:70000",
    "user": "http://ann:secret@localhost",
    "query": "http://localhost/?a=b",
    "fragment": "http://localhost/#a",
    "space": "http://local host",
    "line break": "http://local\r\nhost",
    "bad IPv6": "http://[::zz]:80",
    "empty label": "http://a..b",
    "empty": "",
}


@pytest.mark.parametrize(("url", "expected"), GOOD.values(), ids=GOOD.keys())
def test_good_urls(url: str, expected: tuple[bool, str, int, bytes, str]) -> None:
    origin = parse_origin(url)
    assert (origin.tls, origin.host, origin.port, origin.host_header, origin.base_path) == expected


@pytest.mark.parametrize("url", BAD.values(), ids=BAD.keys())
def test_bad_urls_are_refused_in_one_line(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as raised:
        HttpClient(url)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


class Names:
    """Answers every look-up with the same addresses, after a moment, and counts."""

    def __init__(self, hosts: list[str]) -> None:
        self.hosts = hosts
        self.takes_s = 0.01
        self.lookups = 0

    def getaddrinfo(self, host: str, port: int, *_: Any) -> list[Any]:
        self.lookups += 1
        gevent.sleep(self.takes_s)
        if not self.hosts:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in self.hosts]


@pytest.fixture
def names() -> Iterator[Names]:
    hub = gevent.get_hub()
    before = hub.resolver
    hub.resolver = Names([])
    yield hub.resolver
    hub.resolver = before


def test_an_address_that_refuses_is_passed_over(make_client: MakeClient, names: Names) -> None:
    with serving(answering(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) as server:
        names.hosts = ["127.0.0.9", "127.0.0.1"]
        client = make_client(f"http://service.test:{server.port}")
        for _ in range(4):
            assert client.exchange(get(client), timeout_s=9).body == b"ok"
        assert (server.accepted, names.lookups) == (4, 1)


def test_connections_are_spread_over_the_addresses(make_client: MakeClient, names: Names) -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with serving(answering(closing), host="0.0.0.0") as server:  # noqa: S104  (loopback has many addresses)
        names.hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
        client = make_client(f"http://service.test:{server.port}")
        for _ in range(6):
            assert client.exchange(get(client), timeout_s=9).body == b"ok"
        assert server.called == {"127.0.0.1": 2, "127.0.0.2": 2, "127.0.0.3": 2}


def test_if_all_refuse_so_does_the_name(make_client: MakeClient, names: Names) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    names.hosts = ["127.0.0.8", "127.0.0.9"]
    client = make_client(f"http://service.test:{port}")
    failure = client.exchange(get(client), timeout_s=9).failure
    assert failure is not None
    assert failure.kind is FailureKind.REFUSED


def test_greenlets_share_a_look_up_and_outlive_who_asked_first(make_client: MakeClient, names: Names) -> None:
    with serving(answering(OK)) as server:
        names.hosts = ["127.0.0.1"]
        client = make_client(f"http://service.test:{server.port}")
        asking = [gevent.spawn(client.exchange, get(client), timeout_s=9) for _ in range(5)]
        gevent.sleep(0)
        asking[0].kill()
        gevent.joinall(asking[1:], raise_error=True)
        assert [greenlet.value.body for greenlet in asking[1:]] == [b"ok"] * 4
        assert names.lookups == 1


def test_a_name_that_was_not_found_is_not_asked_for_each_time(make_client: MakeClient, names: Names) -> None:
    client = make_client("http://service.test:1")
    kinds = set()
    for _ in range(5):
        failure = client.exchange(get(client), timeout_s=9).failure
        assert failure is not None
        kinds.add(failure.kind)
    assert (kinds, names.lookups) == ({FailureKind.NAME_NOT_FOUND}, 1)


def test_a_slow_look_up_meets_the_deadline(make_client: MakeClient, names: Names) -> None:
    names.takes_s = 1
    client = make_client("http://service.test:1")
    failure = client.exchange(get(client), timeout_s=0.05).failure
    assert failure is not None
    assert failure.kind is FailureKind.TIMEOUT
