"""The parts of report.html that are neither tables nor charts: facts, tiles, notes, inline bars."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis import ErrorGroup, Group, SlowRequest, Summary
from harness.reports._format import (
    count,
    duration,
    interval,
    is_hollow,
    moment,
    number,
    quantity,
    sentence_case,
    unit_word,
)
from harness.reports._style import GREY, look
from harness.runs import Manifest
from harness.stats import Estimate

_QUANTILES = (
    "Quantiles are linear interpolations over the raw samples (numpy.quantile), with distribution-free "
    "95 % intervals from order statistics; p95 needs 72 samples for one, p99 368. Rates have Wilson "
    "intervals. Percentiles are never averaged."
)
_ROUNDED = (
    "Percentiles are Locust's own, rounded to two significant digits in its CSVs; their intervals are "
    "widened by that rounding, and the measurement itself could not be checked."
)
_TIMES = (
    "Response time runs from when a request was due to when its answer was complete; service time from "
    "when it was sent. Throughput is completed requests over the wall time of the measured window."
)
_TIMES_OF_CSVS = (
    "Throughput is requests without failure over the time from the start of the test to the last request."
)
_ERRORS_OF_CSVS = "Errors are the requests that Locust counted as failures."
_ERRORS = (
    "Errors are all outcomes but ok, degraded and incomplete; a request still in flight at the end is "
    "incomplete: no latency sample, and an error only where it was pending for long."
)


@dataclass(slots=True, frozen=True)
class Tile:
    """One key figure: a large value with its unit, a small line under it."""

    label: str
    value: str
    unit: str
    note: str
    hollow: bool = False


@dataclass(slots=True, frozen=True)
class BarPart:
    """A piece of an inline bar, in percent of the longest bar."""

    name: str
    text: str
    percent: float
    colour: str


def header_facts(summary: Summary, manifest: Manifest) -> list[tuple[str, str]]:
    """What identifies the run, for the line under the verdict."""
    facts = [
        ("Scenario", summary.scenario),
        ("Run", summary.run_id),
        ("Started", moment(summary.started_at)),
        ("Duration", duration(summary.duration_s)),
        ("Requests", f"{summary.totals.requests:,}"),
    ]
    if manifest.target.url:
        facts.append(("Target", manifest.target.url))
    return facts


def tiles(summary: Summary) -> list[Tile]:
    """The figures that a reader looks for first; p95 per category where there are several."""
    overall = summary.overall
    shown = [_tile("Throughput", overall.throughput)]
    groups = summary.by_category if len(summary.by_category) > 1 else {}
    for label, group in groups.items():
        shown.append(_quantile_tile(f"p95, {label}", group, "p95"))
    if not groups:
        shown += [_quantile_tile(f"{name} response time", overall, name) for name in ("p50", "p95")]
    shown.append(_tile("Error rate", overall.error_rate))
    shown.append(
        Tile("Measured", f"{overall.requests:,}", "", f"requests in {duration(summary.window.seconds)}")
    )
    for key, label in (("cost", "Cost per case"), ("llm_calls", "Model calls per case")):
        if key in overall.per_case:
            shown.append(_tile(label, overall.per_case[key]))
    return shown


def method_notes(summary: Summary) -> list[str]:
    """How the figures were made, in the order in which a doubting reader asks."""
    window = summary.window
    pieces = count(len(window.pieces), "piece")
    notes = [
        f"Measured window: {duration(window.seconds)} in {pieces} of hold phases."
        if summary.exact
        else f"Measured: the whole test, {duration(window.seconds)}.",
        *(f"Left out: {reason}" for reason in window.excluded),
        _TIMES if summary.exact else _TIMES_OF_CSVS,
        _QUANTILES if summary.exact else _ROUNDED,
        _ERRORS if summary.exact else _ERRORS_OF_CSVS,
    ]
    methods = {e.method for e in summary.overall.response_time.values() if e.method}
    if methods:
        notes.append(f"Estimators used: {'; '.join(sorted(methods))}.")
    return [*notes, *map(sentence_case, summary.notes)]


def environment_facts(summary: Summary, manifest: Manifest) -> list[tuple[str, str]]:
    """Where and with what the run was made; facts that nothing recorded are left out."""
    host, target = manifest.host, manifest.target
    facts = [
        ("Source", summary.source),
        ("Command", shlex.join(manifest.command)),
        ("Mode", _mode(manifest) if summary.exact else ""),
        ("Seed", str(manifest.seed) if summary.exact else ""),
        ("Stopped because", manifest.stop_reason or ""),
        ("Samples missing", f"{manifest.samples_missing:,}" if manifest.samples_missing else ""),
        ("Host", "" if host.name == "unknown" else host.name),
        ("Platform", "" if host.platform == "unknown" else host.platform),
        ("CPUs", str(host.cpus) if host.cpus else ""),
        ("Memory", f"{host.memory_bytes / 2**30:.1f} GiB" if host.memory_bytes else ""),
        ("Models", ", ".join(f"{role}: {model}" for role, model in target.models.items())),
        ("Service version", "" if target.version == "unknown" else target.version),
        ("Prompts hash", "" if target.prompts_hash == "unknown" else target.prompts_hash),
        ("Git commit", "" if manifest.git_commit == "unknown" else manifest.git_commit),
        ("Versions", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
        ("Fingerprint", manifest.fingerprint),
    ]
    return [(name, value) for name, value in facts if value]


def _mode(manifest: Manifest) -> str:
    workers = f", {count(len(manifest.workers), 'worker')}" if manifest.workers else ""
    return f"{manifest.mode}{workers}"


def bar_parts(slow: SlowRequest, additive: Sequence[str], longest_ms: float) -> list[BarPart]:
    """The request's additive components, and the rest of its time.

    The rest is `outside the service` where the components add up to its total.

    `additive` is in the order of the component chart, so that both use the same colours.
    """
    known = {name: ms for name, ms in slow.components_ms.items() if name in additive and ms > 0}
    rest = slow.response_time_ms - sum(known.values())
    scale = 100 / longest_ms if longest_ms > 0 else 0.0
    parts = [
        BarPart(name, quantity(known[name], "ms"), round(known[name] * scale, 2), look(index).colour)
        for index, name in enumerate(additive)
        if name in known
    ]
    if rest > 0:
        total = slow.components_ms.get("total")
        whole = total is None or sum(known.values()) >= 0.98 * total
        word = "not broken down" if not known else "outside the service" if whole else "the rest"
        parts.append(BarPart(word, quantity(rest, "ms"), round(rest * scale, 2), GREY))
    return parts


def cause_parts(errors: Sequence[ErrorGroup]) -> list[BarPart]:
    """Failed requests by cause, the most frequent first."""
    counts = Counter[str]()
    for error in errors:
        counts[error.cause or "unknown"] += error.count
    total = counts.total()
    return [
        BarPart(
            cause,
            f"{n:,} ({quantity(100 * n / total, '%')})",
            round(100 * n / total, 2),
            look(index).colour,
        )
        for index, (cause, n) in enumerate(counts.most_common())
    ]


def _quantile_tile(label: str, group: Group, name: str) -> Tile:
    return _tile(label, group.response_time.get(name))


def _tile(label: str, estimate: Estimate | None) -> Tile:
    if estimate is None or estimate.value is None:
        return Tile(label, "–", "", "not measured")  # noqa: RUF001 - an en dash stands for no value
    hollow = is_hollow(estimate)
    bounds = interval(estimate)
    note = " · ".join(
        part
        for part in (bounds, f"n {estimate.n:,}" if estimate.n else "", "n too small" if hollow else "")
        if part
    )
    return Tile(label, number(estimate.value), unit_word(estimate.unit), note, hollow)
