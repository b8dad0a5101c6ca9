"""A comparison in a terminal, in 80 columns."""

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.reports._console import text_console
from harness.reports._regression_words import (
    explanations,
    level_words,
    moved_words,
    shown_rows,
    sides_words,
)
from harness.reports._terminal import COLOURS, clean
from harness.reports._words import icon, tone
from harness.verdicts import MetricChange, Regression, RegressionWord

_MOST_ROWS = 24
_MOST_REASONS = 5


def regression_terminal(
    regression: Regression, *, width: int = 80, colour: bool = False, everything: bool = False
) -> str:
    """Headline, sides, a row per metric that matters (all with `everything`), and where it comes from."""
    console, buffer = text_console(width, colour=colour)
    console.print(_headline(regression))
    facts = [regression.provider, regression.scenario, sides_words(regression)]
    console.print(Text(clean(" · ".join(fact for fact in facts if fact and fact != "unknown")), "dim"))
    if regression.rows:
        rows, hidden = shown_rows(regression, None if everything else _MOST_ROWS)
        if everything:
            rows, hidden = list(regression.rows), 0
        console.print()
        console.print(_table(rows))
        if hidden:
            console.print(Text(f"{hidden} more metrics: --all, --json or --tsv show them", "dim"))
    for row, why in explanations(regression, _MOST_REASONS):
        text = f"{icon(row.verdict)} {row.metric.title} {moved_words(row)}: {why}"
        console.print(Padding(Text(clean(text)), (0, 0, 0, 2)))
    for part in regression.ignored:
        base, candidate = regression.differs[part]
        console.print(Text(clean(f"Note: {part} differs and was ignored: {base} against {candidate}")))
    for note in regression.notes:
        console.print(Text(clean(f"Note: {note}")))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def _headline(regression: Regression) -> Text:
    word = str(regression.word)
    rest = regression.headline.removeprefix(f"{word}: ")
    return Text.assemble((f"{icon(word)} {word}", COLOURS[tone(word)]), "  ", clean(rest))


def _table(rows: list[MetricChange]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim", expand=False)
    table.add_column("Verdict", no_wrap=True)
    table.add_column("Metric", overflow="fold", ratio=1)
    table.add_column("Base", justify="right", no_wrap=True)
    table.add_column("Now", justify="right", no_wrap=True)
    table.add_column("Change", justify="right", no_wrap=True)
    for row in rows:
        word = str(row.verdict)
        blind = "*" if "underpowered" in row.text else ""
        table.add_row(
            Text(f"{icon(word)} {word}{blind}", COLOURS[tone(word)]),
            Text(clean(row.metric.title)),
            level_words(row.base),
            level_words(row.candidate),
            Text(moved_words(row), "" if row.verdict is not RegressionWord.OK else "dim"),
        )
    if any("underpowered" in row.text for row in rows):
        table.caption = "* underpowered: too few samples or runs to see a change that would block"
        table.caption_justify = "left"
    return table
