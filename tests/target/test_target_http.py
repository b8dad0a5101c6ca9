"""The HTTP face: validation, problems, Server-Timing, metrics, health and the OpenAPI document."""

import re
import threading
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest

from target_app.api import Problem
from target_app.app import create_app
from target_app.assessment import Assessment
from target_app.case import CaseRequest
from target_app.settings import Settings

if TYPE_CHECKING:
    from tests.target.conftest import StandIn, Target, TargetFactory

Reply = dict[str, Any]
SECRET = "SECRET-1234"


def timing(response: httpx.Response) -> dict[str, tuple[float, float | None]]:
    """Server-Timing as name -> (duration, start), read by the design's grammar and not by our code."""
    entry = re.compile(r"([a-z-]+);dur=([0-9.]+)(?:;start=([0-9.]+))?")
    rows = [entry.fullmatch(part) for part in response.headers["server-timing"].split(", ")]
    return {row[1]: (float(row[2]), float(row[3]) if row[3] else None) for row in rows if row}


@pytest.mark.parametrize(
    ("fields", "location", "kind"),
    [
        pytest.param({"chief_complaint": ""}, ["body", "chief_complaint"], "string_too_short", id="empty"),
        pytest.param({"chief_complaint": 5}, ["body", "chief_complaint"], "string_type", id="number"),
        pytest.param(
            {"chief_complaint": SECRET * 100}, ["body", "chief_complaint"], "string_too_long", id="too long"
        ),
        pytest.param(
            {"case_id": f"a {SECRET}"}, ["body", "case_id"], "string_pattern_mismatch", id="space in id"
        ),
        pytest.param({"age": -1}, ["body", "age"], "greater_than_equal", id="negative age"),
        pytest.param({"age": "58"}, ["body", "age"], "float_type", id="age as text"),
        pytest.param({"sex": SECRET}, ["body", "sex"], "literal_error", id="unknown sex"),
        pytest.param({"history": SECRET}, ["body", "history"], "list_type", id="text for a list"),
        pytest.param({"history": ["x"] * 51}, ["body", "history"], "too_long", id="51 items"),
        pytest.param(
            {"medications": [SECRET * 50]}, ["body", "medications", 0], "string_too_long", id="long item"
        ),
        pytest.param({"labs": {"sodium": True}}, ["body", "labs", "sodium"], "measurement", id="boolean lab"),
        pytest.param(
            {"labs": {SECRET: []}}, ["body", "labs", "*"], "measurement", id="odd name is not echoed"
        ),
        pytest.param({"notes": SECRET * 1000}, ["body", "notes"], "string_too_long", id="long notes"),
        pytest.param({"cheif_complaint": SECRET}, ["body", "cheif_complaint"], "extra_forbidden", id="typo"),
    ],
)
def test_a_wrong_field_is_named_and_not_echoed(
    target: "Target", provider: "StandIn", fields: dict[str, Any], location: list[str | int], kind: str
) -> None:
    response = target.post(**fields)

    problem = response.json()
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "urn:problem:invalid-case"
    assert [(error["location"], error["kind"]) for error in problem["errors"]] == [(location, kind)]
    assert SECRET not in response.text
    assert provider.calls == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 400, id="no body"),
        pytest.param(b'{"case_id": "a", "chief', 400, id="half JSON"),
        pytest.param(b"[]", 422, id="a list"),
        pytest.param(b'{"case_id":"a","chief_complaint":"b","age":NaN}', 422, id="NaN"),
        pytest.param(b'{"case_id":"a","chief_complaint":"b","labs":{"x":Infinity}}', 422, id="infinity"),
        pytest.param(b'{"case_id":"a","chief_complaint":"\xff"}', 400, id="not UTF-8"),
        pytest.param(b"[" * 60_000, 400, id="60 000 levels deep"),
        pytest.param(b'{"a":' * 12_000 + b"1" + b"}" * 12_000, 413, id="12 000 objects deep and too large"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, id="10 000 objects deep"),
        pytest.param(b'{"age":' + b"9" * 60_000 + b"}", 400, id="a number of 60 000 digits"),
        pytest.param(
            b"{" + b",".join(b'"k%d":1' % n for n in range(6000)) + b"}", 422, id="6 000 unknown fields"
        ),
        pytest.param(b" " * 65_537, 413, id="too large"),
    ],
)
def test_an_unreadable_body_is_a_problem(target: "Target", body: bytes, status: int) -> None:
    response = target.client.post("/api/cases", content=body, headers={"content-type": "application/json"})

    assert response.status_code == status
    assert Problem.model_validate(response.json()).status == status
    assert "total" in timing(response)


