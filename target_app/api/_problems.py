"""Errors as application/problem+json (RFC 9457) with stable `type` URIs.

No problem repeats what the client or the provider sent: a medical text or a key must not end up in someone's
log.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from target_app.assessment import Usage
from target_app.errors import CaseError

PROBLEM_MEDIA_TYPE = "application/problem+json"
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

INVALID_CASE = "urn:problem:invalid-case"
BODY_TOO_LARGE = "urn:problem:body-too-large"
NOT_READY = "urn:problem:not-ready"
INTERNAL = "urn:problem:internal"


class FieldError(BaseModel):
    """Where in the body, and what should be there."""

    location: list[str | int]
    message: str
    kind: str


EXAMPLES: dict[str, dict[str, Any]] = {
    "invalid": {
        "type": INVALID_CASE,
        "title": "The case is not valid",
        "status": 422,
        "detail": "1 field is wrong",
        "errors": [{"location": ["body", "chief_complaint"], "message": "Field required", "kind": "missing"}],
    },
    "too_large": {
        "type": BODY_TOO_LARGE,
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
    "invalid_answer": {
        "type": "urn:problem:invalid-answer",
        "title": "A model's answer could not be used",
        "status": 502,
        "detail": "the synthesis answer of openai/gpt-oss-120b is empty",
        "cause": "answer",
        "stage": "synthesis",
    },
    "timeout": {
        "type": "urn:problem:case-deadline",
        "title": "The case took longer than its deadline",
        "status": 504,
        "detail": "not finished after 60 s",
        "cause": "service",
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
    cause: str | None = Field(default=None, description="Who is to blame: service, provider or answer.")
    stage: str | None = Field(default=None, description="The stage that ended the case.")
    usage: Usage | None = Field(default=None, description="What the case used before it ended.")
    missing: list[str] | None = Field(default=None, description="What keeps the service from being ready.")

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """The HTTP response; absent members are left out."""
        # `cost_usd: null` inside usage means something, so only this level's nulls go.
        content = self.model_dump_json(exclude={name for name, value in self if value is None})
        return Response(content, self.status, headers, media_type=PROBLEM_MEDIA_TYPE)


def case_problem(error: CaseError, usage: Usage) -> Response:
    """The response for a case that ended in a typed error."""
    problem = Problem(
        type=error.type_uri,
        title=error.title,
        status=error.status,
        detail=error.detail,
        cause=error.cause,
        stage=error.stage,
        usage=usage,
    )
    wait_s = error.retry_after_s
    retry = error.status == 503 and wait_s is not None
    return problem.response({"Retry-After": str(max(1, math.ceil(wait_s or 0)))} if retry else None)


def too_large_problem(limit_bytes: int) -> Response:
    """413; the connection is closed because the rest of the body is not read."""
    detail = f"at most {limit_bytes} bytes"
    problem = Problem(type=BODY_TOO_LARGE, title="The body is too large", status=413, detail=detail)
    return problem.response({"Connection": "close"})


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


def add_problem_handlers(app: FastAPI) -> None:
    """Replace FastAPI's error bodies, and put Problem among the OpenAPI document's schemas.

    FastAPI adds a model only together with `application/json`, which is not what a problem is sent as.
    """
    original = app.openapi

    def openapi() -> dict[str, Any]:
        document = original()
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, definition in {**schema.pop("$defs"), "Problem": schema}.items():
            document["components"]["schemas"].setdefault(name, definition)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StarletteHTTPException, _http)


def _invalid(_request: Request, error: Exception) -> Response:
    rows = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [
        FieldError(location=[_part(p) for p in row["loc"]], message=row["msg"], kind=row["type"])
        for row in rows
    ]
    wrong = "1 field is wrong" if len(errors) == 1 else f"{len(errors)} fields are wrong"
    return Problem(
        type=INVALID_CASE, title="The case is not valid", status=422, detail=wrong, errors=errors
    ).response()


def _part(part: str | int) -> str | int:
    """A location's part; a key that does not look like a field name is the client's text and becomes `*`."""
    return part if isinstance(part, int) or _FIELD_NAME.fullmatch(part) else "*"


def _http(_request: Request, error: Exception) -> Response:
    if not isinstance(error, StarletteHTTPException):
        raise error
    slug = {400: "unreadable-body", 404: "not-found", 405: "method-not-allowed"}.get(
        error.status_code, "http"
    )
    return Problem(type=f"urn:problem:{slug}", title=str(error.detail), status=error.status_code).response(
        error.headers
    )
