"""The target's own agents, one at a time and together, in this process and through HTTP.

    locust -f locustfiles/agents.py --headless -u 4 -r 4 -t 90s --specialists 1,3,5,10
    locust -f locustfiles/agents.py TriageUser --headless -u 1 -r 1 -t 60s
    harness run agents --with-services

Each user class measures one thing, with one case in flight per user; the rows' names tell what:

- `TriageUser`: `triage`, over the corpus; the answer must be the case's complexity.
- `SpecialistsUser`: n specialists of a case in parallel (`specialists-3`), and the same one after the
  other (`specialists-3-serial`).
- `DiscussionUser`: `debate` and `synthesis` of complex cases.
- `OrchestrationUser`: a whole case by the orchestrator (`orchestrator`), its provider calls again, byte
  for byte, by a bare `asyncio.gather` (`gather`), and the same case at the service (`http`).

Rows of one case in two ways carry the same case id, so that the scenario's derived figures compare
case by case. The agents run in this process and call the provider at `--inference-url`: a simulator,
never a live one, because this file has no caps on calls and cost.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from locust import constant, events, task

import harness.plugin  # noqa: F401 - gives every test a run folder, a verdict and an exit code
from harness.engine import Answer, AsyncUser, Case, classify, now_us, parse_server_timing
from locustfiles._cases import CORPUS, DECK, check_assessment
from locustfiles._target_extra import refuse_without_target

try:
    import httpx
    import orjson

    from locustfiles._sdk import know_platform
    from target_app.agents import SPECIALISTS, AgentTeam, Slug, rehearse
    from target_app.assessment import Assessment, ProviderInfo
    from target_app.case import CaseRequest, render
    from target_app.errors import CaseError
    from target_app.orchestrator import Orchestrator, usage_of
    from target_app.provider import CallRecord, CallScope, ProviderLayer
    from target_app.settings import Mode, Settings
    from target_app.trace import CaseTrace
except ModuleNotFoundError as error:
    refuse_without_target("agents.py", error)

PATH = "/openai/v1/chat/completions"
CATEGORIES = ("simple", "moderate", "complex")


def counts(text: str) -> str:
    """Numbers of specialists as written on a command line; raises ArgumentTypeError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 1 <= int(part) <= len(SPECIALISTS) for part in parts):
        most = len(SPECIALISTS)
        raise argparse.ArgumentTypeError(f"should be numbers from 1 to {most}, as 1,3,5,10, not {text!r}")
    return text


@events.init_command_line_parser.add_listener
def _add_options(parser: Any, **_: Any) -> None:
    parser.add_argument(
        "--specialists",
        type=counts,
        default="3",
        env_var="HARNESS_SPECIALISTS",
        help="how many specialists are asked in parallel; several numbers are measured in turn",
    )
    parser.add_argument(
        "--inference-url",
        default="http://127.0.0.1:9101",
        env_var="INFERENCE_URL",
        help="the simulator that agents in this process call",
    )


@events.init.add_listener
def _refuse_live(environment: Any, **_: Any) -> None:
    """Nobody who has asked for live calls is given simulated ones without a word."""
    chosen = any(issubclass(each, AgentUser) for each in environment.user_classes)
    if chosen and os.environ.get("PROVIDER", "").strip().lower() == Mode.LIVE:
        print(
            "harness: the bench of agents has no caps on calls and cost, and runs on the simulator alone; "
            "unset PROVIDER",
            file=sys.stderr,
            flush=True,
        )
        sys.exit(2)


# --- the agents of this process ----------------------------------------------------------------

know_platform()

_sent: ContextVar[list[bytes] | None] = ContextVar("sent", default=None)


class Agents:
    """The target's agents over one provider layer, with a tap that keeps the bodies of provider calls."""

    def __init__(self, inference_url: str) -> None:
        settings = Settings.from_env({"INFERENCE_URL": inference_url})
        self.layer = ProviderLayer(settings)
        self.team = AgentTeam.build(settings, self.layer)
        self.prices = settings.prices
        self.orchestrator = Orchestrator(self.team, settings.prices)
        self.provider = ProviderInfo(mode=settings.mode, profile=None, models=settings.models)
        self.url = f"{settings.provider_url}{PATH}"
        self._send = self.layer.http.send
        self.layer.http.send = self._tapped  # type: ignore[method-assign]  # the one place all calls pass

    async def _tapped(self, request: httpx.Request, **options: Any) -> httpx.Response:
        sent = _sent.get()
        if sent is not None:
            sent.append(request.content)
        return await self._send(request, **options)

    async def assess(self, case: CaseRequest) -> tuple[Assessment, CaseTrace, list[bytes]]:
        """A whole case, its trace, and the bodies of its provider calls in the order they were sent."""
        bodies: list[bytes] = []
        token = _sent.set(bodies)
        trace = CaseTrace()
        try:
            return await self.orchestrator.assess(case, trace, self.provider), trace, bodies
        finally:
            _sent.reset(token)

    async def call(self, body: bytes) -> None:
        """One provider call with nothing around it: the SDK's client, no agent, no reading of the answer."""
        await self.layer.client.post(self.url, content=body, cast_to=httpx.Response)


