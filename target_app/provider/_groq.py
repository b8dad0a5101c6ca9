"""agno's Groq model with the calls measured, the errors typed and the parsing short.

The request still goes through the groq SDK's own client (address, key, headers, error classes); what is left
out is the SDK's walk over typed dicts on the way in and the building of typed objects on the way out, which
together cost more than the rest of the call. Only `ainvoke` is overridden: the target runs its agents without
agno's streaming, in which a broken answer ends a run as a success. With `streaming` the call to the provider
streams all the same, for the time to its first token, and agno gets the whole answer.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import groq
import httpx
import orjson
from agno.exceptions import ModelProviderError
from agno.metrics import MessageMetrics
from agno.models.groq import Groq
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.run.agent import RunOutput
from pydantic import BaseModel

from target_app.errors import CaseError, DeadlineExceededError, ProviderError
from target_app.provider import _faults
from target_app.provider._calls import CallRecord, CallScope, current_scope
from target_app.provider._retry import RetryPolicy
from target_app.provider._wire import Completion, StreamError, StreamReader, UnreadableError, read_whole

PATH = "/openai/v1/chat/completions"


@dataclass
class MeteredGroq(Groq):
    """agno's Groq; give it a shared `async_client` whose own retries are off."""

    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    call_timeout_s: float = 20.0
    streaming: bool = False
    on_call: Callable[[CallRecord], None] | None = None
    rng: random.Random = field(default_factory=random.Random)
    supports_json_schema_outputs: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[no-untyped-call]  # agno's method has no annotations
        # Whole and parsed: the SDK takes 0.1 ms a call to join a relative address and to parse it.
        self._url = cast("str", httpx.URL(f"{self.base_url}{PATH}"))

    async def ainvoke(
        self,
        messages: list[Message],
        assistant_message: Message,
        response_format: dict[str, Any] | type[BaseModel] | None = None,
        tools: list[dict[str, Any]] | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        run_response: RunOutput | None = None,  # noqa: ARG002  agno's signature
        compress_tool_results: bool = False,
    ) -> ModelResponse:
        """One chat completion; a failure is left in the call scope and raised as ModelProviderError."""
        scope = current_scope()
        body: dict[str, Any] = {
            "model": self.id,
            "messages": [self.format_message(m, response_format, compress_tool_results) for m in messages],
            # agno hands over an empty list for "no tools", which providers refuse to take.
            **self.get_request_params(
                response_format=response_format, tools=tools or None, tool_choice=tool_choice
            ),
        }
        if self.streaming:
            body["stream"] = True
        metrics: MessageMetrics = assistant_message.metrics
        metrics.start_timer()  # type: ignore[no-untyped-call]  # agno's method has no annotations
        try:
            completion = await self._complete(orjson.dumps(body), scope)
        except CaseError as error:
            scope.error = error
            raise ModelProviderError(str(error), model_name=self.name, model_id=self.id) from error
        finally:
            metrics.stop_timer()
        return _to_agno(completion)

    async def _complete(self, body: bytes, scope: CallScope) -> Completion:
        """Try until it works or the policy gives up; every attempt is recorded."""
        for attempt in itertools.count():
            started_s = time.perf_counter()
            try:
                completion, first_token_s = await self._attempt(body, attempt, scope.deadline_at)
            except ProviderError as error:
                self._fail(scope, attempt, error.call_status, started_s, error.request_id)
                delay_s = self.retry_policy.delay_s(error, attempt, self.rng)
                if delay_s is None or asyncio.get_running_loop().time() + delay_s >= scope.deadline_at:
                    raise
                await asyncio.sleep(delay_s)
            except (DeadlineExceededError, asyncio.CancelledError) as error:
                status = "deadline" if isinstance(error, DeadlineExceededError) else "cancelled"
                self._fail(scope, attempt, status, started_s)
                raise
            else:
                self._record(scope, _completed(self.id, attempt, completion, started_s, first_token_s))
                return completion
        raise AssertionError("unreachable: the policy bounds the attempts")

    async def _attempt(
        self, body: bytes, attempt: int, deadline_at: float
    ) -> tuple[Completion, float | None]:
        """The completion, and when its first token came (perf_counter, None if not streamed)."""
        now_s = asyncio.get_running_loop().time()
        # A provider that drips bytes would outlive a timeout per read, so this one is for the whole call.
        left_s = min(self.call_timeout_s, deadline_at - now_s)
        try:
            async with asyncio.timeout_at(now_s + left_s):
                response = await self._post(body, attempt, left_s)
                if self.streaming:
                    return await self._read_stream(response)
                return read_whole(response.content), None
        except TimeoutError:
            if left_s < self.call_timeout_s:
                raise DeadlineExceededError(f"the case's time ran out in a call to {self.id}") from None
            raise _faults.timeout(self.id) from None
        except UnreadableError:
            raise _faults.unreadable(self.id) from None
        except StreamError:
            raise _faults.stream_error(self.id) from None
        except (groq.GroqError, httpx.HTTPError) as error:
            raise _faults.from_sdk(error, self.id) from error

    async def _post(self, body: bytes, attempt: int, timeout_s: float) -> httpx.Response:
        if self.async_client is None:
            raise RuntimeError("MeteredGroq needs a shared async_client")
        return await self.async_client.post(
            self._url,
            content=body,
            cast_to=httpx.Response,
            options={"headers": {"x-stainless-retry-count": str(attempt)}, "timeout": timeout_s},
            stream=self.streaming,
        )

    async def _read_stream(self, response: httpx.Response) -> tuple[Completion, float | None]:
        reader, first_token_s = StreamReader(), None
        try:
            async for chunk in response.aiter_raw():
                reader.feed(chunk)
                if first_token_s is None and reader.started:
                    first_token_s = time.perf_counter()
        finally:
            await response.aclose()
        if not reader.done:
            raise _faults.cut(self.id)
        return reader.completion(), first_token_s

    def _fail(
        self, scope: CallScope, attempt: int, status: str, started_s: float, request_id: str | None = None
    ) -> None:
        self._record(scope, CallRecord(self.id, attempt, status, _ms_since(started_s), request_id=request_id))

    def _record(self, scope: CallScope, record: CallRecord) -> None:
        scope.calls.append(record)
        if self.on_call is not None:
            self.on_call(record)


def _completed(
    model: str, attempt: int, completion: Completion, started_s: float, first_token_s: float | None
) -> CallRecord:
    usage = completion.usage
    return CallRecord(
        model=model,
        attempt=attempt,
        status="200",
        latency_ms=_ms_since(started_s),
        input_tokens=usage.get("prompt_tokens"),
        output_tokens=usage.get("completion_tokens"),
        queue_ms=_ms(usage.get("queue_time")),
        prefill_ms=_ms(usage.get("prompt_time")),
        decode_ms=_ms(usage.get("completion_time")),
        finish_reason=completion.finish_reason,
        request_id=completion.request_id,
        first_token_ms=None if first_token_s is None else (first_token_s - started_s) * 1000,
    )


def _ms_since(started_s: float) -> float:
    return (time.perf_counter() - started_s) * 1000


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _to_agno(completion: Completion) -> ModelResponse:
    tokens_in = completion.usage.get("prompt_tokens") or 0
    tokens_out = completion.usage.get("completion_tokens") or 0
    return ModelResponse(
        role="assistant",
        content=completion.content,
        response_usage=MessageMetrics(
            input_tokens=tokens_in, output_tokens=tokens_out, total_tokens=tokens_in + tokens_out
        ),
    )
