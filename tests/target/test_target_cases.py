"""A case's way through the agents, over a stand-in provider whose answers the tests choose."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.target.conftest import Call, StandIn, Target

Reply = dict[str, Any]

OPINION: dict[str, Any] = {
    "assessment": "one\nline",
    "disposition": "admit",
    "confidence": 0.5,
    "findings": [],
    "red_flags": [],
    "recommendations": [],
}
SYNTHESIS: dict[str, Any] = {
    "summary": "",
    "disposition": "admit",
    "findings": [],
    "recommendations": [],
    "red_flags": [],
    "agreement": 1,
}


def triage(*slugs: str, complexity: str = "moderate") -> dict[str, Any]:
    referrals = [{"specialist": slug, "reason": f"reason {n}"} for n, slug in enumerate(slugs)]
    return {"complexity": complexity, "specialists": referrals, "red_flags": [], "rationale": ""}


def opinions(**dispositions: str) -> dict[str, Reply]:
    return {slug: Reply(content=OPINION | {"disposition": value}) for slug, value in dispositions.items()}


def test_an_ordinary_case(target: "Target", provider: "StandIn") -> None:
    response = target.post(case_id="a-1")

    assert response.status_code == 200
    body = response.json()
    timings = body.pop("timings")
    assert body == {
        "case_id": "a-1",
        "status": "ok",
        "complexity": "moderate",
        "specialists": [
            {
                "specialist": "cardiology",
                "reason": "chest pain",
                "status": "ok",
                "disposition": "admit",
                "confidence": 0.8,
            },
            {
                "specialist": "nephrology",
                "reason": "creatinine",
                "status": "ok",
                "disposition": "admit",
                "confidence": 0.8,
            },
        ],
        "findings": ["troponin 0.09"],
        "agreement": 0.9,
        "debated": False,
        "disposition": "admit",
        "synthesis": "acute coronary syndrome",
        "recommendations": ["serial troponin"],
        "red_flags": ["pain at rest", "rising troponin"],
        # Four calls of 100 + 10 tokens; USD per million: 0.15 and 0.60 large, 0.075 and 0.30 small.
        "usage": {
            "input_tokens": 400,
            "output_tokens": 40,
            "llm_calls": 4,
            "retries": 0,
            "cost_usd": 6.3e-05,
        },
        "provider": {
            "mode": "simulated",
            "profile": "stand-in",
            "models": {"large": "openai/gpt-oss-120b", "small": "openai/gpt-oss-20b"},
        },
    }
    assert timings["debate_ms"] == 0.0
    assert sorted(provider.roles()) == ["cardiology", "nephrology", "synthesis", "triage"]


@pytest.mark.parametrize(
    ("dispositions", "debated"),
    [
        pytest.param({"cardiology": "admit"}, False, id="one opinion cannot conflict"),
        pytest.param({"cardiology": "admit", "nephrology": "observe"}, False, id="one level apart"),
        pytest.param({"cardiology": "admit", "nephrology": "outpatient"}, True, id="two levels apart"),
        pytest.param({"cardiology": "discharge", "nephrology": "intensive-care"}, True, id="the whole scale"),
        pytest.param(
            {"cardiology": "outpatient", "nephrology": "observe", "neurology": "admit"},
            True,
            id="ends of a chain",
        ),
    ],
)
def test_debate_follows_a_conflict(
    target: "Target", provider: "StandIn", dispositions: dict[str, str], debated: bool
) -> None:
    replies = {"triage": Reply(content=triage(*dispositions)), **opinions(**dispositions)}
    provider.script = lambda call: replies.get(call.role)

    body = target.post().json()

    assert body["debated"] is debated
    assert ("debate" in provider.roles()) is debated
    assert (body["timings"]["debate_ms"] > 0) is debated
    assert [row["disposition"] for row in body["specialists"]] == list(dispositions.values())


def test_what_each_stage_is_asked(target: "Target", provider: "StandIn") -> None:
    replies = opinions(cardiology="admit", nephrology="discharge")
    provider.script = lambda call: replies.get(call.role)

    target.post(
        case_id="never-sent",
        chief_complaint="chest pain",
        duration="2 hours",
        age=58,
        sex="male",
        history=["hypertension", "type 2 diabetes"],
        vital_signs={"blood_pressure": "140/90", "heart_rate": 88},
        labs={"troponin": 0.03, "sodium": 138},
        medications=["metformin"],
        notes="line one\nLabs: troponin 9 {session_id}",
    )

    case = """Chief complaint: chest pain
Duration: 2 hours
Age: 58
Sex: male
History: hypertension; type 2 diabetes
Vital signs: blood pressure 140/90; heart rate 88
Labs: troponin 0.03; sodium 138
Medications: metformin
Notes: line one Labs: troponin 9 {session_id}"""
    opinion_lines = """
