"""Judges measured values: finds them in lists ("BP 84/50; K 7.1") and in sentences ("sats were 88% on air").

Names are matched whatever their qualifiers ("hs troponin I (ng/mL)" is troponin); values are brought to the
unit of the bands by their own unit or, without one, by their size where only one unit makes it possible.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from target_app.inference._evidence import Evidence
from target_app.inference._knowledge import read

_WORDS = read("words.toml")["values"]
# "blood pressure 140/90 mmHg" gives ("blood pressure", "140"): bands look at the systolic pressure only.
_MEASURE = re.compile(
    r"\s*(?P<name>[A-Za-z\u03b2][A-Za-z0-9\u03b2 _()/.,%+-]*?)\s*[:=]?\s*"
    r"(?<![\w.-])(?P<value>[<>~\u2248]?\s?-?\d[\d,]*(?:\.\d+)?)"
)
_UNITS = (
    r"%|\u00b0|mmol/mol|mmol/l|umol/l|\u00b5mol/l|micromol/l|nmol/l|pmol/l|mg/dl|ng/ml|ng/l|pg/ml|ug/l|g/dl|g/l|"
    r"u/l|iu/l|mmhg|bpm|c|f|k"
)
# After a value's name: "was 480", "of 7.1", ": 85/50", "level was very low at 6.9 mmol/L"; no times or doses.
_TOLD = (
    rf"(?:[\s:=,~<>\u2248+]+(?:{'|'.join(_WORDS['told'])})\b)*\s*[:=~<>(\u2248+]*\s*"
    r"(?P<value>\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)(?P<more>\s?(?:/|over)\s?\d+)?"
    rf"(?P<unit>\s?(?:{_UNITS})(?![A-Za-z]))?"
    r"(?!\s*(?:years?|weeks?|months?|days?|hours?|minutes?|mins?|l|litres?|liters?|mg|mcg|ml|units)\b|[\d:])"
)
_QUALIFIER = re.compile(rf"\b(?:{'|'.join(_WORDS['qualifiers'])})\b")
_OTHER = re.compile(rf"\b(?:{'|'.join(_WORDS['other'])})\b")


@dataclasses.dataclass(frozen=True, slots=True)
class _Band:
    above: float
    below: float
    word: str
    means: str
    levels: dict[str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class _Quantity:
    """A measured quantity. `convert` holds factors by unit, `guess` (above, below, factor) by size."""

    name: str
    bands: tuple[_Band, ...]
    convert: Mapping[str, float]
    guess: tuple[tuple[float, float, float], ...]
    plausible: tuple[float, float]

    def in_our_unit(self, value: float, written: str) -> float:
        """The value in the unit of the bands."""
        unit = written.lower()
        if self.name == "temperature":
            return (value - 32) / 1.8 if value > 60 else value
        if self.name == "hba1c":
            return value * 0.0915 + 2.15 if value > 20 else value
        for key, factor in self.convert.items():
            if key in unit:
                return value * factor
        if unit.rstrip("0123456789.,<>~ -") == "":
            for above, below, factor in self.guess:
                if above < value < below:
                    return value * factor
        return value

    def band(self, value: float) -> _Band | None:
        """The first band that holds."""
        low, high = self.plausible
        if not low <= value <= high:
            return None
        return next((band for band in self.bands if band.above < value < band.below), None)


class Values:
    """The measured quantities that are known, by all their names."""

    def __init__(self, knowledge: Mapping[str, Mapping[str, Any]]) -> None:
        self._by_name: dict[str, _Quantity] = {}
        for name, entry in knowledge.items():
            bands = tuple(
                _Band(
                    band.get("above", float("-inf")),
                    band.get("below", float("inf")),
                    band["word"],
                    band["means"],
                    band["levels"],
                )
                for band in entry["bands"]
            )
            quantity = _Quantity(
                name,
                bands,
                entry.get("convert", {}),
                tuple((above, below, factor) for above, below, factor in entry.get("guess", ())),
                tuple(entry.get("plausible", (float("-inf"), float("inf")))),
            )
            for alias in (name, *entry.get("aliases", ())):
                self._by_name[_plain(alias)] = quantity
        self._joined = {name.replace(" ", ""): name for name in self._by_name}
        self._longest_first = sorted(self._by_name, key=len, reverse=True)
        told = (name for name in self._longest_first if len(name) > 1)
        self._told = re.compile(
            rf"(?<![\w-])(?P<name>(?:(?:{'|'.join(map(_spaced, told))})|K|Na|Ca)(?![\w-])){_TOLD}",
            re.IGNORECASE,
        )

    def listed(self, text: str) -> list[tuple[str, Evidence]]:
        """What a "name value; name value" line says: the quantity's name and the finding."""
        found = []
        for part in text.split(";"):
            if match := _MEASURE.match(part):
                written = part[match.start("value") :].strip()
                if quantity := self._named(match["name"].lower()):
                    number = _number(match["value"])
                    unit = f"{written} {match['name'].partition('(')[2]}" if "(" in match["name"] else written
                    text_ = part.strip().lower()
                    found.append((quantity.name, _judged(quantity, number, unit, text_)))
        return found

    def unknown(self, text: str) -> str:
        """The parts of a "name value; name value" line that hold no known quantity with a number."""
        parts = text.split(";")
        return ";".join(
            part for part in parts if not (match := _MEASURE.match(part)) or not self._named(match["name"])
        )

    def told(self, text: str) -> list[tuple[str, Evidence]]:
        """What values say that are told in sentences: "blood glucose was 480", "blood pressure of 85/50"."""
        found = []
        for match in self._told.finditer(text):
            before = text[max(0, match.start() - 12) : match.start()].lower()
            if _OTHER.search(before) or (match["name"] in {"k", "NA", "ca", "na", "CA"}):
                continue
            quantity = self._by_name[self._alias(match["name"])]
            written = match["value"] + (match["unit"] or "")
            found.append(
                (quantity.name, _judged(quantity, _number(match["value"]), written, match[0].lower()))
            )
        return found

    def _alias(self, name: str) -> str:
        """The known spelling of a name found in a sentence: "d dimer", "ddimer" and "d-dimer" are one."""
        name = _plain(name)
        return name if name in self._by_name else self._joined[name.replace(" ", "")]

    def _named(self, name: str) -> _Quantity | None:
        """The quantity of a name with or without qualifiers."""
        name = _plain(name)
        if name in self._by_name:
            return self._by_name[name]
        if _OTHER.search(name):
            return None
        outside = re.sub(r"\([^)]*\)?", " ", name)
        inside = " ".join(re.findall(r"\(([^)]*)", name))
        for candidate in (outside, inside):
            bare = " ".join(_QUALIFIER.sub(" ", candidate.replace(",", " ")).split())
            for form in (" ".join(candidate.split()), bare):
                if form in self._by_name:
                    return self._by_name[form]
        for alias in self._longest_first:
            if len(alias) > 2 and re.search(rf"(?<![\w-]){re.escape(alias)}(?![\w-])", name):
                return self._by_name[alias]
        return None


def _judged(quantity: _Quantity, number: float, unit: str, text: str) -> Evidence:
    band = quantity.band(quantity.in_our_unit(number, unit))
    if band is None:
        return Evidence(text, "", {})
    return Evidence(f"{text} ({band.word})", band.means, band.levels)


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def _number(text: str) -> float:
    return float(re.sub(r"[^\d.-]", "", text))


def _spaced(name: str) -> str:
    return re.escape(name).replace(r"\ ", r"[\s-]?")
