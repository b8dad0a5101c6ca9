"""A record of every HTTP call to the provider, gathered per agent run.

agno reports provider errors as text and loses status and Retry-After on the way, so the model leaves both its
records and its typed error in the scope of the run that caused them. The case's deadline comes in the same
way.
"""

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

from target_app.errors import CaseError


@dataclass(slots=True, frozen=True)
class CallRecord:
    """One attempt, failed or not. Times the provider did not report are None, and so are tokens."""

    model: str
    attempt: int
    """0 for the first try; more are repeats by our retry layer."""
    status: str
    """HTTP status, or what happened instead: `timeout`, `deadline`, `unreachable`, `cut`, `unreadable`,
    `stream-error`, `cancelled`."""
    latency_ms: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    queue_ms: float | None = None
    prefill_ms: float | None = None
    decode_ms: float | None = None
    finish_reason: str | None = None
    request_id: str | None = None
    """The provider's name for the call, to ask its support about."""
    first_token_ms: float | None = None
    """From sending the request to the first token of the answer proper; only known of streamed calls."""

    @property
    def ok(self) -> bool:
        """Whether the provider completed the call."""
        return self.status == "200"


@dataclass(slots=True)
class CallScope:
    """What one agent run asked of the provider, and the error that ended it, if any."""

    deadline_at: float = math.inf
    """The event loop's time by which the case has to be finished."""
    calls: list[CallRecord] = field(default_factory=list)
    error: CaseError | None = None


_SCOPE: ContextVar[CallScope | None] = ContextVar("call_scope", default=None)


@contextlib.contextmanager
def call_scope(deadline_at: float = math.inf) -> Iterator[CallScope]:
    """Collect the calls made inside the block, by this task or by tasks it starts."""
    scope = CallScope(deadline_at)
    token = _SCOPE.set(scope)
    try:
        yield scope
    finally:
        _SCOPE.reset(token)


def current_scope() -> CallScope:
    """The innermost scope; outside of any, one that nobody reads."""
    return _SCOPE.get() or CallScope()
