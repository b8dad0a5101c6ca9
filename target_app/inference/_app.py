"""The ASGI application: routes, authorisation, and the life of a completion from queue to last token.

A bare ASGI callable, because a web framework would cost more than the answer. A client that goes away in the
middle does not free its decode slot early: a provider finishes, and bills, what it has begun.
"""

import asyncio
import dataclasses
import hashlib
import itertools
import random
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from target_app.inference import _wire
from target_app.inference._answers import answer
from target_app.inference._errors import (
    WireError,
    bad_request,
    too_long,
    unauthorised,
    unknown_model,
    unknown_url,
)
from target_app.inference._latency import Latency, sample_latency
from target_app.inference._metrics import CONTENT_TYPE, Metrics
from target_app.inference._profile import ModelProfile, Profile
from target_app.inference._request import ChatRequest, parse_request
from target_app.inference._slots import Slots

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

COMPLETIONS = "/openai/v1/chat/completions"
MODELS = "/openai/v1/models"
_MAX_BODY_BYTES = 8 * 1024 * 1024
_JSON: Headers = [(b"content-type", b"application/json")]


@dataclasses.dataclass(frozen=True, slots=True)
class _Job:
    """One accepted completion: what will be written and how long each part takes."""

    request: ChatRequest
    output: _wire.Output
    envelope: _wire.Envelope
    latency: Latency
    slots: Slots
    rng: random.Random


