"""The levels of a scenario's rules that the live charts draw: of the p95 response time and the throughput.

Only a rule about the very figure of a chart has a line there: one about a mean, an endpoint or a phase
would be a line that the drawn curve need not keep to.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis import Selection
from harness.verdicts import Rule, parse_rule

#: So many rules have lines; more could not be told apart.
MOST_RULES = 8


def chart_levels(rules: Sequence[Rule]) -> dict[str, list[dict[str, Any]]]:
    """By chart (`p95_ms`, `requests_per_s`), each rule's levels, in the chart's unit."""
    found: dict[str, list[dict[str, Any]]] = {"p95_ms": [], "requests_per_s": []}
    for rule in rules:
        chart = _chart_of(rule)
        if chart is not None and len(found[chart]) < MOST_RULES:
            found[chart].append(
                {
                    "rule": rule.name,
                    "category": rule.selection.category,
                    "compare": rule.compare,
                    "target": rule.target,
                    "critical": rule.critical,
                }
            )
    return found


def levels_of(criteria: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """The same of rules as a manifest keeps them: text by name."""
    return chart_levels([parse_rule(name, text) for name, text in criteria.items()])


def _chart_of(rule: Rule) -> str | None:
    of_a_category = rule.selection == Selection(category=rule.selection.category)
    match rule.statistic, rule.quantity:
        case "p95", "response_time" if of_a_category:
            return "p95_ms"
        case "rate", "throughput" if rule.selection in (Selection(), Selection(phase="highest")):
            return "requests_per_s"
    return None
