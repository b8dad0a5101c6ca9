"""Figures as people read them: value, unit and interval in one string, never a bare float.

Nothing here knows HTML or Markdown; the callers escape.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from harness.stats import Estimate

NOT_MEASURED = "not measured"
TOO_SMALL = "n too small"
NO_VALUE = "–"  # noqa: RUF001 - an en dash stands for an empty cell

_UNIT_WORDS = {"percent": "%", "usd": "USD"}


def number(value: float | None, digits: int = 3) -> str:
    """That many significant digits and all of the integer part, without an exponent.

    >>> number(812.4), number(12345.6), number(0.5217), number(7.0), number(499.96, 5)
    ('812', '12346', '0.522', '7', '499.96')
    """
    if value is None or not math.isfinite(value):
        return NO_VALUE
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(decimals, 12)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def unit_word(unit: str) -> str:
    """The unit as printed after a number."""
    return _UNIT_WORDS.get(unit.lower(), unit)


def quantity(value: float | None, unit: str, digits: int = 3) -> str:
    """A number with its unit.

    >>> quantity(812.4, "ms"), quantity(0.5, "percent"), quantity(3, "")
    ('812 ms', '0.5 %', '3')
    """
    if value is None or not math.isfinite(value):
        return NO_VALUE
    return f"{number(value, digits)} {unit_word(unit)}".rstrip()


def interval(estimate: Estimate | None, digits: int = 3) -> str:
    """The 95 % interval in brackets; an unbounded side is a dash; empty where there is none."""
    if estimate is None or estimate.value is None or (estimate.low is None and estimate.high is None):
        return ""
    return f"[{number(estimate.low, digits)}, {number(estimate.high, digits)}]"


def figure(estimate: Estimate | None, levels: Sequence[float] = ()) -> str:
    """Value, unit and interval; says so where the sample is too small for an interval.

    >>> figure(Estimate(812.0, 774.0, 861.0, 400, "p95", "ms"))
    '812 ms [774, 861]'
    >>> figure(Estimate(812.0, None, None, 5, "p95", "ms"))
    '812 ms (n too small)'
    >>> figure(Estimate(499.96, 480.0, 499.99, 400, "p95", "ms"), [500])
    '499.96 ms [480, 499.99]'
    """
    if estimate is None or estimate.value is None:
        return NOT_MEASURED
    digits = digits_apart(estimate, levels)
    parts = [quantity(estimate.value, estimate.unit, digits), interval(estimate, digits)]
    if is_hollow(estimate):
        parts.append(f"({TOO_SMALL})")
    return " ".join(part for part in parts if part)


def digits_apart(estimate: Estimate, levels: Sequence[float]) -> int:
    """How many digits keep value and interval from being rounded onto a level they are compared with."""
    ends = [end for end in (estimate.value, estimate.low, estimate.high) if end is not None]
    for digits in range(3, 10):
        shown = {number(end, digits) for end in ends if end not in levels}
        if not shown & {number(level, digits) for level in levels}:
            return digits
    return 10


def is_hollow(estimate: Estimate) -> bool:
    """Whether a value exists whose interval is open on a side, so that no rule may be decided on it."""
    return estimate.value is not None and not estimate.is_bounded


def duration(seconds: float) -> str:
    """
    >>> duration(4.2), duration(75), duration(3725)
    ('4.2 s', '1 min 15 s', '1 h 2 min')
    """
    if seconds < 60:
        return f"{number(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def count(value: int, singular: str, plural: str | None = None) -> str:
    """
    >>> count(1, "request"), count(1204, "request"), count(2, "category", "categories")
    ('1 request', '1,204 requests', '2 categories')
    """
    return f"{value:,} {singular if value == 1 else plural or singular + 's'}"


def moment(iso: str) -> str:
    """An ISO 8601 time as `2026-11-24 06:33:00 UTC`; what cannot be read is passed through.

    >>> moment("2026-11-24T06:33:00Z"), moment("")
    ('2026-11-24 06:33:00 UTC', 'unknown')
    """
    if not iso:
        return "unknown"
    try:
        at = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    if at.tzinfo is None:
        return at.strftime("%Y-%m-%d %H:%M:%S")
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def sentences(*parts: str) -> str:
    """Parts as sentences, each beginning with a capital; empty ones are left out.

    >>> sentences("p95 1.2 s: WARN", "", "measure longer")
    'p95 1.2 s: WARN. Measure longer.'
    """
    texts = [part.strip().rstrip(".") for part in parts if part.strip()]
    return " ".join(f"{text if i == 0 else text[0].upper() + text[1:]}." for i, text in enumerate(texts))


def sentence_case(text: str) -> str:
    """A capital at the start, but never in the name of a percentile.

    >>> sentence_case("error rate"), sentence_case("p95 response time")
    ('Error rate', 'p95 response time')
    """
    return text if text[:1] == "p" and text[1:2].isdigit() else text[:1].upper() + text[1:]
