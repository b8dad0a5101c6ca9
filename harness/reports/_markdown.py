"""report.md: the verdict as a pull-request comment, short enough to be read there."""

import re
from collections.abc import Sequence

from harness.analysis import Summary, TrendPoint
from harness.reports._document import case_criterion, case_figure, throughput_criterion, throughput_figure
from harness.reports._findings import trend_finding
from harness.reports._format import NO_VALUE, count, duration, figure, moment, sentence_case, sentences
from harness.reports._limits import levels
from harness.reports._words import given, headline, overall, provider
from harness.runs import Manifest
from harness.verdicts import Criterion, CriterionVerdict, Judgement

_MAX_ROWS = 25
_MAX_REMEDIES = 5

_STATUS = {
    Criterion.PASS: "✅",
    Criterion.WARN: "⚠️",
    Criterion.FAIL: "❌",
    Criterion.NO_DATA: "❔",
    Criterion.NOT_APPLICABLE: "➖",  # noqa: RUF001
}

_STATISTIC = re.compile(r"\s*(p[\d.]+|mean|min|max|stdev|count)\(")


def markdown_report(
    summary: Summary,
    judgement: Judgement,
    manifest: Manifest,
    trend: Sequence[TrendPoint],
) -> str:
    """The report as GitHub Markdown, under 60 lines whatever the run holds."""
    lines = [
        "## Performance Benchmark Results",
        "",
        _verdict_line(summary, judgement),
        "",
        "| Metric | Target | Current | Status |",
        "| --- | --- | --- | --- |",
        *_rows(summary, judgement),
        "",
        *_remedies(judgement),
        _run_line(summary, manifest),
        "",
        f"Trend: {_escape(trend_finding(summary, trend, overall(judgement)))}",
        "",
        _links_line(summary),
    ]
    return "\n".join(lines) + "\n"


def _rows(summary: Summary, judgement: Judgement) -> list[str]:
    heads = (
        ("Simple Case", case_criterion(judgement, "simple"), case_figure(summary, judgement, "simple")),
        ("Complex Case", case_criterion(judgement, "complex"), case_figure(summary, judgement, "complex")),
        ("Throughput", throughput_criterion(judgement), throughput_figure(summary, judgement)),
    )
    rows = []
    for label, criterion, measured in heads:
        if criterion is not None:
            statistic = _STATISTIC.match(criterion.rule)
            target = f"{statistic[1]} {criterion.target}" if statistic else criterion.target
            rows.append(_criterion_row(label, criterion, target))
        elif measured is not None and measured.value is not None:
            rows.append(_row(label, "none set", figure(measured), NO_VALUE))
    taken = {id(criterion) for _, criterion, _ in heads}
    others = [criterion for criterion in judgement.criteria if id(criterion) not in taken]
    rows += [
        _criterion_row(sentence_case(rule.title or rule.name), rule, rule.target)
        for rule in others[:_MAX_ROWS]
    ]
    if len(others) > _MAX_ROWS:
        rows.append(_row(f"{len(others) - _MAX_ROWS} more in report.html", "", "", ""))
    return rows


def _criterion_row(label: str, criterion: CriterionVerdict, target: str) -> str:
    status = f"{_STATUS[criterion.verdict]} {criterion.verdict}"
    return _row(label, target, figure(criterion.measured, levels(criterion)), status)


def _row(*cells: str) -> str:
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def _remedies(judgement: Judgement) -> list[str]:
    """What to do about what is not in order, most urgent first."""
    urgent = [
        f"- **{_escape(check.name)}**: {_escape(sentences(check.reason, check.remedy))}"
        for check in judgement.checks
        if check.verdict == "INVALID"
    ]
    order = (Criterion.FAIL, Criterion.NO_DATA, Criterion.WARN)
    urgent += [
        f"- **{_escape(sentence_case(criterion.title or criterion.name))}**: "
        f"{_escape(sentences(criterion.reason, criterion.remedy))}"
        for verdict in order
        for criterion in judgement.criteria
        if criterion.verdict is verdict
    ]
    shown = urgent[:_MAX_REMEDIES]
    if len(urgent) > len(shown):
        shown.append(f"- and {len(urgent) - len(shown)} more in `report.html`")
    return [*shown, ""] if shown else []


def _verdict_line(summary: Summary, judgement: Judgement) -> str:
    return (
        f"**{overall(judgement)}** · **{_escape(provider(summary).text)}** · "
        f"measurement {judgement.validity} · {_escape(headline(summary, judgement))}"
    )


def _links_line(summary: Summary) -> str:
    return (
        "Full report: `report.html` · every figure with its interval: `summary.json` · "
        f"again: `harness report {given(summary)}`"
    )


def _run_line(summary: Summary, manifest: Manifest) -> str:
    started = f" · {moment(summary.started_at)}" if summary.started_at else ""
    commit = "" if manifest.git_commit == "unknown" else f" · commit `{_code(manifest.git_commit[:12])}`"
    rounded = "" if summary.exact else " · percentiles are Locust's rounded ones"
    return (
        f"Scenario `{_code(summary.scenario)}` · {count(summary.totals.requests, 'request')} in "
        f"{duration(summary.duration_s)}{started}{commit}{rounded}"
    )


def _escape(text: str) -> str:
    """Text that cannot leave its table cell or become markup; plain text stays as it is.

    >>> print(_escape("a|b `c` <i> < 5 ms [1, 2]" + chr(10) + "[x](y)"))
    a\\|b \\`c\\` &lt;i> < 5 ms [1, 2] [x]\\(y)
    """
    one_line = re.sub(r"\s+", " ", text).strip()
    entities = re.sub(r"&(?=#?\w+;)", "&amp;", one_line)
    tags = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", entities)
    escaped = re.sub(r"([\\|`*_~])", r"\\\1", tags).replace("](", "]\\(")
    # A zero-width space keeps a name such as "@team" from notifying anyone.
    return escaped.replace("@", "@\u200b")


def _code(text: str) -> str:
    """Text for inside backticks, where nothing can be escaped."""
    return re.sub(r"[`|\s]+", " ", text).strip()