class InferenceApp:
    """Groq's chat completions over a latency profile.

    `speed_factor` multiplies every simulated time (3 is three times slower, 0 answers at once); `seed`
    changes wordings and latencies, never the judgement.
    """

    def __init__(self, profile: Profile, *, seed: int = 0, speed_factor: float = 1.0) -> None:
        self._profile = profile
        self._seed = seed
        self._speed_factor = speed_factor
        self._seed_bytes = str(seed).encode()
        self._slots = {name: Slots(model.decode_slots) for name, model in profile.models.items()}
        self._metrics = Metrics(self._slots)
        self._serial = itertools.count(1)
        self._started = int(time.time())
        self._fingerprints = {
            name: f"fp_{hashlib.blake2b(f'{profile.name}/{name}'.encode(), digest_size=5).hexdigest()}"
            for name in profile.models
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is served, not {scope['type']}")
        path, method = scope["path"], scope["method"]
        if path == COMPLETIONS and method == "POST":
            await self._complete(scope, receive, send)
            return
        try:
            body, headers = self._page(path, method, scope)
            await _respond(send, 200, body, headers)
        except WireError as error:
            await _respond(send, error.status, error.body, _JSON)

    def _page(self, path: str, method: str, scope: Scope) -> tuple[bytes, Headers]:
        if method == "GET" and path == "/healthz":
            return orjson.dumps({"status": "ok"}), _JSON
        if method == "GET" and path == "/info":
            return orjson.dumps(self._info()), _JSON
        if method == "GET" and path == "/metrics":
            return self._metrics.render(), [(b"content-type", CONTENT_TYPE.encode())]
        if method == "GET" and path == MODELS:
            _authorise(dict(scope["headers"]))
            return orjson.dumps({"object": "list", "data": self._model_list()}), _JSON
        raise unknown_url(method, path)

    def _info(self) -> dict[str, Any]:
        return {
            "mode": "simulated",
            "profile": self._profile.name,
            "seed": self._seed,
            "speed_factor": self._speed_factor,
        }

    def _model_list(self) -> list[dict[str, Any]]:
        return [
            {
                "id": name,
                "object": "model",
                "created": self._started,
                "owned_by": model.owned_by,
                "active": True,
                "context_window": model.context_window_tokens,
            }
            for name, model in self._profile.models.items()
        ]

    async def _complete(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        retry = headers.get(b"x-stainless-retry-count", b"0") != b"0"
        request_id = f"req_01{next(self._serial):024x}"
        sent = [*_JSON, (b"x-request-id", request_id.encode()), (b"x-groq-region", b"simulated")]
        model = "unknown"
        try:
            _authorise(headers)
            request = parse_request(await _body(receive))
            model = request.model
            job = self._job(request, request_id)
        except WireError as error:
            self._metrics.count_request(model, error.status, retry=retry)
            await _respond(send, error.status, error.body, sent)
            return
        if request.stream:
            await self._stream(job, send, sent)
        else:
            await self._whole(job, send, sent)
        self._metrics.count_request(model, 200, retry=retry)
        output = job.output
        self._metrics.count_tokens(
            model, request.prompt_tokens, output.completion_tokens, output.reasoning_tokens
        )

    def _job(self, request: ChatRequest, request_id: str) -> _Job:
        model = self._profile.models.get(request.model)
        if model is None:
            raise unknown_model(request.model)
        if request.prompt_tokens + (request.max_tokens or 0) > model.context_window_tokens:
            raise too_long()
        keyed = hashlib.blake2b(request.key, key=self._seed_bytes[:64], digest_size=16).digest()
        rng = random.Random(int.from_bytes(keyed))
        output = self._output(request, model, rng)
        latency = sample_latency(
            model, request.prompt_tokens, output.completion_tokens, rng, self._speed_factor
        )
        envelope = _wire.Envelope(
            completion_id=f"chatcmpl-{keyed.hex()[:16]}{request_id[-16:]}",
            request_id=request_id,
            created=int(time.time()),
            model=request.model,
            fingerprint=self._fingerprints[request.model],
            service_tier=request.service_tier,
            seed=request.seed if request.seed is not None else int.from_bytes(keyed[:4]),
        )
        return _Job(request, output, envelope, latency, self._slots[request.model], rng)

    @staticmethod
    def _output(request: ChatRequest, model: ModelProfile, rng: random.Random) -> _wire.Output:
        said = answer(request, rng)
        reasoning = model.reasoning_tokens.get(request.effort, 0) * said.difficulty
        shown = request.include_reasoning and reasoning > 0
        return _wire.limited(said.content, said.thought, reasoning, request.max_tokens, shown=shown)

    async def _whole(self, job: _Job, send: Send, headers: Headers) -> None:
        latency = job.latency
        await _sleep(latency.network_s / 2 + latency.queue_s)
        waited_s = await job.slots.acquire()
        try:
            await _sleep(latency.prefill_s + latency.decode_s)
        finally:
            job.slots.release()
        await _sleep(latency.network_s / 2)
        await _respond(send, 200, _wire.completion(job.envelope, job.output, _used(job, waited_s)), headers)

    async def _stream(self, job: _Job, send: Send, headers: Headers) -> None:
        """Send each chunk when its last token is due; chunks due at the same time go out together."""
        latency, output = job.latency, job.output
        await _sleep(latency.network_s / 2 + latency.queue_s)
        waited_s = await job.slots.acquire()
        try:
            await _sleep(latency.prefill_s + latency.network_s / 2)
            events = [
                *_JSON[:0],
                (b"content-type", b"text/event-stream"),
                (b"cache-control", b"no-cache"),
                *headers[1:],
            ]
            await send({"type": "http.response.start", "status": 200, "headers": events})
            pending = [_wire.first_chunk(job.envelope)]
            per_token_s = latency.decode_s / max(output.completion_tokens, 1)
            start = time.perf_counter()
            for chunk, written in _wire.text_chunks(job.envelope, output, job.rng):
                early_s = start + written * per_token_s - time.perf_counter()
                if early_s > 0:
                    await _send_part(send, pending)
                    await asyncio.sleep(early_s)
                pending.append(chunk)
            await _sleep(start + latency.decode_s - time.perf_counter())
        finally:
            job.slots.release()
        used = _used(job, waited_s)
        pending.append(_wire.last_chunks(job.envelope, output, used, include_usage=job.request.include_usage))
        await send({"type": "http.response.body", "body": b"".join(pending)})


def _used(job: _Job, waited_s: float) -> dict[str, Any]:
    latency = job.latency
    return _wire.usage(
        job.request.prompt_tokens,
        job.output,
        latency.queue_s + waited_s,
        latency.prefill_s,
        latency.decode_s,
    )


def _authorise(headers: dict[bytes, bytes]) -> None:
    if not headers.get(b"authorization", b"").startswith(b"Bearer "):
        raise unauthorised()


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > _MAX_BODY_BYTES:
            raise WireError(413, "Request Entity Too Large", "request_too_large")
        parts.append(part)
    if message["type"] == "http.disconnect":
        raise bad_request("the request body is incomplete")
    return b"".join(parts)


async def _sleep(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


async def _respond(send: Send, status: int, body: bytes, headers: Headers) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def _send_part(send: Send, pending: list[bytes]) -> None:
    if pending:
        await send({"type": "http.response.body", "body": b"".join(pending), "more_body": True})
        pending.clear()
