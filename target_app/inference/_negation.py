"""Which words of a text are denied, normal, feared or another person's: they are no findings.

"no fever", "denies cough, rash or chills", "his father had a stroke", "chest clear". A cue reaches to the end
of its clause, and over commas only where the list is closed by "or" or "nor". A cue that is part of a term
("not making sense") denies nothing.
"""

from collections.abc import Collection, Sequence

from target_app.inference._knowledge import read
from target_app.inference._terms import Token

_WORDS = read("words.toml")["negation"]
_CUES = frozenset(_WORDS["cues"])
_PHRASES = tuple(tuple(phrase.split()) for phrase in _WORDS["phrases"])
_ENDS = frozenset(_WORDS["ends"])
_AFTER = frozenset(_WORDS["after"])
_JOINS = frozenset(_WORDS["joins"])
_RELATIVES = frozenset(_WORDS["relatives"])
_HAS = frozenset(_WORDS["has"])
_SAYS = frozenset(_WORDS["says"])
_STOPS = frozenset(".;!?()\n:\u2013\u2014")
_AFTER_REACH = 3


def denied(tokens: Sequence[Token], exempt: Collection[int]) -> set[int]:
    """Places of the tokens that are denied; cues at `exempt` places do not count."""
    words = [token.word for token in tokens]
    found: set[int] = set()
    for at in range(len(words)):
        if at in exempt or at in found:
            continue
        if length := _cue(words, at):
            found.update(range(at, _reach(words, at + length)))
        elif words[at] in _AFTER and _ends_clause(words, at + 1):
            found.update(_before(words, at))
    return found


def _cue(words: Sequence[str], at: int) -> int:
    """The number of words of the cue that starts at a place; 0 for none."""
    word = words[at]
    if word in _CUES:
        return 1
    if word.removesuffix("'s") in _RELATIVES:
        if word.endswith("'s"):
            return 1
        following = words[at + 1 : at + 3]
        if following and following[0] in _HAS and not _SAYS.intersection(following):
            return 2
    return next((len(phrase) for phrase in _PHRASES if tuple(words[at : at + len(phrase)]) == phrase), 0)


def _reach(words: Sequence[str], at: int) -> int:
    """Where the scope that starts at a place ends: a stop, a "but", or a comma (not of a list with "or")."""
    end = at
    while end < len(words):
        word = words[end]
        if word in _STOPS or word in _ENDS:
            break
        if word == "," and not _or_closes(words, end + 1):
            break
        end += 1
    return end


def _or_closes(words: Sequence[str], at: int) -> bool:
    for word in words[at:]:
        if word in {"or", "nor"}:
            return True
        if word in _STOPS or word in _ENDS:
            return False
    return False


def _ends_clause(words: Sequence[str], at: int) -> bool:
    return at >= len(words) or words[at] in _STOPS or words[at] == "," or words[at] in _JOINS


def _before(words: Sequence[str], at: int) -> range:
    start = at
    while start > max(0, at - _AFTER_REACH):
        word = words[start - 1]
        if word in _STOPS or word == "," or word in _JOINS or word in _ENDS:
            break
        start -= 1
    return range(start, at)
