"""The bytes on the wire: order of stream chunks, headers, limits, and Groq's error bodies."""

import json
from typing import Any

import httpx
import pytest

from tests.inference.contract import LARGE, SMALL, body, render

CASE = render({"chief_complaint": "weakness", "labs": {"sodium": 125, "glucose": 450}})
KEY = {"authorization": "Bearer gsk_test"}
PATH = "/openai/v1/chat/completions"
PLAIN: dict[str, Any] = {"model": SMALL, "messages": [{"role": "user", "content": "What is pneumonia?"}]}


def schema(wanted: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "any", "schema": wanted}}


@pytest.fixture
def post(http: httpx.Client) -> Any:
    def send(content: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        return http.post(PATH, content=data, headers=KEY if headers is None else headers)

    return send


def events(text: str) -> list[Any]:
    parts = text.removesuffix("\n\n").split("\n\n")
    assert all(part.startswith("data: ") for part in parts)
    assert parts[-1] == "data: [DONE]"
    return [json.loads(part[6:]) for part in parts[:-1]]


def kind(chunk: dict[str, Any]) -> str:
    if not chunk["choices"]:
        return "usage"
    choice = chunk["choices"][0]
    if choice["finish_reason"]:
        return "finish"
    if "role" in choice["delta"]:
        return "role"
    return "reasoning" if "reasoning" in choice["delta"] else "content"


def order(chunks: list[dict[str, Any]]) -> list[str]:
    """Kinds of chunks in order, runs of one kind collapsed."""
    kinds = [kind(chunk) for chunk in chunks]
    return [one for place, one in enumerate(kinds) if place == 0 or kinds[place - 1] != one]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ["role", "reasoning", "content", "finish"]),
        ({"include_reasoning": False}, ["role", "content", "finish"]),
        ({"reasoning_effort": "none"}, ["role", "content", "finish"]),
        ({"model": "llama3-8b-8192"}, ["role", "content", "finish"]),
        (
            {"stream_options": {"include_usage": True}},
            ["role", "reasoning", "content", "finish", "usage"],
        ),
    ],
    ids=["reasoning model", "reasoning left out", "no effort", "plain model", "usage asked for"],
)
def test_stream_order(post: Any, change: dict[str, Any], expected: list[str]) -> None:
    response = post({**body("triage", CASE), "stream": True, **change})
    chunks = events(response.text)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert order(chunks) == expected
    assert len({chunk["id"] for chunk in chunks}) == 1
    finish = next(chunk for chunk in chunks if kind(chunk) == "finish")
    assert finish["x_groq"]["usage"] == finish["usage"]
    assert chunks[0]["x_groq"]["id"] == finish["x_groq"]["id"] == response.headers["x-request-id"]


def test_content_chunks_hold_four_to_sixteen_tokens(post: Any) -> None:
    chunks = [
        chunk["choices"][0]["delta"]["content"]
        for chunk in events(post({**body("synthesis", CASE), "stream": True}).text)
        if kind(chunk) == "content"
    ]
    assert len(chunks) > 10
    assert all(16 <= len(text) <= 64 for text in chunks[:-1])


def test_hidden_reasoning_still_costs_tokens(post: Any) -> None:
    shown = post(body("triage", CASE)).json()
    hidden = post({**body("triage", CASE), "include_reasoning": False}).json()
    assert "reasoning" not in hidden["choices"][0]["message"]
    assert hidden["usage"]["completion_tokens"] == shown["usage"]["completion_tokens"]


def test_low_effort_reasons_less(post: Any) -> None:
    used = [
        post({**body("triage", CASE), "reasoning_effort": effort}).json()["usage"][
            "completion_tokens_details"
        ]
        for effort in ("low", "medium", "high")
    ]
    tokens = [one["reasoning_tokens"] for one in used]
    assert 0 < tokens[0] < tokens[1] < tokens[2]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("stream", [False, True])
def test_token_limit_cuts_the_answer(post: Any, name: str, stream: bool) -> None:
    wanted = {**body("synthesis", CASE), "include_reasoning": False, "stream": stream}
    del wanted["max_completion_tokens"]
    response = post({**wanted, name: 100})
    if stream:
        chunks = events(response.text)
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
        finish, used = chunks[-1]["choices"][0]["finish_reason"], chunks[-1]["usage"]
    else:
        choice, used = response.json()["choices"][0], response.json()["usage"]
        text, finish = choice["message"]["content"], choice["finish_reason"]
    assert finish == "length"
    assert used["completion_tokens"] == 100
    reasoning = used["completion_tokens_details"]["reasoning_tokens"]
    assert len(text) == 4 * (100 - reasoning)


def test_prompt_tokens_are_a_quarter_of_the_characters(post: Any) -> None:
    used = post({**PLAIN, "messages": [{"role": "user", "content": "x" * 4000}]}).json()["usage"]
    assert used["prompt_tokens"] == 1000 + 4


