"""Servers for the target's tests: the simulator, a stand-in for the provider, and the target on a free port.

The stand-in speaks just enough of Groq's wire format to be asked for what the simulator never does: chosen
answers, and bodies that no provider should send. Every server is a real one on loopback.
"""

import asyncio
import contextlib
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Receive, Scope, Send

from target_app.app import create_app
from target_app.settings import DEFAULT_PRICES, Settings, load_prices

MODELS = ("openai/gpt-oss-120b", "openai/gpt-oss-20b")


@dataclass(frozen=True)
class Call:
    """One request that the provider received."""

    role: str
    """`triage`, `debate`, `synthesis` or a specialist's slug."""
    model: str
    user: str
    system: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def attempt(self) -> int:
        return int(self.headers["x-stainless-retry-count"])


@dataclass(frozen=True)
class Reply:
    """What the provider does: `content` becomes a completion, unless `raw` or `cut` says otherwise."""

    content: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    delay_s: float = 0.0
    hold: threading.Event | None = None
    """Answer once this is set; the stand-in serves other calls meanwhile."""
    events: tuple[bytes, ...] | None = None
    """What to send as server-sent events in place of a completion."""
    pause_s: float = 0.0
    """After the third event, which is the first with content."""
    finish_reason: str = "stop"
    usage: bool = True


ANSWERS: dict[str, dict[str, Any]] = {
    "triage": {
        "complexity": "moderate",
        "specialists": [
            {"specialist": "cardiology", "reason": "chest pain"},
            {"specialist": "nephrology", "reason": "creatinine"},
        ],
        "red_flags": ["pain at rest"],
        "rationale": "two organs",
    },
    "opinion": {
        "assessment": "stable",
        "disposition": "admit",
        "confidence": 0.8,
        "findings": ["troponin 0.09"],
        "red_flags": ["rising troponin"],
        "recommendations": ["serial troponin"],
    },
    "debate": {"disposition": "admit", "resolved": True, "positions": [], "rationale": "the heart\nleads"},
    "synthesis": {
        "summary": "acute coronary syndrome",
        "disposition": "admit",
        "findings": ["troponin 0.09"],
        "recommendations": ["serial troponin"],
        "red_flags": ["pain at rest"],
        "agreement": 0.9,
    },
}


class StandIn:
    """The provider: `script` gives the fields of a call's Reply, or None for the ordinary answer."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.script: Callable[[Call], dict[str, Any] | None] = lambda _call: None
        self.models: tuple[str, ...] = MODELS
        self.url = ""

    def roles(self) -> list[str]:
        return [call.role for call in self.calls]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        raw = await _body(receive)
        match scope["path"]:
            case "/openai/v1/models":
                await _send(send, 200, orjson.dumps({"data": [{"id": name} for name in self.models]}))
            case "/info":
                await _send(send, 200, orjson.dumps({"mode": "simulated", "profile": "stand-in"}))
            case "/openai/v1/chat/completions":
                await self._complete(scope, orjson.loads(raw), send)
            case _:
                await _send(send, 404, b"{}")

    async def _complete(self, scope: Scope, body: dict[str, Any], send: Send) -> None:
        call = _call(scope, body)
        self.calls.append(call)
        reply = Reply(**(self.script(call) or {"content": ordinary(call)}))
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        while reply.hold is not None and not reply.hold.is_set():  # noqa: ASYNC110  set by another thread
            await asyncio.sleep(0.005)
        content = orjson.dumps(_completion(call, reply)) if reply.raw is None else reply.raw
        events = reply.events
        if events is None and call.body.get("stream") and reply.raw is None:
            events = stream_of(orjson.loads(content))
        if events is None:
            await _send(send, reply.status, content, reply.headers)
        else:
            await _send_events(send, events, reply.pause_s)


def stream_of(completion: dict[str, Any]) -> tuple[bytes, ...]:
    """A completion as Groq streams it: role, reasoning, the content in two parts, the usage, the end."""
    choice = completion["choices"][0]
    text = choice["message"]["content"] or ""
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        {"reasoning": "well", "channel": "analysis"},
        {"content": text[:7]},
        {"content": text[7:]},
    ]
    events: list[dict[str, Any]] = [
        {"choices": [{"delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    groq = {**completion["x_groq"], "usage": completion["usage"]}
    events.append({"choices": [{"delta": {}, "finish_reason": choice["finish_reason"]}], "x_groq": groq})
    return (*map(orjson.dumps, events), b"[DONE]")


def ordinary(call: Call) -> dict[str, Any]:
    """A valid answer for the call's role."""
    return ANSWERS.get(call.role, ANSWERS["opinion"])


def _call(scope: Scope, body: dict[str, Any]) -> Call:
    system, user = (message["content"] for message in body["messages"])
    name = body["response_format"]["json_schema"]["name"]
    role = system.split("specialist in ", 1)[1].split(".", 1)[0] if name == "opinion" else name
    headers = {key.decode(): value.decode() for key, value in scope["headers"]}
    return Call(role, body["model"], user, system, headers, body)


