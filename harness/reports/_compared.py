"""The regression section of report.html: what moved against the base, how surely, and where from."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.reports._format import count, number
from harness.reports._regression_words import (
    level_words,
    moved_words,
    shown_rows,
    sides_words,
    worst_first,
)
from harness.reports._tables import Table, table
from harness.verdicts import MetricChange, Regression, RegressionWord, difference_words

#: Rows that stand open; the others are folded.
_MOST_ROWS = 40
#: Changes beyond this, in percent, are drawn at the edge of the scale.
_WIDEST_PERCENT = 30.0
_NARROWEST_PERCENT = 20.0


@dataclass(slots=True, frozen=True)
class Track:
    """A change and its interval on a line, as places in percent of its length; `block` are both limits."""

    low: float
    width: float
    value: float
    block: tuple[float, float]


@dataclass(slots=True, frozen=True)
class ComparedRow:
    """One metric, every cell as text; `why` is where the change comes from, else the reason."""

    word: str
    text: str
    title: str
    name: str
    base: str
    candidate: str
    change: str
    why: str
    track: Track | None


@dataclass(slots=True, frozen=True)
class Compared:
    """A comparison, ready for the template: `rows` stand open, `folded` are the rest."""

    word: str
    sentence: str
    sides: str
    rows: Sequence[ComparedRow]
    folded: Table
    folded_title: str
    scale: str
    notes: Sequence[str]


def compared(regression: Regression) -> Compared:
    """The regression section's content."""
    shown = _open_rows(regression)
    names = {row.name for row in shown}
    rest = worst_first([row for row in regression.rows if row.name not in names])
    widest = _widest(shown)
    rows = [_row(row, widest) for row in shown]
    return Compared(
        word=str(regression.word),
        sentence=regression.headline.removeprefix(f"{regression.word}: "),
        sides=sides_words(regression),
        rows=rows,
        folded=_folded_table(rest),
        folded_title=_folded_title(rest),
        scale=_scale_words(widest) if any(row.track for row in rows) else "",
        notes=[
            *(
                f"{difference_words(part, *regression.differs[part])} was ignored"
                for part in regression.ignored
                if part in regression.differs
            ),
            *regression.notes,
        ],
    )


def _open_rows(regression: Regression) -> list[MetricChange]:
    """What moved or may have, worst first; where nothing did, the figures that one looks for first."""
    shown, _ = shown_rows(regression)
    return ([row for row in shown if row.verdict is not RegressionWord.OK] or shown)[:_MOST_ROWS]


def _row(row: MetricChange, widest: float) -> ComparedRow:
    return ComparedRow(
        word=str(row.verdict),
        text=row.text.removeprefix(str(row.verdict)).strip(),
        title=row.metric.title,
        name=row.name,
        base=level_words(row.base),
        candidate=level_words(row.candidate),
        change=moved_words(row),
        why=row.attribution.text if row.attribution else row.reason,
        track=_track(row, widest),
    )


def _folded_table(rows: Sequence[MetricChange]) -> Table:
    return table(
        ["Verdict", "Metric"],
        ["Base", "Candidate", "Change"],
        (
            [row.text, row.metric.title, level_words(row.base), level_words(row.candidate), moved_words(row)]
            for row in rows
        ),
    )


def _folded_title(rows: Sequence[MetricChange]) -> str:
    """How many metrics are folded, by verdict: `31 more metrics: 29 OK, 2 INCONCLUSIVE`."""
    counts = {word: sum(row.verdict is word for row in rows) for word in RegressionWord}
    said = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
    return f"{count(len(rows), 'more metric')}: {said}" if rows else ""


def _is_relative(row: MetricChange) -> bool:
    """Whether the change is told in percent of the base, and so has a place on the scale."""
    return row.metric.unit != "%" and row.change is not None and row.change.value is not None


def _widest(rows: Sequence[MetricChange]) -> float:
    """The end of the scale, percent: the largest change or end of an interval, within bounds."""
    ends = [
        abs(end)
        for row in rows
        if _is_relative(row) and row.change is not None
        for end in (row.change.value, row.change.low, row.change.high)
        if end is not None
    ]
    return min(max([_NARROWEST_PERCENT, *ends]), _WIDEST_PERCENT)


def _track(row: MetricChange, widest: float) -> Track | None:
    if not _is_relative(row) or row.change is None or row.change.value is None:
        return None

    def place(percent: float | None, unbounded: float) -> float:
        at = unbounded if percent is None else max(-widest, min(widest, percent))
        return round(50 + 50 * at / widest, 2)

    low, high = place(row.change.low, -widest), place(row.change.high, widest)
    limit = row.limits.block_percent
    return Track(
        low, round(high - low, 2), place(row.change.value, 0.0), (place(-limit, 0.0), place(limit, 0.0))
    )


def _scale_words(widest: float) -> str:
    return (
        f"The lines under the changes run from −{number(widest)} to +{number(widest)} %: the dot is the "  # noqa: RUF001
        "change, the bar its interval, the middle no change, the marks beside it the change that blocks; "
        "what lies further out is drawn at the end. An interval that holds the middle is no evidence."
    )
