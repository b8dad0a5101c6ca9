"""report.md: the verdict as a pull-request comment, short enough to be read there."""

import re
from collections.abc import Sequence

from harness.analysis import Summary, TrendPoint, warm_up_note
from harness.reports._capacity_words import capacity_lines
from harness.reports._endurance import drift_lines, recovery_lines
from harness.reports._findings import trend_finding
from harness.reports._format import NO_VALUE, count, duration, figure, moment, sentence_case, sentences
from harness.reports._headline_figures import (
    case_criterion,
    case_figure,
    throughput_criterion,
    throughput_figure,
)
from harness.reports._limits import levels
from harness.reports._words import given, headline, overall, provider
from harness.runs import Manifest
from harness.verdicts import Criterion, CriterionVerdict, Judgement, Regression

_MAX_LINES = 59
_MAX_REMEDIES = 5
_MAX_FINDINGS = 8
_NOT_IN_SCENARIO = "not measured in this scenario"

_STATUS = {
    Criterion.PASS: "✅",
    Criterion.WARN: "⚠️",
    Criterion.FAIL: "❌",
    Criterion.NO_DATA: "❔",
    Criterion.NOT_APPLICABLE: "➖",  # noqa: RUF001
}

_URGENCY = (
    Criterion.FAIL,
    Criterion.NO_DATA,
    Criterion.WARN,
    Criterion.PASS,
    Criterion.NOT_APPLICABLE,
)

_STATISTIC = re.compile(r"\s*(p[\d.]+|mean|min|max|stdev|count)\(")


def markdown_report(
    summary: Summary,
    judgement: Judgement,
    manifest: Manifest,
    trend: Sequence[TrendPoint],
    regression: Regression | None = None,
) -> str:
    """The report as GitHub Markdown, under 60 lines whatever the run holds."""
    head = [
        "## Performance Benchmark Results",
        "",
        _verdict_line(summary, judgement),
        "",
        "| Metric | Target | Current | Status |",
        "| --- | --- | --- | --- |",
        *_first_rows(summary, judgement),
    ]
    tail = [
        "",
        *_remedies(judgement),
        *_over_load_and_time(summary, judgement),
        *_regression(regression),
        _run_line(summary, manifest),
        "",
        f"Trend: {escape(trend_finding(summary, trend, overall(judgement)))}",
        "",
        _links_line(summary),
    ]
    rows = _other_rows(judgement, _MAX_LINES - len(head) - len(tail))
    return "\n".join([*head, *rows, *tail]) + "\n"


def _over_load_and_time(summary: Summary, judgement: Judgement) -> list[str]:
    """What the run found of capacity, of recovery and of drift, and whether the warm-up was too short."""
    lines = [
        *map(sentence_case, warm_up_note(summary.warm_up)),
        *capacity_lines(summary.capacity, judgement.capacity),
        *recovery_lines(summary.recovery),
        *drift_lines(summary.drifts),
    ]
    return [*(f"- {escape(line)}" for line in lines[:_MAX_FINDINGS]), ""] if lines else []


def _regression(regression: Regression | None) -> list[str]:
    if regression is None:
        return []
    from harness.reports._regression_markdown import regression_markdown

    return regression_markdown(regression)


def _first_rows(summary: Summary, judgement: Judgement) -> list[str]:
    """Simple Case, Complex Case and Throughput, always: where no rule speaks of them, that is said."""
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
            rows.append(_row(label, "none in this scenario", figure(measured), NO_VALUE))
        else:
            rows.append(_row(label, NO_VALUE, _NOT_IN_SCENARIO, NO_VALUE))
    return rows


def _other_rows(judgement: Judgement, room: int) -> list[str]:
    """The other rules in at most `room` lines, what is not in order first where not all fit."""
    firsts = (
        case_criterion(judgement, "simple"),
        case_criterion(judgement, "complex"),
        throughput_criterion(judgement),
    )
    taken = {id(criterion) for criterion in firsts}
    others = [criterion for criterion in judgement.criteria if id(criterion) not in taken]
    left_out = 0
    if len(others) > room:
        left_out = len(others) - room + 1
        others = sorted(others, key=lambda rule: _URGENCY.index(rule.verdict))[: room - 1]
    rows = [_criterion_row(sentence_case(rule.title or rule.name), rule, rule.target) for rule in others]
    return [*rows, _row(f"{left_out} more in report.html", "", "", "")] if left_out else rows


def _criterion_row(label: str, criterion: CriterionVerdict, target: str) -> str:
    status = f"{_STATUS[criterion.verdict]} {criterion.verdict}"
    return _row(label, target, figure(criterion.measured, levels(criterion)), status)


def _row(*cells: str) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"


def _remedies(judgement: Judgement) -> list[str]:
    """What to do about what is not in order, most urgent first."""
    urgent = [
        f"- **{escape(check.name)}**: {escape(sentences(check.reason, check.remedy))}"
        for check in judgement.checks
        if check.verdict == "INVALID"
    ]
    urgent += [
        f"- **{escape(sentence_case(criterion.title or criterion.name))}**: "
        f"{escape(sentences(criterion.reason, criterion.remedy))}"
        for verdict in _URGENCY[:3]
        for criterion in judgement.criteria
        if criterion.verdict is verdict
    ]
    shown = urgent[:_MAX_REMEDIES]
    if len(urgent) > len(shown):
        shown.append(f"- and {len(urgent) - len(shown)} more in `report.html`")
    return [*shown, ""] if shown else []


def _verdict_line(summary: Summary, judgement: Judgement) -> str:
    return (
        f"**{overall(judgement)}** · **{escape(provider(summary).text)}** · "
        f"measurement {judgement.validity} · {escape(headline(summary, judgement))}"
    )


def _links_line(summary: Summary) -> str:
    return (
        "Full report: `report.html` · every figure with its interval: `summary.json` · "
        f"a test case per rule: `junit.xml` · again: `harness report {given(summary)}`"
    )


def _run_line(summary: Summary, manifest: Manifest) -> str:
    started = f" · {moment(summary.started_at)}" if summary.started_at else ""
    commit = "" if manifest.git_commit == "unknown" else f" · commit `{_code(manifest.git_commit[:12])}`"
    rounded = "" if summary.exact else " · percentiles are Locust's rounded ones"
    return (
        f"Scenario `{_code(summary.scenario)}` · {count(summary.totals.requests, 'request')} in "
        f"{duration(summary.duration_s)}{started}{commit}{rounded}"
    )


def escape(text: str) -> str:
    """Text that cannot leave its table cell or become markup; plain text stays as it is.

    >>> print(escape("a|b `c` <i> < 5 ms [1, 2]" + chr(10) + "[x](y)"))
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
