"""agno's Groq model with the calls measured, the errors typed and the parsing short.

The request still goes through the groq SDK's own client (address, key, headers, error classes); what is left
out is the SDK's walk over typed dicts on the way in and the building of typed objects on the way out, which
together cost more than the rest of the call. Only `ainvoke` is overridden: the target neither streams nor
calls from threads.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

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

from target_app.errors import ProviderError
from target_app.provider import _faults
from target_app.provider._calls import CallRecord, CallScope, current_scope
from target_app.provider._retry import RetryPolicy

PATH = "/openai/v1/chat/completions"


@dataclass
class MeteredGroq(Groq):
    """agno's Groq; give it a shared `async_client` whose own retries are off."""

    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    call_timeout_s: float = 20.0
    on_call: Callable[[CallRecord], None] | None = None
    rng: random.Random = field(default_factory=random.Random)
    supports_json_schema_outputs: bool = True

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
        body = orjson.dumps(
            {
                "model": self.id,
                "messages": [
                    self.format_message(m, response_format, compress_tool_results) for m in messages
                ],
                **self.get_request_params(
                    response_format=response_format, tools=tools, tool_choice=tool_choice
                ),
            }
        )
        metrics: MessageMetrics = assistant_message.metrics
        metrics.start_timer()  # type: ignore[no-untyped-call]  # agno's method has no annotations
        try:
            completion, record = await self._complete(body, scope)
        except ProviderError as error:
            scope.error = error
            raise ModelProviderError(str(error), model_name=self.name, model_id=self.id) from error
        finally:
            metrics.stop_timer()
        return _to_agno(completion, record)

    async def _complete(self, body: bytes, scope: CallScope) -> tuple[dict[str, Any], CallRecord]:
        """Try until it works or the policy gives up; every attempt is recorded."""
        for attempt in itertools.count():
            started_s = time.perf_counter()
            try:
                response = await self._attempt(body, attempt)
                completion = _parse(response, self.id)
            except ProviderError as error:
                self._record(scope, _failed(self.id, attempt, error.call_status, started_s))
                delay_s = self.retry_policy.delay_s(error, attempt, self.rng)
                if delay_s is None:
                    raise
                await asyncio.sleep(delay_s)
            except asyncio.CancelledError:
                self._record(scope, _failed(self.id, attempt, "cancelled", started_s))
                raise
            else:
                record = _completed(self.id, attempt, completion, started_s)
                self._record(scope, record)
                return completion, record
        raise AssertionError("unreachable: the policy bounds the attempts")

    async def _attempt(self, body: bytes, attempt: int) -> httpx.Response:
        if self.async_client is None:
            raise RuntimeError("MeteredGroq needs a shared async_client")
        try:
            # The SDK's timeout is per read; a provider that drips bytes needs one for the whole call.
            async with asyncio.timeout(self.call_timeout_s):
                # A whole address: the SDK takes 0.1 ms a call to join a relative one.
                return await self.async_client.post(
                    f"{self.base_url}{PATH}",
                    content=body,
                    cast_to=httpx.Response,
                    options={
                        "headers": {"x-stainless-retry-count": str(attempt)},
                        "timeout": self.call_timeout_s,
                    },
                )
        except TimeoutError:
            raise _faults.timeout(self.id) from None
        except (groq.GroqError, httpx.HTTPError) as error:
            raise _faults.from_sdk(error, self.id) from error

    def _record(self, scope: CallScope, record: CallRecord) -> None:
        scope.calls.append(record)
        if self.on_call is not None:
            self.on_call(record)


def _parse(response: httpx.Response, model: str) -> dict[str, Any]:
    try:
        completion = orjson.loads(response.content)
        _ = completion["choices"][0]["message"]["role"]
    except (ValueError, LookupError, TypeError):
        raise _faults.unreadable(model) from None
    if not isinstance(completion, dict):
        raise _faults.unreadable(model)
    return completion


def _failed(model: str, attempt: int, status: str, started_s: float) -> CallRecord:
    return CallRecord(model, attempt, status, (time.perf_counter() - started_s) * 1000)


def _completed(model: str, attempt: int, completion: dict[str, Any], started_s: float) -> CallRecord:
    usage = completion.get("usage") or {}
    return CallRecord(
        model=model,
        attempt=attempt,
        status="200",
        latency_ms=(time.perf_counter() - started_s) * 1000,
        input_tokens=usage.get("prompt_tokens"),
        output_tokens=usage.get("completion_tokens"),
        queue_ms=_ms(usage.get("queue_time")),
        prefill_ms=_ms(usage.get("prompt_time")),
        decode_ms=_ms(usage.get("completion_time")),
        finish_reason=completion["choices"][0].get("finish_reason"),
        request_id=(completion.get("x_groq") or {}).get("id"),
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _to_agno(completion: dict[str, Any], record: CallRecord) -> ModelResponse:
    message = completion["choices"][0]["message"]
    tokens_in, tokens_out = record.input_tokens or 0, record.output_tokens or 0
    return ModelResponse(
        role=message["role"],
        content=message.get("content"),
        response_usage=MessageMetrics(
            input_tokens=tokens_in, output_tokens=tokens_out, total_tokens=tokens_in + tokens_out
        ),
    )