def _completion(call: Call, reply: Reply) -> dict[str, Any]:
    text = reply.content if isinstance(reply.content, str | None) else orjson.dumps(reply.content).decode()
    usage = {
        "queue_time": 0.001,
        "prompt_tokens": 100,
        "prompt_time": 0.002,
        "completion_tokens": 10,
        "completion_time": 0.003,
        "total_tokens": 110,
        "total_time": 0.005,
    }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": call.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": reply.finish_reason,
            }
        ],
        "usage": usage if reply.usage else None,
        "x_groq": {"id": "req_1"},
    }


async def _body(receive: Receive) -> bytes:
    chunks: bytes = b""
    while True:
        message = await receive()
        chunks += message.get("body", b"")
        if not message.get("more_body"):
            return chunks


async def _send(send: Send, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    sent = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    pairs = [(key.encode(), value.encode()) for key, value in sent.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def _send_events(send: Send, events: tuple[bytes, ...], pause_s: float) -> None:
    first, rest = (b"".join(b"data: %b\n\n" % event for event in part) for part in (events[:3], events[3:]))
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": first, "more_body": True})
    await asyncio.sleep(pause_s)
    await send({"type": "http.response.body", "body": rest})


@contextlib.contextmanager
def serve(app: Any, *, lifespan: str = "off") -> Iterator[str]:
    """An ASGI app under uvicorn in a thread; yields its address."""
    config = uvicorn.Config(app, lifespan=lifespan, log_config=None, access_log=False, timeout_keep_alive=30)  # type: ignore[arg-type]  # a Literal
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


@dataclass
class Target:
    """A running target and a client for it."""

    url: str
    client: httpx.Client

    def post(self, **fields: Any) -> httpx.Response:
        """POST a minimal case with these fields."""
        return self.client.post(
            "/api/cases", json={"case_id": "t-1", "chief_complaint": "chest pain", **fields}
        )

    def metrics(self) -> "Exposition":
        """What /metrics says now."""
        return Exposition(self.client.get("/metrics").text)

    def metric(self, name: str, **labels: str) -> float:
        """Sum of a metric's samples whose labels include these, now."""
        return self.metrics().sum(name, **labels)


@dataclass
class Exposition:
    """A snapshot of /metrics."""

    text: str

    def sum(self, name: str, **labels: str) -> float:
        """Sum of a metric's samples whose labels include these."""
        lines = "\n".join(line for line in self.text.splitlines() if line.startswith((name, "# TYPE")))
        return sum(
            float(sample.value)
            for family in text_string_to_metric_families(lines)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@dataclass(frozen=True)
class Simulator:
    """The inference simulator in a process of its own, which answers without delay."""

    url: str

    def set_faults(self, *faults: str) -> None:
        """Apply these faults, in the simulator's own notation, from now on."""
        httpx.patch(f"{self.url}/control", json={"faults": faults}, timeout=30).raise_for_status()


TargetFactory = Callable[..., contextlib.AbstractContextManager[Target]]


@contextlib.contextmanager
def run_target(provider_url: str, **overrides: Any) -> Iterator[Target]:
    """The real target over a provider; quick retries unless told otherwise."""
    defaults: dict[str, Any] = {
        "prices": load_prices(DEFAULT_PRICES),
        "provider_url": provider_url,
        "max_retries": 0,
    }
    settings = Settings(**(defaults | overrides))
    with serve(create_app(settings), lifespan="on") as url, httpx.Client(base_url=url, timeout=30) as client:
        yield Target(url, client)


@pytest.fixture
def start_target() -> TargetFactory:
    """A target with settings of its own: `with start_target(provider.url, max_retries=2) as target`."""
    return run_target


@pytest.fixture(scope="session")
def _provider() -> Iterator[StandIn]:
    stand_in = StandIn()
    with serve(stand_in) as url:
        stand_in.url = url
        yield stand_in


@pytest.fixture
def provider(_provider: StandIn) -> StandIn:
    """The stand-in, reset."""
    fresh = StandIn()
    _provider.calls, _provider.script, _provider.models = fresh.calls, fresh.script, fresh.models
    return _provider


@pytest.fixture(scope="session")
def _target(_provider: StandIn) -> Iterator[Target]:
    with run_target(_provider.url) as target:
        yield target


@pytest.fixture
def target(_target: Target, provider: StandIn) -> Target:
    """A target without retries over the stand-in."""
    return _target


@pytest.fixture(scope="session")
def _simulator() -> Iterator[Simulator]:
    argv = [sys.executable, "-m", "target_app.inference", "--port", "0", "--speed-factor", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        assert child.stdout is not None
        banner = child.stdout.readline()
        try:
            yield Simulator(re.findall(r"http://[0-9.]+:[0-9]+", banner)[0])
        finally:
            child.terminate()


@pytest.fixture
def simulator(_simulator: Simulator) -> Simulator:
    """The simulator without faults."""
    _simulator.set_faults()
    return _simulator


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll; a condition that does not come true within 20 s fails the test."""
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within 20 s: {what}")
        time.sleep(0.01)
