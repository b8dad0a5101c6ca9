"""Bodies and stream chunks of a completion in Groq's format, in the order in which Groq sends them.

A stream is: the role; reasoning (models that reason, unless left out); content; the finish with usage; a
usage chunk if asked for; `[DONE]`. Groq sends one token per chunk; here 4 to 16 share one, which keeps the
cost of a stream below the cost of the client that reads it.
"""

import dataclasses
import random
from collections.abc import Iterator
from typing import Any

import orjson

from target_app.inference._request import count_tokens

DONE = b"data: [DONE]\n\n"
_CHARS_PER_TOKEN = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Output:
    """What the model writes, already cut to the token limit; `reasoning` is empty where it is not shown."""

    reasoning: str
    content: str
    reasoning_tokens: int
    completion_tokens: int
    finish_reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Envelope:
    """What every body and chunk of one completion repeats."""

    completion_id: str
    request_id: str
    created: int
    model: str
    fingerprint: str
    service_tier: str
    seed: int


def limited(
    content: str, thought: str, reasoning_tokens: int, max_tokens: int | None, *, shown: bool
) -> Output:
    """Cut an answer to the token limit; reasoning comes first and counts.

    `thought` is repeated or cut to the length of the reasoning.
    """
    limit = max_tokens if max_tokens is not None else 1 << 40
    reasoned = min(reasoning_tokens, limit)
    wanted = count_tokens(content)
    written = min(wanted, limit - reasoned)
    if written < wanted:
        content = content[: written * _CHARS_PER_TOKEN]
    reasoning = ""
    if shown and reasoned:
        length = reasoned * _CHARS_PER_TOKEN
        reasoning = (thought * (length // max(len(thought), 1) + 1))[:length]
    finish = "stop" if written == wanted and reasoned == reasoning_tokens else "length"
    return Output(reasoning, content, reasoned, reasoned + written, finish)


def spoiled(output: Output, fault: str) -> Output:
    """The output with a faulty content: none (`empty-content`), or not what was asked (`invalid-answer`).

    The invalid answer is JSON without the first of its fields, which stands there under another name. It
    violates a strict schema, which requires all fields and allows no others. Other faults change nothing.
    """
    if fault == "empty-content":
        tokens = output.reasoning_tokens
        return dataclasses.replace(output, content="", completion_tokens=tokens, finish_reason="stop")
    if fault == "invalid-answer" and output.content.startswith("{"):
        try:
            answer = orjson.loads(output.content)
        except orjson.JSONDecodeError:
            return output
        renamed = {f"{name}_" if place == 0 else name: answer[name] for place, name in enumerate(answer)}
        return dataclasses.replace(output, content=orjson.dumps(renamed).decode())
    return output


def usage(
    prompt_tokens: int, output: Output, queue_s: float, prefill_s: float, decode_s: float
) -> dict[str, Any]:
    """The usage object; `total_time` leaves out the queue, as Groq's does."""
    return {
        "queue_time": round(queue_s, 9),
        "prompt_tokens": prompt_tokens,
        "prompt_time": round(prefill_s, 9),
        "completion_tokens": output.completion_tokens,
        "completion_time": round(decode_s, 9),
        "total_tokens": prompt_tokens + output.completion_tokens,
        "total_time": round(prefill_s + decode_s, 9),
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": output.reasoning_tokens},
    }


def completion(envelope: Envelope, output: Output, used: dict[str, Any]) -> bytes:
    """The body of a completion that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": output.content}
    if output.reasoning:
        message["reasoning"] = output.reasoning
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": output.finish_reason}
    return orjson.dumps(
        {
            "id": envelope.completion_id,
            "object": "chat.completion",
            "created": envelope.created,
            "model": envelope.model,
            "choices": [choice],
            "usage": used,
            "usage_breakdown": None,
            "system_fingerprint": envelope.fingerprint,
            "x_groq": {"id": envelope.request_id, "seed": envelope.seed},
            "service_tier": envelope.service_tier,
        }
    )


def first_chunk(envelope: Envelope) -> bytes:
    """The chunk that opens a stream with the role."""
    head = {"id": envelope.request_id, "seed": envelope.seed}
    return _chunk(envelope, {"role": "assistant", "content": ""}, x_groq=head)


def text_chunks(envelope: Envelope, output: Output, rng: random.Random) -> Iterator[tuple[bytes, int]]:
    """Reasoning and content chunks, each with the number of tokens written when it is complete.

    Hidden reasoning takes its time without being sent.
    """
    written = 0
    if output.reasoning:
        for text in _pieces(output.reasoning, rng):
            written = min(written + count_tokens(text), output.reasoning_tokens)
            yield _chunk(envelope, {"reasoning": text, "channel": "analysis"}), written
    written = output.reasoning_tokens
    for text in _pieces(output.content, rng):
        written += count_tokens(text)
        yield _chunk(envelope, {"content": text}), written


def last_chunks(envelope: Envelope, output: Output, used: dict[str, Any], *, include_usage: bool) -> bytes:
    """The finish, the optional usage chunk and the end mark."""
    tail = _chunk(
        envelope,
        {},
        output.finish_reason,
        x_groq={"id": envelope.request_id, "usage": used},
        usage=used,
    )
    if include_usage:
        tail += _event(envelope, {"choices": [], "usage": used, "service_tier": envelope.service_tier})
    return tail + DONE


def _pieces(text: str, rng: random.Random) -> Iterator[str]:
    start = 0
    while start < len(text):
        length = _CHARS_PER_TOKEN * (4 + int(rng.random() * 13))
        yield text[start : start + length]
        start += length


def _chunk(envelope: Envelope, delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _event(envelope, {"choices": [choice], **more})


def _event(envelope: Envelope, part: dict[str, Any]) -> bytes:
    data = {
        "id": envelope.completion_id,
        "object": "chat.completion.chunk",
        "created": envelope.created,
        "model": envelope.model,
        "system_fingerprint": envelope.fingerprint,
        **part,
    }
    return b"data: %b\n\n" % orjson.dumps(data)