def test_parts_and_text_content_are_the_same(post: Any) -> None:
    text = post(PLAIN).json()
    parts = [{"type": "text", "text": "What is pneumonia?"}]
    same = post({**PLAIN, "messages": [{"role": "user", "content": parts}]}).json()
    assert same["choices"] == text["choices"]


def test_ids_differ_between_equal_requests(post: Any) -> None:
    first, second = post(PLAIN).json(), post(PLAIN).json()
    assert first["choices"] == second["choices"]
    assert first["id"] != second["id"]
    assert first["x_groq"]["id"] != second["x_groq"]["id"]


@pytest.mark.parametrize(
    ("content", "status", "code", "words"),
    [
        (b"{", 400, None, "not valid JSON"),
        (b"[]", 400, None, "JSON object"),
        ({"model": SMALL}, 400, None, "'messages' is missing"),
        ({**PLAIN, "messages": "hello"}, 400, None, "'messages'"),
        ({**PLAIN, "messages": [{"role": "nurse", "content": "x"}]}, 400, None, "'role'"),
        ({**PLAIN, "messages": [{"role": "user", "content": 3}]}, 400, None, "messages.0.content"),
        ({"messages": PLAIN["messages"]}, 400, None, "'model' is missing"),
        ({**PLAIN, "max_tokens": 0}, 400, None, "'max_tokens'"),
        ({**PLAIN, "stream_options": "usage"}, 400, None, "'stream_options'"),
        ({**PLAIN, "stream": "yes"}, 400, None, "'stream'"),
        ({**PLAIN, "reasoning_effort": "heroic"}, 400, None, "'reasoning_effort'"),
        ({**PLAIN, "response_format": {"type": "xml"}}, 400, None, "json_schema"),
        ({**PLAIN, "response_format": {"type": "json_object"}}, 400, None, "must contain the word 'json'"),
        (
            {**PLAIN, "response_format": schema({"type": "object", "properties": []})},
            400,
            None,
            "invalid JSON schema",
        ),
        ({**PLAIN, "response_format": schema({"$ref": "#"})}, 400, None, "invalid JSON schema"),
        ({**PLAIN, "response_format": {"type": "json_schema"}}, 400, None, "json_schema.schema"),
        ({**PLAIN, "model": "gemma-7b-it"}, 400, "model_decommissioned", "decommissioned"),
        ({**PLAIN, "model": "gpt-17"}, 404, "model_not_found", "`gpt-17` does not exist"),
        (
            {"model": "llama3-8b-8192", "messages": [{"role": "user", "content": "x" * 40_000}]},
            400,
            "context_length_exceeded",
            "reduce the length",
        ),
    ],
)
def test_bad_requests(post: Any, content: Any, status: int, code: str | None, words: str) -> None:
    response = post(content)
    error = response.json()["error"]
    assert response.status_code == status
    assert error["type"] == "invalid_request_error"
    assert error.get("code") == code
    assert words in error["message"]
    assert response.headers["x-request-id"].startswith("req_")
    assert "x-groq-region" in response.headers


def test_a_key_is_needed(post: Any) -> None:
    response = post(PLAIN, headers={})
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", PATH), ("POST", "/openai/v1/openai/v1/chat/completions"), ("GET", "/nothing")],
)
def test_unknown_urls(http: httpx.Client, method: str, path: str) -> None:
    response = http.request(method, path, headers=KEY)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "unknown_url"
    assert f"{method} {path}" in response.json()["error"]["message"]


def test_service_pages(http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}
    assert http.get("/info").json() == {
        "mode": "simulated",
        "profile": "reference",
        "seed": 0,
        "speed_factor": 0,
        "faults": [],
        "rate_limits": "off",
    }


def test_metrics_count_requests_and_tokens(http: httpx.Client, post: Any) -> None:
    def value(name: str) -> float:
        lines = http.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name + " "))

    ok = f'inference_requests_total{{model="{LARGE}",status="200"}}'
    lost = 'inference_requests_total{model="unknown",status="404"}'
    tokens = f'inference_tokens_total{{kind="completion",model="{LARGE}"}}'
    before = value(ok), value(lost), value(tokens)
    used = post(body("triage", CASE)).json()["usage"]
    post({**PLAIN, "model": "a-model-that-nobody-serves"})
    assert value(ok) - before[0] == 1
    assert value(lost) - before[1] == 1
    assert value(tokens) - before[2] == used["completion_tokens"]
    assert value(f'inference_decode_slots{{model="{LARGE}"}}') == 64
    assert value(f'inference_decode_slots_in_use{{model="{LARGE}"}}') == 0
    assert value("process_cpu_seconds_total") > 0
