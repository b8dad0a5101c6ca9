"""One measured operation of an async task: what `AsyncUser.measure` gives, and how it becomes a row.

The operation is stamped on the asyncio loop's thread, next to what it measures. Its row, and what
Locust's statistics are told, are made on the hub's, where the recorder lives.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from harness.engine._clock import now_us
from harness.engine._exchange_outcome import DEGRADED, OK, problem_type_of
from harness.engine._outcome import Answer, Ending, classify
from harness.engine._recorder import Request, Response
from harness.engine._server_timing import Span
from harness.runs import Cause, Outcome

_CANCELLED = Ending(Outcome.TIMEOUT, Cause.SERVICE, "cancelled by its own task")

#: Parts of the names under which client libraries report that a connection failed.
_CONNECTION_WORDS = ("connect", "network", "protocol", "disconnect", "readerror", "writeerror")


@dataclass(slots=True, eq=False)
class Call:
    """An operation in flight. The task fills in what it learns; the block's end makes the row.

    - `status`, `response_bytes`, `trace_id`: of the response, where there is one.
    - `answer`: what a check made of it, as in `ServiceUser`: a `reason` makes the call a failure.
    - `ending`: overrides what answer and exception say.
    - `done_us`: `now_us()` when the operation was over, where the block goes on with other work.
    - `error`: after the block, the exception that ended it, if one did.
    """

    request: Request
    status: int | None = None
    response_bytes: int | None = None
    trace_id: str | None = None
    answer: Answer | None = None
    ending: Ending | None = None
    error: BaseException | None = None
    spans: list[Span] = field(default_factory=list)
    first_byte_us: int | None = None
    first_token_us: int | None = None
    last_token_us: int | None = None
    done_us: int | None = None
    #: Its row is written or nobody wants it any longer; set and read on the hub's thread alone.
    closed: bool = False

    def first_byte(self) -> None:
        """The first byte of the response is here, now; later calls change nothing."""
        if self.first_byte_us is None:
            self.first_byte_us = now_us()

    def token(self) -> None:
        """A piece of a streamed answer is here, now: the first such call and the last are kept."""
        at_us = now_us()
        if self.first_token_us is None:
            self.first_token_us = at_us
        self.last_token_us = at_us

    @contextmanager
    def span(self, component: str) -> Iterator[None]:
        """Time a part of the operation: `with call.span("triage"): ...`, also around an `await`."""
        began_us = now_us()
        try:
            yield
        finally:
            start_ms = (began_us - self.request.sent_us) / 1000
            self.spans.append(Span(component, (now_us() - began_us) / 1000, start_ms))

    def add_span(self, component: str, duration_ms: float, start_ms: float | None = None) -> None:
        """A part that was timed elsewhere. `start_ms` counts from the start of the operation."""
        self.spans.append(Span(component, duration_ms, start_ms))

    @property
    def ok(self) -> bool:
        """Nothing has gone wrong so far."""
        return self.judged().outcome is Outcome.OK

    def judged(self) -> Ending:
        """How the operation ended, from all that is known of it."""
        if self.ending is not None:
            return self.ending
        if self.error is not None:
            return _by_exception(self.error, self.status)
        if self.status is not None and self.status >= 400:
            return classify(self.status, RuntimeError())
        if self.answer is None:
            return OK
        if self.answer.reason is not None:
            return Ending(Outcome.INVALID_ANSWER, Cause.ANSWER, self.answer.reason)
        return DEGRADED if self.answer.degraded else OK

    def response(self, ending: Ending) -> Response:
        return Response(
            ending,
            self.done_us,
            self.status,
            self.response_bytes,
            self.spans,
            self.answer,
            self.trace_id,
            self.first_byte_us,
            self.first_token_us,
            self.last_token_us,
        )


def _by_exception(error: BaseException, status: int | None) -> Ending:
    """Name what a client library raised, without knowing the library.

    SDKs give `status_code` and `response`; a failed connection is known by an OSError among its
    causes or by its name. Anything else came after an answer, whose reading failed.
    """
    if not isinstance(error, Exception):
        return _CANCELLED
    status = getattr(error, "status_code", None) or status
    if isinstance(status, int) and status >= 400:
        response = getattr(error, "response", None)
        headers = getattr(response, "headers", None) or {}
        problem = "problem+json" in (headers.get("content-type") or "")
        return classify(
            status,
            error,
            retry_after="retry-after" in headers,
            problem_type=problem_type_of(response.text) if response is not None and problem else None,
        )
    for cause in _causes(error):
        if isinstance(cause, ConnectionError | TimeoutError) or type(cause).__name__ == "gaierror":
            return classify(None, cause)
    name = type(error).__name__
    if isinstance(error, OSError) or "timeout" in name.lower():
        return classify(None, error)
    if any(word in name.lower() for word in _CONNECTION_WORDS):
        return Ending(Outcome.CONNECTION_ERROR, Cause.NETWORK, name)
    return Ending(Outcome.INVALID_ANSWER, Cause.ANSWER, str(error)[:80] if _is_assertion(error) else name)


def _is_assertion(error: Exception) -> bool:
    """An assertion's text is the task's own and says what was expected; other texts may quote anything."""
    return isinstance(error, AssertionError) and bool(str(error)) and "\n" not in str(error)


def _causes(error: BaseException) -> list[BaseException]:
    """The exception and those it came from, the innermost first: it knows best what went wrong."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain[::-1]


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an SDK's exception carries, for the row."""
    status: Any = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def open_call(
    name: str,
    method: str,
    user_class: str,
    category: str | None,
    case_id: str | None,
    request_bytes: int | None,
) -> Call:
    """An operation that begins now."""
    at_us = now_us()
    return Call(Request(method, name, user_class, category, case_id, at_us, at_us, request_bytes))
