"""Oracle: the design's outcomes and causes, row by row."""

import socket

import pytest
from geventhttpclient.response import HTTPConnectionClosed
from locust.exception import CatchResponseError

from harness.engine import Answer, classify

ROWS = [
    pytest.param(200, None, None, ("ok", None, None), id="a good answer, unchecked"),
    pytest.param(200, None, Answer(), ("ok", None, None), id="a good answer, checked"),
    pytest.param(
        200,
        None,
        Answer(degraded=True),
        ("degraded", "provider", "degraded answer"),
        id="degraded is no error",
    ),
    pytest.param(
        200,
        CatchResponseError("wrong complexity"),
        Answer(reason="wrong complexity"),
        ("invalid_answer", "answer", "wrong complexity"),
        id="a failed check",
    ),
    pytest.param(
        200,
        CatchResponseError("no data"),
        None,
        ("invalid_answer", "answer", "no data"),
        id="Locust's own check",
    ),
    pytest.param(500, OSError(), None, ("server_error", "service", "HTTP 500"), id="the service broke"),
    pytest.param(503, OSError(), None, ("server_error", "service", "HTTP 503"), id="503 without Retry-After"),
    pytest.param(404, OSError(), None, ("client_error", "generator", "HTTP 404"), id="we asked for nonsense"),
    pytest.param(429, OSError(), None, ("client_error", "service", "HTTP 429"), id="429 without Retry-After"),
    pytest.param(
        None,
        ConnectionRefusedError(),
        None,
        ("connection_error", "service", "connection refused"),
        id="refused",
    ),
    pytest.param(
        0, ConnectionResetError(), None, ("connection_error", "network", "connection reset"), id="reset"
    ),
    pytest.param(
        0, socket.gaierror(), None, ("connection_error", "network", "host name not found"), id="no host"
    ),
    pytest.param(0, TimeoutError(), None, ("timeout", "service", "timed out"), id="no answer in time"),
    pytest.param(
        0,
        HTTPConnectionClosed(),
        None,
        ("connection_error", "network", "connection closed before the response"),
        id="closed before a byte",
    ),
    pytest.param(
        200, HTTPConnectionClosed(), None, ("truncated", "network", "body cut short"), id="closed in the body"
    ),
]


@pytest.mark.parametrize(("status", "exception", "answer", "expected"), ROWS)
def test_classify(
    status: int | None,
    exception: BaseException | None,
    answer: Answer | None,
    expected: tuple[str, str | None, str | None],
) -> None:
    ending = classify(status, exception, answer)
    assert (ending.outcome, ending.cause, ending.error) == expected


def test_retry_after_makes_a_rejection() -> None:
    for status in (429, 503):
        assert classify(status, OSError(), retry_after=True).outcome == "rejected"
    assert classify(500, OSError(), retry_after=True).outcome == "server_error"


def test_a_provider_problem_blames_the_provider() -> None:
    ending = classify(503, OSError(), retry_after=True, problem_type="urn:problem:provider-rate-limited")
    assert (ending.cause, ending.error) == ("provider", "HTTP 503 provider-rate-limited")


def test_a_problem_type_from_outside_cannot_flood_the_error_texts() -> None:
    ending = classify(500, OSError(), problem_type="x" * 1000)
    assert ending.error is not None
    assert len(ending.error) < 80
