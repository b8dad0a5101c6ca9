"""Judges a case from its text: what is found, which specialties it concerns and how much it alarms each.

The knowledge is data (clinic.toml, words.toml, values.toml). The judgement depends on the text alone: no
randomness, no state.
"""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from target_app.inference._case import SPECIALISTS, Case, parse_case
from target_app.inference._evidence import Evidence
from target_app.inference._knowledge import read
from target_app.inference._negation import denied
from target_app.inference._terms import Terms, tokens_of
from target_app.inference._values import Values

MAX_SPECIALISTS = 6
# Of each field of a case, this much is read: a page of text.
_READ_CHARS = 4_000
_Found = tuple[Evidence, Mapping[str, Any]]


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


class _Clinic:
    def __init__(self) -> None:
        knowledge = read("clinic.toml")
        words = read("words.toml")
        symptoms: list[Mapping[str, Any]] = knowledge["symptom"]
        self.lasting = [*knowledge["condition"], *knowledge["medicine"]]
        in_notes = [entry for entry in symptoms if not entry.get("complaint_only")]

        def terms(entries: Sequence[Mapping[str, Any]]) -> Terms:
            return Terms(entries, words["classes"], words["shared"])

        self.complaint = terms([*symptoms, *self.lasting])
        self.notes = terms([*in_notes, *self.lasting])
        self.background = terms(self.lasting)
        self.values = Values(read("values.toml"))


@functools.cache
def _clinic() -> _Clinic:
    return _Clinic()


@functools.lru_cache(maxsize=2048)
def assess(case_text: str) -> Assessment:
    """Judge the case of a prompt. The cache spares the later roles of the same case the search for terms."""
    whole = parse_case(case_text)
    case = Case(*(value[:_READ_CHARS] for value in dataclasses.astuple(whole)))
    clinic = _clinic()
    measured = [
        *clinic.values.listed(case.vital_signs),
        *clinic.values.listed(case.labs),
        *itertools.chain.from_iterable(
            clinic.values.told(text) for text in (case.complaint, case.notes, case.history)
        ),
    ]
    known = {name for name, _ in measured}
    values = [item for _, item in measured if item.means]
    told = [
        *_found(clinic.complaint, case.complaint, known),
        *_found(clinic.notes, case.notes, known),
        *_found(clinic.notes, clinic.values.unknown(f"{case.vital_signs}; {case.labs}"), known),
    ]
    lasting = [
        *_found(clinic.background, case.history, known),
        *_found(clinic.background, case.medications, known),
    ]
    evidence = (
        *_unexplained(told, lasting, values),
        *sorted(values, key=lambda item: -item.level),
        *(item for item, _ in lasting),
    )
    levels = _levels(evidence)
    return Assessment(case, evidence, levels, _complexity(levels))


def _found(terms: Terms, text: str, measured: set[str]) -> list[_Found]:
    """The findings that a text tells: not those denied, nor words for a quantity whose value is known."""
    tokens = tokens_of(text)
    matches = terms.find(tokens)
    absent = denied(tokens, frozenset(itertools.chain.from_iterable(match.places for match in matches)))
    found: dict[str, _Found] = {}
    for match in matches:
        if match.places & absent or match.entry.get("value") in measured:
            continue
        start, end = tokens[min(match.places)].start, tokens[max(match.places)].end
        words = text[start:end].lower()
        found[words] = (Evidence(words, match.entry["means"], match.entry["levels"]), match.entry)
    return list(found.values())


def _unexplained(
    told: Sequence[_Found], lasting: Sequence[_Found], values: Sequence[Evidence]
) -> list[Evidence]:
    """What is told, without what other findings explain: no stroke where the breathless cannot speak."""
    kept = []
    for item, entry in told:
        rule: Mapping[str, str] = entry.get("unless", {})
        levels = item.levels
        if rule:
            others = [other for other in (*told, *lasting) if other[1] is not entry]
            known = {other.get("name") for _, other in others}
            known.update(
                slug for other in (*(other for other, _ in others), *values) for slug in other.levels
            )
            dropped = {rule[name] for name in rule if name in known}
            if "*" in dropped:
                continue
            levels = {slug: level for slug, level in levels.items() if slug not in dropped}
        kept.append(Evidence(item.text, item.means, levels))
    return kept


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
    concerned.sort(key=lambda slug: (-top[slug], -total[slug]))
    first, emergency = concerned[0], top["emergency-medicine"]
    minor = [slug for slug in concerned[1:] if slug != "emergency-medicine" and top[slug] < 2]
    alone = len(minor) < 2 and len(concerned) == 1 + len(minor) + bool(emergency)
    if alone and first != "emergency-medicine" and top[first] >= 3 and emergency < 3:
        # Whoever has to be admitted is received by the emergency department; one minor finding can wait.
        return {first: top[first], "emergency-medicine": max(emergency, top[first] - 1)}
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