@dataclass(slots=True)
class _Shared:
    """One set of agents for all users of the process, from the first to the last that is there."""

    agents: Agents | None = None
    users: int = 0
    rehearsed: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def join(self, inference_url: str) -> Agents:
        self.users += 1
        async with self.rehearsed:
            if self.agents is None:
                await rehearse()
                self.agents = Agents(inference_url)
        return self.agents

    async def leave(self) -> None:
        self.users -= 1
        if self.users == 0 and self.agents is not None:
            agents, self.agents = self.agents, None
            await agents.layer.close()


_shared = _Shared()


# --- users -------------------------------------------------------------------------------------


class AgentUser(AsyncUser):
    """A user of the agents in this process: the next case when the last has been answered."""

    abstract = True
    host = "http://localhost:8000"
    wait_time = constant(0)
    corpus = CORPUS
    load_options = ("specialists",)
    agents: Agents

    async def on_start(self) -> None:  # type: ignore[override]  # as with tasks
        self.agents = await _shared.join(self.environment.parsed_options.inference_url)
        self.turn = 0

    async def on_stop(self) -> None:
        await _shared.leave()

    def draw(self, category: str | None = None) -> tuple[str, Case, CaseRequest]:
        """The next case: of one category, or of all in turn."""
        self.turn += 1
        drawn = DECK.draw(category or CATEGORIES[self.turn % len(CATEGORIES)])
        assert drawn is not None, "a circular deck has no end"  # noqa: S101
        case_id, case = drawn
        return case_id, case, CaseRequest.model_validate({"case_id": case_id, **case.request})

    @asynccontextmanager
    async def timed(self, name: str, case_id: str) -> AsyncIterator[tuple[Any, CallScope]]:
        """A row for what happens in the block; the ledger's calls give its tokens, retries and cost."""
        ledger = CallScope()
        async with self.measure(name, case_id=case_id, failures=CaseError) as call:
            try:
                yield call, ledger
                call.done_us = call.done_us or now_us()
            except CaseError as error:
                call.ending = classify(
                    error.status,
                    error,
                    retry_after=error.retry_after_s is not None,
                    problem_type=error.type_uri,
                )
                raise
            finally:
                if ledger.calls:
                    call.answer = self.costed(call.answer, ledger.calls)

    def costed(self, answer: Answer | None, calls: Sequence[CallRecord]) -> Answer:
        usage = usage_of(calls, self.agents.prices)
        return replace(
            answer or Answer(),
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            llm_calls=usage.llm_calls,
            retries=usage.retries,
            cost_usd=usage.cost_usd,
        )


class TriageUser(AgentUser):
    """`triage`: the triage agent over the corpus."""

    @task  # type: ignore[type-var]  # Locust's types know no async tasks; AsyncUser does
    async def triage(self) -> None:
        case_id, case, request = self.draw()
        message = render(request)
        async with self.timed("triage", case_id) as (call, ledger):
            answer = await self.agents.team.triage.ask(message, ledger)
            call.done_us = now_us()
            call.answer = Answer(None if answer.complexity == case.category else "wrong complexity")


