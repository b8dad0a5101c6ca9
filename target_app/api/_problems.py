"""Errors as application/problem+json (RFC 9457) with stable `type` URIs.

No problem repeats what the client or the provider sent: a medical text or a key must not end up in someone's
log.
"""

import math
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from target_app.assessment import Usage
from target_app.case import CaseRequest
from target_app.errors import BodyTooLargeError, CaseError, InvalidCaseError, UnauthorisedError

PROBLEM_MEDIA_TYPE = "application/problem+json"
NOT_READY = "urn:problem:not-ready"
INTERNAL = "urn:problem:internal"


class FieldError(BaseModel):
    """Where in the body, and what should be there."""

    location: list[str | int]
    message: str
    kind: str


EXAMPLES: dict[str, dict[str, Any]] = {
    "unreadable": {
        "type": "urn:problem:unreadable-body",
        "title": "The body is not readable JSON",
        "status": 400,
        "detail": "Invalid JSON: EOF while parsing a value at line 1 column 12",
    },
    "unauthorised": {
        "type": "urn:problem:unauthorised",
        "title": "The API key is missing or wrong",
        "status": 401,
        "detail": "send Authorization: Bearer and the key",
    },
    "media_type": {
        "type": "urn:problem:unsupported-media-type",
        "title": "The body is not declared as JSON",
        "status": 415,
        "detail": "send application/json",
    },
    "invalid": {
        "type": "urn:problem:invalid-case",
        "title": "The case is not valid",
        "status": 422,
        "detail": "1 field is wrong",
        "errors": [{"location": ["body", "chief_complaint"], "message": "Field required", "kind": "missing"}],
    },
    "too_large": {
        "type": "urn:problem:body-too-large",
        "title": "The body is too large",
        "status": 413,
        "detail": "at most 65536 bytes",
    },
    "rate_limited": {
        "type": "urn:problem:provider-rate-limited",
        "title": "The inference provider's rate limit is reached",
        "status": 503,
        "detail": "the provider answered 429 for openai/gpt-oss-120b",
        "cause": "provider",
        "stage": "triage",
        "usage": {"input_tokens": 0, "output_tokens": 0, "llm_calls": 1, "retries": 0, "cost_usd": 0.0},
    },
    "overloaded": {
        "type": "urn:problem:overloaded",
        "title": "The service is at its limit of concurrent cases",
        "status": 503,
        "detail": "256 cases in work and 256 waiting",
        "cause": "service",
    },
    "internal": {"type": INTERNAL, "title": "Internal error", "status": 500, "cause": "service"},
    "invalid_answer": {
        "type": "urn:problem:provider-invalid-answer",
        "title": "A model's answer could not be used",
        "status": 502,
        "detail": "the synthesis answer of openai/gpt-oss-120b is empty",
        "cause": "provider",
        "stage": "synthesis",
    },
    "timeout": {
        "type": "urn:problem:case-deadline",
        "title": "The case took longer than its deadline",
        "status": 504,
        "detail": "the case's time ran out in a call to openai/gpt-oss-120b",
        "cause": "service",
        "stage": "synthesis",
    },
    "not_ready": {
        "type": NOT_READY,
        "title": "The service is not ready",
        "status": 503,
        "detail": "the provider is not reachable at http://127.0.0.1:9101",
        "missing": ["the provider is not reachable at http://127.0.0.1:9101"],
    },
}


class Problem(BaseModel):
    """RFC 9457 members, and what this service adds: `errors`, `cause`, `stage`, `usage`, `missing`."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="Stable identifier of the kind of problem.")
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldError] | None = Field(default=None, description="Wrong fields of a case (422).")
    cause: str | None = Field(default=None, description="Who is to blame: service or provider.")
    stage: str | None = Field(default=None, description="The stage that ended the case.")
    usage: Usage | None = Field(default=None, description="What the case used before it ended.")
    missing: list[str] | None = Field(default=None, description="What keeps the service from being ready.")

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """The HTTP response; absent members are left out."""
        # `cost_usd: null` inside usage means something, so only this level's nulls go.
        content = self.model_dump_json(exclude={name for name, value in self if value is None})
        return Response(content, self.status, headers, media_type=PROBLEM_MEDIA_TYPE)


def case_problem(error: CaseError, usage: Usage | None = None) -> Response:
    """The response for a case that ended in a typed error."""
    mismatches = error.mismatches if isinstance(error, InvalidCaseError) else ()
    problem = Problem(
        type=error.type_uri,
        title=error.title,
        status=error.status,
        detail=error.detail,
        errors=[
            FieldError(location=list(row.location), message=row.message, kind=row.kind) for row in mismatches
        ]
        or None,
        cause=error.cause,
        stage=error.stage,
        usage=usage,
    )
    return problem.response(_headers(error))


def _headers(error: CaseError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if error.status == 503 and error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, UnauthorisedError):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, BodyTooLargeError | UnauthorisedError):
        headers["Connection"] = "close"  # the rest of the body is not read
    return headers


def internal_problem() -> Response:
    """500 for a bug; its traceback is in the log and only there."""
    return Problem(type=INTERNAL, title="Internal error", status=500, cause="service").response()


def not_ready_problem(missing: tuple[str, ...]) -> Response:
    """503 that says what is missing."""
    return Problem(
        type=NOT_READY,
        title="The service is not ready",
        status=503,
        detail="; ".join(missing),
        missing=list(missing),
    ).response({"Retry-After": "1"})


def add_problem_handlers(app: FastAPI, *, with_key: bool) -> None:
    """Replace FastAPI's error bodies, and complete the OpenAPI document.

    FastAPI lists a model only where it parses or sends it itself as `application/json`, which it does with
    neither a case nor a problem here.
    """
    original = app.openapi

    def openapi() -> dict[str, Any]:
        document = original()
        components = document["components"]
        for model in (Problem, CaseRequest):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            for name, definition in {**schema.pop("$defs", {}), model.__name__: schema}.items():
                components["schemas"].setdefault(name, definition)
        if with_key:
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            document["paths"]["/api/cases"]["post"]["security"] = [{"key": []}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
    app.add_exception_handler(StarletteHTTPException, _http)


def _http(_request: Request, error: Exception) -> Response:
    if not isinstance(error, StarletteHTTPException):
        raise error
    slug = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
    return Problem(type=f"urn:problem:{slug}", title=str(error.detail), status=error.status_code).response(
        error.headers
    )
