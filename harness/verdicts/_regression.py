"""Regression: two groups of runs in, a verdict per metric and one for the whole out.

Runs of which one is invalid, or whose fingerprints differ, are not compared at all. All metrics of
a comparison share one control of false discoveries, so that an unchanged service blocks in at most
2 % of comparisons however many metrics it has.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from harness.analysis import Metric, RunSeries, Share, Values, compare_metric, differing_parts, metrics_of
from harness.config import suggest
from harness.errors import UserError
from harness.stats import ChangeLimits, Comparison, Decision, Estimate, decide, false_discovery
from harness.verdicts._attribution import attribute
from harness.verdicts._change_model import Limits, MetricChange, Regression, RegressionWord, RunReference
from harness.verdicts._regression_rules import RegressionRules

_W = RegressionWord

#: Worst first: the first of these that a row has is the verdict of the whole.
_ORDER = (_W.BLOCK, _W.INVESTIGATE, _W.INCONCLUSIVE, _W.IMPROVED)

#: A component that should have been seen so often, and was not at all, is missing (e^-7 < 0.1 %).
_SURELY_SEEN = 7.0

#: Of several figures that changed, what speaks for them: an error rate or the p95 that targets are set on.
_SPEAKS = {"rate": 0, "p95": 0, "p99": 2}

_EXPLAINED = (_W.BLOCK, _W.INVESTIGATE, _W.INCONCLUSIVE, _W.IMPROVED)


def judge_regression(
    bases: Sequence[RunSeries],
    candidates: Sequence[RunSeries],
    rules: RegressionRules,
    *,
    ignored_parts: Collection[str] = (),
    invalid: Mapping[str, str] | None = None,
) -> Regression:
    """Compare the candidate runs with the base runs.

    `ignored_parts` are parts of the fingerprint that may differ. `invalid` gives the reason of each
    run (by id) that decides nothing. Raises UserError for a part that no fingerprint has.
    """
    _check_parts(ignored_parts, [*bases, *candidates])
    differs = differing_parts(bases, candidates)
    found = Regression(
        word=_W.INVALID,
        headline="",
        rows=(),
        bases=[_reference(run) for run in bases],
        candidates=[_reference(run) for run in candidates],
        scenario=candidates[0].scenario,
        provider=candidates[0].provider,
        differs=differs,
        ignored=tuple(part for part in differs if part in ignored_parts),
        samples=(bases, candidates),
    )
    if invalid:
        run_id, reason = next(iter(invalid.items()))
        return replace(found, headline=f"INVALID: run {run_id} decides nothing: {reason}")
    apart = [part for part in differs if part not in ignored_parts]
    if apart:
        return replace(found, word=_W.NOT_COMPARABLE, headline=_apart_words(apart, differs))
    rows = _rows(bases, candidates, rules)
    word = _overall(rows)
    notes = dict.fromkeys(note for run in (*bases, *candidates) for note in run.notes)
    notes |= dict.fromkeys(_hosts_apart(bases, candidates))
    return replace(found, word=word, headline=_headline(word, rows), rows=rows, notes=tuple(notes))


def _hosts_apart(bases: Sequence[RunSeries], candidates: Sequence[RunSeries]) -> list[str]:
    """A line where the sides were measured at different hosts, which is no part of the fingerprint."""
    base, candidate = ({run.host for run in side if run.host} for side in (bases, candidates))
    if not base or not candidate or base == candidate:
        return []
    sides = (" and ".join(sorted(side)) for side in (base, candidate))
    return ["the service was at different hosts: base {}, candidate {}".format(*sides)]


def no_baseline(candidates: Sequence[RunSeries], headline: str) -> Regression:
    """What there is to say where nothing was there to compare with."""
    references = [_reference(run) for run in candidates]
    scenario, provider = candidates[0].scenario, candidates[0].provider
    return Regression(_W.NO_BASELINE, f"NO BASELINE: {headline}", (), (), references, scenario, provider)


def _rows(
    bases: Sequence[RunSeries], candidates: Sequence[RunSeries], rules: RegressionRules
) -> list[MetricChange]:
    metrics = [
        metric
        for metric in metrics_of(name for run in (*bases, *candidates) for name in run.series)
        if not rules.is_ignored(metric)
    ]
    compared = [
        (metric, compare_metric(metric, bases, candidates, rules.spread(metric))) for metric in metrics
    ]
    adjusted = false_discovery([None if found is None else found.p_value for _, found in compared])
    rows: list[MetricChange] = []
    for (metric, found), p_value in zip(compared, adjusted, strict=True):
        limits = rules.limits(metric)
        if found is None:
            rows.append(_one_sided(metric, bases, candidates, limits))
        else:
            rows.append(_judged(metric, found, p_value, limits))
    return [_explained(row, rows, bases, candidates) for row in rows]


def _judged(metric: Metric, found: Comparison, p_value: float | None, limits: Limits) -> MetricChange:
    decision = decide(
        found,
        p_value=p_value,
        lower_is_worse=metric.lower_is_worse,
        floor=limits.floor,
        limits=ChangeLimits(limits.block_percent, limits.investigate_percent),
    )
    return MetricChange(
        metric=metric,
        verdict=RegressionWord(str(decision.word)),
        text=_text(metric, found, decision, limits),
        base=found.base,
        candidate=found.candidate,
        change=found.change,
        difference=found.difference,
        worse_percent=decision.worse_percent,
        p_value=decision.p_value,
        limits=limits,
        reason=_reason(decision, found),
        decides=_decides(metric, found),
    )


def _text(metric: Metric, found: Comparison, decision: Decision, limits: Limits) -> str:
    """The word with what belongs to it. What a share could hide is told in points: it may be near 0."""
    end = found.difference.low if metric.lower_is_worse else found.difference.high
    if metric.unit != "%" or decision.could_hide_percent is None or end is None:
        return decision.text
    hidden = abs(end)
    if hidden <= limits.floor:
        return str(decision.word)
    return f"{decision.word} (underpowered: could hide up to {hidden:.2g} points)"


def _decides(metric: Metric, found: Comparison) -> bool:
    """An open question about one of many components, or about a p99 of few samples, is not the run's."""
    return not metric.is_component and not (metric.statistic == "p99" and found.p_value is None)


