"""Finds known terms in a text, whatever their inflection: "chest pain", and words nearby, "chest ~ <pain>".

Parts joined by "~" match in any order with at most four other words (eight small ones) between them, inside
one sentence; `<pain>` stands for any word or phrase of that class. "=fits" matches that spelling alone; a
short word in capitals ("SOB") matches in capitals alone. The match with the most words wins, then the
closest one; words that it has used are gone for others, except those of the classes that share: "legs weak
and swollen" are two findings.
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from target_app.inference._knowledge import read

_TOKEN = re.compile(r"[A-Za-z]&[A-Za-z]\b|[A-Za-z][A-Za-z0-9']*|\d[\d.,/:]*%?|[.;!?,():\n\u2013\u2014]")
_CLASS = re.compile(r"<\w+>|[^\s<>-]+")
_HARD_BREAKS = frozenset(".;!?()\n")
# Words between two parts: small ones count 1, others 2, a comma 4.
_MAX_GAP = 8
_WORDS = read("words.toml")
_SMALL = frozenset(_WORDS["grammar"]["small"])
_FORMS = {form: base for base, forms in _WORDS["forms"].items() for form in forms}

Key = str
Alternatives = tuple[tuple[Key, ...], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A word or a mark of a text: its keys (stem, exact spelling, capitals) and its place."""

    keys: tuple[Key, ...]
    start: int
    end: int

    @property
    def word(self) -> str:
        """The exact spelling in lower case."""
        return self.keys[1][1:]


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """A term in a text: the places of its words among the tokens, and the entry that it belongs to."""

    places: frozenset[int]
    shared: frozenset[int]
    entry: Mapping[str, Any]
    rank: tuple[int, int, int, int]


@dataclasses.dataclass(frozen=True, slots=True)
class _Item:
    choices: Alternatives
    shares: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Term:
    parts: tuple[tuple[_Item, ...], ...]
    entry: Mapping[str, Any]
    order: int


@functools.lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """What the inflections and the British and American spellings of a word have in common."""
    word = word.lower()
    if word in _FORMS:
        return stem(_FORMS[word])
    word = word.removesuffix("'s").replace("'", "").replace("ae", "e").replace("oe", "e")
    if len(word) > 4 and word.endswith("our"):
        word = f"{word[:-3]}or"
    if len(word) > 4 and word.endswith("ies"):
        word = f"{word[:-3]}y"
    elif len(word) > 3 and word.endswith("s") and word[-2] not in "siu":
        word = word[:-1]
    for suffix, shortest in (("ness", 7), ("ing", 6), ("ed", 5), ("ly", 5)):
        if word.endswith(suffix) and len(word) >= shortest and not word.endswith("eed"):
            word = word[: -len(suffix)]
            if word.endswith("i"):
                word = f"{word[:-1]}y"
            break
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word


def tokens_of(text: str) -> list[Token]:
    """The words and marks of a text; hyphens and slashes only part words."""
    return [
        Token(_keys(match[0]), match.start(), match.end())
        for match in _TOKEN.finditer(text.replace("\u2019", "'"))
    ]


@functools.lru_cache(maxsize=16_384)
def _keys(word: str) -> tuple[Key, ...]:
    plain = (stem(word), f"={word.lower()}")
    return (*plain, f"^{word}") if word.isupper() else plain


class Terms:
    """The terms of several entries (tables with a list `terms`)."""

    def __init__(
        self,
        entries: Sequence[Mapping[str, Any]],
        words: Mapping[str, Sequence[str]],
        shared: Sequence[str] = (),
    ) -> None:
        self._classes = {
            name: _Item(
                tuple(sorted((_alternative(word) for word in listed), key=len, reverse=True)), name in shared
            )
            for name, listed in words.items()
        }
        self._starts: dict[Key, list[tuple[_Term, int]]] = {}
        for order, entry in enumerate(entries):
            for text in entry["terms"]:
                parts = tuple(self._part(part) for part in text.split("~"))
                self._index(_Term(parts, entry, order))

    def _part(self, text: str) -> tuple[_Item, ...]:
        return tuple(
            self._classes[word[1:-1]] if word[0] == "<" else _Item((_alternative(word),), shares=False)
            for word in _CLASS.findall(text)
        )

    def _index(self, term: _Term) -> None:
        for place, part in enumerate(term.parts):
            for key in {choice[0] for choice in part[0].choices}:
                self._starts.setdefault(key, []).append((term, place))

    def find(self, tokens: Sequence[Token]) -> list[Match]:
        """The matches in order of the text: none uses words of another, except shared ones."""
        candidates = sorted(self._candidates(tokens), key=lambda match: match.rank)
        taken: list[Match] = []
        used: set[int] = set()
        covered: set[int] = set()
        for match in candidates:
            if match.places & used:
                continue
            if match.places <= covered and any(match.places <= other.places for other in taken):
                continue
            taken.append(match)
            covered |= match.places
            used |= match.places - match.shared
        return sorted(taken, key=lambda match: min(match.places))

    def _candidates(self, tokens: Sequence[Token]) -> Iterator[Match]:
        for at, token in enumerate(tokens):
            for key in token.keys:
                for term, place in self._starts.get(key, ()):
                    if found := _spread(tokens, at, term.parts, place):
                        places, shared, gap = found
                        rank = (-len(places), gap, term.order, at)
                        yield Match(frozenset(places), frozenset(shared), term.entry, rank)


def _spread(
    tokens: Sequence[Token], at: int, parts: tuple[tuple[_Item, ...], ...], first: int
) -> tuple[list[int], list[int], int] | None:
    """The places of a part that starts at a token and of those after it, those shared, and the gaps."""
    head = _run(tokens, at, parts[first])
    if head is None:
        return None
    end, shared = head
    places = list(range(at, end))
    rest = parts[:first] + parts[first + 1 :]
    if not rest:
        return places, shared, 0
    gap = 0
    start = end
    while start < len(tokens) and gap <= _MAX_GAP:
        for place in range(len(rest)):
            if found := _spread(tokens, start, rest, place):
                return places + found[0], shared + found[1], gap + found[2]
        word = tokens[start].word
        if word in _HARD_BREAKS:
            break
        gap += 4 if word == "," else 1 if word in _SMALL else 2
        start += 1
    return None


def _run(tokens: Sequence[Token], at: int, items: tuple[_Item, ...]) -> tuple[int, list[int]] | None:
    """Where a run of words that starts at a token ends, and which of its places are shared."""
    shared: list[int] = []
    for item in items:
        for choice in item.choices:
            end = at + len(choice)
            if end <= len(tokens) and all(
                key in token.keys for key, token in zip(choice, tokens[at:end], strict=True)
            ):
                break
        else:
            return None
        if item.shares:
            shared.extend(range(at, end))
        at = end
    return at, shared


def _alternative(words: str) -> tuple[Key, ...]:
    """The keys of one word or phrase of the knowledge."""
    return tuple(
        word if word[0] == "=" else f"^{word}" if word.isupper() and len(word) < 4 else stem(word)
        for word in re.findall(r"=?[A-Za-z]&[A-Za-z]|=?[\w']+", words)
    )
