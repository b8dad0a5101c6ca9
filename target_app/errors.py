"""Why a case could not be assessed, and what a client is told about it.

CaseError                          status  type
├── RequestError                           the request is wrong
│   ├── UnreadableBodyError           400  urn:problem:unreadable-body
│   ├── UnauthorisedError             401  urn:problem:unauthorised            WWW-Authenticate
│   ├── BodyTooLargeError             413  urn:problem:body-too-large
│   ├── MediaTypeError                415  urn:problem:unsupported-media-type
│   └── InvalidCaseError              422  urn:problem:invalid-case
├── OverloadedError                   503  urn:problem:overloaded              Retry-After
├── DeadlineExceededError             504  urn:problem:case-deadline
├── AgentFaultError                   500  urn:problem:agent-fault
├── AnswerError                       502  urn:problem:provider-invalid-answer
└── ProviderError
    ├── ProviderRateLimitedError      503  urn:problem:provider-rate-limited   Retry-After
    ├── ProviderOverloadedError       503  urn:problem:provider-overloaded     Retry-After
    ├── ProviderTimeoutError          504  urn:problem:provider-timeout
    ├── ProviderUnreachableError      502  urn:problem:provider-unreachable
    ├── ProviderFaultError            502  urn:problem:provider-fault
    └── ProviderRefusedError          502  urn:problem:provider-refused

A type that begins with `urn:problem:provider` blames the provider. `str(error)` is our own sentence. It never
repeats the client's or the provider's text, which may hold parts of a key or of a case.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class SettingsError(Exception):
    """An environment variable or option that cannot be used; `str(error)` is one line for the user."""


class Cause(enum.StrEnum):
    """Who is to blame, in the words of the harness's `cause` column."""

    SERVICE = "service"
    PROVIDER = "provider"


class CaseError(Exception):
    """Base of everything that ends a case without an assessment."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "The case could not be assessed"
    cause: ClassVar[Cause | None] = Cause.SERVICE

    def __init__(self, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.stage: str | None = None

    @property
    def type_uri(self) -> str:
        """Stable identifier of the kind of problem (RFC 9457 `type`)."""
        return f"urn:problem:{self.slug}"


class RequestError(CaseError):
    """The client has to send something else."""

    status = 400
    slug = "request"
    cause = None


class UnreadableBodyError(RequestError):
    """No JSON in UTF-8, or nested too deeply to be a case."""

    slug = "unreadable-body"
    title = "The body is not readable JSON"


class UnauthorisedError(RequestError):
    """The service asks for a key (`API_KEY`) and the request has none, or another."""

    status = 401
    slug = "unauthorised"
    title = "The API key is missing or wrong"


class BodyTooLargeError(RequestError):
    """The body exceeds `MAX_BODY_BYTES`; the rest of it is not read."""

    status = 413
    slug = "body-too-large"
    title = "The body is too large"


class MediaTypeError(RequestError):
    """A Content-Type that is not JSON."""

    status = 415
    slug = "unsupported-media-type"
    title = "The body is not declared as JSON"


@dataclass(slots=True, frozen=True)
class Mismatch:
    """One wrong field: where, what should be there, and pydantic's name for the kind of mistake."""

    location: tuple[str | int, ...]
    message: str
    kind: str


class InvalidCaseError(RequestError):
    """JSON, but no case. `mismatches` holds the first of `count` wrong fields."""

    status = 422
    slug = "invalid-case"
    title = "The case is not valid"

    def __init__(self, mismatches: Sequence[Mismatch], count: int) -> None:
        super().__init__("1 field is wrong" if count == 1 else f"{count} fields are wrong")
        self.mismatches = tuple(mismatches)


class OverloadedError(CaseError):
    """All places for cases, and all in the queue, are taken."""

    status = 503
    slug = "overloaded"
    title = "The service is at its limit of concurrent cases"


class DeadlineExceededError(CaseError):
    """The whole case took longer than `CASE_DEADLINE_S`."""

    status = 504
    slug = "case-deadline"
    title = "The case took longer than its deadline"


class AgentFaultError(CaseError):
    """agno ended a run in error although the provider had answered."""

    slug = "agent-fault"
    title = "An agent failed"


class AnswerError(CaseError):
    """The model answered, but not with what the stage's schema asks for."""

    status = 502
    slug = "provider-invalid-answer"
    title = "A model's answer could not be used"
    cause = Cause.PROVIDER


class ProviderError(CaseError):
    """A call to the provider failed.

    `call_status` is its HTTP status or a word such as `timeout`; `request_id` is the provider's name for it.
    """

    status = 502
    slug = "provider-fault"
    title = "The inference provider failed"
    cause = Cause.PROVIDER
    retryable: ClassVar[bool] = True

    def __init__(
        self,
        detail: str,
        *,
        call_status: str,
        retry_after_s: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.call_status = call_status
        self.request_id = request_id


class ProviderRateLimitedError(ProviderError):
    """429: a limit on requests or tokens is used up."""

    status = 503
    slug = "provider-rate-limited"
    title = "The inference provider's rate limit is reached"


class ProviderOverloadedError(ProviderError):
    """498, or 503 with Retry-After: the provider has no capacity at the moment."""

    status = 503
    slug = "provider-overloaded"
    title = "The inference provider is over capacity"


class ProviderTimeoutError(ProviderError):
    """No answer within `CALL_TIMEOUT_S`."""

    status = 504
    slug = "provider-timeout"
    title = "The inference provider did not answer in time"


class ProviderUnreachableError(ProviderError):
    """Connection refused, or closed before the answer was complete."""

    slug = "provider-unreachable"
    title = "The inference provider cannot be reached"


class ProviderFaultError(ProviderError):
    """5xx, or a 200 whose body is no chat completion."""


class ProviderRefusedError(ProviderError):
    """4xx: the provider refuses the key, the model or the request, so that a repeat cannot help."""

    slug = "provider-refused"
    title = "The inference provider refused the request"
    retryable = False
