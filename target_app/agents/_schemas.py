"""What each stage must answer: pydantic models, and the same as the provider's `response_format`.

The provider formats are built once. agno would otherwise derive a JSON schema on every run, which costs a
tenth of a call, and would not set `strict`.
"""

import enum
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Slug(enum.StrEnum):
    """The specialists that triage may call."""

    CARDIOLOGY = "cardiology"
    PULMONOLOGY = "pulmonology"
    NEUROLOGY = "neurology"
    ENDOCRINOLOGY = "endocrinology"
    NEPHROLOGY = "nephrology"
    GASTROENTEROLOGY = "gastroenterology"
    INFECTIOUS_DISEASE = "infectious-disease"
    HAEMATOLOGY = "haematology"
    PSYCHIATRY = "psychiatry"
    EMERGENCY_MEDICINE = "emergency-medicine"


class Complexity(enum.StrEnum):
    """Triage's judgement of a case."""

    SIMPLE = "simple"
    MODERATE = "moderate"
    COMPLEX = "complex"


class Disposition(enum.StrEnum):
    """Where the patient should go, from the mildest to the most urgent."""

    DISCHARGE = "discharge"
    OUTPATIENT = "outpatient"
    OBSERVE = "observe"
    ADMIT = "admit"
    INTENSIVE_CARE = "intensive-care"

    @property
    def level(self) -> int:
        """Place on the scale, 0 to 4."""
        return _LEVELS[self]


_LEVELS = {disposition: level for level, disposition in enumerate(Disposition)}
CONFLICT_LEVELS = 2


def conflicting(dispositions: Iterable[Disposition]) -> bool:
    """Whether any two are two or more levels apart.

    >>> conflicting([Disposition.OBSERVE, Disposition.ADMIT])
    False
    >>> conflicting([Disposition.DISCHARGE, Disposition.OBSERVE])
    True
    """
    levels = [disposition.level for disposition in dispositions]
    return bool(levels) and max(levels) - min(levels) >= CONFLICT_LEVELS


Share = Annotated[float, Field(ge=0, le=1)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Referral(_Answer):
    """One specialist that triage calls, and why."""

    specialist: Slug
    reason: str


class Triage(_Answer):
    """How hard the case is and who should look at it."""

    complexity: Complexity
    specialists: Annotated[list[Referral], Field(min_length=1, max_length=6)]
    red_flags: list[str]
    rationale: str


class Opinion(_Answer):
    """One specialist's view."""

    assessment: str
    disposition: Disposition
    confidence: Share
    findings: list[str]
    red_flags: list[str]
    recommendations: list[str]


class Position(_Answer):
    """One side of a debate."""

    specialist: Slug
    disposition: Disposition
    argument: str


class Debate(_Answer):
    """The outcome of a debate between specialists whose dispositions conflict."""

    disposition: Disposition
    resolved: bool
    positions: list[Position]
    rationale: str


class Synthesis(_Answer):
    """The attending physician's conclusion."""

    summary: str
    disposition: Disposition
    findings: list[str]
    recommendations: list[str]
    red_flags: list[str]
    agreement: Share


def provider_format(answer: type[BaseModel]) -> dict[str, Any]:
    """The `response_format` of a strict JSON schema, named after the model, with references written out."""
    schema = answer.model_json_schema()
    plain = _plain(schema, schema.get("$defs", {}))
    return {
        "type": "json_schema",
        "json_schema": {"name": answer.__name__.lower(), "strict": True, "schema": plain},
    }


def _plain(node: Any, definitions: dict[str, Any]) -> Any:
    """Without `$ref`, titles and descriptions, which cost tokens on every call and say nothing new."""
    if isinstance(node, list):
        return [_plain(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _plain(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
    properties = node.get("properties")
    kept = {k: _plain(v, definitions) for k, v in node.items() if k not in _DROPPED and k != "properties"}
    if properties is not None:
        kept["properties"] = {name: _plain(value, definitions) for name, value in properties.items()}
    return kept


_DROPPED = {"$defs", "title", "description"}
