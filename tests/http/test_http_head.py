"""Requests as bytes: what is written, and what is refused because it would not stay one request."""

import pytest

from harness.engine import _http
from harness.engine._http import request_head, serialise

HOST = b"localhost:8000"


def test_names_offered() -> None:
    assert (
        sorted(_http.__all__)
        == _http.__all__
        == [
            "Exchange",
            "Failure",
            "FailureKind",
            "HttpClient",
            "SseReader",
            "request_head",
            "serialise",
        ]
    )


REQUESTS = {
    "GET": ("GET", {}, None, b"GET /a?b=c HTTP/1.1\r\nHost: localhost:8000\r\n\r\n"),
    "POST": (
        "POST",
        {"Content-Type": "text/plain"},
        b"hello",
        (
            b"POST /a?b=c HTTP/1.1\r\nHost: localhost:8000\r\nContent-Type: text/plain\r\n"
            b"Content-Length: 5\r\n\r\nhello"
        ),
    ),
    "POST of nothing": (
        "POST",
        {},
        None,
        b"POST /a?b=c HTTP/1.1\r\nHost: localhost:8000\r\nContent-Length: 0\r\n\r\n",
    ),
    "GET with an empty body": (
        "GET",
        {},
        b"",
        b"GET /a?b=c HTTP/1.1\r\nHost: localhost:8000\r\nContent-Length: 0\r\n\r\n",
    ),
    "another host": ("GET", {"host": "b.test"}, None, b"GET /a?b=c HTTP/1.1\r\nhost: b.test\r\n\r\n"),
    "a length of the caller's own": (
        "PUT",
        {"content-length": "99"},
        b"x",
        b"PUT /a?b=c HTTP/1.1\r\nHost: localhost:8000\r\nContent-Length: 1\r\n\r\nx",
    ),
    "Latin-1 and an empty value": (
        "DELETE",
        {"X-Name": "Zoë", "X-Empty": ""},
        None,
        b"DELETE /a?b=c HTTP/1.1\r\nHost: localhost:8000\r\nX-Name: Zo\xeb\r\nX-Empty: \r\n\r\n",
    ),
}


@pytest.mark.parametrize(("method", "headers", "body", "expected"), REQUESTS.values(), ids=REQUESTS.keys())
def test_requests(method: str, headers: dict[str, str], body: bytes | None, expected: bytes) -> None:
    assert serialise(request_head(method, "/a?b=c", HOST, headers), body) == expected


REFUSED = {
    "line break in a value": ("GET", "/", {"X-A": "a\r\nX-B: b"}),
    "carriage return in a value": ("GET", "/", {"X-A": "a\rb"}),
    "NUL in a value": ("GET", "/", {"X-A": "a\0b"}),
    "letter beyond Latin-1": ("GET", "/", {"X-A": "\u2713"}),
    "line break in a name": ("GET", "/", {"X-A\r\nX-B": "b"}),
    "colon in a name": ("GET", "/", {"X-A:": "b"}),
    "empty name": ("GET", "/", {"": "b"}),
    "space in the target": ("GET", "/a b", {}),
    "line break in the target": ("GET", "/\r\nHost: b", {}),
    "letter beyond ASCII in the target": ("GET", "/\u00e9", {}),
    "empty target": ("GET", "", {}),
    "space in the method": ("GET /", "/", {}),
}


@pytest.mark.parametrize(("method", "target", "headers"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(method: str, target: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"header|target|method") as raised:
        request_head(method, target, HOST, headers)
    assert "\n" not in str(raised.value)
