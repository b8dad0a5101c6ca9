"""Rules as written in harness.toml, parsed and checked.

    rule      = measured compare level unit [ "," "critical" compare level unit ]
    measured  = statistic "(" quantity ")" [ selectors ] | quantity [ selectors ]
    selectors = "{" name "=" value { "," name "=" value } "}"
    compare   = "<" | "<=" | ">" | ">="

The short form without a statistic is for rates and shares (`throughput`, `error_rate`). A value
with other characters than letters, digits and `_ . / : -` stands in quotes.
"""

import re
from dataclasses import dataclass, fields
from typing import NoReturn

from harness.analysis import QUANTITIES, STATISTICS, Kind, Quantity, Selection, describe, quantile_of
from harness.config import suggest
from harness.errors import ConfigError

_SELECTORS = tuple(field.name for field in fields(Selection))
_COMPARE = ("<", "<=", ">", ">=")

#: Units that may be written for a canonical one, and what one of them is in it.
_UNITS = {
    "ms": {"ms": 1.0, "s": 1000.0, "us": 0.001, "min": 60_000.0},
    "%": {"%": 1.0, "percent": 1.0},
    "req/s": {
        "req/s": 1.0,
        "requests/s": 1.0,
        "rps": 1.0,
        "/s": 1.0,
        "req/min": 1 / 60,
        "requests/min": 1 / 60,
    },
    "USD": {"usd": 1.0, "USD": 1.0, "$": 1.0},
    "points": {"points": 1.0, "point": 1.0},
    "s": {"s": 1.0, "ms": 0.001, "min": 60.0},
}

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'|[\w./:-]+")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_UNIT = re.compile(r"[A-Za-z%$/]+")
_COMPARISON = re.compile(r"[<>=!~]+")
_TOKEN = re.compile(r"[A-Za-z_][\w.]*|[\d.]+|[<>=!~]+|.")


@dataclass(slots=True, frozen=True)
class Rule:
    """`compare` holds between the measured value and `target`; levels are in `unit`."""

    name: str
    text: str
    statistic: str
    quantity: str
    selection: Selection
    compare: str
    target: float
    critical: float | None
    unit: str

    @property
    def lower_is_better(self) -> bool:
        return self.compare.startswith("<")

    @property
    def label(self) -> str:
        """The measured figure in the fewest words: `p95`, `mean service time`, `throughput`."""
        words = QUANTITIES[self.quantity].words
        if self.statistic == "rate":
            return words
        return self.statistic if self.quantity == "response_time" else f"{self.statistic} {words}"

    @property
    def title(self) -> str:
        """The measured figure for a table of criteria."""
        words = QUANTITIES[self.quantity].words
        figure = words if self.statistic == "rate" else f"{self.statistic} {words}"
        where = describe(self.selection)
        return f"{figure} ({where})" if where else figure


def parse_rule(name: str, text: str) -> Rule:
    """Read a rule; `name` is its key in harness.toml (or the rule itself, where it has none).

    Raises ConfigError that gives the rule's name, what was expected, and the column.

    >>> rule = parse_rule("simple", "p95(response_time){category=simple} < 0.5 s, critical < 1 s")
    >>> rule.target, rule.critical, rule.unit, rule.selection.category
    (500.0, 1000.0, 'ms', 'simple')
    """
    return _Parser(name, text).rule()


