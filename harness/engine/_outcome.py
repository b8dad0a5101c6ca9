"""How a request ended and whose fault it was, from what the client saw.

The words are those of `harness.runs.Outcome` and `Cause`. Error texts are made here, from a
small set, and never carry an address, an id or a body.
"""

import zlib
from dataclasses import dataclass

from harness.runs import Cause, Outcome

PROVIDER_PROBLEM = "urn:problem:provider"


@dataclass(slots=True, frozen=True)
class Answer:
    """What a check read from a response body: is it right, and what did it cost.

    `reason` names what is wrong in a few fixed words; None when nothing is. `degraded` marks an
    answer that the service itself calls incomplete.
    """

    reason: str | None = None
    degraded: bool = False
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    llm_calls: int | None = None
    retries: int | None = None
    cost_usd: float | None = None


@dataclass(slots=True, frozen=True)
class Ending:
    """Outcome, cause and error text of one request; cause and error are None for a clean success."""

    outcome: Outcome
    cause: Cause | None = None
    error: str | None = None


def classify(
    status: int | None,
    exception: BaseException | None,
    answer: Answer | None = None,
    *,
    retry_after: bool = False,
    problem_type: str | None = None,
) -> Ending:
    """Name the ending of a request.

    `status` is the HTTP status, None or 0 when no response came. `exception` is what the client
    or a check raised. `problem_type` is the `type` of an application/problem+json body: one that
    begins with `urn:problem:provider` blames the provider behind the service. A status of 400 or
    more without an exception is one that the task called a success.
    """
    if status and status >= 400 and exception is not None:
        return by_status(status, retry_after=retry_after, problem_type=problem_type)
    if exception is not None and not status:
        return _by_exception(exception)
    if answer is not None and answer.reason is not None:
        return Ending(Outcome.INVALID_ANSWER, Cause.ANSWER, answer.reason)
    if exception is not None:
        return _after_response(exception)
    if answer is not None and answer.degraded:
        return Ending(Outcome.DEGRADED, Cause.PROVIDER, "degraded answer")
    return Ending(Outcome.OK)


def by_status(status: int, *, retry_after: bool, problem_type: str | None) -> Ending:
    """The ending of a response whose status is 400 or more."""
    text = f"HTTP {status}"
    if problem_type:
        text += f" {problem_type.rsplit(':', 1)[-1][:60]}"
    from_provider = bool(problem_type and problem_type.startswith(PROVIDER_PROBLEM))
    cause = Cause.PROVIDER if from_provider else Cause.SERVICE
    if status in {429, 503} and retry_after:
        return Ending(Outcome.REJECTED, cause, text)
    if status >= 500:
        return Ending(Outcome.SERVER_ERROR, cause, text)
    # A 4xx says that the request was wrong, and the generator made the request.
    blamed = cause if status in {408, 429} else Cause.GENERATOR
    return Ending(Outcome.CLIENT_ERROR, blamed, text)


_REFUSED = Ending(Outcome.CONNECTION_ERROR, Cause.SERVICE, "connection refused")
_RESET = Ending(Outcome.CONNECTION_ERROR, Cause.NETWORK, "connection reset")
_NO_RESPONSE = {
    "ConnectionRefusedError": _REFUSED,
    "ConnectionResetError": _RESET,
    "BrokenPipeError": _RESET,
    "gaierror": Ending(Outcome.CONNECTION_ERROR, Cause.NETWORK, "host name not found"),
    "HTTPConnectionClosed": Ending(
        Outcome.CONNECTION_ERROR, Cause.NETWORK, "connection closed before the response"
    ),
    "HTTPParseError": Ending(Outcome.TRUNCATED, Cause.SERVICE, "not HTTP, or cut short"),
}


def _by_exception(exception: BaseException) -> Ending:
    """No response came. The names are those of the standard library and of geventhttpclient.

    The latter wraps a timeout in a RetriesExceeded, also where there are no retries.
    """
    exception = getattr(exception, "original", None) or exception
    name = type(exception).__name__
    if isinstance(exception, TimeoutError) or "timeout" in name.lower():
        return Ending(Outcome.TIMEOUT, Cause.SERVICE, "timed out")
    return _NO_RESPONSE.get(name, Ending(Outcome.CONNECTION_ERROR, Cause.NETWORK, name))


def _after_response(exception: BaseException) -> Ending:
    """An exception although the status was good: a failed check, or a body that never ended."""
    name = type(exception).__name__
    if name in {"CatchResponseError", "ResponseError"} or isinstance(exception, AssertionError | ValueError):
        return Ending(Outcome.INVALID_ANSWER, Cause.ANSWER, str(exception)[:80] or name)
    if isinstance(exception, TimeoutError) or "timeout" in name.lower():
        return Ending(Outcome.TIMEOUT, Cause.SERVICE, "timed out in the body")
    if isinstance(exception, ConnectionError | OSError | zlib.error) or name.startswith("HTTP"):
        return Ending(Outcome.TRUNCATED, Cause.NETWORK, "body cut short")
    return Ending(Outcome.INVALID_ANSWER, Cause.ANSWER, name)
