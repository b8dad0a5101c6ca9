"""Microbenchmark of models: one call in flight, a fixed number of calls, then it ends by itself.

    locust -f locustfiles/inference.py --headless --host http://127.0.0.1:9101
    locust -f locustfiles/inference.py --headless --models openai/gpt-oss-20b --ways sdk,wire --calls 30
    harness run inference --with-services
    PROVIDER=live GROQ_API_KEY=... harness run inference_live

Each model is called through the groq SDK as an application would (`sdk`), and with the same body on
the wire (`wire`): the difference is what the SDK adds. `sdk-stream` and `wire-stream` measure the time to
the first token and between tokens. The calls of the warm-up leave no rows. docs/benches.md says more.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from locust import LoadTestShape, events, task
from locust.exception import StopUser
from locust.runners import STATE_RUNNING

import harness.plugin  # noqa: F401 - gives every test a run folder, a verdict and an exit code
from harness.engine import Answer, AsyncUser, SseReader, now_us, recorder
from locustfiles._inference import PROMPT, Budget, Call, Plan, fault_of, load_models, make_plan, progress_line
from locustfiles._target_extra import refuse_without_target

try:
    import groq
    import httpx

    from locustfiles._aiohttp_transport import AiohttpTransport
    from locustfiles._sdk import load_sdk
except ModuleNotFoundError as error:
    refuse_without_target("inference.py", error)

MODELS = load_models(Path(__file__).parent / "data" / "models.toml")
LIVE = os.environ.get("PROVIDER") == "live"
LIVE_URL = "https://api.groq.com"
PATH = "/openai/v1/chat/completions"
PROGRESS_EVERY = 10

load_sdk()  # before any load: the first call would stall the generator

_OPTIONS: tuple[tuple[str, Any, str], ...] = (
    (
        "--models",
        ",".join(name for name, model in MODELS.items() if not (LIVE and model.replaced_by)),
        "models to call, separated by commas",
    ),
    ("--ways", "sdk,wire,sdk-stream", "how to call them: sdk, wire, sdk-stream, wire-stream"),
    ("--calls", 3 if LIVE else 100, "measured calls per model and way"),
    ("--warm-up-calls", 1 if LIVE else 5, "calls before them that are not measured, per model and way"),
    ("--max-tokens", 256, "the longest answer, in tokens"),
    ("--max-calls", 30, "live only: refuse to plan more calls than this"),
    ("--max-calls-per-min", 20.0, "live only: wait between calls so as to keep to this"),
    ("--max-cost-usd", 0.02, "live only: end before the cost could exceed this"),
)


@events.init_command_line_parser.add_listener
def _add_options(parser: Any, **_: Any) -> None:
    for flag, default, text in _OPTIONS:
        variable = f"HARNESS_{flag.strip('-').replace('-', '_').upper()}"
        parser.add_argument(flag, type=type(default), default=default, env_var=variable, help=text)


def plan_of(environment: Any) -> Plan:
    """What the options ask for. Raises ValueError."""
    host = environment.host or InferenceUser.host
    if "groq.com" in host and not LIVE:
        raise ValueError(f"{host} is the live provider: set PROVIDER=live and GROQ_API_KEY to call it")
    return make_plan(vars(environment.parsed_options), MODELS, live=LIVE)


class InferenceUser(AsyncUser):
    """Makes the plan's calls, one after the other, and ends."""

    host = (os.environ.get("GROQ_BASE_URL") or LIVE_URL) if LIVE else "http://127.0.0.1:9101"
    fixed_count = 1
    headers = {"Authorization": "Bearer ${GROQ_API_KEY}" if LIVE else "Bearer simulated"}  # noqa: RUF012

    @staticmethod
    def target_info(options: Any) -> dict[str, Any]:
        """What the provider does not say of itself, for the manifest and the fingerprint."""
        models = {name: name for name in options.models.split(",")}
        provider = {"mode": "live" if LIVE else "unknown", "models": models}
        return {"provider": provider, "prompts_hash": sha256(PROMPT.encode()).hexdigest()[:12]}

    async def on_start(self) -> None:  # type: ignore[override]  # an AsyncUser's may be `async def`
        self.plan = plan_of(self.environment)
        self.budget = Budget(self.plan.caps, self.plan.max_tokens)
        self.calls: Iterator[Call] = self.plan.in_order(recorder.ticket.seed)
        self.times_ms: dict[str, list[float]] = {model.name: [] for model in self.plan.models}
        self.done = 0
        OneCallInFlight.why = ""
        self.groq = groq.AsyncGroq(
            api_key=self.secret("GROQ_API_KEY") if LIVE else "simulated",
            base_url=self.environment.host or self.host,
            max_retries=0,  # a call that is repeated in silence would be measured as one
            http_client=httpx.AsyncClient(transport=AiohttpTransport()),
        )

    async def on_stop(self) -> None:
        await self.groq.close()

    @task
    def call_next(self) -> None:
        """The next call of the plan, in the way that it says."""
        call = next(self.calls, None)
        if call is None:
            OneCallInFlight.why = "all planned calls were made"
            raise StopUser
        if refusal := self.budget.refusal(call.model):
            OneCallInFlight.why = refusal
            raise StopUser
        if (wait_s := self.budget.wait_s(time.monotonic())) > 0:
            self.run_async(asyncio.sleep(wait_s))
        self.budget.note_sent(call.model, time.monotonic())
        if call.number is None:
            with self.unrecorded():
                self._make(call)
        else:
            began_us = now_us()
            self._make(call)
            self._show_progress(call, (now_us() - began_us) / 1000)

    def _make(self, call: Call) -> None:
        match call.way:
            case "sdk":
                self.run_async(self._through_sdk(call))
            case "sdk-stream":
                self.run_async(self._stream_through_sdk(call))
            case "wire":
                self._on_wire(call)
            case _:
                self._stream_on_wire(call)

    # --- the four ways ---------------------------------------------------------------------

    async def _through_sdk(self, call: Call) -> None:
        body = self.plan.body(call.model, stream=False)
        async with self.measure(**_labels(call), method="SDK") as measured:
            done = await self.groq.chat.completions.create(**body)
            measured.status = 200
            choice = done.choices[0]
            measured.done_us = now_us()  # what is left is this bench's own
            usage = done.usage.model_dump() if done.usage else {}
            measured.answer = self._answer(call, usage, choice.message.content, choice.finish_reason)
            _add_spans(measured.add_span, usage)

    async def _stream_through_sdk(self, call: Call) -> None:
        body = self.plan.body(call.model, stream=True)
        async with self.measure(**_labels(call), method="SDK") as measured:
            usage, texts, reason = {}, [], None
            async for chunk in await self.groq.chat.completions.create(**body):
                measured.first_byte()
                for choice in chunk.choices:
                    if choice.delta.content or getattr(choice.delta, "reasoning", None):
                        measured.token()
                    texts.append(choice.delta.content or "")
                    reason = choice.finish_reason or reason
                if chunk.x_groq and chunk.x_groq.usage:
                    usage = chunk.x_groq.usage.model_dump()
            measured.status, measured.done_us = 200, now_us()
            measured.answer = self._answer(call, usage, "".join(texts), reason)
            _add_spans(measured.add_span, usage)

    def _on_wire(self, call: Call) -> None:
        def check(reply: Any) -> Answer:
            document = reply.json()
            choice = document["choices"][0]
            return self._answer(
                call, document.get("usage") or {}, choice["message"]["content"], choice["finish_reason"]
            )

        self.client.post(PATH, json=self.plan.body(call.model, stream=False), check=check, **_labels(call))

    def _stream_on_wire(self, call: Call) -> None:
        reader = SseReader(is_content=_is_token, keep=True)

        def check(_: Any) -> Answer:
            return self._answer(call, *read_stream(reader.data))

        body = self.plan.body(call.model, stream=True)
        self.client.post(PATH, json=body, events=reader, check=check, **_labels(call))

    # --- what is kept ------------------------------------------------------------------------

    def _answer(
        self, call: Call, usage: dict[str, Any], content: str | None, finish_reason: str | None
    ) -> Answer:
        tokens = usage.get("prompt_tokens"), usage.get("completion_tokens")
        cost_usd = call.model.cost_usd(*tokens)
        self.budget.note_cost(cost_usd, call.model)
        return Answer(
            reason=fault_of(content, finish_reason),
            model=call.model.name,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            llm_calls=1,
            retries=0,
            cost_usd=cost_usd,
        )

    def _show_progress(self, call: Call, took_ms: float) -> None:
        """A line each time that all models have made ten more calls in every way."""
        if call.way == self.plan.ways[0]:
            self.times_ms[call.model.name].append(took_ms)
        self.done += 1
        number = self.done // len(self.plan.cells)
        if self.done % (PROGRESS_EVERY * len(self.plan.cells)) == 0:
            line = progress_line(number, self.plan.calls, self.times_ms)
            print(f"{line} ({self.plan.ways[0]})", file=sys.stderr, flush=True)


