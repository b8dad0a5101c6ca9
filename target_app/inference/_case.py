"""Reads a prompt: the labelled lines of a case, the opinions of specialists and the outcome of a debate.

Knows the layout of the user message and nothing of medicine. Text without labels becomes notes, so any prompt
gives a case. Never raises.
"""

import dataclasses
import re

DISPOSITIONS = ("discharge", "outpatient", "observe", "admit", "intensive-care")
SPECIALISTS = (
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
)

_LABELS = {
    "chief complaint": "complaint",
    "duration": "duration",
    "age": "age",
    "sex": "sex",
    "history": "history",
    "vital signs": "vital_signs",
    "labs": "labs",
    "medications": "medications",
    "notes": "notes",
}
_OPINION = re.compile(
    r"-\s*(?P<slug>[\w-]+):\s*disposition=(?P<disposition>[\w-]+);"
    r"\s*confidence=(?P<confidence>[\d.]+);\s*assessment=(?P<assessment>.*)"
)
_DEBATE = re.compile(
    r"disposition=(?P<disposition>[\w-]+);\s*resolved=(?P<resolved>\w+);\s*rationale=(?P<rationale>.*)"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Opinion:
    """One specialist's line in the prompt of the debate or the synthesis."""

    slug: str
    disposition: str
    confidence: float
    assessment: str

    @property
    def level(self) -> int:
        """Place of the disposition on the scale, 0 (discharge) to 4 (intensive care)."""
        return DISPOSITIONS.index(self.disposition)


@dataclasses.dataclass(frozen=True, slots=True)
class Debate:
    """The outcome of a debate, as the synthesis is told it."""

    disposition: str
    resolved: bool
    rationale: str


@dataclasses.dataclass(frozen=True, slots=True)
class Prompt:
    """What a user message says. `case_text` holds the case's lines alone, the same for every role."""

    case_text: str
    opinions: tuple[Opinion, ...] = ()
    debate: Debate | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """The labelled fields of a case; a field that the prompt omits is empty."""

    complaint: str = ""
    duration: str = ""
    age: str = ""
    sex: str = ""
    history: str = ""
    vital_signs: str = ""
    labs: str = ""
    medications: str = ""
    notes: str = ""


def parse_prompt(text: str) -> Prompt:
    """Split a user message into the case, the opinions and the debate."""
    case_text, found, tail = text.partition("\nOpinions:")
    if not found:
        return Prompt(text.strip())
    opinions: list[Opinion] = []
    debate = None
    for line in tail.splitlines():
        if match := _OPINION.match(line.strip()):
            if match["disposition"] in DISPOSITIONS:
                confidence = _number(match["confidence"], 0.5)
                opinions.append(
                    Opinion(match["slug"], match["disposition"], confidence, match["assessment"].strip())
                )
        elif line.startswith("Debate:") and (match := _DEBATE.search(line)):
            resolved = match["resolved"].lower() == "true"
            debate = Debate(match["disposition"], resolved, match["rationale"].strip())
    return Prompt(case_text.strip(), tuple(opinions), debate)


def parse_case(text: str) -> Case:
    """Read the labelled lines; whatever has no known label is kept as notes."""
    fields: dict[str, str] = {}
    notes: list[str] = []
    for line in text.splitlines():
        label, colon, value = line.partition(":")
        name = _LABELS.get(label.strip().lower()) if colon else None
        if name is None:
            notes.append(line.strip())
        elif name == "notes":
            notes.append(value.strip())
        else:
            fields[name] = value.strip()
    return Case(**fields, notes=" ".join(filter(None, notes)))


def _number(text: str, default: float) -> float:
    try:
        return float(text)
    except ValueError:
        return default
