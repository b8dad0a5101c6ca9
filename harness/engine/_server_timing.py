"""The `Server-Timing` response header (W3C), read into spans.

    triage;dur=120.5;start=0.4, specialists;dur=310;start=121, specialist-cardiology;dur=300;start=121

`dur` is milliseconds. `start` is an extension: the offset from the service's own start of work.
"""

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Span:
    """One component of a request. `start_ms` is None where the service did not tell it."""

    component: str
    duration_ms: float
    start_ms: float | None = None


def parse_server_timing(header: str) -> list[Span]:
    """All metrics of a header that carry a duration; malformed ones are left out.

    >>> for span in parse_server_timing('db;dur=53.2;start=1, cache;desc="a, b";dur=0.1'):
    ...     print(span)
    Span(component='db', duration_ms=53.2, start_ms=1.0)
    Span(component='cache', duration_ms=0.1, start_ms=None)
    """
    spans = []
    for metric in _split(header, ","):
        name, *parameters = _split(metric, ";")
        values = dict(_parameter(parameter) for parameter in parameters)
        duration_ms = _number(values.get("dur"))
        if name.strip() and duration_ms is not None:
            spans.append(Span(name.strip(), duration_ms, _number(values.get("start"))))
    return spans


def _split(text: str, separator: str) -> list[str]:
    """Split outside of double quotes; most headers have none."""
    if '"' not in text:
        return text.split(separator)
    parts, current, quoted = [], "", False
    for character in text:
        if character == '"':
            quoted = not quoted
        if character == separator and not quoted:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]


def _parameter(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key.strip().lower(), value.strip().strip('"')


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < float("inf") else None
