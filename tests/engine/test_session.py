"""What a task gets from `self.client`, and what is kept of it: rows and Locust's statistics agree.

Oracle: a small WSGI service in this process that answers by the path it is asked for.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import gevent
import pyarrow as pa
import pytest
from gevent.pywsgi import WSGIServer
from locust import task
from locust.env import Environment

from harness.engine import Answer, RunTicket, ServiceUser, SseReader, recorder
from harness.engine._reply import CaughtReply, RequestError
from harness.engine._stats_feed import stats_feed
from harness.runs import REQUEST_SCHEMA, SPAN_SCHEMA

PROBLEM = {"type": "urn:problem:provider:rate-limited"}
FIXED = {
    "/limited": (
        "429 Too Many",
        {"Content-Type": "application/problem+json", "Retry-After": "3"},
        json.dumps(PROBLEM).encode(),
    ),
    "/old": ("302 Found", {"Location": "/echo"}, b""),
    "/away": ("307 Elsewhere", {"Location": "http://127.0.0.2:1/echo"}, b""),
    "/login": ("200 OK", {"Set-Cookie": "session=abc; Path=/; HttpOnly"}, b"{}"),
}


def _service(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    length = int(environ.get("CONTENT_LENGTH") or 0)
    sent = environ["wsgi.input"].read(length).decode()
    if path.startswith("/status/"):
        start_response(f"{path.removeprefix('/status/')} Some", [("Content-Type", "text/plain")])
        return [b"no"]
    if path in FIXED:
        status, header, body = FIXED[path]
        start_response(status, [*header.items()])
        return [body]
    if path.startswith("/stream/"):
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return _stream(path.removeprefix("/stream/"))
    if path == "/slow":
        gevent.sleep(5)
    headers = [("Content-Type", "application/json"), ("Server-Timing", "triage;dur=2.5, total;dur=9")]
    start_response("200 OK", headers)
    asked = {
        "method": environ["REQUEST_METHOD"],
        "query": environ["QUERY_STRING"],
        "body": sent,
        "type": environ.get("CONTENT_TYPE"),
        "headers": {name: value for name, value in environ.items() if name.startswith("HTTP_")},
    }
    return [json.dumps(asked).encode()]


def _stream(kind: str) -> Iterator[bytes]:
    """Three tokens, 50 ms apart, and what `kind` says."""
    for token in ("one", "two", "three"):
        gevent.sleep(0.05)
        yield f"data: {json.dumps({'choices': [{'delta': {'content': token}}]})}\n\n".encode()
    if kind == "stalled":
        gevent.sleep(2)
    if kind != "cut":
        yield b"data: [DONE]\n\n"


@dataclass
class Bench:
    """A user of the service, and what was kept of its requests."""

    user: ServiceUser
    environment: Environment

    def rows(self) -> list[dict[str, Any]]:
        shipment = recorder.ship()
        batches = [pa.ipc.read_record_batch(pa.py_buffer(data), REQUEST_SCHEMA) for data in shipment.requests]
        self.spans = [
            row
            for data in shipment.spans
            for row in pa.ipc.read_record_batch(pa.py_buffer(data), SPAN_SCHEMA).to_pylist()
        ]
        return [row for batch in batches for row in batch.to_pylist()]

    def locust(self) -> tuple[int, int, list[str]]:
        stats_feed(self.environment).flush()
        errors = [str(entry.error) for entry in self.environment.stats.errors.values()]
        total = self.environment.stats.total
        return total.num_requests, total.num_failures, errors


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = WSGIServer(("127.0.0.1", 0), _service, log=None)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop(timeout=1)


class Asker(ServiceUser):
    abstract = True
    headers = {"X-Tenant": "ward-1"}  # noqa: RUF012 - as a user writes it

    @task
    def ask(self) -> None:
        """Not called: the tests use the client themselves."""


@pytest.fixture
def bench(address: str) -> Iterator[Bench]:
    environment = Environment(user_classes=[Asker], host=address)
    environment.create_local_runner()
    recorder.begin(RunTicket("session-test"))
    Asker.host = address
    yield Bench(Asker(environment), environment)
    recorder.close()


ENDINGS = [
    pytest.param("/echo", None, ("ok", None, None), id="a good answer"),
    pytest.param("/status/500", None, ("server_error", "service", "HTTP 500"), id="the service broke"),
    pytest.param("/status/404", None, ("client_error", "generator", "HTTP 404"), id="asked for nonsense"),
    pytest.param("/limited", None, ("rejected", "provider", "HTTP 429 rate-limited"), id="turned away"),
    pytest.param("/old", None, ("ok", None, None), id="a redirect within the service is followed"),
    pytest.param(
        "/away",
        None,
        ("client_error", "generator", "HTTP 307 to another address"),
        id="a redirect elsewhere is a mistake in the locustfile",
    ),
    pytest.param(
        "/echo",
        lambda _: Answer(reason="wrong"),
        ("invalid_answer", "answer", "wrong"),
        id="a check that finds a fault",
    ),
    pytest.param(
        "/echo",
        lambda _: Answer(degraded=True),
        ("degraded", "provider", "degraded answer"),
        id="a degraded answer is no error",
    ),
    pytest.param(
        "/echo",
        lambda reply: Answer(reason=reply.json()["nothing"]),
        ("invalid_answer", "answer", "check raised KeyError"),
        id="a check that raises",
    ),
]


@pytest.mark.parametrize(("path", "check", "ending"), ENDINGS)
def test_an_ending_is_one_row_and_one_entry_of_locusts(
    bench: Bench, path: str, check: Any, ending: tuple[str, str | None, str | None]
) -> None:
    bench.user.client.get(path, name="/x", category="simple", case_id="c-1", check=check)
    (row,) = bench.rows()
    assert (row["outcome"], row["cause"], row["error"]) == ending
    assert (row["name"], row["category"], row["case_id"], row["user_class"]) == (
        "/x",
        "simple",
        "c-1",
        "Asker",
    )
    assert row["intended_at"] == row["sent_at"] <= row["first_byte_at"] <= row["done_at"]
    failed = ending[0] not in {"ok", "degraded"}
    assert bench.locust() == (1, int(failed), [ending[2]] if failed else [])


def test_a_connection_that_is_refused_is_an_answer_too(bench: Bench) -> None:
    reply = bench.user.client.get("http://127.0.0.1:1/echo", name="/x")
    (row,) = bench.rows()
    assert (reply.status_code, str(reply.error), reply.content) == (0, row["error"], None)
    assert (row["outcome"], row["cause"], row["status"]) == ("connection_error", "service", None)
    assert bench.locust()[:2] == (1, 1)


def test_a_time_limit_is_of_the_whole_request(bench: Bench) -> None:
    bench.user.client.get("/slow", timeout_s=0.2)
    (row,) = bench.rows()
    assert (row["outcome"], row["cause"]) == ("timeout", "service")


def test_a_request_that_nobody_waits_for_is_incomplete(bench: Bench) -> None:
    greenlet = gevent.spawn(bench.user.client.get, "/slow")
    gevent.sleep(0.1)
    assert recorder.in_flight == 1
    greenlet.kill()
    (row,) = bench.rows()
    assert (row["outcome"], recorder.in_flight) == ("incomplete", 0)


def test_what_is_sent(bench: Bench) -> None:
    asked = bench.user.client.post(
        "/echo?a=1", params={"b": "x y"}, json={"q": 1}, headers={"x-tenant": "other"}, auth=("ada", "pw")
    ).json()
    assert (asked["method"], asked["query"], asked["body"]) == ("POST", "a=1&b=x+y", '{"q":1}')
    assert asked["type"] == "application/json"
    assert asked["headers"]["HTTP_X_TENANT"] == "other"
    assert asked["headers"]["HTTP_AUTHORIZATION"] == "Basic YWRhOnB3"
    (row,) = bench.rows()
    assert row["request_bytes"] == 7
    assert [(span["component"], span["duration_ms"]) for span in bench.spans] == [
        ("triage", 2.5),
        ("total", 9.0),
    ]


def test_own_headers_go_to_the_own_host_alone(bench: Bench, address: str) -> None:
    assert "HTTP_X_TENANT" in bench.user.client.get("/echo").json()["headers"]
    elsewhere = address.replace("127.0.0.1", "localhost")
    assert "HTTP_X_TENANT" not in bench.user.client.get(f"{elsewhere}/echo").json()["headers"]
    assert "HTTP_X_TENANT" in bench.user.client.get(f"{address}/echo").json()["headers"]


def test_a_session_keeps_its_cookies(bench: Bench) -> None:
    bench.user.client.post("/login")
    assert bench.user.client.get("/echo").json()["headers"]["HTTP_COOKIE"] == "session=abc"


def test_a_name_for_a_block(bench: Bench) -> None:
    with bench.user.client.rename_request("/case/[id]"):
        bench.user.client.get("/echo")
    assert [row["name"] for row in bench.rows()] == ["/case/[id]"]


JUDGED = [
    pytest.param("/echo", None, "ok", 0, id="not judged, good"),
    pytest.param("/status/500", None, "server_error", 1, id="not judged, bad"),
    pytest.param("/status/404", lambda reply: reply.success(), "ok", 0, id="a 404 that is right"),
    pytest.param("/echo", lambda reply: reply.failure("no data"), "invalid_answer", 1, id="wrong"),
]


@pytest.mark.parametrize(("path", "judge", "outcome", "failures"), JUDGED)
def test_the_task_judges(bench: Bench, path: str, judge: Any, outcome: str, failures: int) -> None:
    with bench.user.client.get(path, name="/x", catch_response=True) as reply:
        if judge:
            judge(reply)
        assert bench.locust()[0] == 0, "reported at the end of the block, not before"
    assert [row["outcome"] for row in bench.rows()] == [outcome]
    assert bench.locust()[:2] == (1, failures)


def test_a_judgement_cannot_be_forgotten(bench: Bench) -> None:
    bench.user.client.get("/status/500", catch_response=True)
    assert [row["outcome"] for row in bench.rows()] == ["server_error"]
    assert (bench.locust()[:2], recorder.in_flight) == ((1, 1), 0)


def test_a_block_that_raises_is_recorded_and_raises_on(bench: Bench) -> None:
    with pytest.raises(KeyError), bench.user.client.get("/echo", catch_response=True) as reply:
        reply.json()["nothing"]
    assert [row["outcome"] for row in bench.rows()] == ["invalid_answer"]


def test_a_status_that_the_task_raises_is_recorded_and_goes_no_further(bench: Bench) -> None:
    with bench.user.client.get("/status/503", catch_response=True) as reply:
        reply.raise_for_status()
    assert [row["error"] for row in bench.rows()] == ["HTTP 503"]


def test_locusts_rest(bench: Bench) -> None:
    with bench.user.rest("POST", "/echo", json={"q": 1}) as reply:
        assert isinstance(reply, CaughtReply)
        assert reply.js["body"] == '{"q":1}'
    with bench.user.rest("GET", "/status/200") as reply:
        assert reply.js is None
    assert [row["outcome"] for row in bench.rows()] == ["ok", "invalid_answer"]


STREAMS = [
    pytest.param("whole", ("ok", None, None), id="whole"),
    pytest.param(
        "cut",
        ("truncated", "service", "stream ended before its last event"),
        id="ends without its last event",
    ),
    pytest.param("stalled", ("timeout", "service", "response stalled"), id="falls silent"),
]


@pytest.mark.parametrize(("kind", "ending"), STREAMS)
def test_a_stream(bench: Bench, kind: str, ending: tuple[str, str | None, str | None]) -> None:
    events = SseReader()
    bench.user.client.post(f"/stream/{kind}", name="/stream", events=events, idle_timeout_s=0.5)
    (row,) = bench.rows()
    assert (row["outcome"], row["cause"], row["error"]) == ending
    assert events.content_events == 3
    assert row["sent_at"] < row["first_byte_at"] <= row["first_token_at"] < row["last_token_at"]
    assert row["last_token_at"] <= row["done_at"]


def test_somebody_who_listens_per_request_hears_of_each(bench: Bench) -> None:
    heard: list[dict[str, Any]] = []
    events: Any = bench.environment.events  # Locust's is untyped
    events.request.add_listener(lambda **event: heard.append(event))
    bench.user.client.get("/echo", name="/x", context={"shift": "night"})
    bench.user.client.get("/status/500", name="/x")
    assert [event["response"].status_code for event in heard] == [200, 500]
    assert heard[0]["context"]["shift"] == "night"
    assert isinstance(heard[1]["exception"], RequestError)
    assert [row["outcome"] for row in bench.rows()] == ["ok", "server_error"]
    assert bench.locust() == (2, 1, ["HTTP 500"])
