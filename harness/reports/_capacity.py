"""What is known of a service's capacity as a table, as JSON and as tab-separated lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from harness.analysis import Capacity, LoadLevel
from harness.reports._capacity_words import capacity_words
from harness.reports._console import text_console
from harness.reports._format import NO_VALUE, interval, is_hollow, number, sentence_case
from harness.reports._terminal import clean
from harness.stats import Estimate, Scalability
from harness.verdicts import CapacityVerdict, LevelVerdict, ValidityCheck

_MEETS = {True: "yes", False: "no", None: "not decided"}
_COLUMNS = (
    "run_id",
    "phase",
    "load",
    "unit",
    "seconds",
    "throughput_per_s",
    "p95_ms",
    "p95_low_ms",
    "p95_high_ms",
    "error_percent",
    "meets",
    "missed",
)


def capacity_terminal(
    capacity: Capacity,
    verdict: CapacityVerdict | None,
    checks: Sequence[ValidityCheck],
    notes: Sequence[str] = (),
    *,
    width: int = 80,
    colour: bool = False,
) -> str:
    """The levels in a table, and below it what is known of them."""
    console, buffer = text_console(width, colour=colour)
    several = len({level.run_id for level in capacity.levels}) > 1
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    if several:
        table.add_column("Run", overflow="fold", ratio=1)
    for title in (sentence_case(capacity.unit), "req/s", "p95", "Errors"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("Meets criteria", overflow="fold", ratio=None if several else 1)
    judged = _by_level(verdict)
    for level in capacity.levels:
        cells = [
            number(level.load),
            _short(level.throughput),
            _short(level.p95, " ms"),
            _short(level.error_rate, " %"),
        ]
        found = judged.get((level.run_id, level.phase))
        table.add_row(*([Text(clean(level.run_id))] if several else []), *cells, Text(clean(_meets(found))))
    console.print(table)
    for words in (*capacity_words(capacity, verdict, checks), *notes):
        console.print(Text(clean(words)))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def capacity_tsv(capacity: Capacity, verdict: CapacityVerdict | None) -> str:
    """A line per level below a line of column names; empty where there is no value."""
    judged = _by_level(verdict)
    lines = ["\t".join(_COLUMNS)]
    for level in capacity.levels:
        found, p95 = judged.get((level.run_id, level.phase)), level.p95
        cells = [
            level.run_id,
            level.phase,
            level.load,
            capacity.unit,
            level.seconds,
            level.throughput.value,
            *((p95.value, p95.low, p95.high) if p95 is not None else (None, None, None)),
            level.error_rate.value,
            "" if found is None else _MEETS[found.meets],
            "" if found is None else ",".join(found.missed),
        ]
        lines.append("\t".join(_cell(cell) for cell in cells))
    return "\n".join(lines)


def capacity_document(capacity: Capacity | None, verdict: CapacityVerdict | None) -> dict[str, Any] | None:
    """The `capacity` of summary.json, and what `harness capacity --json` prints."""
    if capacity is None:
        return None
    judged = _by_level(verdict)
    limit = capacity.limit
    return {
        "unit": capacity.unit,
        "slo": None if verdict is None else verdict.slo.to_json(),
        "throughput": None if verdict is None or verdict.throughput is None else verdict.throughput.to_json(),
        "limit": {
            "resource": None if limit.resource is None else str(limit.resource),
            "from_load": limit.from_load,
            "words": limit.words,
            "evidence": list(limit.evidence),
            "also": list(limit.also),
        },
        "scaling": None if capacity.scaling is None else _scaling(capacity.scaling, capacity.scaling_of),
        "scaling_note": capacity.scaling_note,
        "levels": [_level(level, judged.get((level.run_id, level.phase))) for level in capacity.levels],
    }


def _level(level: LoadLevel, found: LevelVerdict | None) -> dict[str, Any]:
    return {
        "run_id": level.run_id,
        "phase": level.phase,
        "load": level.load,
        "seconds": level.seconds,
        "throughput": level.throughput.to_json(),
        "p95": None if level.p95 is None else level.p95.to_json(),
        "error_rate": level.error_rate.to_json(),
        "in_flight": level.in_flight,
        "meets": None if found is None else found.meets,
        "missed": [] if found is None else list(found.missed),
        "undecided": [] if found is None else list(found.undecided),
    }


def _scaling(fit: Scalability, of: str) -> dict[str, Any]:
    names = ("rate_of_one", "contention", "coherency", "knee", "peak_load", "peak_throughput")
    return {
        "of": of,
        **{name: getattr(fit, name).to_json() for name in names},
        "r_squared": fit.r_squared,
        "levels": fit.n,
        "method": fit.method,
        "warnings": list(fit.warnings),
    }


def _by_level(verdict: CapacityVerdict | None) -> Mapping[tuple[str, str], LevelVerdict]:
    return {} if verdict is None else {(level.run_id, level.phase): level for level in verdict.levels}


def _meets(found: LevelVerdict | None) -> str:
    if found is None:
        return NO_VALUE
    names = found.missed if found.meets is False else found.undecided if found.meets is None else ()
    if len(names) > 1:
        return f"{_MEETS[found.meets]}: {len(names)} rules"
    return f"{_MEETS[found.meets]}: {names[0]}" if names else _MEETS[found.meets]


def _short(estimate: Estimate | None, unit: str = "") -> str:
    if estimate is None or estimate.value is None:
        return NO_VALUE
    ends = "" if is_hollow(estimate) else f" {interval(estimate)}"
    return f"{number(estimate.value)}{unit}{ends}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())
