"""The real groq SDK, with strict validation of every response, against a real server."""

import asyncio
from typing import Any

import groq
import httpx
import pytest

from target_app.inference import load_profile
from tests.inference.contract import LARGE, SMALL, body, render

MODELS = sorted(load_profile("reference").models)
CASE = render({"chief_complaint": "chest pain", "labs": {"troponin": 0.03}})
ORIGINAL_MODELS = {"llama3-8b-8192", "llama3-70b-8192", "mixtral-8x7b-32768"}


def sdk(url: str, **options: Any) -> groq.AsyncGroq:
    return groq.AsyncGroq(
        api_key="gsk_test", base_url=url, max_retries=0, _strict_response_validation=True, **options
    )


def test_current_and_original_models_are_served() -> None:
    assert {LARGE, SMALL} | ORIGINAL_MODELS <= set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_completion_parses_strictly(server: str, model: str) -> None:
    async def ask() -> Any:
        async with sdk(server) as client:
            return await client.chat.completions.create(**{**body("triage", CASE), "model": model})

    done = asyncio.run(ask())
    choice, used = done.choices[0], done.usage
    assert done.model == model
    assert choice.finish_reason == "stop"
    assert '"complexity":"moderate"' in choice.message.content
    assert used.total_tokens == used.prompt_tokens + used.completion_tokens
    assert used.total_time == pytest.approx(used.prompt_time + used.completion_time, abs=1e-8)
    assert (used.completion_tokens_details.reasoning_tokens > 0) == (choice.message.reasoning is not None)
    assert (choice.message.reasoning is not None) == model.startswith(("openai/", "qwen/"))
    assert done.x_groq.id.startswith("req_")
    assert done.service_tier == "on_demand"


@pytest.mark.parametrize("model", MODELS)
def test_stream_parses_strictly_and_says_the_same(server: str, model: str) -> None:
    wanted = {**body("synthesis", CASE), "model": model}

    async def ask() -> tuple[Any, list[Any]]:
        async with sdk(server) as client:
            whole = await client.chat.completions.create(**wanted)
            stream = await client.chat.completions.create(**wanted, stream=True)
            return whole, [chunk async for chunk in stream]

    whole, chunks = asyncio.run(ask())
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == whole.choices[0].message.content
    assert ("".join(delta.reasoning or "" for delta in deltas) or None) == whole.choices[0].message.reasoning
    assert chunks[-1].x_groq.usage.completion_tokens == whole.usage.completion_tokens
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"model": "no-such-model"}, groq.NotFoundError),
        ({"model": "gemma2-9b-it"}, groq.BadRequestError),
        ({"messages": []}, groq.BadRequestError),
    ],
)
def test_errors_become_the_sdk_exceptions(
    server: str, change: dict[str, Any], error: type[Exception]
) -> None:
    async def ask() -> None:
        async with sdk(server) as client:
            await client.chat.completions.create(**{**body("triage", CASE), **change})

    with pytest.raises(error):
        asyncio.run(ask())


def test_model_list_parses_strictly(server: str) -> None:
    async def ask() -> Any:
        async with sdk(server) as client:
            return await client.models.list()

    assert sorted(model.id for model in asyncio.run(ask()).data) == MODELS


def test_retries_of_the_sdk_are_counted(http: httpx.Client) -> None:
    def retries() -> float:
        text = http.get("/metrics").text
        (line,) = [
            line for line in text.splitlines() if line.startswith(f'inference_retries_total{{model="{SMALL}"')
        ]
        return float(line.split()[-1])

    before = retries()
    wanted = body("cardiology", CASE)
    for attempt in (0, 1, 2):
        headers = {"authorization": "Bearer x", "x-stainless-retry-count": str(attempt)}
        http.post("/openai/v1/chat/completions", json=wanted, headers=headers).raise_for_status()
    assert retries() - before == 2
