"""The ASGI application: routes, authorisation, the control endpoint, and what happens to a completion.

A bare ASGI callable, because a web framework would cost more than the answer. Answers follow from the
request; latencies from the seed and the number of the arrival, so that repeating a request draws again.
"""

import dataclasses
import hashlib
import itertools
import random
import time
from collections.abc import MutableMapping, Sequence
from typing import Any

import orjson

from target_app.inference import _wire
from target_app.inference._answers import answer, roles_of
from target_app.inference._control import Control
from target_app.inference._delivery import JSON, ClientGoneError, Exchange, Job, Receive, Send, deliver, pause
from target_app.inference._errors import (
    Headers,
    WireError,
    bad_request,
    too_long,
    unauthorised,
    unknown_model,
    unknown_url,
)
from target_app.inference._faults import NO_FAULT, Fault, FaultError, parse_fault
from target_app.inference._latency import sample_latency
from target_app.inference._metrics import CONTENT_TYPE, Metrics
from target_app.inference._profile import ModelProfile, Profile
from target_app.inference._request import ChatRequest, parse_request
from target_app.inference._slots import Slots

Scope = MutableMapping[str, Any]

COMPLETIONS = "/openai/v1/chat/completions"
MODELS = "/openai/v1/models"
CONTROL = "/control"
# An ASGI extension of this name holds a function that closes the connection; see _server.Protocol.
CLOSE_EXTENSION = "simulator.close"
_MAX_BODY_BYTES = 8 * 1024 * 1024


