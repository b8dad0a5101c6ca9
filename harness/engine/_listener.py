"""From Locust's `request` event to a row of the request log, for users that are not ours.

A stock HttpUser, FastHttpUser or hand-fired event is recorded with what the event tells. A
`ServiceUser` writes its own row, with more in it, and marks its events as recorded.
"""

from collections.abc import Mapping
from typing import Any

from harness.engine._clock import now_us
from harness.engine._exchange_outcome import problem_type_of
from harness.engine._outcome import classify
from harness.engine._recorder import Recorder, Request, Response
from harness.engine._server_timing import parse_server_timing

#: Key in an event's context: its row is already written.
RECORDED = "harness.recorded"


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
    if RECORDED in context:
        return
    sent_us, done_us = _times(start_time, response_time)
    request = Request(
        method=request_type,
        name=name,
        category=context.get("category"),
        case_id=context.get("case_id"),
        intended_us=sent_us,
        sent_us=sent_us,
    )
    status = getattr(response, "status_code", None)
    headers = getattr(response, "headers", None) or {}
    ending = classify(
        status,
        exception,
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
    return problem_type_of(response.text or "")
