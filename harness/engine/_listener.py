"""From Locust's `request` event to a row of the request log.

One listener serves every kind of user. A `ServiceUser` puts what it knows into the event's
context; of a stock HttpUser, FastHttpUser or hand-fired event, the row holds what the event tells.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.engine._clock import now_us
from harness.engine._outcome import Answer, classify
from harness.engine._recorder import Recorder, Request, Response
from harness.engine._server_timing import parse_server_timing

CONTEXT_KEY = "harness.pending"


@dataclass(slots=True)
class Pending:
    """What a `ServiceUser` knows of its request; `answer` is filled in by the check."""

    request: Request
    answer: Answer | None = None


def record_event(
    recorder: Recorder,
    *,
    request_type: str,
    name: str,
    response_time: float | None,
    response_length: int | None,
    response: Any = None,
    context: Mapping[str, Any] | None = None,
    exception: BaseException | None = None,
    start_time: float | None = None,
) -> None:
    """Write the row of one `request` event. `response_time` in ms, `start_time` in epoch seconds."""
    context = context or {}
    pending: Pending | None = context.get(CONTEXT_KEY)
    sent_us, done_us = _times(start_time, response_time)
    if pending is None:
        request = Request(
            method=request_type,
            name=name,
            category=context.get("category"),
            case_id=context.get("case_id"),
            intended_us=sent_us,
            sent_us=sent_us,
        )
        answer = None
    else:
        answer = pending.answer
        request = Request(
            method=request_type,
            name=name,
            user_class=pending.request.user_class,
            category=pending.request.category,
            case_id=pending.request.case_id,
            intended_us=sent_us,
            sent_us=sent_us,
            request_bytes=pending.request.request_bytes,
        )
    status = getattr(response, "status_code", None)
    headers = getattr(response, "headers", None) or {}
    ending = classify(
        status,
        exception,
        answer,
        retry_after="retry-after" in headers,
        problem_type=_problem_type(response, headers) if status and status >= 400 else None,
    )
    recorder.record(
        request,
        Response(
            ending=ending,
            done_us=done_us,
            status=status,
            response_bytes=response_length,
            spans=parse_server_timing(headers.get("server-timing") or ""),
            answer=answer,
        ),
    )


def _times(start_time: float | None, response_time_ms: float | None) -> tuple[int, int]:
    """When the request left and when it was done, in µs UTC; a bare event was done just now."""
    duration_us = round((response_time_ms or 0.0) * 1000)
    if start_time is None:
        done_us = now_us()
        return done_us - duration_us, done_us
    sent_us = round(start_time * 1e6)
    return sent_us, sent_us + duration_us


def _problem_type(response: Any, headers: Mapping[str, str]) -> str | None:
    """`type` of an application/problem+json body; None for any other body."""
    if "problem+json" not in (headers.get("content-type") or ""):
        return None
    try:
        problem = json.loads(response.text or "")
    except ValueError:
        return None
    kind = problem.get("type") if isinstance(problem, dict) else None
    return kind if isinstance(kind, str) else None
