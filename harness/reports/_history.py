"""Runs in a table: terminal and tab-separated."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from harness.analysis import HistoryChange, HistoryRow
from harness.reports._console import text_console
from harness.reports._format import NO_VALUE, number, quantity
from harness.reports._terminal import COLOURS, clean
from harness.reports._words import icon, tone

_COLUMNS = (
    "run_id",
    "started_at",
    "scenario",
    "verdict",
    "regression",
    "provider",
    "fingerprint",
    "git_commit",
    "requests",
    "throughput_per_s",
    "error_percent",
)


def history_tsv(rows: Sequence[HistoryRow]) -> str:
    """One line per run below a line of column names, with p50 and p95 of every category."""
    categories = sorted({category for row in rows for category in row.p95_ms}, key=lambda c: (c == "all", c))
    times = [(name, category) for category in categories for name in ("p50_ms", "p95_ms")]
    lines = ["\t".join([*_COLUMNS, *(f"{name}_{category}" for name, category in times)])]
    for row in rows:
        cells = [getattr(row, column) for column in _COLUMNS]
        cells += [getattr(row, name).get(category, [None])[0] for name, category in times]
        lines.append("\t".join("" if cell is None else " ".join(str(cell).split()) for cell in cells))
    return "\n".join(lines)


def history_table(
    rows: Sequence[HistoryRow], changes: Sequence[HistoryChange], *, width: int = 80, colour: bool = False
) -> str:
    """Runs, oldest first, and below them where the level of p95 changed."""
    console, buffer = text_console(width, colour=colour)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("Run", overflow="fold", ratio=1)
    table.add_column("Verdict", overflow="fold")
    for title in ("Requests", "req/s", "p95"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        p95 = row.p95("all")
        words = [row.verdict, *([row.regression] if row.regression else [])]
        table.add_row(
            Text(clean(row.run_id)),
            Text(f"{icon(row.verdict)} {', '.join(words)}", COLOURS[tone(row.verdict)]),
            f"{row.requests:,}" if row.requests else NO_VALUE,
            number(row.throughput_per_s),
            NO_VALUE if p95 is None else quantity(p95.value, "ms"),
        )
    console.print(table)
    for found in changes:
        console.print(Text(clean(_change_words(found))))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def _change_words(found: HistoryChange) -> str:
    change = found.change
    who = found.scenario if found.category == "all" else f"{found.scenario}, {found.category}"
    moved = "" if change.change_percent is None else f" ({change.change_percent:+.0f} %)"
    levels = f"{quantity(change.before.value, 'ms')} to {quantity(change.after.value, 'ms')}"
    return f"Change of p95 ({who}): {levels}{moved} with run {found.row.run_id}, p = {change.p_value:.2g}"
