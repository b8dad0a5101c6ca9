"""Finds known terms in a text: whole words ("chest pain") and pairs of words nearby ("chest ~ <pain>").

A pair matches with at most four words between its sides, in either order, inside one clause; `<pain>` stands
for any word of that class. Whole words go first, the longest at each place, and no text is used twice.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_GAP = r"(?:[\s-]+[\w'-]+){0,4}?[\s-]+"
_CLASS = re.compile(r"<(\w+)>")
# Stands for text that a term has used: no word, and no gap between words.
_USED = "\x00"


class Terms:
    """The terms of several entries (tables with a list `terms`); `find` gives the entries they belong to."""

    def __init__(self, entries: Sequence[Mapping[str, Any]], words: Mapping[str, Sequence[str]]) -> None:
        plain = {term: entry for entry in entries for term in entry["terms"] if "~" not in term}
        self._plain = plain
        longest_first = sorted(plain, key=len, reverse=True)
        self._whole = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)
        self._pairs = [
            (re.compile(_pair(term, words), re.IGNORECASE), entry)
            for entry in entries
            for term in entry["terms"]
            if "~" in term
        ]

    def find(self, text: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Each matched text in lower case with its entry; whole words in order of the text, then pairs."""
        found: dict[str, Mapping[str, Any]] = {}
        for match in self._whole.finditer(text):
            found[match[0].lower()] = self._plain[match[0].lower()]
        rest = self._whole.sub(_blank, text)
        for pattern, entry in self._pairs:
            for matched in _matches(pattern, rest):
                found[matched.lower()] = entry
            rest = pattern.sub(_blank, rest)
        return list(found.items())


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    return (match[0] for match in pattern.finditer(text))


def _blank(match: re.Match[str]) -> str:
    return _USED * len(match[0])


def _pair(term: str, words: Mapping[str, Sequence[str]]) -> str:
    first, second = (_side(part.strip(), words) for part in term.split("~"))
    return rf"\b(?:{first}{_GAP}{second}|{second}{_GAP}{first})\b"


def _side(text: str, words: Mapping[str, Sequence[str]]) -> str:
    """A side of a pair as a pattern; names of classes become their words."""
    parts = _CLASS.split(text)
    return "".join(
        f"(?:{'|'.join(map(re.escape, sorted(words[part], key=len, reverse=True)))})"
        if place % 2
        else re.escape(part)
        for place, part in enumerate(parts)
    )
