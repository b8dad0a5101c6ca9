"""What the service does not put up with: too many cases, too much time, clients that left, no key."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from target_app.api._body import parse_case
from target_app.errors import CaseError, InvalidCaseError, UnreadableBodyError

if TYPE_CHECKING:
    from tests.target.conftest import Call, StandIn, Target, TargetFactory

from tests.target.conftest import ordinary, wait_until

Reply = dict[str, Any]


def held(until: threading.Event) -> Callable[["Call"], Reply]:
    """A script in which every call is answered once `until` is set."""
    return lambda call: Reply(content=ordinary(call), hold=until)


def test_cases_beyond_places_and_queue_are_refused_at_once(
    provider: "StandIn", start_target: "TargetFactory"
) -> None:
    release = threading.Event()
    provider.script = held(release)
    with (
        start_target(provider.url, max_concurrent_cases=2, max_queued_cases=3) as target,
        ThreadPoolExecutor(5) as pool,
    ):
        admitted: list[Future[httpx.Response]] = [pool.submit(target.post) for _ in range(5)]
        wait_until(lambda: target.metric("target_cases_in_flight") == 2, "2 in work")
        wait_until(lambda: target.metric("target_cases_queued") == 3, "3 queued")
        refused = [target.post() for _ in range(2)]
        asked = len(provider.calls)
        release.set()
        answers = [future.result(30) for future in admitted]
        counted = target.metrics()

    assert [response.status_code for response in refused] == [503, 503]
    problem = refused[0].json()
    assert (problem["type"], problem["cause"]) == ("urn:problem:overloaded", "service")
    assert problem["detail"] == "2 cases in work and 3 waiting"
    assert refused[0].headers["retry-after"] == "1"
    assert asked == 2, "queued and refused cases cost the provider nothing"
    assert [answer.status_code for answer in answers] == [200] * 5
    waited = [answer for answer in answers if "admission;dur=" in answer.headers["server-timing"]]
    assert len(waited) == 3
    assert counted.sum("target_cases_total", outcome="overloaded", status="503") == 2
    assert counted.sum("target_component_duration_seconds_count", component="admission") == 3
    assert counted.sum("target_cases_in_flight") == counted.sum("target_cases_queued") == 0


def test_the_deadline_bounds_every_call(provider: "StandIn", start_target: "TargetFactory") -> None:
    never = threading.Event()

    def script(call: "Call") -> Reply:
        wait = {"triage": Reply(delay_s=0.3), "cardiology": Reply(hold=never)}
        return wait.get(call.role, Reply()) | Reply(content=ordinary(call))

    provider.script = script
    with start_target(provider.url, case_deadline_s=1.5, call_timeout_s=20.0, max_retries=2) as target:
        started_s = time.monotonic()
        response = target.post()
        took_s = time.monotonic() - started_s
        counted = target.metrics()
    never.set()

    problem = response.json()
    assert (response.status_code, problem["type"]) == (504, "urn:problem:case-deadline")
    assert (problem["cause"], problem["stage"]) == ("service", "specialists")
    assert problem["usage"]["llm_calls"] == 3, "the call that was ended is on the bill"
    assert counted.sum("target_model_calls_total", status="deadline") == 1
    cases = {"complexity": "moderate", "outcome": "case-deadline", "status": "504"}
    assert counted.sum("target_cases_total", **cases) == 1
    assert took_s < 15, "not the 20 s of a call, and no repeats"
    given_s = {call.role: float(call.headers["x-stainless-read-timeout"]) for call in provider.calls}
    assert given_s["triage"] <= 1.5
    assert given_s["cardiology"] <= given_s["triage"] - 0.3, "each call gets what is left"


def test_no_retry_waits_past_the_deadline(provider: "StandIn", start_target: "TargetFactory") -> None:
    provider.script = lambda _call: Reply(status=429, headers={"retry-after": "4"}, raw=b"{}")
    with start_target(provider.url, case_deadline_s=3.0, max_retries=2, retry_max_delay_s=5.0) as target:
        response = target.post()

    assert (response.status_code, response.headers["retry-after"]) == (503, "4")
    assert response.json()["type"] == "urn:problem:provider-rate-limited", "the reason, not the deadline"


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
def test_a_client_that_leaves_takes_its_calls_along(
    provider: "StandIn", start_target: "TargetFactory", streaming: bool
) -> None:
    never = threading.Event()
    provider.script = lambda call: Reply(hold=never) if call.role == "cardiology" else None
    with start_target(provider.url, model_streaming=streaming) as target:
        with leaving_client(target.url, BODY):
            wait_until(lambda: "cardiology" in provider.roles(), "the case is with its specialists")
        wait_until(
            lambda: target.metric("target_cases_total", outcome="disconnected", status="none") == 1, "counted"
        )
        counted = target.metrics()
    never.set()

    # The held one, and any other specialist's that was not answered yet.
    assert counted.sum("target_model_calls_total", status="cancelled") >= 1
    assert counted.sum("target_cases_in_flight") == 0
    assert counted.sum("target_provider_connections", state="in_use") == 0
    assert "synthesis" not in provider.roles()


def test_a_client_that_leaves_in_the_queue_frees_its_place_there(
    provider: "StandIn", start_target: "TargetFactory"
) -> None:
    release = threading.Event()
    provider.script = held(release)
    with (
        start_target(provider.url, max_concurrent_cases=1, max_queued_cases=1) as target,
        ThreadPoolExecutor(2) as pool,
    ):
        first = pool.submit(target.post)
        wait_until(lambda: len(provider.calls) == 1, "the first case holds the place")
        with leaving_client(target.url, BODY):
            wait_until(lambda: target.metric("target_cases_queued") == 1, "the second one waits")
        wait_until(lambda: target.metric("target_cases_queued") == 0, "it has left")
        third = pool.submit(target.post)
        wait_until(lambda: target.metric("target_cases_queued") == 1, "the third one waits")
        release.set()

        assert [first.result(30).status_code, third.result(30).status_code] == [200, 200]


def test_a_client_that_leaves_before_its_body_is_complete(
    provider: "StandIn", start_target: "TargetFactory"
) -> None:
    with start_target(provider.url) as target:
        with leaving_client(target.url, BODY[:10], declared=len(BODY)):
            pass
        wait_until(
            lambda: target.metric("target_cases_total", outcome="disconnected", status="none") == 1, "counted"
        )
        assert target.metric("target_cases_in_flight") == 0
    assert provider.calls == []


BODY = b'{"case_id": "gone", "chief_complaint": "chest pain"}'


@contextlib.contextmanager
def leaving_client(url: str, body: bytes, declared: int | None = None) -> Iterator[None]:
    """Sends a case and closes the connection at the end of the block."""
    host, port = url.removeprefix("http://").split(":")
    length = len(body) if declared is None else declared
    head = f"POST /api/cases HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n"
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(head.encode() + body)
        yield


KEY = "key-of-a-test"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        pytest.param(None, 401, id="none"),
        pytest.param(f"Bearer {KEY}x", 401, id="longer"),
        pytest.param(f"Bearer {KEY[:-1]}", 401, id="shorter"),
        pytest.param("Bearer", 401, id="no key"),
        pytest.param("Bearer schl\u00fcssel", 401, id="not ASCII"),
        pytest.param(f"Basic {KEY}", 401, id="another scheme"),
        pytest.param(KEY, 401, id="no scheme"),
        pytest.param(f"Bearer {KEY}", 200, id="right"),
        pytest.param(f"bearer  {KEY}", 200, id="right, in another spelling"),
    ],
)
def test_a_key_is_asked_for(guarded: "Target", provider: "StandIn", header: str | None, status: int) -> None:
    headers = {} if header is None else {b"authorization": header.encode("latin-1")}
    response = guarded.client.post("/api/cases", content=BODY, headers=headers)

    assert response.status_code == status
    assert (provider.calls != []) is (status == 200)
    if status == 401:
        assert response.json()["type"] == "urn:problem:unauthorised"
        assert response.headers["www-authenticate"] == "Bearer"
        assert KEY not in response.text
        assert "total;dur=" in response.headers["server-timing"]


def test_probes_need_no_key(guarded: "Target") -> None:
    paths = ("/healthz", "/readyz", "/info", "/metrics", "/openapi.json")
    assert [guarded.client.get(path).status_code for path in paths] == [200] * 5
    document = guarded.client.get("/openapi.json").json()
    assert document["paths"]["/api/cases"]["post"]["security"] == [{"key": []}]


@pytest.fixture
def guarded(provider: "StandIn", start_target: "TargetFactory") -> "Iterator[Target]":
    with start_target(provider.url, api_key=KEY) as target:
        yield target


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        pytest.param("application/json", 200, id="JSON"),
        pytest.param("Application/JSON; charset=utf-8", 200, id="with a charset"),
        pytest.param("application/vnd.case+json", 200, id="a kind of JSON"),
        pytest.param(None, 200, id="none"),
        pytest.param("text/plain", 415, id="text"),
        pytest.param("application/x-www-form-urlencoded", 415, id="a form"),
        pytest.param("application/jsonp", 415, id="not quite JSON"),
    ],
)
def test_the_media_type(target: "Target", content_type: str | None, status: int) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    response = target.client.post("/api/cases", content=BODY, headers=headers)

    assert response.status_code == status
    if status == 415:
        assert response.json()["type"] == "urn:problem:unsupported-media-type"


def nested(levels: int) -> bytes:
    return b'{"case_id":"a","chief_complaint":"b","x":' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(nested(150), InvalidCaseError, id="150 levels are read, and are no case"),
        pytest.param(nested(250), UnreadableBodyError, id="250 levels are not read"),
        pytest.param(nested(30_000), UnreadableBodyError, id="30 000 levels"),
        pytest.param(b'{"age":' + b"9" * 60_000 + b"}", UnreadableBodyError, id="60 000 digits"),
        pytest.param(
            b"{" + b",".join(b'"%x":1' % n for n in range(7000)) + b"}", InvalidCaseError, id="7 000 fields"
        ),
        pytest.param(
            b'{"history":[' + b",".join([b"1"] * 30_000) + b"]}", InvalidCaseError, id="30 000 wrong items"
        ),
    ],
)
def test_a_hostile_body_costs_little(body: bytes, error: type[CaseError]) -> None:
    """A case that is good takes some milliseconds of CPU; a bad one of 64 KiB must not take a second."""
    started_s = time.process_time()
    with pytest.raises(error) as caught:
        parse_case({}, body)

    assert time.process_time() - started_s < 1.0
    if isinstance(caught.value, InvalidCaseError):
        assert len(caught.value.mismatches) <= 20
