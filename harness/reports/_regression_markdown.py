"""A comparison for a pull request: regressions and improvements with intervals, in a few lines."""

from harness.reports._markdown import escape
from harness.reports._regression_words import (
    explanations,
    level_words,
    moved_words,
    shown_rows,
    sides_words,
)
from harness.verdicts import MetricChange, Regression, RegressionWord

_W = RegressionWord
_STATUS = {
    _W.BLOCK: "❌",
    _W.MISSING: "❌",
    _W.NOT_COMPARABLE: "❌",
    _W.INVALID: "❌",
    _W.INVESTIGATE: "⚠️",
    _W.INCONCLUSIVE: "❔",
    _W.OK: "✅",
    _W.IMPROVED: "✅",
    _W.NEW: "➕",  # noqa: RUF001
    _W.NO_BASELINE: "➖",  # noqa: RUF001
}

_MOST_ROWS = 10
_MOST_REASONS = 3


def regression_markdown(regression: Regression) -> list[str]:
    """At most twenty-two lines: the verdict, the rows that are not plainly OK, where changes come from."""
    rest = regression.headline.removeprefix(f"{regression.word}: ")
    lines = [
        "### Regression",
        "",
        f"{_STATUS[regression.word]} **{regression.word}** · {escape(rest)}",
        "",
    ]
    rows = [row for row in shown_rows(regression)[0] if row.verdict is not _W.OK]
    if rows:
        lines += ["| Metric | Base | Current | Change | Status |", "| --- | --- | --- | --- | --- |"]
        lines += [_row(row) for row in rows[:_MOST_ROWS]]
        if len(rows) > _MOST_ROWS:
            lines.append(f"| {len(rows) - _MOST_ROWS} more in `summary.json` | | | | |")
        lines.append("")
    why = [
        f"- **{escape(row.metric.title)}**: {escape(text)}"
        for row, text in explanations(regression, _MOST_REASONS)
    ]
    return [*lines, *why, *([""] if why else []), f"Compared: {escape(sides_words(regression))}", ""]


def _row(row: MetricChange) -> str:
    cells = (
        row.metric.title,
        level_words(row.base),
        level_words(row.candidate),
        moved_words(row),
        f"{_STATUS[row.verdict]} {row.text}",
    )
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"