def _reason(decision: Decision, found: Comparison) -> str:
    warnings = [warning for warning in found.warnings if "one run a side" not in warning]
    return "; ".join([decision.reason, *warnings])


def _one_sided(
    metric: Metric, bases: Sequence[RunSeries], candidates: Sequence[RunSeries], limits: Limits
) -> MetricChange:
    """A metric that one side alone has: missing from the candidate fails, a new one is listed."""
    in_base = any(metric.series in run.series for run in bases)
    in_candidate = any(metric.series in run.series for run in candidates)
    if in_base and in_candidate:
        word, reason = _W.INCONCLUSIVE, "too short a measurement to compare it"
    elif in_candidate:
        word, reason = _W.NEW, "the base has no such metric"
    elif metric.selection.component == "debate" and _told_of_debates(metric, candidates):
        word, reason = _W.OK, "no debate followed: see the debate rate"
    elif metric.is_component and _expected(metric, bases, candidates) < _SURELY_SEEN:
        word, reason = _W.OK, "did not occur, and was too rare in the base to be missed"
    else:
        word, reason = _W.MISSING, "the base has this metric and the candidate does not"
    return MetricChange(
        metric, word, str(word), None, None, None, None, None, None, limits, reason, decides=False
    )


def _told_of_debates(metric: Metric, runs: Sequence[RunSeries]) -> bool:
    """Whether the service tells of debates in these cases, if only that there was none."""
    rate = Metric("rate", "debate_rate", replace(metric.selection, component=None))
    return any(rate.series in run.series for run in runs)


def _expected(metric: Metric, bases: Sequence[RunSeries], candidates: Sequence[RunSeries]) -> float:
    """How many requests of the candidate would have had the component if nothing had changed."""
    of = Metric("mean", "response_time", replace(metric.selection, component=None)).series
    in_base, had, in_candidate = (
        sum(_size(run, name) for run in runs)
        for runs, name in ((bases, of), (bases, metric.series), (candidates, of))
    )
    return had / in_base * in_candidate if in_base else 0.0


def _size(run: RunSeries, series: str) -> int:
    match run.series.get(series):
        case Values(distribution=found):
            return found.n
        case Share(n=n):
            return n
        case _:
            return 0


def _explained(
    row: MetricChange,
    rows: Sequence[MetricChange],
    bases: Sequence[RunSeries],
    candidates: Sequence[RunSeries],
) -> MetricChange:
    if row.metric.quantity != "response_time" or row.verdict not in _EXPLAINED:
        return row
    return replace(row, attribution=attribute(row, rows, bases, candidates))


def _overall(rows: Iterable[MetricChange]) -> RegressionWord:
    rows = list(rows)
    if not any(row.change is not None for row in rows):
        return _W.NOT_COMPARABLE
    words = {row.verdict for row in rows if row.verdict is not _W.INCONCLUSIVE or row.decides}
    if _W.MISSING in words:
        return _W.BLOCK
    better = {row.verdict for row in rows if not row.metric.is_component}
    for word in _ORDER:
        if word in (better if word is _W.IMPROVED else words):
            return word
    return _W.OK


