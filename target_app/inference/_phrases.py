"""Building blocks of the simulated clinicians' sentences: names, lists, the case in half a sentence."""

import functools
from typing import Any

from target_app.inference._case import DISPOSITIONS, Case, Opinion
from target_app.inference._clinic import Assessment
from target_app.inference._evidence import Evidence
from target_app.inference._knowledge import read

SAYS = (
    "Nothing in this field keeps the patient here.",
    "This can safely be followed up as an outpatient.",
    "A period of observation with repeat measurements is justified.",
    "Admission is needed for treatment and monitoring.",
    "This is an immediate threat and belongs in intensive care.",
)
DOES = (
    "discharge with written advice",
    "outpatient follow-up",
    "observation on a monitored short-stay unit",
    "admission to an inpatient ward",
    "intensive care",
)
_RED_FLAG_LEVEL = 3


def specialties() -> dict[str, dict[str, Any]]:
    """The phrase book of specialties.toml, by slug."""
    return read("specialties.toml")


@functools.lru_cache(maxsize=2048)
def presentation(case: Case) -> str:
    """The case in half a sentence: "a 58-year-old man with chest pain, present for 2 hours"."""
    complaint = case.complaint.rstrip(". ") or "an unclear complaint"
    if not complaint[:2].isupper():
        complaint = complaint[0].lower() + complaint[1:]
    since = ""
    if case.duration:
        since = f", present for {case.duration}" if case.duration[0].isdigit() else f" ({case.duration})"
    return f"{_who(case)} with {complaint}{since}"


def _who(case: Case) -> str:
    age = case.age.split(".")[0]
    child = age.isdigit() and int(age) < 18
    noun = {"m": "boy" if child else "man", "f": "girl" if child else "woman"}.get(
        case.sex.lower()[:1], "patient"
    )
    if not age.isdigit():
        return f"a {noun}"
    return f"{'an' if age[0] == '8' or age in {'11', '18'} else 'a'} {age}-year-old {noun}"


def actions(slug: str, level: int) -> list[str]:
    """What a specialty recommends at a level of alarm."""
    book = specialties().get(slug, specialties()["emergency-medicine"])
    wanted: list[str] = book[("low", "low", "watch", "high", "high")[level]]
    return wanted


def red_flags(evidence: tuple[Evidence, ...]) -> list[str]:
    """Findings that alone would admit a patient, at most four."""
    return [f"{item.text}: {item.means}" for item in evidence if item.level >= _RED_FLAG_LEVEL][:4]


def own_opinions(assessment: Assessment) -> tuple[Opinion, ...]:
    """Stands in for a prompt without opinions: what the fields concerned would say."""
    return tuple(
        Opinion(slug, DISPOSITIONS[level], 0.6, SAYS[level]) for slug, level in assessment.levels.items()
    )


def spoken(evidence: tuple[Evidence, ...]) -> str:
    """Findings as a list in a sentence; empty for none."""
    return joined([item.text for item in evidence])


def joined(parts: list[str]) -> str:
    """["a", "b", "c"] as "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def name(slug: str) -> str:
    """A slug as words: "infectious disease"."""
    return slug.replace("-", " ")


def title(slug: str) -> str:
    """A slug as the first word of a sentence: "Infectious disease"."""
    return slug.replace("-", " ").capitalize()


def capital(text: str) -> str:
    """The text with its first letter raised and the rest untouched."""
    return text[:1].upper() + text[1:]