class InferenceApp:
    """Groq's chat completions over a latency profile.

    `speed_factor` multiplies every simulated time (3 is three times slower, 0 answers at once); `seed`
    changes wordings and latencies, never the judgement. `faults` and `rate_limits` are texts as on the
    command line; they raise `FaultError` and `LimitsError`, and can be changed at `/control`.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        seed: int = 0,
        speed_factor: float = 1.0,
        faults: Sequence[str] = (),
        rate_limits: str = "off",
    ) -> None:
        self._profile = profile
        self._seed = seed
        self._seed_bytes = str(seed).encode()
        self._control = Control(list(profile.models), seed, speed_factor, faults, rate_limits)
        self._slots = {name: Slots(model.decode_slots) for name, model in profile.models.items()}
        self._metrics = Metrics(self._slots)
        self._serial = itertools.count(1)
        self._arrivals = random.Random(f"latency/{seed}")
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
        exchange = Exchange(receive, send, scope.get("extensions", {}).get(CLOSE_EXTENSION))
        if path == COMPLETIONS and method == "POST":
            await self._complete(dict(scope["headers"]), exchange)
            return
        try:
            if path == CONTROL and method == "PATCH":
                self._control.change(await _body(receive))
            body, headers = self._page(path, method, scope)
            await exchange.respond(200, body, headers)
        except WireError as error:
            await exchange.respond(error.status, error.body, JSON)

    def _page(self, path: str, method: str, scope: Scope) -> tuple[bytes, Headers]:
        if path == CONTROL and method in {"GET", "PATCH"}:
            return orjson.dumps(self._control.settings()), JSON
        if method == "GET" and path == "/healthz":
            return orjson.dumps({"status": "ok"}), JSON
        if method == "GET" and path == "/info":
            return orjson.dumps(self._info()), JSON
        if method == "GET" and path == "/metrics":
            return self._metrics.render(), [(b"content-type", CONTENT_TYPE.encode())]
        if method == "GET" and path == MODELS:
            _authorise(dict(scope["headers"]))
            return orjson.dumps({"object": "list", "data": self._model_list()}), JSON
        raise unknown_url(method, path)

    def _info(self) -> dict[str, Any]:
        settings = self._control.settings()
        return {"mode": "simulated", "profile": self._profile.name, "seed": self._seed, **settings}

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

    async def _complete(self, headers: dict[bytes, bytes], exchange: Exchange) -> None:
        retry = headers.get(b"x-stainless-retry-count", b"0") != b"0"
        request_id = f"req_01{next(self._serial):024x}"
        sent = [*JSON, (b"x-request-id", request_id.encode()), (b"x-groq-region", b"simulated")]
        model = "unknown"
        try:
            _authorise(headers)
            request = parse_request(await _body(exchange.receive))
            model = request.model
            job = await self._accept(request, headers, request_id, sent)
            status = await self._deliver(job, exchange)
        except WireError as error:
            status = str(error.status)
            await exchange.respond(error.status, error.body, [*sent, *error.headers])
        self._metrics.count_request(model, status, retry=retry)

    async def _accept(
        self, request: ChatRequest, headers: dict[bytes, bytes], request_id: str, sent: Headers
    ) -> Job:
        """Check the request against model, faults and rate limits; raises `WireError` for a refusal."""
        model = self._profile.models.get(request.model)
        if model is None:
            raise unknown_model(request.model)
        if request.prompt_tokens + (request.max_tokens or 0) > model.context_window_tokens:
            raise too_long()
        fault = self._fault(request, headers)
        if fault is not None and fault.kind == "status":
            await self._refuse(model, fault.error(request.model, request.service_tier, request.wanted_tokens))
        limiter = self._control.limiters.get(request.model)
        if limiter is not None:
            now_s = time.monotonic()
            refusal = limiter.admit(request.wanted_tokens, request.service_tier, now_s)
            sent += limiter.headers(now_s)
            if refusal is not None:
                self._metrics.count_limited(request.model, refusal[0])
                await self._refuse(model, refusal[1])
        return self._job(request, model, request_id, sent, fault)

    async def _refuse(self, model: ModelProfile, error: WireError) -> None:
        """Raise the error after the way there and back."""
        latency = sample_latency(model, 0, 0, self._arrivals, self._control.speed_factor)
        await pause(latency.network_s)
        raise error

    def _fault(self, request: ChatRequest, headers: dict[bytes, bytes]) -> Fault | None:
        """The fault that hits this request: the one in its header, or else one of those that are set."""
        asked = headers.get(b"x-fault")
        plan = self._control.plan
        if asked is None and not plan.faults:
            return None
        roles = roles_of(request.system) if asked is not None or plan.needs_role else ("", "")
        if asked is None:
            fault = plan.draw(request.model, roles)
        else:
            fault = self._asked_fault(asked.decode("latin-1"), request.model, roles)
        if fault is not None:
            self._metrics.count_fault(request.model, fault.label)
        return fault

    def _asked_fault(self, text: str, model: str, roles: tuple[str, str]) -> Fault | None:
        if text.strip() == NO_FAULT:
            return None
        try:
            fault = parse_fault(text, list(self._profile.models))
        except FaultError as error:
            raise bad_request(f"x-fault: {error}", "x-fault") from None
        if fault.probability != 1 or fault.times is not None:
            raise bad_request(
                "x-fault: takes no probability and no times; they belong to set faults", "x-fault"
            )
        return fault if fault.hits(model, roles) else None

    def _job(
        self, request: ChatRequest, model: ModelProfile, request_id: str, sent: Headers, fault: Fault | None
    ) -> Job:
        keyed = hashlib.blake2b(request.key, key=self._seed_bytes[:64], digest_size=16).digest()
        rng = random.Random(int.from_bytes(keyed))
        output = self._output(request, model, rng)
        latency = sample_latency(
            model,
            request.prompt_tokens,
            output.completion_tokens,
            self._arrivals,
            self._control.speed_factor,
        )
        if fault is not None:
            output = _wire.spoiled(output, fault.kind)
            if fault.kind == "slow-first-token":
                latency = dataclasses.replace(latency, prefill_s=latency.prefill_s + fault.seconds)
        envelope = _wire.Envelope(
            completion_id=f"chatcmpl-{keyed.hex()[:16]}{request_id[-16:]}",
            request_id=request_id,
            created=int(time.time()),
            model=request.model,
            fingerprint=self._fingerprints[request.model],
            service_tier=request.service_tier,
            seed=request.seed if request.seed is not None else int.from_bytes(keyed[:4]),
        )
        return Job(request, output, envelope, latency, self._slots[request.model], rng, sent, fault)

    @staticmethod
    def _output(request: ChatRequest, model: ModelProfile, rng: random.Random) -> _wire.Output:
        said = answer(request, rng)
        reasoning = model.reasoning_tokens.get(request.effort, 0) * said.difficulty
        shown = request.include_reasoning and reasoning > 0
        return _wire.limited(said.content, said.thought, reasoning, request.max_tokens, shown=shown)

    async def _deliver(self, job: Job, exchange: Exchange) -> str:
        """Write the answer and count it; returns what it is counted as."""
        request, output = job.request, job.output
        written = output.completion_tokens
        status = "200"
        try:
            status, queued_s = await deliver(job, exchange)
            self._metrics.observe_queue(request.model, queued_s)
        except ClientGoneError:
            status, written = "disconnected", 0
        finally:
            if (limiter := self._control.limiters.get(request.model)) is not None:
                limiter.settle(request.wanted_tokens, request.prompt_tokens + written, time.monotonic())
        if status == "200":
            self._metrics.count_tokens(request.model, request.prompt_tokens, written, output.reasoning_tokens)
        return status


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