def test_a_chunked_body_is_limited_too(target: "Target") -> None:
    response = target.client.post("/api/cases", content=(b" " * 10_000 for _ in range(10)))

    assert response.status_code == 413
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("method", "path", "status", "problem_type"),
    [
        pytest.param("GET", "/api/cases", 405, "method-not-allowed", id="wrong method"),
        pytest.param("GET", "/nowhere", 404, "not-found", id="wrong path"),
    ],
)
def test_wrong_addresses(target: "Target", method: str, path: str, status: int, problem_type: str) -> None:
    response = target.client.request(method, path)

    assert (response.status_code, response.json()["type"]) == (status, f"urn:problem:{problem_type}")


STAGES = ("triage", "specialists", "debate", "synthesis", "overhead")
DISCHARGE = {
    "assessment": "",
    "disposition": "discharge",
    "confidence": 1,
    "findings": [],
    "red_flags": [],
    "recommendations": [],
}


@pytest.mark.parametrize(
    ("failing", "status", "ran"),
    [
        pytest.param({}, 200, ["triage", "specialists", "synthesis"], id="no debate"),
        pytest.param({"nephrology": Reply(content=DISCHARGE)}, 200, list(STAGES[:4]), id="debate"),
        pytest.param({"triage": Reply(status=500, raw=b"")}, 502, ["triage"], id="triage fails"),
        pytest.param(
            {"synthesis": Reply(status=429, raw=b"")},
            503,
            ["triage", "specialists", "synthesis"],
            id="synthesis fails",
        ),
    ],
)
def test_server_timing_adds_up(
    target: "Target", provider: "StandIn", failing: dict[str, Reply], status: int, ran: list[str]
) -> None:
    provider.script = lambda call: failing.get(call.role)

    response = target.post()

    spans = timing(response)
    total_ms = spans["total"][0]
    assert response.status_code == status
    assert sum(spans[name][0] for name in STAGES) == pytest.approx(total_ms, abs=0.01)
    assert [name for name in STAGES[:4] if spans[name][1] is not None] == ran, "a stage that ran has a start"
    starts = [spans[name][1] for name in ran]
    assert starts == sorted(starts, key=lambda start: start or 0.0)
    for name, (duration_ms, start_ms) in spans.items():
        if start_ms is not None:
            assert start_ms + duration_ms <= total_ms + 0.01, name
    if status == 200:
        timings = response.json()["timings"]
        assert {name: timings[f"{name}_ms"] for name in (*STAGES, "total")} == {
            name: spans[name][0] for name in (*STAGES, "total")
        }
        calls = response.json()["usage"]["llm_calls"]
        # The stand-in reports 1, 2 and 3 ms for each call.
        assert [spans[name][0] for name in ("queue", "prefill", "decode")] == [calls, 2 * calls, 3 * calls]
        inside = [name for name in spans if name.startswith("specialist-")]
        assert sorted(inside) == ["specialist-cardiology", "specialist-nephrology"]
        assert max(spans[name][0] for name in inside) <= spans["specialists"][0]