class SpecialistsUser(AgentUser):
    """`specialists-N` in parallel and `specialists-N-serial`, which of them first in turn."""

    @task  # type: ignore[type-var]  # Locust's types know no async tasks; AsyncUser does
    async def consult(self) -> None:
        case_id, case, request = self.draw()
        message = render(request)
        for count in map(int, self.environment.parsed_options.specialists.split(",")):
            slugs = specialists_for(case, count)
            ways = [self._parallel, self._serial] if count > 1 else [self._parallel]
            for way in ways if self.turn % 2 else reversed(ways):
                await way(case_id, slugs, message)

    async def _parallel(self, case_id: str, slugs: Sequence[Slug], message: str) -> None:
        async with (
            self.timed(f"specialists-{len(slugs)}", case_id) as (call, ledger),
            asyncio.TaskGroup() as group,
        ):
            for slug in slugs:
                group.create_task(self._ask(slug, message, call, ledger))

    async def _serial(self, case_id: str, slugs: Sequence[Slug], message: str) -> None:
        async with self.timed(f"specialists-{len(slugs)}-serial", case_id) as (call, ledger):
            for slug in slugs:
                await self._ask(slug, message, call, ledger)

    async def _ask(self, slug: Slug, message: str, call: Any, ledger: CallScope) -> None:
        with call.span(f"specialist-{slug}"):
            await self.agents.team.specialists[slug].ask(message, ledger)


class DiscussionUser(AgentUser):
    """`debate` and `synthesis` alone, of complex cases that the agents have got so far unmeasured."""

    @task  # type: ignore[type-var]  # Locust's types know no async tasks; AsyncUser does
    async def discuss(self) -> None:
        case_id, _, request = self.draw("complex")
        try:
            assessment, _, bodies = await self.agents.assess(request)
        except CaseError:
            return  # no opinions, nothing to discuss; the orchestrator's own rows tell of such failures
        team = self.agents.team
        if assessment.debated:
            async with self.timed("debate", case_id) as (_, ledger):
                await team.debate.ask(_user_message(bodies[-2]), ledger)
        async with self.timed("synthesis", case_id) as (_, ledger):
            await team.synthesis.ask(_user_message(bodies[-1]), ledger)


class OrchestrationUser(AgentUser):
    """`orchestrator`, `gather` and `http`: one case in three ways."""

    @task  # type: ignore[type-var]  # Locust's types know no async tasks; AsyncUser does
    async def case_in_three_ways(self) -> None:
        case_id, case, request = self.draw()
        bodies: list[bytes] = []
        debated = False
        async with self.timed("orchestrator", case_id) as (call, ledger):
            assessment, trace, bodies = await self.agents.assess(request)
            call.done_us = now_us()
            debated = assessment.debated
            ledger.calls.extend(trace.calls)
            call.answer = check_assessment(_Told(lambda: assessment.model_dump(mode="json")), case)
            _add_spans(call, trace)
        if not call.ok or call.answer.retries:
            return  # the calls of a case that failed or repeated some are not those of its work
        async with self.timed("gather", case_id):
            await self._gather(bodies, debated=debated)
        await self._through_http(case_id, case)

    async def _gather(self, bodies: Sequence[bytes], *, debated: bool) -> None:
        """The same calls in the same order: triage, specialists at once, debate, synthesis."""
        last = 2 if debated else 1
        ask = self.agents.call
        await ask(bodies[0])
        await asyncio.gather(*map(ask, bodies[1:-last]))
        for body in bodies[-last:]:
            await ask(body)

    async def _through_http(self, case_id: str, case: Case) -> None:
        body = orjson.dumps({"case_id": case_id, **case.request})
        headers = {"content-type": "application/json"}
        request = httpx.Request("POST", f"{self.host}/api/cases", content=body, headers=headers)
        async with self.measure("http", case_id=case_id, request_bytes=len(body)) as call:
            response = await self.agents.layer.http.send(request)
            call.done_us = now_us()
            call.status, call.response_bytes = response.status_code, len(response.content)
            call.spans.extend(parse_server_timing(response.headers.get("server-timing", "")))
            if response.is_success:
                call.answer = check_assessment(response, case)


@dataclass(slots=True, frozen=True)
class _Told:
    """What `check_assessment` reads an assessment from: a response, or one of this process."""

    json: Callable[[], Any]


def specialists_for(case: Case, count: int) -> list[Slug]:
    """So many specialists: those that the case needs first, then the others in the registry's order."""
    needed = [Slug(slug) for slug in case.fields["required_specialists"]]
    return [*needed, *(slug for slug in SPECIALISTS if slug not in needed)][:count]


def _user_message(body: bytes) -> str:
    text: str = orjson.loads(body)["messages"][-1]["content"]
    return text


def _add_spans(call: Any, trace: CaseTrace) -> None:
    """The orchestrator's own times, as its service tells them in `Server-Timing`."""
    for span in trace.spans:
        call.add_span(span.name, span.duration_ms, span.start_ms)
    timings = trace.close()
    call.add_span("overhead", timings.overhead_ms)
    call.add_span("total", timings.total_ms)
