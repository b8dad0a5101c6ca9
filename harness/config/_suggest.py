"""What an error line about an unknown name ends with."""

import difflib
from collections.abc import Iterable


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of an error line about an unknown name: the nearest known one, else all of them.

    >>> suggest("caes", ["cases", "demo"])
    "did you mean 'cases'?"
    >>> suggest("xyz", ["demo", "cases"])
    'known: cases, demo'
    """
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(names)}" if names else "none is defined"
