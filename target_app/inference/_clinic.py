"""Judges a case from its text: what is found, which specialties it concerns and how much it alarms each.

The knowledge is data (clinic.toml). The judgement depends on the text alone: no randomness, no state.
"""

import dataclasses
import functools
import importlib.resources
import re
import tomllib
from typing import Any

from target_app.inference._case import SPECIALISTS, Case, measures, parse_case

# "no fever", "denies cough, rash or chills", "family history of diabetes": up to the end of the clause, and
# over commas only where the list is closed by "or" / "nor".
_NEGATED = re.compile(
    r"\b(?:no|not|denies|denied|without|never|negative for|absence of|family history of)\b"
    r"(?:(?!\bbut\b|\bhowever\b|\bwith\b)[^.;,])*"
    r"(?:(?:,(?:(?!\bbut\b|\bhowever\b|\bwith\b)[^.;,])*)*?,?\s(?:or|nor)\b(?:(?!\bbut\b|\bhowever\b)[^.;,])*)?",
    re.IGNORECASE,
)
MAX_SPECIALISTS = 6


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """One finding: how to write it, what it points to, and how much it alarms each specialty (1 to 4)."""

    text: str
    means: str
    levels: dict[str, int]

    @property
    def level(self) -> int:
        """The highest alarm in any field; 0 for a finding that concerns none."""
        return max(self.levels.values(), default=0)


@dataclasses.dataclass(frozen=True, slots=True)
class Assessment:
    """A case and the judgement on it. `levels` holds every specialty concerned, most alarmed first."""

    case: Case
    evidence: tuple[Evidence, ...]
    levels: dict[str, int]
    complexity: str

    def of(self, slug: str) -> tuple[Evidence, ...]:
        """The findings that concern one specialty, most alarming first."""
        mine = [item for item in self.evidence if item.levels.get(slug)]
        return tuple(sorted(mine, key=lambda item: -item.levels[slug]))


@dataclasses.dataclass(frozen=True, slots=True)
class _Band:
    above: float
    below: float
    word: str
    means: str
    levels: dict[str, int]


class _Terms:
    """Finds the longest known term at each place of a text, in one pass."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self._entries = {term: entry for entry in entries for term in entry["terms"]}
        longest_first = sorted(self._entries, key=len, reverse=True)
        self._pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)

    def find(self, text: str) -> list[Evidence]:
        found = {}
        for match in self._pattern.finditer(text):
            entry = self._entries[match[0].lower()]
            found[match[0].lower()] = Evidence(match[0].lower(), entry["means"], entry["levels"])
        return list(found.values())


class _Clinic:
    def __init__(self, knowledge: dict[str, Any]) -> None:
        self.symptoms = _Terms(knowledge["symptom"])
        self.conditions = _Terms(knowledge["condition"])
        self._bands: dict[str, list[_Band]] = {}
        for name, entry in knowledge["value"].items():
            bands = [
                _Band(
                    band.get("above", float("-inf")),
                    band.get("below", float("inf")),
                    band["word"],
                    band["means"],
                    band["levels"],
                )
                for band in entry["bands"]
            ]
            for alias in (name, *entry.get("aliases", ())):
                self._bands[alias] = bands

    def values(self, text: str) -> list[Evidence]:
        found = []
        for name, measured, written in measures(text):
            value = (measured - 32) / 1.8 if name.startswith("temp") and measured > 60 else measured
            for band in self._bands.get(name, ()):
                if band.above < value < band.below:
                    found.append(Evidence(f"{name} {written} ({band.word})", band.means, band.levels))
                    break
        return found


@functools.cache
def _clinic() -> _Clinic:
    text = importlib.resources.files("target_app.inference").joinpath("clinic.toml").read_text("utf-8")
    return _Clinic(tomllib.loads(text))


@functools.lru_cache(maxsize=2048)
def assess(case_text: str) -> Assessment:
    """Judge the case of a prompt. The cache spares the later roles of the same case the search for terms."""
    case = parse_case(case_text)
    clinic = _clinic()
    told = _NEGATED.sub(" ", f"{case.complaint}. {case.notes}")
    background = _NEGATED.sub(" ", case.history)
    conditions = clinic.conditions.find(f"{told}. {background}")
    # "panic attacks" told now is a symptom; the same words under History are not, but "anxiety disorder" is
    # both.
    named = " ".join(item.text for item in conditions)
    symptoms = [item for item in clinic.symptoms.find(told) if item.text not in named]
    values = [*clinic.values(case.vital_signs), *clinic.values(case.labs)]
    evidence = (*symptoms, *sorted(values, key=lambda item: -item.level), *conditions)
    levels = _levels(evidence)
    return Assessment(case, evidence, levels, _complexity(levels))


def _levels(evidence: tuple[Evidence, ...]) -> dict[str, int]:
    """Each specialty concerned with its highest alarm; ties go to the larger sum, then registry order."""
    top = dict.fromkeys(SPECIALISTS, 0)
    total = dict.fromkeys(SPECIALISTS, 0)
    for item in evidence:
        for slug, level in item.levels.items():
            top[slug] = max(top[slug], level)
            total[slug] += level
    concerned = [slug for slug in SPECIALISTS if top[slug] > 0]
    if not concerned:
        return {"emergency-medicine": 1}
    if len(concerned) == 1 and top[concerned[0]] >= 3 and concerned[0] != "emergency-medicine":
        # Whoever has to be admitted is received by the emergency department.
        return {concerned[0]: top[concerned[0]], "emergency-medicine": top[concerned[0]] - 1}
    concerned.sort(key=lambda slug: (-top[slug], -total[slug]))
    return {slug: top[slug] for slug in concerned[:MAX_SPECIALISTS]}


def _complexity(levels: dict[str, int]) -> str:
    """Complex: three fields that see the patient two or more levels apart, or four fields.

    Moderate: three fields, or two that both want the patient kept or one that wants an admission.
    Else simple.
    """
    alarms = sorted(levels.values())
    spread = alarms[-1] - alarms[0]
    if len(alarms) > 3 or (len(alarms) == 3 and spread >= 2):
        return "complex"
    if len(alarms) == 3 or (len(alarms) == 2 and (alarms[0] >= 2 or alarms[1] >= 3)):
        return "moderate"
    return "simple"
