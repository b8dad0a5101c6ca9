"""Every fault through the real groq SDK over HTTP, on every model; and clients that go away."""

import asyncio
import dataclasses
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import groq
import httpx
import jsonschema
import pytest
from groq.types.shared import ErrorObject

from target_app.inference import InferenceApp, Profile, load_profile
from tests.inference.conftest import KEY, serving
from tests.inference.contract import LARGE, SCHEMAS, SMALL, body, render

MODELS = sorted(load_profile("reference").models)
CASE = render({"chief_complaint": "weakness", "labs": {"sodium": 125, "glucose": 450}})
PATH = "/openai/v1/chat/completions"
STATUSES: dict[str, tuple[type[groq.APIStatusError], str, str | None]] = {
    "status=400": (groq.BadRequestError, "invalid_request_error", "json_validate_failed"),
    "status=400,code=tool_use_failed": (groq.BadRequestError, "invalid_request_error", "tool_use_failed"),
    "status=400,code=context_length_exceeded": (
        groq.BadRequestError,
        "invalid_request_error",
        "context_length_exceeded",
    ),
    "status=400,code=model_decommissioned": (
        groq.BadRequestError,
        "invalid_request_error",
        "model_decommissioned",
    ),
    "status=400,code=invalid_request": (groq.BadRequestError, "invalid_request_error", None),
    "status=401": (groq.AuthenticationError, "invalid_request_error", "invalid_api_key"),
    "status=404": (groq.NotFoundError, "invalid_request_error", "model_not_found"),
    "status=413": (groq.APIStatusError, "tokens", "rate_limit_exceeded"),
    "status=429": (groq.RateLimitError, "tokens", "rate_limit_exceeded"),
    "status=429,limit=rpm,retry-after=7": (groq.RateLimitError, "requests", "rate_limit_exceeded"),
    "status=498": (groq.APIStatusError, "capacity_exceeded", "capacity_exceeded"),
    "status=500": (groq.InternalServerError, "internal_server_error", None),
    "status=502": (groq.InternalServerError, "internal_server_error", None),
    "status=503": (groq.InternalServerError, "internal_server_error", None),
    "status=503,retry-after=40": (groq.InternalServerError, "internal_server_error", None),
}
Work = Callable[[groq.AsyncGroq, str], Awaitable[Any]]


@pytest.fixture(scope="module")
def sdk(server: str) -> Iterator[Callable[[Work], list[Any]]]:
    """Does some work with a strict SDK client once per model and returns what each gave or raised."""
    with asyncio.Runner() as runner:
        client = groq.AsyncGroq(api_key="k", base_url=server, max_retries=0, _strict_response_validation=True)

        def each(work: Work) -> list[Any]:
            async def run() -> list[Any]:
                jobs: list[Awaitable[Any]] = [work(client, model) for model in MODELS]
                return await asyncio.gather(*jobs, return_exceptions=True)

            return runner.run(run())

        yield each
        runner.run(client.close())


def asking(fault: str, *, stream: bool = False, role: str = "triage") -> Work:
    """A completion with a fault; streams are read to the end and give their chunks."""

    async def work(client: groq.AsyncGroq, model: str) -> Any:
        wanted = {**body(role, CASE), "model": model, "stream": stream}
        answer: Any = await client.chat.completions.create(**wanted, extra_headers={"x-fault": fault})
        return [chunk async for chunk in answer] if stream else answer

    return work