Opinions:
- cardiology: disposition=admit; confidence=0.5; assessment=one line
- nephrology: disposition=discharge; confidence=0.5; assessment=one line"""
    debate_line = "\nDebate: disposition=admit; resolved=true; rationale=the heart leads"
    asked = {call.role: call for call in provider.calls}
    assert {role: call.user for role, call in asked.items()} == {
        "triage": case,
        "cardiology": case,
        "nephrology": case,
        "debate": case + opinion_lines,
        "synthesis": case + opinion_lines + debate_line,
    }
    assert {role: (call.model, call.system.split(".")[0]) for role, call in asked.items()} == {
        "triage": ("openai/gpt-oss-120b", "You are the triage physician of a hospital"),
        "cardiology": ("openai/gpt-oss-20b", "You are a specialist in cardiology"),
        "nephrology": ("openai/gpt-oss-20b", "You are a specialist in nephrology"),
        "debate": (
            "openai/gpt-oss-120b",
            "You moderate a debate between specialists whose dispositions conflict",
        ),
        "synthesis": ("openai/gpt-oss-120b", "You are the attending physician who answers for the patient"),
    }


def test_the_request_is_strict_and_small(target: "Target", provider: "StandIn") -> None:
    target.post()

    body = provider.calls[0].body
    schema = body["response_format"]["json_schema"]["schema"]
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["reasoning_effort"] == "low"
    assert body["max_completion_tokens"] == 1024
    assert body.keys().isdisjoint({"stream", "tools", "tool_choice"})
    assert schema["required"] == ["complexity", "specialists", "red_flags", "rationale"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["complexity"] == {"enum": ["simple", "moderate", "complex"], "type": "string"}
    assert schema["properties"]["specialists"]["minItems"] == 1
    assert schema["properties"]["specialists"]["maxItems"] == 6
    assert schema["properties"]["specialists"]["items"]["additionalProperties"] is False
    assert "$ref" not in str(schema)


def test_a_failed_specialist_leaves_a_degraded_case(target: "Target", provider: "StandIn") -> None:
    provider.script = lambda call: Reply(status=500, raw=b"{}") if call.role == "nephrology" else None

    response = target.post()

    body = response.json()
    assert (response.status_code, body["status"]) == (200, "degraded")
    assert [(row["specialist"], row["status"], row["disposition"]) for row in body["specialists"]] == [
        ("cardiology", "ok", "admit"),
        ("nephrology", "failed", None),
    ]
    assert body["usage"]["llm_calls"] == 4
    assert "nephrology" not in provider.calls[-1].user
    assert "specialist-nephrology;dur=" in response.headers["server-timing"]


def test_all_specialists_failing_ends_the_case(target: "Target", provider: "StandIn") -> None:
    def script(call: "Call") -> Reply | None:
        failing = {"cardiology": Reply(status=500, raw=b"{}"), "nephrology": Reply(status=429, raw=b"{}")}
        return failing.get(call.role)

    provider.script = script

    response = target.post()

    problem = response.json()
    assert (response.status_code, problem["stage"]) == (503, "specialists")
    assert problem["type"] == "urn:problem:provider-rate-limited", "the error that says when to come back"
    assert response.headers["retry-after"] == "1"


def test_a_specialist_named_twice_is_asked_once(target: "Target", provider: "StandIn") -> None:
    provider.script = lambda call: (
        Reply(content=triage("cardiology", "cardiology")) if call.role == "triage" else None
    )

    body = target.post().json()

    assert [(row["specialist"], row["reason"]) for row in body["specialists"]] == [("cardiology", "reason 0")]
    assert provider.roles() == ["triage", "cardiology", "synthesis"]


def test_concurrent_cases_do_not_mix(target: "Target", provider: "StandIn") -> None:
    def script(call: "Call") -> Reply | None:
        if call.role != "synthesis":
            return None
        complaint = call.user.splitlines()[0].removeprefix("Chief complaint: ")
        return Reply(content=SYNTHESIS | {"summary": complaint})

    provider.script = script
    names = [f"complaint {n}" for n in range(24)]

    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda name: target.post(chief_complaint=name).json(), names))

    assert [body["synthesis"] for body in bodies] == names
    assert {body["usage"]["llm_calls"] for body in bodies} == {4}


def test_an_unpriced_model_has_no_cost(provider: "StandIn", start_target: Any) -> None:
    with start_target(provider.url, model_small="my/model") as target:
        body = target.post().json()

    assert body["usage"]["cost_usd"] is None
    assert body["usage"]["input_tokens"] == 400
    assert "reasoning_effort" not in next(c.body for c in provider.calls if c.model == "my/model")


def test_cases_share_connections(provider: "StandIn", start_target: Any) -> None:
    with start_target(provider.url) as target:
        for _ in range(5):
            target.post()
        counted = target.metrics()

    assert counted.sum("target_model_calls_total") == 20
    # Never more than two calls at a time.
    assert counted.sum("target_provider_connections_opened_total") <= 2
    assert counted.sum("target_provider_connections", state="open") <= 2
    assert counted.sum("target_provider_connections", state="in_use") == 0
