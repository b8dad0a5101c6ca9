"""Response-time limits taken from the judged criteria, to be drawn into the latency charts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.verdicts import CriterionVerdict

_LEVEL = re.compile(r"[<>]=?\s*(-?\d+(?:\.\d+)?)")
_WHOLE_REQUEST = re.compile(r"\b(response|service)_time\b")


@dataclass(slots=True, frozen=True)
class Limit:
    at_ms: float
    label: str
    critical: bool


def latency_limits(criteria: Iterable[CriterionVerdict]) -> list[Limit]:
    """Target and critical level of each rule on a response or service time; one per level.

    Rules on a component or on the first token are left out: their limits do not belong on the
    axis of whole requests.
    """
    limits: dict[float, Limit] = {}
    for criterion in criteria:
        if not _WHOLE_REQUEST.search(criterion.rule):
            continue
        for at_ms, critical in zip(levels(criterion), (False, True), strict=False):
            label = f"{criterion.name.replace('_', ' ')} {at_ms:g} ms"
            limits.setdefault(at_ms, Limit(at_ms, label, critical))
    return sorted(limits.values(), key=lambda limit: limit.at_ms)


def levels(criterion: CriterionVerdict) -> list[float]:
    """The target level and, where there is one, the critical level, in the rule's own unit."""
    matches = (_LEVEL.search(text) for text in (criterion.target, criterion.critical or ""))
    return [float(match[1]) for match in matches if match]
