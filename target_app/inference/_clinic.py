"""Judges a case from its text: what is found, which specialties it concerns and how much it alarms each.

The knowledge is data (clinic.toml). The judgement depends on the text alone: no randomness, no state.
"""

import dataclasses
import functools
import importlib.resources
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from target_app.inference._case import SPECIALISTS, Case, measures, parse_case
from target_app.inference._terms import Terms

# "no fever", "denies cough, rash or chills", "family history of diabetes": up to the end of the clause, and
# over commas only where the list is closed by "or" / "nor".
_NEGATED = re.compile(
    r"(?:\b(?:no|not|nor|denies|denied|without|never|negative for|absence of|free of|family history of|"
    r"(?:mother|father|brother|sister)(?:'s| has| had| with))|n't)\b"
    r"(?:(?!\bbut\b|\bhowever\b|\bwith\b)[^.;,])*"
    r"(?:(?:,(?:(?!\bbut\b|\bhowever\b|\bwith\b)[^.;,])*)*?,?\s(?:or|nor)\b(?:(?!\bbut\b|\bhowever\b)[^.;,])*)?",
    re.IGNORECASE,
)
# After a value's name: "was 480", "of 7.1", ": 85/50", "level came back at 6.9 mmol/L".
_TOLD_VALUE = (
    r"(?:\s+(?:level|count|reading|measured|was|is|of|at|now|only|came|back|around|about))*\s*[:=]?\s+"
    r"(?P<value>\d+(?:\.\d+)?)(?:/\d+)?(?:\s?(?:mmol/l|umol/l|\u00b5mol/l|g/l)\b)?"
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


class _Clinic:
    def __init__(self, knowledge: dict[str, Any]) -> None:
        self.symptoms = Terms(knowledge["symptom"], knowledge["words"])
        self.conditions = Terms(knowledge["condition"], knowledge["words"])
        self._bands: dict[str, list[_Band]] = {}
        self._factors: dict[str, dict[str, float]] = {}
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
                self._factors[alias] = entry.get("convert", {})
        longest_first = sorted((name for name in self._bands if len(name) > 1), key=len, reverse=True)
        self._told = re.compile(
            rf"\b(?P<name>{'|'.join(map(re.escape, longest_first))})\b{_TOLD_VALUE}", re.IGNORECASE
        )

    def values(self, text: str) -> list[Evidence]:
        """What the values of a "name value; name value" line say."""
        return self._judged(measures(text))

    def told_values(self, text: str) -> list[Evidence]:
        """What values say that are told in sentences: "blood glucose was 480", "blood pressure of 85/50"."""
        found = [(match["name"].lower(), float(match["value"]), match) for match in self._told.finditer(text)]
        return self._judged([(name, value, match[0][len(name) :].strip()) for name, value, match in found])

    def _judged(self, measured: list[tuple[str, float, str]]) -> list[Evidence]:
        found = []
        for name, number, written in measured:
            value = self._in_our_unit(name, number, written)
            for band in self._bands.get(name, ()):
                if band.above < value < band.below:
                    found.append(Evidence(f"{name} {written} ({band.word})", band.means, band.levels))
                    break
        return found

    def _in_our_unit(self, name: str, value: float, written: str) -> float:
        if name.startswith("temp") and value > 60:
            return (value - 32) / 1.8
        unit = written.lower()
        return next(
            (value * factor for key, factor in self._factors.get(name, {}).items() if key in unit), value
        )


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
    conditions = _evidence(clinic.conditions.find(f"{told}. {background}"))
    # "panic attacks" told now is a symptom; the same words under History are not, but "anxiety disorder" is
    # both.
    named = " ".join(item.text for item in conditions)
    symptoms = [item for item in _evidence(clinic.symptoms.find(told)) if item.text not in named]
    values = [*clinic.values(case.vital_signs), *clinic.values(case.labs), *clinic.told_values(told)]
    evidence = (*symptoms, *sorted(values, key=lambda item: -item.level), *conditions)
    levels = _levels(evidence)
    return Assessment(case, evidence, levels, _complexity(levels))


def _evidence(found: list[tuple[str, Mapping[str, Any]]]) -> list[Evidence]:
    return [Evidence(text, entry["means"], entry["levels"]) for text, entry in found]


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
