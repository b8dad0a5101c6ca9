"""Errors of a run by what they have in common; a bounded number of kinds, whatever texts the run made."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from harness.analysis._model import ErrorGroup
from harness.analysis._samples import Samples

#: So many kinds, the most frequent ones, are told each for itself.
MOST_KINDS = 100
#: Stands for the names of requests whose kinds of errors are told together.
OTHER = "(other)"

_KEYS = ("name", "outcome", "cause", "error")


def error_groups(samples: Samples) -> list[ErrorGroup]:
    """Errors of the whole run by name, outcome, cause and text; the most frequent first.

    Beyond MOST_KINDS they are told together by outcome and cause, so that all counts still add up: a
    text that quotes an answer is a kind of its own in each request.
    """
    failed = samples.where(samples.values("failed"))
    keys = np.stack([*(failed.codes(word) for word in _KEYS), failed.values("unanswered")], axis=1)
    found = Counter[tuple[str, str, str, str]]()
    kinds, counts = np.unique(keys.astype(np.int32), axis=0, return_counts=True)
    for (*codes, unanswered), count in zip(kinds.tolist(), counts.tolist(), strict=True):
        name, outcome, cause, error = (
            samples.labels(word)[code] if code >= 0 else "" for word, code in zip(_KEYS, codes, strict=True)
        )
        key = (name, outcome, "service", "unanswered") if unanswered else (name, outcome, cause, error)
        found[key] += count
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    groups = [ErrorGroup(*key, count) for key, count in ordered]
    return [*groups[:MOST_KINDS], *_together(groups[MOST_KINDS:])]


def folded_errors_notes(errors: Sequence[ErrorGroup]) -> list[str]:
    """How many errors are told together, where any are."""
    folded = sum(group.count for group in errors[MOST_KINDS:])
    note = (
        f"{folded:,} errors are told together, by outcome and cause: there are more than {MOST_KINDS} kinds. "
        "A text that quotes an id or an answer is a kind of its own each time; the request table has them all"
    )
    return [note] if folded else []


def _together(groups: Sequence[ErrorGroup]) -> list[ErrorGroup]:
    kinds, errors = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for group in groups:
        kinds[group.outcome, group.cause] += 1
        errors[group.outcome, group.cause] += group.count
    return [
        ErrorGroup(OTHER, *kind, f"{kinds[kind]:,} further kinds", count)
        for kind, count in errors.most_common()
    ]
