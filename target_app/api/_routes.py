"""The endpoints. Handlers only translate: all work is in the orchestrator and the probe."""

import logging
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from target_app import case as case_module
from target_app.agents import prompts_hash
from target_app.api._body import parse_case
from target_app.api._problems import EXAMPLES, PROBLEM_MEDIA_TYPE, case_problem, not_ready_problem
from target_app.api._service import Service
from target_app.assessment import EXAMPLE, Assessment, ProviderInfo
from target_app.errors import CaseError, RequestError
from target_app.orchestrator import described, usage_of
from target_app.settings import version
from target_app.trace import CaseTrace

_LOGGER = logging.getLogger(__name__)


class Health(BaseModel):
    """`ok`: the process answers."""

    status: str


class Info(BaseModel):
    """What a load test needs to know to compare two runs."""

    provider: ProviderInfo
    prompts_hash: str
    version: str


def _problem(description: str, *names: str) -> dict[str, Any]:
    examples = {name: {"value": EXAMPLES[name]} for name in names}
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {PROBLEM_MEDIA_TYPE: {"schema": schema, "examples": examples}}
    return {"description": description, "content": content}


_TIMED = {
    "Server-Timing": {"description": "Components of the time, W3C format", "schema": {"type": "string"}}
}
_CASE_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/CaseRequest"},
            "examples": {"chest pain": {"value": case_module.EXAMPLE}},
        }
    },
}

router = APIRouter()


@router.post(
    "/api/cases",
    response_model=Assessment,
    summary="Assess a medical case",
    openapi_extra={"requestBody": _CASE_BODY},
    responses={
        200: {"headers": _TIMED, "content": {"application/json": {"example": EXAMPLE}}},
        400: _problem("The body is not readable JSON", "unreadable"),
        401: _problem("The API key is missing or wrong, where one is asked for", "unauthorised"),
        413: _problem("The body is too large", "too_large"),
        415: _problem("The body is not declared as JSON", "media_type"),
        422: _problem("The case is not valid", "invalid"),
        500: _problem("A bug; the log has its traceback", "internal"),
        502: _problem("The provider failed, or a model's answer could not be used", "invalid_answer"),
        503: _problem(
            "This service or the provider is at its limit; see Retry-After", "overloaded", "rate_limited"
        ),
        504: _problem("The provider or the case ran out of time", "timeout"),
    },
)
async def assess_case(request: Request) -> Response:
    """Triage, specialists in parallel, a debate if they conflict, and a synthesis."""
    service: Service = request.app.state.service
    trace: CaseTrace = request.state.trace
    try:
        # Not FastAPI's parsing: pydantic reads JSON itself, faster and with limits.
        case = parse_case(dict(request.scope["headers"]), await request.body())
        assessment = await service.orchestrator.assess(case, trace, service.provider_info())
    except CaseError as error:
        trace.outcome = error.slug
        if isinstance(error, RequestError):
            return case_problem(error)
        _LOGGER.warning("case failed in %s: %s", error.stage or "the whole", described(error))
        return case_problem(error, usage_of(trace.calls, service.settings.prices))
    return Response(assessment.model_dump_json(), media_type="application/json")


@router.get("/healthz", summary="Whether the process is alive")
async def healthz() -> Health:
    """Asks nobody."""
    return Health(status="ok")


@router.get(
    "/readyz",
    response_model=Health,
    summary="Whether cases can be assessed now",
    responses={503: _problem("Something is missing", "not_ready")},
)
async def readyz(request: Request) -> Response:
    """Asks the provider, at most once a second."""
    service: Service = request.app.state.service
    state = await service.probe.check()
    return not_ready_problem(state.missing) if state.missing else JSONResponse({"status": "ready"})


@router.get("/info", summary="Provider, models, prompts and version")
async def info(request: Request) -> Info:
    """Asks the simulator for its profile, at most once a second."""
    service: Service = request.app.state.service
    await service.probe.check()
    return Info(provider=service.provider_info(), prompts_hash=prompts_hash(), version=version())


@router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Summed over the workers."""
    service: Service = request.app.state.service
    service.sample()
    return Response(service.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