def _headline(word: RegressionWord, rows: Sequence[MetricChange]) -> str:
    compared = [row for row in rows if row.change is not None]
    if word is _W.NOT_COMPARABLE:
        return f"{word}: the runs have no metric in common"
    counts = [
        f"{n} {name}"
        for name in (_W.BLOCK, _W.MISSING, _W.INVESTIGATE, _W.INCONCLUSIVE, _W.IMPROVED, _W.OK, _W.NEW)
        if (n := sum(row.verdict is name for row in rows))
    ]
    said = f"{len(compared)} metrics compared: {', '.join(counts)}"
    worst = _worst(word, rows)
    if worst is None:
        blind = sum("underpowered" in row.text for row in compared)
        return f"{word}: {said}" + (f" ({blind} underpowered)" if blind else "")
    return f"{word}: {_moved(worst)}; {said}"


def _worst(word: RegressionWord, rows: Sequence[MetricChange]) -> MetricChange | None:
    """The row that stands for the verdict: whole requests before components, p95 before the rest."""
    named = [row for row in rows if row.verdict is word and (row.decides or word is not _W.INCONCLUSIVE)]
    if word is _W.BLOCK and not named:
        named = [row for row in rows if row.verdict is _W.MISSING]
    if word is _W.OK or not named:
        return None
    return min(
        named,
        key=lambda row: (
            row.metric.rank,
            _SPEAKS.get(row.metric.statistic, 1),
            -abs(row.worse_percent or 0.0),
        ),
    )


def _moved(row: MetricChange) -> str:
    if row.verdict is _W.MISSING:
        return f"{row.metric.title} is missing"
    change = row.change
    if change is None or change.value is None:
        return f"{row.metric.title} was {_level(row.base)} and is {_level(row.candidate)}"
    moved = f"{row.metric.title} {change_words(change)}"
    return f"{moved} ({row.attribution.text})" if row.attribution else moved


def change_words(change: Estimate) -> str:
    """`+14.2 % [+6.1, +23]`; an end that is not bounded is `…`.

    >>> change_words(Estimate(14.21, 6.1, None, 200, "bootstrap", "%"))
    '+14.2 % [+6.1, …]'
    """
    if change.value is None:
        return "no relative change"
    value, low, high = (
        "…" if end is None else f"{end:+.1f}" if abs(end) < 99.95 else f"{end:+.0f}"
        for end in (change.value, change.low, change.high)
    )
    return f"{value} %" + ("" if change.low is None and change.high is None else f" [{low}, {high}]")


def _level(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "not measured"
    return f"{estimate.value:.3g} {estimate.unit}".rstrip()


def _apart_words(apart: Sequence[str], differs: Mapping[str, tuple[str, str]]) -> str:
    said = "; ".join(difference_words(part, *differs[part]) for part in apart)
    options = " ".join(f"--ignore-fingerprint {part}" for part in apart)
    return f"NOT COMPARABLE: the runs differ in {said}; to compare all the same: {options}"


def difference_words(part: str, base: str, candidate: str) -> str:
    """A part of the fingerprint that differs; of a table, what in it differs.

    >>> difference_words("provider", "simulated reference", "simulated reference x3")
    'provider (simulated reference against simulated reference x3)'
    >>> difference_words("shape", '{"hold_s": 15, "levels": "10"}', '{"hold_s": 30, "levels": "10"}')
    'shape (hold_s 15 against 30)'
    """
    try:
        tables = json.loads(base), json.loads(candidate)
    except ValueError:
        return f"{part} ({base} against {candidate})"
    if not all(isinstance(table, dict) for table in tables):
        return f"{part} ({base} against {candidate})"
    keys = [key for key in sorted({*tables[0], *tables[1]}) if tables[0].get(key) != tables[1].get(key)]
    words = (f"{key} {tables[0].get(key, 'none')} against {tables[1].get(key, 'none')}" for key in keys)
    return f"{part} ({', '.join(words)})"


def _check_parts(ignored: Collection[str], runs: Sequence[RunSeries]) -> None:
    known = dict.fromkeys(part for run in runs for part in run.fingerprint_parts)
    for part in ignored:
        if known and part not in known:
            raise UserError(f"no part of the fingerprint is called '{part}'; {suggest(part, known)}")


def _reference(run: RunSeries) -> RunReference:
    return RunReference(run.run_id, run.started_at, run.git_commit)
