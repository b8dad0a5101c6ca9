"""How a comparison is told: names of metrics for people, figures, and which rows come first."""

from collections.abc import Sequence

from harness.reports._format import NO_VALUE, quantity
from harness.stats import Estimate
from harness.verdicts import MetricChange, Regression, RegressionWord, change_words

_W = RegressionWord

#: Worst first.
ORDER = (
    _W.BLOCK,
    _W.MISSING,
    _W.INVESTIGATE,
    _W.INCONCLUSIVE,
    _W.IMPROVED,
    _W.NEW,
    _W.OK,
)


def level_words(estimate: Estimate | None) -> str:
    """A value with its unit; an en dash where there is none."""
    return NO_VALUE if estimate is None else quantity(estimate.value, estimate.unit)


def moved_words(row: MetricChange) -> str:
    """The change with its interval: in percent, of shares in points, as those may be near 0."""
    moved = row.difference
    if row.change is None or moved is None or moved.value is None:
        return NO_VALUE
    if row.metric.unit != "%" and row.change.value is not None:
        return change_words(row.change)
    value, low, high = ("…" if end is None else f"{end:+.2g}" for end in (moved.value, moved.low, moved.high))
    unit = "points" if row.metric.unit == "%" else row.metric.unit
    return f"{value} {unit} [{low}, {high}]"


def worst_first(rows: Sequence[MetricChange]) -> list[MetricChange]:
    """Whole requests before components; among them by verdict, then the largest change for the worse."""
    return sorted(
        rows,
        key=lambda row: (row.metric.rank, ORDER.index(row.verdict), -(row.worse_percent or 0.0)),
    )


def is_headline_row(row: MetricChange) -> bool:
    """Whether a row is shown even where nothing happened."""
    return row.metric.quantity in {"call_time", "throughput", "error_rate", "success_rate"} or (
        row.metric.quantity == "response_time" and row.metric.statistic in {"p50", "p95", "mean"}
    )


def shown_rows(regression: Regression, most: int | None = None) -> tuple[list[MetricChange], int]:
    """The rows worth a reader's time, worst first, and how many are left out."""
    loud = [
        row
        for row in regression.rows
        if is_headline_row(row)
        or row.verdict not in (_W.OK, _W.INCONCLUSIVE)
        or (row.verdict is _W.INCONCLUSIVE and row.decides)
    ]
    kept = worst_first(loud)[:most]
    return kept, len(regression.rows) - len(kept)


def sides_words(regression: Regression) -> str:
    """`base 2 runs (last 2026-11-24, commit 1a2b3c4) · candidate 1 run`, whichever is known."""
    words = []
    for name, side in (("base", regression.bases), ("candidate", regression.candidates)):
        if not side:
            continue
        last = max(side, key=lambda run: run.started_at)
        runs = last.run_id if len(side) == 1 else f"{len(side)} runs, last {last.run_id}"
        commit = "" if last.git_commit == "unknown" else f" ({last.git_commit[:7]})"
        words.append(f"{name} {runs}{commit}")
    return " · ".join(words)


def explanations(regression: Regression, most: int) -> list[tuple[MetricChange, str]]:
    """Rows that call for an explanation, with it: where the change comes from, else the reason.

    Whole requests first, open questions about them included, and components in what room is left.
    """
    rows = worst_first(regression.of(_W.BLOCK, _W.MISSING, _W.INVESTIGATE))
    whole = [row for row in rows if not row.metric.is_component]
    parts = [row for row in rows if row.metric.is_component]
    if regression.word is not _W.INVALID:
        whole += [
            row for row in worst_first(regression.of(_W.INCONCLUSIVE)) if row.decides and row.attribution
        ]
    half = most if not parts else (most + 1) // 2
    chosen = [*whole[:half], *parts]
    return [(row, row.attribution.text if row.attribution else row.reason) for row in chosen[:most]]
