"""The groq SDK, ready to be measured: what it imports and builds at its first call takes 0.3 s."""

import json
from typing import Any

import groq
import httpx
from groq._base_client import get_platform

_USAGE = {
    "queue_time": 0.1,
    "prompt_tokens": 1,
    "prompt_time": 0.1,
    "completion_tokens": 1,
    "completion_time": 0.1,
    "total_tokens": 2,
    "total_time": 0.2,
}
_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "none",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}],
    "usage": _USAGE,
}
_CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "none",
    "choices": [{"index": 0, "delta": {"content": "{}"}, "finish_reason": "stop"}],
    "x_groq": {"id": "req_1", "usage": _USAGE},
}


def know_platform() -> None:
    """Ask for the platform here, before any load: the answer is remembered.

    The SDK asks at its first async call, in a native thread, and for the answer starts a subprocess, which
    under gevent fails there or never returns.
    """
    get_platform()


def load_sdk() -> None:
    """Make one call of each kind that nobody answers but this module; no network."""
    know_platform()
    transport = httpx.MockTransport(_answer)
    with groq.Groq(api_key="none", http_client=httpx.Client(transport=transport)) as client:
        question: dict[str, Any] = {"model": "none", "messages": [{"role": "user", "content": "none"}]}
        client.chat.completions.create(**question)
        list(client.chat.completions.create(**question, stream=True))


def _answer(request: httpx.Request) -> httpx.Response:
    if not json.loads(request.content).get("stream"):
        return httpx.Response(200, json=_ANSWER)
    content = f"data: {json.dumps(_CHUNK)}\n\ndata: [DONE]\n\n"
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=content)
