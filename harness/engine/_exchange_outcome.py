"""How an exchange of our own client ended, and whose fault it was: the words of `_outcome`."""

import json
from typing import Literal

from harness.engine._http import Exchange, FailureKind, SseReader
from harness.engine._outcome import Answer, Ending, by_status
from harness.runs import Cause, Outcome

#: What a task said of its own request: True is a success, an exception a failure, None nothing.
Judged = BaseException | Literal[True] | None

OK = Ending(Outcome.OK)
DEGRADED = Ending(Outcome.DEGRADED, Cause.PROVIDER, "degraded answer")
CUT_STREAM = Ending(Outcome.TRUNCATED, Cause.SERVICE, "stream ended before its last event")

_BY_FAILURE = {
    FailureKind.NAME_NOT_FOUND: (Outcome.CONNECTION_ERROR, Cause.NETWORK),
    FailureKind.NO_SOCKET: (Outcome.CONNECTION_ERROR, Cause.GENERATOR),
    FailureKind.REFUSED: (Outcome.CONNECTION_ERROR, Cause.SERVICE),
    FailureKind.UNREACHABLE: (Outcome.CONNECTION_ERROR, Cause.NETWORK),
    FailureKind.TLS: (Outcome.CONNECTION_ERROR, Cause.NETWORK),
    FailureKind.RESET: (Outcome.CONNECTION_ERROR, Cause.NETWORK),
    FailureKind.CLOSED: (Outcome.CONNECTION_ERROR, Cause.NETWORK),
    FailureKind.TIMEOUT: (Outcome.TIMEOUT, Cause.SERVICE),
    FailureKind.STALLED: (Outcome.TIMEOUT, Cause.SERVICE),
    FailureKind.TRUNCATED: (Outcome.TRUNCATED, Cause.NETWORK),
    FailureKind.PROTOCOL: (Outcome.TRUNCATED, Cause.SERVICE),
    FailureKind.TOO_LARGE: (Outcome.TRUNCATED, Cause.SERVICE),
    FailureKind.UNDECODABLE: (Outcome.TRUNCATED, Cause.SERVICE),
}


class RedirectError(Exception):
    """A redirect to another origin: the address in the locustfile is not the service's."""


def ending_of(
    exchange: Exchange,
    answer: Answer | None = None,
    judged: Judged = None,
    events: SseReader | None = None,
) -> Ending:
    """Name the ending of an exchange.

    What the task says wins over a status; a status of 400 or more wins over a body that broke off.
    """
    if judged is True:
        return OK
    if exchange.status >= 400:
        retry_after = exchange.header(b"retry-after") is not None
        return by_status(exchange.status, retry_after=retry_after, problem_type=_problem_type(exchange))
    if exchange.failure is not None:
        return Ending(*_BY_FAILURE[exchange.failure.kind], exchange.failure.text)
    if judged is not None:
        return _by_exception(judged)
    if events is not None and not events.done:
        return CUT_STREAM
    return OK if answer is None else _by_answer(answer)


def _by_exception(judged: BaseException) -> Ending:
    if isinstance(judged, RedirectError):
        return Ending(Outcome.CLIENT_ERROR, Cause.GENERATOR, str(judged))
    return Ending(Outcome.INVALID_ANSWER, Cause.ANSWER, str(judged)[:80] or type(judged).__name__)


def _by_answer(answer: Answer) -> Ending:
    if answer.reason is not None:
        return Ending(Outcome.INVALID_ANSWER, Cause.ANSWER, answer.reason)
    return DEGRADED if answer.degraded else OK


def problem_type_of(body: str | bytes) -> str | None:
    """`type` of an application/problem+json body; None where there is none to be read."""
    try:
        problem = json.loads(body)
    except ValueError:
        return None
    kind = problem.get("type") if isinstance(problem, dict) else None
    return kind if isinstance(kind, str) else None


def _problem_type(exchange: Exchange) -> str | None:
    if b"problem+json" not in (exchange.header(b"content-type") or b""):
        return None
    return problem_type_of(exchange.body)