@pytest.mark.parametrize("fault", STATUSES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_status_faults_are_groq_errors(sdk: Callable[[Work], list[Any]], fault: str, stream: bool) -> None:
    error, kind, code = STATUSES[fault]
    for raised in sdk(asking(fault, stream=stream)):
        assert type(raised) is error
        assert raised.status_code == int(fault[7:10])
        sent: Any = raised.body
        assert list(sent) == ["error"]
        told = ErrorObject.model_validate(sent["error"], strict=True)
        assert (told.type, told.code) == (kind, code)
        assert set(sent["error"]) <= set(ErrorObject.model_fields)
        wait = re.search(r"retry-after=(\d+)", fault)
        expected = wait[1] if wait else "2" if raised.status_code == 429 else None
        assert raised.response.headers.get("retry-after") == expected
        assert raised.response.headers["x-request-id"].startswith("req_")


def test_failed_generations_are_shown(sdk: Callable[[Work], list[Any]]) -> None:
    for raised in sdk(asking("status=400")):
        assert raised.body["error"]["failed_generation"]


@pytest.mark.parametrize(
    ("fault", "stream", "raised"),
    [
        ("cut=before-headers", False, groq.APIConnectionError),
        ("cut=before-headers", True, groq.APIConnectionError),
        ("cut=mid-body", False, groq.APIConnectionError),
        ("cut=mid-body", True, httpx.RemoteProtocolError),
        ("truncated-json", False, json.JSONDecodeError),
        ("truncated-json", True, json.JSONDecodeError),
        ("stream-error", True, groq.APIError),
        ("stream-error", False, groq.InternalServerError),
    ],
)
def test_broken_answers(
    sdk: Callable[[Work], list[Any]], fault: str, stream: bool, raised: type[Exception]
) -> None:
    found = sdk(asking(fault, stream=stream))
    assert [type(one) for one in found] == [raised] * len(MODELS), found


def test_the_error_inside_a_stream_is_groqs(sdk: Callable[[Work], list[Any]]) -> None:
    for raised in sdk(asking("stream-error", stream=True)):
        told = ErrorObject.model_validate(raised.body, strict=True)
        assert (told.type, told.code) == ("internal_server_error", "internal_server_error")


@pytest.mark.parametrize("stream", [False, True])
def test_empty_content(sdk: Callable[[Work], list[Any]], stream: bool) -> None:
    for answer in sdk(asking("empty-content", stream=stream)):
        if stream:
            assert "".join(chunk.choices[0].delta.content or "" for chunk in answer) == ""
            finish, used = answer[-1].choices[0].finish_reason, answer[-1].x_groq.usage
        else:
            assert answer.choices[0].message.content == ""
            finish, used = answer.choices[0].finish_reason, answer.usage
        assert finish == "stop"
        assert used.completion_tokens == used.completion_tokens_details.reasoning_tokens


@pytest.mark.parametrize("role", ["triage", "cardiology", "debate", "synthesis"])
def test_invalid_answers_violate_the_schema(sdk: Callable[[Work], list[Any]], role: str) -> None:
    schema = SCHEMAS.get(role, SCHEMAS["opinion"])
    for answer in sdk(asking("invalid-answer", role=role)):
        content = json.loads(answer.choices[0].message.content)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(content, schema)


@pytest.mark.parametrize("fault", ["slow-first-token=0.2", "stall=0.2"])
@pytest.mark.parametrize("stream", [False, True])
def test_slow_answers_are_late_and_complete(
    sdk: Callable[[Work], list[Any]], fault: str, stream: bool
) -> None:
    start_s = time.monotonic()
    found = sdk(asking(fault, stream=stream))
    assert time.monotonic() - start_s >= 0.2
    for answer in found:
        assert (answer[-1] if stream else answer).choices[0].finish_reason == "stop"


def test_a_slow_first_token_and_a_stall_differ(server: str) -> None:
    """The one delays the first byte, the other what comes after it."""

    def seen(fault: str) -> tuple[float, float]:
        wanted = {**body("triage", CASE), "stream": True}
        start_s = time.monotonic()
        with httpx.stream("POST", server + PATH, json=wanted, headers={**KEY, "x-fault": fault}) as answer:
            first_s = time.monotonic()
            answer.read()
        return first_s - start_s, time.monotonic() - first_s

    assert seen("slow-first-token=0.4")[0] >= 0.4
    # The client may take up the first byte late, on a busy machine.
    assert seen("stall=0.8")[1] >= 0.4


def narrow(profile: Profile) -> Profile:
    """One model with one decode slot, slow enough that an answer takes half a minute."""
    model = dataclasses.replace(
        profile.models[SMALL], decode_slots=1, decode_tokens_per_s=10, queue_median_ms=1.0, queue_p95_ms=1.0
    )
    return dataclasses.replace(profile, models={SMALL: model})


def gauge(url: str, name: str) -> float:
    text = httpx.get(f"{url}/metrics").text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name}{{"))


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("place", ["holding", "waiting"])
def test_a_client_that_goes_away_frees_its_place(reference: Profile, stream: bool, place: str) -> None:
    """One call holds the slot, one waits. Whoever leaves: in the end nobody holds or waits."""

    async def run(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, headers=KEY, timeout=60) as client:

            async def ask() -> None:
                async with client.stream(
                    "POST", PATH, json={**body("cardiology", CASE), "stream": stream}
                ) as answer:
                    await answer.aread()

            holding = asyncio.create_task(ask())
            await asyncio.to_thread(until, lambda: gauge(url, "inference_decode_slots_in_use") == 1)
            waiting = asyncio.create_task(ask())
            await asyncio.to_thread(until, lambda: gauge(url, "inference_decode_slots_waiting") == 1)
            leaving, staying = (holding, waiting) if place == "holding" else (waiting, holding)
            leaving.cancel()
            await asyncio.to_thread(until, lambda: gauge(url, "inference_decode_slots_waiting") == 0)
            # The one that stays has the slot, at once and for itself.
            await asyncio.to_thread(until, lambda: gauge(url, "inference_decode_slots_in_use") == 1)
            staying.cancel()
            await asyncio.gather(holding, waiting, return_exceptions=True)
            await asyncio.to_thread(until, lambda: gauge(url, "inference_decode_slots_in_use") == 0)

    with serving(InferenceApp(narrow(reference))) as url:
        asyncio.run(run(url))
        lost = f'inference_requests_total{{model="{SMALL}",status="disconnected"}} 2.0'
        assert lost in httpx.get(f"{url}/metrics").text


def test_cuts_and_disconnects_leave_no_trace_in_the_log(
    reference: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        serving(InferenceApp(reference, speed_factor=0)) as url,
        httpx.Client(base_url=url, headers=KEY) as client,
    ):
        for where in ("before-headers", "mid-body"):
            for stream in (False, True):
                wanted = {**body("triage", CASE), "stream": stream}
                with pytest.raises(httpx.RemoteProtocolError):
                    client.post(PATH, json=wanted, headers={"x-fault": f"cut={where}"})
        assert client.post(PATH, json=body("triage", CASE)).status_code == 200
        cut = f'inference_requests_total{{model="{LARGE}",status="cut"}} 4.0'
        assert cut in client.get("/metrics").text
    assert caplog.records == []


def test_the_queue_histogram_counts_every_completion(reference: Profile) -> None:
    with serving(InferenceApp(narrow(reference), speed_factor=0)) as url:
        for _ in range(3):
            httpx.post(url + PATH, json=body("cardiology", CASE), headers=KEY).raise_for_status()
        text = httpx.get(f"{url}/metrics").text
    assert f'inference_queue_seconds_bucket{{le="0.001",model="{SMALL}"}} 3.0' in text
    assert f'inference_queue_seconds_bucket{{le="+Inf",model="{SMALL}"}} 3.0' in text
    assert f'inference_queue_seconds_count{{model="{SMALL}"}} 3.0' in text
    assert f'inference_queue_seconds_sum{{model="{SMALL}"}} 0.0' in text
