"""What is said follows from the prompt: roles, thresholds, negation, and prompts outside the contract."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from target_app.inference import InferenceApp, Profile
from tests.inference.contract import LARGE, SMALL, body

Exchange = Callable[[InferenceApp, list[dict[str, Any]]], list[dict[str, Any]]]


@pytest.fixture
def ask(reference: Profile, exchange: Exchange) -> Callable[..., Any]:
    app = InferenceApp(reference, speed_factor=0)

    def send(role: str, user: str, **more: Any) -> Any:
        (done,) = exchange(app, [body(role, user, **more)])
        return json.loads(done["choices"][0]["message"]["content"])

    return send


@pytest.mark.parametrize(
    ("slug", "line", "disposition"),
    [
        ("cardiology", "Labs: troponin 0.009", "discharge"),
        ("cardiology", "Labs: troponin 0.03", "observe"),
        ("cardiology", "Labs: troponin 0.05", "admit"),
        ("cardiology", "Labs: hs-troponin 0.9", "intensive-care"),
        ("cardiology", "Labs: bnp 99", "discharge"),
        ("cardiology", "Labs: bnp 101", "observe"),
        ("nephrology", "Labs: sodium 138", "discharge"),
        ("nephrology", "Labs: sodium 129", "admit"),
        ("nephrology", "Labs: Sodium 129 mmol/L", "admit"),
        ("nephrology", "Labs: creatinine 1.6", "observe"),
        ("nephrology", "Labs: potassium 7", "intensive-care"),
        ("endocrinology", "Labs: glucose 301", "admit"),
        ("endocrinology", "Labs: glucose 40", "admit"),
        ("endocrinology", "Labs: tsh 8", "outpatient"),
        ("haematology", "Labs: haemoglobin 7.9", "admit"),
        ("haematology", "Labs: INR 5.5", "admit"),
        ("gastroenterology", "Labs: lipase 900", "admit"),
        ("gastroenterology", "Labs: bilirubin 3; alt 30", "observe"),
        ("pulmonology", "Vital signs: spo2 91", "admit"),
        ("pulmonology", "Vital signs: oxygen saturation 97", "discharge"),
        ("infectious-disease", "Vital signs: temperature 38.6", "observe"),
        ("infectious-disease", "Vital signs: temperature 102.2 F", "observe"),
        ("emergency-medicine", "Labs: lactate 4.5", "intensive-care"),
        ("emergency-medicine", "Vital signs: blood pressure 80/50", "intensive-care"),
        ("psychiatry", "Notes: He has suicidal thoughts.", "admit"),
    ],
)
def test_thresholds(ask: Callable[..., Any], slug: str, line: str, disposition: str) -> None:
    assert ask(slug, f"Chief complaint: feels unwell\n{line}")["disposition"] == disposition


@pytest.mark.parametrize(
    ("notes", "specialists"),
    [
        ("Has chest pain.", {"cardiology", "emergency-medicine", "pulmonology"}),
        ("No chest pain.", {"pulmonology"}),
        ("Denies chest pain or headache.", {"pulmonology"}),
        ("No chest pain, headache, rash or vomiting.", {"pulmonology"}),
        ("Without fever. Has a headache.", {"pulmonology", "neurology"}),
        ("No fever but headache.", {"pulmonology", "neurology"}),
        ("Negative for rash; headache since Monday.", {"pulmonology", "neurology"}),
        ("Family history of diabetes.", {"pulmonology"}),
        ("History of diabetes.", {"pulmonology", "endocrinology"}),
        ("Headache, not relieved by rest.", {"pulmonology", "neurology"}),
    ],
)
def test_negation(ask: Callable[..., Any], notes: str, specialists: set[str]) -> None:
    triage = ask("triage", f"Chief complaint: cough\nNotes: {notes}")
    assert {item["specialist"] for item in triage["specialists"]} == specialists


def test_a_past_symptom_is_not_a_present_one(ask: Callable[..., Any]) -> None:
    triage = ask("triage", "Chief complaint: cough\nHistory: chest pain; stroke")
    assert {item["specialist"] for item in triage["specialists"]} == {"pulmonology", "neurology"}


def test_triage_stays_within_the_slugs_of_the_schema(ask: Callable[..., Any]) -> None:
    wanted = body("triage", "")
    schema = json.loads(json.dumps(wanted["response_format"]))
    items = schema["json_schema"]["schema"]["properties"]["specialists"]["items"]
    items["properties"]["specialist"]["enum"] = ["neurology", "psychiatry"]
    triage = ask("triage", "Chief complaint: weakness\nLabs: sodium 125; glucose 450", response_format=schema)
    assert [item["specialist"] for item in triage["specialists"]] == ["neurology"]


OPINIONS = (
    "Chief complaint: weakness\nLabs: sodium 125\nOpinions:\n"
    "- nephrology: disposition=admit; confidence=0.8; assessment=Low sodium; needs correction.\n"
    "- neurology: disposition={calm}; confidence=0.6; assessment=No focal signs.\n"
)


def test_debate_settles_on_the_most_alarmed(ask: Callable[..., Any]) -> None:
    debate = ask("debate", OPINIONS.format(calm="outpatient"))
    assert debate["disposition"] == "admit"
    assert debate["resolved"] is True
    positions = {item["specialist"]: item["disposition"] for item in debate["positions"]}
    assert positions == {"nephrology": "admit", "neurology": "observe"}


def test_synthesis_uses_opinions_and_debate(ask: Callable[..., Any]) -> None:
    agreed = ask("synthesis", OPINIONS.format(calm="admit"))
    apart = ask("synthesis", OPINIONS.format(calm="outpatient"))
    settled = (
        OPINIONS.format(calm="outpatient")
        + "Debate: disposition=observe; resolved=true; rationale=Both. Fine."
    )
    assert agreed["disposition"] == apart["disposition"] == "admit"
    assert agreed["agreement"] == 1
    assert apart["agreement"] == 0.75
    assert "Low sodium; needs correction." in apart["summary"]
    assert ask("synthesis", settled)["disposition"] == "observe"


def test_harder_cases_take_longer_answers(
    ask: Callable[..., Any], reference: Profile, exchange: Exchange
) -> None:
    cases = [
        "Chief complaint: headache",
        "Chief complaint: chest pain\nLabs: troponin 0.03",
        "Chief complaint: weakness\nLabs: sodium 125; glucose 450",
    ]
    done = exchange(InferenceApp(reference, speed_factor=0), [body("synthesis", case) for case in cases])
    tokens = [one["usage"]["completion_tokens"] for one in done]
    assert tokens == sorted(set(tokens))
    assert tokens[2] > 2 * tokens[0]


@pytest.mark.parametrize(
    "user",
    ["", "Chief complaint:", "???", "Opinions:", "Labs: sodium", "\n\nOpinions:\n- x: disposition=lost; a"],
)
@pytest.mark.parametrize("role", ["triage", "cardiology", "debate", "synthesis"])
def test_poor_prompts_are_answered(ask: Callable[..., Any], role: str, user: str) -> None:
    assert ask(role, user)


@pytest.mark.parametrize("system", ["You are a poet.", "", "you are a specialist in dentistry"])
def test_unknown_roles_answer_any_format(reference: Profile, exchange: Exchange, system: str) -> None:
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": "JSON please: fever and cough"},
    ]
    plain = {"model": SMALL, "messages": messages}
    json_object = {**plain, "response_format": {"type": "json_object"}}
    text, data = exchange(InferenceApp(reference, speed_factor=0), [plain, json_object])
    assert "fever" in text["choices"][0]["message"]["content"]
    assert json.loads(data["choices"][0]["message"]["content"])["findings"] == ["fever", "cough"]


def test_roles_are_recognised_in_any_case(reference: Profile, exchange: Exchange) -> None:
    loud = body("triage", "Chief complaint: headache", model=LARGE)
    loud["messages"][0]["content"] = loud["messages"][0]["content"].upper()
    (done,) = exchange(InferenceApp(reference, speed_factor=0), [loud])
    triage = json.loads(done["choices"][0]["message"]["content"])
    assert triage["specialists"][0]["specialist"] == "neurology"
