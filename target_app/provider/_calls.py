"""A record of every HTTP call to the provider, gathered per agent run.

agno reports provider errors as text and loses status and Retry-After on the way, so the model leaves both its
records and its typed error in the scope of the run that caused them.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

from target_app.errors import ProviderError


@dataclass(slots=True, frozen=True)
class CallRecord:
    """One attempt, failed or not. Times the provider did not report are None, and so are tokens."""

    model: str
    attempt: int
    """0 for the first try; more are repeats by our retry layer."""
    status: str
    """HTTP status, or `timeout`, `unreachable`, `unreadable`, `cancelled`."""
    latency_ms: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    queue_ms: float | None = None
    prefill_ms: float | None = None
    decode_ms: float | None = None
    finish_reason: str | None = None
    request_id: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the provider completed the call."""
        return self.status == "200"


@dataclass(slots=True)
class CallScope:
    """What one agent run asked of the provider, and the error that ended it, if any."""

    calls: list[CallRecord] = field(default_factory=list)
    error: ProviderError | None = None


_SCOPE: ContextVar[CallScope | None] = ContextVar("call_scope", default=None)


@contextlib.contextmanager
def call_scope() -> Iterator[CallScope]:
    """Collect the calls made inside the block, by this task or by tasks it starts."""
    scope = CallScope()
    token = _SCOPE.set(scope)
    try:
        yield scope
    finally:
        _SCOPE.reset(token)


def current_scope() -> CallScope:
    """The innermost scope; outside of any, one that nobody reads."""
    return _SCOPE.get() or CallScope()
