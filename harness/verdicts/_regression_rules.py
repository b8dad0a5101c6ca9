"""Which limits hold for a metric: the general rule of `[regression]`, and rules of some metrics' own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase

from harness.analysis import QUANTITIES, STATISTICS, Metric, Selection, quantile_of
from harness.config import RegressionConfig, RegressionRule, suggest
from harness.errors import ConfigError
from harness.stats import NO_SPREAD, RunSpread
from harness.verdicts._change_model import Limits
from harness.verdicts._rule import parse_rule

#: Percentage points below which a change of a share does not matter.
_FLOOR_POINTS = 0.5

#: A floor is at most this share of the metric's target.
_FLOOR_OF_TARGET = 0.05

_SELECTORS = tuple(field.name for field in fields(Selection) if field.name != "service")
_PATTERN = re.compile(
    r"\s*(?:(?P<statistic>[\w.*]+)\s*\(\s*(?P<inner>[\w*]+)\s*\)|(?P<bare>[\w*]+))"
    r"\s*(?:\{(?P<selectors>[^{}]*)\})?\s*"
)


@dataclass(slots=True, frozen=True)
class MetricPattern:
    """Selects metrics; a part that is not given selects any.

    >>> pattern = parse_metric_pattern("component_time{component=specialist-*}")
    >>> pattern.selects(Metric("p95", "component_time", Selection(component="specialist-neurology")))
    True
    >>> pattern.selects(Metric("p95", "component_time", Selection(component="triage")))
    False
    """

    statistic: str
    quantity: str
    selectors: Mapping[str, str]

    def selects(self, metric: Metric) -> bool:
        """Whether the metric has every part that is given."""
        return (
            fnmatchcase(metric.statistic, self.statistic)
            and fnmatchcase(metric.quantity, self.quantity)
            and all(
                fnmatchcase(getattr(metric.selection, name) or "", value)
                for name, value in self.selectors.items()
            )
        )


def parse_metric_pattern(text: str) -> MetricPattern:
    """Read `p95(response_time){category=simple}`, each word of which may hold `*`.

    Raises ConfigError that says what is wrong with it.
    """
    where = f"regression.rules: metric '{text}'"
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ConfigError(f"{where}: expected a metric as p95(response_time){{category=simple}}")
    statistic, quantity = match["statistic"] or "*", match["inner"] or match["bare"]
    known = (*QUANTITIES, "debate_rate", "call_time")
    if not any(fnmatchcase(name, quantity) for name in known):
        raise ConfigError(f"{where}: unknown quantity '{quantity}'; {suggest(quantity, known)}")
    if "*" not in statistic and statistic not in STATISTICS and quantile_of(statistic) is None:
        hint = suggest(statistic, (*STATISTICS, "p50", "p95", "p99"))
        raise ConfigError(f"{where}: unknown statistic '{statistic}'; {hint}")
    selectors = {}
    for pair in filter(None, (part.strip() for part in (match["selectors"] or "").split(","))):
        name, equals, value = (word.strip() for word in pair.partition("="))
        if name not in _SELECTORS:
            raise ConfigError(f"{where}: unknown selector '{name}'; {suggest(name, _SELECTORS)}")
        if not equals or not value:
            raise ConfigError(f"{where}: {name} needs a value, as {name}=simple")
        selectors[name] = value.strip("\"'")
    return MetricPattern(statistic, quantity, selectors)


class RegressionRules:
    """The limits of every metric, from harness.toml and the targets of the success criteria."""

    def __init__(self, config: RegressionConfig, criteria: Mapping[str, str]) -> None:
        """`criteria` are the scenario's rules by name. Raises ConfigError for one that cannot be read."""
        self._config = config
        self._rules = [(parse_metric_pattern(rule.metric), rule) for rule in config.rules]
        self._targets = _targets(criteria)

    def is_ignored(self, metric: Metric) -> bool:
        """Whether the last rule that selects the metric ignores it."""
        chosen = self._of(metric)
        return bool(chosen) and chosen[-1].ignore

    def limits(self, metric: Metric) -> Limits:
        """What the metric is judged by. The floor is never above 5 % of its target."""
        general = {"ms": self._config.floor_ms, "%": _FLOOR_POINTS}.get(metric.unit, 0.0)
        floor = self._value(metric, "floor", general)
        target = self._targets.get(metric.name)
        if target is not None:
            floor = min(floor, _FLOOR_OF_TARGET * abs(target))
        return Limits(
            self._value(metric, "block_percent", self._config.block_percent),
            self._value(metric, "investigate_percent", self._config.investigate_percent),
            floor,
        )

    def spread(self, metric: Metric) -> RunSpread:
        """What is known of how runs differ: nothing of the work per case, which no machine makes slower."""
        own = self._value(metric, "run_spread_percent", -1.0)
        if own >= 0:
            return RunSpread(own, self._config.run_spread_degrees if own else 0.0)
        if metric.is_work:
            return NO_SPREAD
        percent = self._config.run_spread_percent
        return RunSpread(percent, self._config.run_spread_degrees if percent else 0.0)

    def _of(self, metric: Metric) -> list[RegressionRule]:
        return [rule for pattern, rule in self._rules if pattern.selects(metric)]

    def _value(self, metric: Metric, name: str, general: float) -> float:
        given = (getattr(rule, name) for rule in self._of(metric))
        return ([general, *(float(value) for value in given if value is not None)])[-1]


def _targets(criteria: Mapping[str, str]) -> dict[str, float]:
    """The strictest target of each metric that a criterion speaks of."""
    found: dict[str, float] = {}
    for name, text in criteria.items():
        rule = parse_rule(name, text)
        metric = Metric(rule.statistic, rule.quantity, rule.selection).name
        found[metric] = min(rule.target, found.get(metric, rule.target))
    return found