class _Parser:
    """Reads one rule from left to right; `at` is where the next word begins."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.at = 0

    def rule(self) -> Rule:
        statistic, quantity = self._measured()
        selection = self._selection(quantity)
        compare = self._compare()
        unit = "" if statistic == "count" else quantity.unit
        target = self._level(unit)
        critical = None
        if self._accept(","):
            self._critical_word()
            critical = self._critical(compare, target, unit)
        if self._peek():
            self._fail('", critical" or the end' if critical is None else "the end")
        return Rule(
            self.name, self.text, statistic, quantity.name, selection, compare, target, critical, unit
        )

    def _measured(self) -> tuple[str, Quantity]:
        start = self._skip()
        word = self._take(_WORD, "a statistic or a quantity, as p95(response_time) or throughput")
        if not self._accept("("):
            if word in STATISTICS or quantile_of(word) is not None:
                self._fail(f'"(" after the statistic {word}')
            quantity = self._quantity(word, start)
            if quantity.kind is Kind.VALUE:
                self._wrong(f"{word} needs a statistic, as p95({word})", start)
            return "rate", quantity
        statistic = self._statistic(word, start)
        inner = self._skip()
        quantity = self._quantity(self._take(_WORD, "a quantity, as response_time"), inner)
        self._expect(")")
        if (quantity.kind is Kind.VALUE) == (statistic == "rate"):
            good = f"rate({quantity.name})" if statistic != "rate" else f"p95({quantity.name})"
            good = quantity.name if quantity.kind in (Kind.LOAD, Kind.COURSE) else good
            self._wrong(f"{statistic} is not a statistic of {quantity.name}; write {good}", start)
        return statistic, quantity

    def _statistic(self, word: str, at: int) -> str:
        if word not in STATISTICS and quantile_of(word) is None:
            known = (*STATISTICS, "p50", "p90", "p95", "p99", "p99.9")
            self._wrong(f'unknown statistic "{word}"; {suggest(word, known)}', at)
        return word

    def _quantity(self, word: str, at: int) -> Quantity:
        if word not in QUANTITIES:
            self._wrong(f'unknown quantity "{word}"; {suggest(word, QUANTITIES)}', at)
        return QUANTITIES[word]

    def _selection(self, quantity: Quantity) -> Selection:
        chosen: dict[str, str] = {}
        start = self._skip()
        if self._accept("{"):
            while True:
                at = self._skip()
                key = self._take(_WORD, "a selector, as category=simple")
                if key not in _SELECTORS:
                    self._wrong(f'unknown selector "{key}"; {suggest(key, _SELECTORS)}', at)
                if key in chosen:
                    self._wrong(f"{key} is given twice", at)
                self._fits(key, quantity, at)
                self._expect("=")
                chosen[key] = self._take(_VALUE, f"a value for {key}").strip("\"'")
                if not self._accept(","):
                    break
            self._expect("}")
        if (quantity.name == "component_time") != ("component" in chosen):
            problem = (
                "component_time needs a component, as component_time){component=triage}"
                if "component" not in chosen
                else f"component selects from component_time, not from {quantity.name}"
            )
            self._wrong(problem, start)
        return Selection(**chosen)

    def _fits(self, selector: str, quantity: Quantity, at: int) -> None:
        """Whether the quantity can be of what the selector selects."""
        if quantity.selectors is None:
            if selector == "service":
                self._wrong(f"service selects from memory_drift, not from {quantity.name}", at)
        elif selector not in quantity.selectors:
            known = " or ".join(quantity.selectors)
            takes = f"is selected by {known} only, not by {selector}" if known else "takes no selector"
            self._wrong(f"{quantity.name} {takes}", at)

    def _compare(self) -> str:
        start = self._skip()
        match = _COMPARISON.match(self.text, start)
        if match is None or match[0] not in _COMPARE:
            self._fail('"<" or ">"')
        self.at = match.end()
        return match[0]

    def _level(self, unit: str) -> float:
        value = float(self._take(_NUMBER, "a number"))
        if not unit:
            return value
        known = _UNITS[unit]
        start = self._skip()
        written = self._take(_UNIT, f"a unit ({', '.join(known)})")
        if written not in known:
            self._wrong(f'unknown unit "{written}"; known: {", ".join(known)}', start)
        # 0.3 s * 1000 is not quite 300 in floats; no level is meant to more than twelve digits.
        return float(f"{value * known[written]:.12g}")

    def _critical_word(self) -> None:
        start = self._skip()
        if self._take(_WORD, '"critical"') != "critical":
            self.at = start
            self._fail('"critical"')

    def _critical(self, compare: str, target: float, unit: str) -> float:
        start = self._skip()
        if self._compare() != compare:
            self._wrong(f'target and critical must both have "{compare}"', start)
        critical = self._level(unit)
        if (critical < target) if compare.startswith("<") else (critical > target):
            self._wrong("the critical level is stricter than the target; exchange them", start)
        return critical

    def _skip(self) -> int:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def _peek(self) -> str:
        self._skip()
        return self.text[self.at : self.at + 1]

    def _accept(self, character: str) -> bool:
        if self._peek() != character:
            return False
        self.at += 1
        return True

    def _expect(self, character: str) -> None:
        if not self._accept(character):
            self._fail(f'"{character}"')

    def _take(self, pattern: re.Pattern[str], expected: str) -> str:
        match = pattern.match(self.text, self._skip())
        if match is None:
            self._fail(expected)
        self.at = match.end()
        return match[0]

    def _fail(self, expected: str) -> NoReturn:
        token = _TOKEN.match(self.text, self._skip())
        found = f'"{token[0]}"' if token else "the end"
        raise ConfigError(self._message(f"expected {expected} at column {self.at + 1}, found {found}"))

    def _wrong(self, problem: str, at: int) -> NoReturn:
        raise ConfigError(self._message(f"{problem} (column {at + 1})"))

    def _message(self, problem: str) -> str:
        if self.name == self.text:
            return f"rule: {problem}: {self.text}"
        return f"criteria.{self.name}: {problem}: {self.text}"