def test_every_request_is_counted_once(provider: "StandIn", start_target: "TargetFactory") -> None:
    with start_target(provider.url) as target:
        target.post()
        target.post()
        target.post(chief_complaint="")
        target.client.post("/api/cases", content=b" " * 70_000)
        provider.script = lambda call: Reply(status=500, raw=b"") if call.role == "synthesis" else None
        target.post()
        provider.script = lambda call: Reply(status=429, raw=b"") if call.role == "triage" else None
        target.post()
        for path in ("/healthz", "/readyz", "/info", "/api/cases", "/nowhere"):
            target.client.get(path)
        counted = {
            (complexity, status): target.metric("target_cases_total", complexity=complexity, status=status)
            for complexity in ("moderate", "unknown")
            for status in ("200", "413", "422", "502", "503")
        }
        total = target.metric("target_cases_total")
        components = {
            name: target.metric("target_component_duration_seconds_count", component=name)
            for name in ("triage", "synthesis", "debate", "specialist-cardiology", "total")
        }
        timed = target.metric("target_case_duration_seconds_count", complexity="moderate")
        tokens = target.metric("target_tokens_total", direction="input")
        calls = {
            status: target.metric("target_model_calls_total", status=status)
            for status in ("200", "429", "500")
        }

    assert {key: count for key, count in counted.items() if count} == {
        ("moderate", "200"): 2,
        ("unknown", "422"): 1,
        ("unknown", "413"): 1,
        ("moderate", "502"): 1,
        ("unknown", "503"): 1,
    }
    assert total == 6
    assert components == {"triage": 4, "synthesis": 3, "debate": 0, "specialist-cardiology": 3, "total": 4}
    assert timed == 3, "the case whose triage was refused has no complexity"
    assert calls == {"200": 11, "429": 1, "500": 1}
    assert tokens == 1100


def test_cases_in_flight_are_shown(target: "Target", provider: "StandIn") -> None:
    arrived, leave = threading.Event(), threading.Event()

    def script(_call: Any) -> None:
        arrived.set()
        # Blocks the stand-in, not the target.
        leave.wait(10)

    provider.script = script
    case = threading.Thread(target=target.post)
    case.start()
    assert arrived.wait(10)
    during = target.metric("target_cases_in_flight")
    leave.set()
    case.join(10)

    assert during == 1


def test_health_and_info(target: "Target", provider: "StandIn") -> None:
    info = target.client.get("/info").json()

    assert target.client.get("/healthz").json() == {"status": "ok"}
    assert target.client.get("/readyz").json() == {"status": "ready"}
    assert info["provider"] == {
        "mode": "simulated",
        "profile": "stand-in",
        "models": {"large": "openai/gpt-oss-120b", "small": "openai/gpt-oss-20b"},
    }
    assert re.fullmatch(r"[0-9a-f]{12}", info["prompts_hash"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", info["version"])


def test_ready_needs_the_models(provider: "StandIn", start_target: "TargetFactory") -> None:
    provider.models = ("openai/gpt-oss-20b",)
    with start_target(provider.url) as target:
        response = target.client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["missing"] == ["the provider does not offer the model openai/gpt-oss-120b"]


def test_openapi_examples_are_true() -> None:
    document = create_app(Settings()).openapi()
    operation = document["paths"]["/api/cases"]["post"]
    requests = operation["requestBody"]["content"]["application/json"]["examples"]
    problems = [
        (status, example["value"])
        for path in document["paths"].values()
        for method in path.values()
        for status, response in method["responses"].items()
        for example in response["content"].get("application/problem+json", {}).get("examples", {}).values()
    ]

    for example in requests.values():
        CaseRequest.model_validate(example["value"])
    answer = Assessment.model_validate(
        operation["responses"]["200"]["content"]["application/json"]["example"]
    )
    parts = answer.timings
    assert parts.total_ms == pytest.approx(
        parts.triage_ms + parts.specialists_ms + parts.debate_ms + parts.synthesis_ms + parts.overhead_ms,
        abs=0.001,
    )
    assert {status for status, _ in problems} == {
        "400",
        "401",
        "413",
        "415",
        "422",
        "500",
        "502",
        "503",
        "504",
    }
    for status, example in problems:
        assert str(Problem.model_validate(example).status) == status


def test_answers_match_the_published_schema(target: "Target", provider: "StandIn") -> None:
    document = target.client.get("/openapi.json").json()
    schema = {"$ref": "#/components/schemas/Assessment", "components": document["components"]}
    problem_schema = {"$ref": "#/components/schemas/Problem", "components": document["components"]}

    jsonschema.validate(target.post().json(), schema)
    jsonschema.validate(target.post(age=-1).json(), problem_schema)
    provider.script = lambda _call: Reply(status=500, raw=b"")
    jsonschema.validate(target.post().json(), problem_schema)