class OneCallInFlight(LoadTestShape):
    """One user, until it has made its calls."""

    whole_holds = True  # the calls are counted, not timed: none is left out for warming up or settling
    load_options = ("models", "ways", "calls", "warm_up_calls", "max_tokens")
    why = ""
    stop_reason = ""

    def check_options(self) -> None:
        """Raises ValueError, of one line, on options that cannot be run."""
        assert self.runner is not None, "Locust sets the runner"  # noqa: S101
        plan_of(self.runner.environment)

    def tick(self) -> tuple[int, float] | None:
        """One user; None once it has ended."""
        assert self.runner is not None, "Locust sets the runner before it asks for a tick"  # noqa: S101
        # Running once the user was there: it may be gone again by the second tick, one second later.
        if self.runner.state == STATE_RUNNING and self.runner.user_count == 0:
            self.stop_reason = type(self).why or "the user ended"
            return None
        return 1, 1.0


def _labels(call: Call) -> dict[str, Any]:
    """The same case in every way of calling, so that the ways are compared call by call."""
    case_id = f"{call.model.name}.{call.number}"
    return {"name": call.way, "category": call.model.role, "case_id": case_id}


def _add_spans(add_span: Any, usage: dict[str, Any]) -> None:
    """What the provider says of its own time."""
    for component, key in (
        ("queue", "queue_time"),
        ("prefill", "prompt_time"),
        ("decode", "completion_time"),
    ):
        if (seconds := usage.get(key)) is not None:
            add_span(component, 1000 * seconds)


def _is_token(data: str) -> bool:
    """A chunk with a piece of the answer, or of the reasoning before it."""
    deltas = (choice["delta"] for choice in json.loads(data)["choices"])
    return any(delta.get("content") or delta.get("reasoning") for delta in deltas)


def read_stream(chunks: list[str]) -> tuple[dict[str, Any], str, str | None]:
    """Usage, text and finish reason of a stream's chunks."""
    usage: dict[str, Any] = {}
    texts, reason = [], None
    for chunk in map(json.loads, chunks):
        for choice in chunk["choices"]:
            texts.append(choice["delta"].get("content") or "")
            reason = choice.get("finish_reason") or reason
        usage = (chunk.get("x_groq") or {}).get("usage") or usage
    return usage, "".join(texts), reason
