"""Decides what to answer: recognises the role, judges the case, fits the requested format.

Answers follow from the messages alone. A system message of no known role gets an answer of the same kind,
made from the words of the prompt.
"""

import dataclasses
import random
import re
from typing import Any

import orjson

from target_app.inference import _phrases, _prose
from target_app.inference._case import parse_prompt
from target_app.inference._clinic import Assessment, assess
from target_app.inference._errors import bad_request
from target_app.inference._request import ChatRequest
from target_app.inference._sampler import MISSING, Draw, SchemaError, compile_schema
from target_app.inference._synthesis import synthesis

_ROLES = (
    ("triage", "you are the triage physician"),
    ("debate", "you moderate a debate between specialists"),
    ("synthesis", "you are the attending physician"),
)
_SPECIALIST = re.compile(r"you are a specialist in ([a-z-]+)")
# How much harder a case is to think about: multiplies the hidden reasoning tokens.
_DIFFICULTY = {"simple": 1, "moderate": 2, "complex": 3}


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The text to send, the hidden reasoning's gist, and how hard the question was (1 to 3)."""

    content: str
    thought: str
    difficulty: int


def answer(request: ChatRequest, rng: random.Random) -> Answer:
    """Answer a request in the format that it asks for; raises `WireError` for a schema that cannot be one."""
    system = request.system.lower()
    prompt = parse_prompt(request.user)
    assessment = assess(prompt.case_text)
    role, slug = _role(system)
    known: dict[str, Any]
    match role:
        case "triage":
            known = _prose.triage(assessment, rng)
        case "specialist":
            known = _prose.opinion(assessment, slug, rng)
        case "debate":
            known = _prose.debate(assessment, prompt.opinions, rng)
        case "synthesis":
            known = synthesis(assessment, prompt.opinions, prompt.debate, rng)
        case _:
            known = _general(assessment, rng)
    is_case = role != "general" or bool(assessment.case.complaint)
    difficulty = _DIFFICULTY[assessment.complexity] if is_case else 1
    return Answer(_formatted(request, known, rng), _thought(assessment, role), difficulty)


def roles_of(system: str) -> tuple[str, str]:
    """The role that a system message gives, and the specialist's slug (empty for other roles)."""
    return _role(system.lower())


def _role(system: str) -> tuple[str, str]:
    for role, sentence in _ROLES:
        if sentence in system:
            return role, ""
    if (match := _SPECIALIST.search(system)) and match[1] in _phrases.specialties():
        return "specialist", match[1]
    return "general", ""


def _formatted(request: ChatRequest, known: dict[str, Any], rng: random.Random) -> str:
    if request.schema is not None:
        try:
            value = compile_schema(request.schema).fit(MISSING, Draw(rng, request.user, known), 0)
        except (SchemaError, RecursionError) as error:
            raise bad_request(
                f"invalid JSON schema for response_format: {error}", "response_format"
            ) from error
        return orjson.dumps(value).decode()
    if request.json_object:
        return orjson.dumps(known).decode()
    for field in ("summary", "assessment", "rationale"):
        if field in known:
            return str(known[field])
    return str(known)


def _general(assessment: Assessment, rng: random.Random) -> dict[str, Any]:
    """For prompts outside the four roles: a short answer with the usual fields."""
    slug = next(iter(assessment.levels))
    known = _prose.opinion(assessment, slug, rng)
    if not assessment.case.complaint:
        told = " ".join(assessment.case.notes.split()[:16]).rstrip(".?! ")
        found = _phrases.spoken(assessment.evidence[:3]) or "the history"
        known["assessment"] = (
            f"On the question put ({told}), {rng.choice(('the essentials are', 'three steps help'))}: "
            f"clarify the course of {found} over time, examine for warning signs, and treat the most likely "
            "cause first. Follow-up decides the rest."
        )
    return {
        **known,
        "summary": known["assessment"],
        "answer": known["assessment"],
        "findings": [item.text for item in assessment.evidence[:6]],
        "complexity": assessment.complexity,
    }


def _thought(assessment: Assessment, role: str) -> str:
    found = "; ".join(f"{item.text} -> {item.means}" for item in assessment.evidence) or "nothing specific"
    fields = ", ".join(f"{slug} {level}" for slug, level in assessment.levels.items())
    return (
        f"We act as {role}. {_phrases.capital(_phrases.presentation(assessment.case))}. Findings: {found}. "
        f"Fields and alarm: {fields}. Overall {assessment.complexity}. Weigh each field, then answer in the "
        "format asked. "
    )
