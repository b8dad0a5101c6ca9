"""What the target and the simulator agreed on, written out again: messages, schemas, the course of a case.

Independent of both sides' code on purpose, so that a drift of either shows here.
"""

import asyncio
import json
import pathlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

SLUGS = [
    "cardiology",
    "pulmonology",
    "neurology",
    "endocrinology",
    "nephrology",
    "gastroenterology",
    "infectious-disease",
    "haematology",
    "psychiatry",
    "emergency-medicine",
]
SCALE = ["discharge", "outpatient", "observe", "admit", "intensive-care"]
LARGE, SMALL = "openai/gpt-oss-120b", "openai/gpt-oss-20b"
CORPUS = pathlib.Path(__file__).parents[2] / "locustfiles" / "data" / "cases.jsonl"

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
SLUG = {"type": "string", "enum": SLUGS}
DISPOSITION = {"type": "string", "enum": SCALE}


def strict(**properties: Any) -> dict[str, Any]:
    """A strict object schema: all fields required, no others allowed."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


SCHEMAS = {
    "triage": strict(
        complexity={"type": "string", "enum": ["simple", "moderate", "complex"]},
        specialists={
            "type": "array",
            "minItems": 1,
            "maxItems": 6,
            "items": strict(specialist=SLUG, reason=TEXT),
        },
        red_flags=TEXTS,
        rationale=TEXT,
    ),
    "opinion": strict(
        assessment=TEXT,
        disposition=DISPOSITION,
        confidence=SHARE,
        findings=TEXTS,
        red_flags=TEXTS,
        recommendations=TEXTS,
    ),
    "debate": strict(
        disposition=DISPOSITION,
        resolved={"type": "boolean"},
        positions={
            "type": "array",
            "items": strict(specialist=SLUG, disposition=DISPOSITION, argument=TEXT),
        },
        rationale=TEXT,
    ),
    "synthesis": strict(
        summary=TEXT,
        disposition=DISPOSITION,
        findings=TEXTS,
        recommendations=TEXTS,
        red_flags=TEXTS,
        agreement=SHARE,
    ),
}
SYSTEMS = {
    "triage": f"You are the triage physician of a hospital. You may choose from: {', '.join(SLUGS)}.",
    "debate": "You moderate a debate between specialists. Dispositions conflict.",
    "synthesis": "You are the attending physician. Combine the opinions.",
}

Call = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


def corpus() -> list[dict[str, Any]]:
    """The cases of the corpus, in file order."""
    return [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]


def render(request: Mapping[str, Any]) -> str:
    """The user message of a case."""

    def values(name: str) -> str:
        return "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in request.get(name, {}).items())

    lines = {
        "Chief complaint": request["chief_complaint"],
        "Duration": request.get("duration"),
        "Age": request.get("age"),
        "Sex": request.get("sex"),
        "History": "; ".join(request.get("history", [])),
        "Vital signs": values("vital_signs"),
        "Labs": values("labs"),
        "Medications": "; ".join(request.get("medications", [])),
        "Notes": request.get("notes"),
    }
    return "\n".join(f"{label}: {value}" for label, value in lines.items() if value not in {None, ""})


def body(role: str, user: str, **more: Any) -> dict[str, Any]:
    """A request of a role: triage, debate, synthesis or a specialist's slug."""
    name = role if role in SCHEMAS else "opinion"
    schema = {"name": name, "strict": True, "schema": SCHEMAS[name]}
    return {
        "model": SMALL if name == "opinion" else LARGE,
        "messages": [
            {"role": "system", "content": SYSTEMS.get(role, f"You are a specialist in {role}. Be brief.")},
            {"role": "user", "content": user},
        ],
        "response_format": {"type": "json_schema", "json_schema": schema},
        "reasoning_effort": "low",
        "max_completion_tokens": 1024 if name in {"triage", "opinion"} else 1536,
        **more,
    }


@dataclass
class Course:
    """All answers to one case, and the completions they came in (for the opinions: of the slowest)."""

    triage: dict[str, Any]
    opinions: dict[str, dict[str, Any]]
    debate: dict[str, Any] | None
    synthesis: dict[str, Any]
    completions: list[dict[str, Any]]
    stages: list[list[dict[str, Any]]] = field(default_factory=list)

    @property
    def levels(self) -> list[int]:
        return [SCALE.index(opinion["disposition"]) for opinion in self.opinions.values()]

    @property
    def conflict(self) -> bool:
        return max(self.levels) - min(self.levels) >= 2


async def follow(call: Call, request: Mapping[str, Any]) -> Course:
    """Take a case through triage, opinions, a debate if they conflict, and synthesis, as the target does."""
    stages: list[list[dict[str, Any]]] = []

    async def stage(*bodies: dict[str, Any]) -> list[dict[str, Any]]:
        completions = await asyncio.gather(*map(call, bodies))
        stages.append(completions)
        return [json.loads(done["choices"][0]["message"]["content"]) for done in completions]

    user = render(request)
    (triage,) = await stage(body("triage", user))
    slugs = [item["specialist"] for item in triage["specialists"]]
    opinions = dict(zip(slugs, await stage(*[body(slug, user) for slug in slugs]), strict=True))
    user += "\nOpinions:\n" + "\n".join(
        f"- {slug}: disposition={told['disposition']}; confidence={told['confidence']}; "
        f"assessment={told['assessment']}"
        for slug, told in opinions.items()
    )
    course = Course(triage, opinions, None, {}, [], stages)
    if course.conflict:
        (course.debate,) = await stage(body("debate", user))
        user += (
            f"\nDebate: disposition={course.debate['disposition']}; "
            f"resolved={str(course.debate['resolved']).lower()}; rationale={course.debate['rationale']}"
        )
    (course.synthesis,) = await stage(body("synthesis", user))
    course.completions = [completion for completions in stages for completion in completions]
    return course
