"""The parts of the web UI's document as JSON can hold them: plain data in, plain data out.

Numbers stay numbers, texts stay texts: the page formats and escapes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.monitoring import LiveVerdicts
from harness.plugin._web_figures import WorkerLook
from harness.plugin._web_recent import Recent
from harness.runs import Manifest, TargetRecord
from harness.stats import Estimate
from harness.verdicts import BUSY_PERCENT, LATE_SHARE, CriterionVerdict, Judgement, Rule, allowed_delay_ms

if TYPE_CHECKING:
    from harness.analysis import ComponentTime, Group, Summary
    from harness.reports import Judged

#: So many rows of each of a finished run's tables.
MOST_ROWS = 12

#: What can be downloaded of a finished run, in the order of the links; the rest of a folder cannot.
DOWNLOADS = (
    "report.html",
    "report.md",
    "summary.json",
    "junit.xml",
    "manifest.json",
    "requests.parquet",
    "spans.parquet",
    "generator.parquet",
    "resources.parquet",
    "locust_stats.csv",
    "locust_stats_history.csv",
    "locust_failures.csv",
    "locust_exceptions.csv",
)

Document = dict[str, Any]


def described(manifest: Manifest) -> Document:
    return {
        "run_id": manifest.run_id,
        "scenario": manifest.scenario.name,
        "provider": _provider(manifest.target),
        "target": manifest.target.url,
        "mode": manifest.mode,
        "started_at": manifest.started_at,
    }


def _provider(target: TargetRecord) -> str:
    """`SIMULATED (reference)` or `LIVE (the models)`; who reads figures must know which."""
    match target.provider_mode:
        case "simulated":
            return f"SIMULATED ({target.profile})" if target.profile else "SIMULATED"
        case "live":
            return f"LIVE ({', '.join(sorted(set(target.models.values())))})"
        case _:
            return "provider unknown"


def ended(manifest: Manifest, judged: "Judged") -> Document:
    """A run that has ended: its verdicts, and the exact figures of the measured window."""
    summary, judgement = judged.summary, judged.judgement
    outcome = {
        "verdict": judged.overall,
        "headline": _in_words(judged),
        "elapsed_s": summary.duration_s,
        "requests": summary.overall.requests,
        "stop_reason": manifest.stop_reason,
    }
    return {
        "run": described(manifest) | outcome,
        "validity": _validity_at_the_end(judgement),
        "criteria": {"window_s": None, "rules": [_rule_json(each) for each in judgement.criteria]},
        "measured": _measured(summary),
        "components": [_component_json(each) for each in summary.components[: 4 * MOST_ROWS]],
        "files": _files(judged),
    }


def listed(manifest: Manifest, judged: "Judged") -> Document:
    return {
        "run_id": manifest.run_id,
        "verdict": judged.overall,
        "validity": judged.judgement.validity.value,
        "headline": _in_words(judged),
        "folder": str(judged.report_path.parent),
        "files": _files(judged),
    }


def _in_words(judged: "Judged") -> str:
    """The judgement's sentence without the word and the provider, which the page shows beside it."""
    sentence = judged.judgement.headline.removesuffix(f" · {judged.summary.provider}")
    rest = sentence.removeprefix(f"{judged.overall}: ")
    return rest[:1].upper() + rest[1:]


def _files(judged: "Judged") -> list[str]:
    folder = judged.report_path.resolve().parent
    return [name for name in DOWNLOADS if (folder / name).is_file()]


# --- validity ------------------------------------------------------------------------------


def validity_so_far(
    missing: int,
    lost: Sequence[bool],
    told: Sequence[str],
    looks: Sequence[WorkerLook],
    median_ms: float | None,
) -> Document:
    """Not the verdict, which is on whole phases, but whether it is in danger.

    `missing` samples; for each load generator whether it was lost; the lines told of them so far.
    """
    gone = sum(lost)
    checks = [
        _check("samples", not missing, f"{missing} missing", "0 missing"),
        _check("workers", not gone, f"{gone} lost of {len(lost)}", "0 lost"),
        *_generator_checks(looks, median_ms),
    ]
    warned = any("WARNING" in line for line in told) or any(check["word"] != "OK" for check in checks)
    word = "INVALID" if missing or gone else "IN DANGER" if warned else "OK"
    return {"word": word, "checks": checks, "told": list(told), "final": False}


def _generator_checks(workers: Sequence[WorkerLook], median_ms: float | None) -> list[Document]:
    """The worst load generator of the last seconds, next to what the verdict allows."""
    if not workers:
        return []
    busy = max((each.busy_percent for each in workers if each.busy_percent is not None), default=None)
    late = max((each.late_percent for each in workers if each.late_percent is not None), default=None)
    delay_ms = max(each.worst_delay_ms for each in workers)
    dropped = sum(each.dropped for each in workers)
    checks = []
    if busy is not None:
        limit = f"<= {BUSY_PERCENT:g} %"
        checks.append(_check("event loop busy", busy <= BUSY_PERCENT, f"{busy:.0f} %", limit))
    if late is not None:
        told = f"{late:.2g} %, worst {max(each.worst_lag_ms for each in workers):.0f} ms"
        checks.append(_check("late heartbeats", late <= 100 * LATE_SHARE, told, f"<= {100 * LATE_SHARE:g} %"))
    if median_ms is not None:
        allowed = allowed_delay_ms(median_ms)
        told = f"{delay_ms:.3g} ms at worst"
        checks.append(_check("schedule delay", delay_ms <= allowed, told, f"p99 <= {allowed:.3g} ms"))
    if dropped:  # the service's result, as it cannot keep up, and no fault of the measurement
        checks.append(_check("arrivals", True, f"{dropped} dropped", "any: the service does not keep up"))
    return checks


def _check(name: str, fine: bool, measured: str, limit: str) -> Document:
    return {"name": name, "word": "OK" if fine else "IN DANGER", "measured": measured, "limit": limit}


def _validity_at_the_end(judgement: Judgement) -> Document:
    checks = [
        {
            "name": check.name,
            "word": check.verdict.value,
            "measured": check.measured,
            "limit": check.limit,
            "reason": check.reason,
            "remedy": check.remedy,
        }
        for check in judgement.checks
    ]
    return {"word": judgement.validity.value, "checks": checks, "told": [], "final": True}


# --- criteria ------------------------------------------------------------------------------


def criteria_so_far(rules: Sequence[Rule], now: LiveVerdicts, grace: float) -> Document:
    if rules and not now.rules:
        waiting = f"is judged from {grace:.0f} s after the start of the load, in settled hold phases"
        pending = [
            {"name": rule.name, "rule": rule.text, "word": "PENDING", "reason": f"{rule.title} {waiting}"}
            for rule in rules
        ]
        return {"window_s": None, "rules": pending}
    found = [
        {
            "name": each.name,
            "rule": each.rule,
            "word": each.status.value,
            "measured": _estimate_json(each.estimate),
            "target": each.target,
            "critical": each.critical,
            "reason": each.reason,
            "since_s": each.since_s,
        }
        for each in now.rules
    ]
    return {"window_s": now.window_s, "at_s": now.at_s, "rules": found}


def _rule_json(verdict: CriterionVerdict) -> Document:
    return {
        "name": verdict.name,
        "rule": verdict.rule,
        "word": verdict.verdict.value,
        "measured": _estimate_json(verdict.measured),
        "target": verdict.target,
        "critical": verdict.critical,
        "reason": verdict.reason.removesuffix(f": {verdict.verdict}"),
        "remedy": verdict.remedy,
    }


# --- figures -------------------------------------------------------------------------------


def recent_json(latest: Recent) -> Document:
    document = asdict(latest)
    for group in (*document["categories"], *document["names"], *filter(None, [document["overall"]])):
        group["response_ms"] = [_plain(each) for each in group["response_ms"]]
    return document


def _measured(summary: "Summary") -> Document:
    """The exact figures of the measured window, as the report has them."""
    names = sorted(summary.by_name.values(), key=lambda group: -group.requests)
    return {
        "overall": _group_json(summary.overall),
        "categories": [_group_json(group) for group in list(summary.by_category.values())[:MOST_ROWS]],
        "names": [_group_json(group) for group in names[:MOST_ROWS]],
        "more_names": max(len(names) - MOST_ROWS, 0),
        "errors": [
            {"outcome": str(each.outcome), "error": each.error or "", "requests": each.count}
            for each in summary.errors[:MOST_ROWS]
        ],
        "more_errors": max(len(summary.errors) - MOST_ROWS, 0),
    }


def _group_json(group: "Group") -> Document:
    return {
        "name": group.label,
        "requests": group.requests,
        "requests_per_s": group.throughput.value,
        "error_percent": group.error_rate.value,
        "response_ms": [_estimate_json(group.response_time.get(name)) for name in ("p50", "p95", "p99")],
    }


def _component_json(each: "ComponentTime") -> Document:
    return {
        "category": each.category,
        "name": each.component,
        "share_percent": each.share_percent,
        "n": each.duration["mean"].n,
        "mean_ms": each.duration["mean"].value,
        "p50_ms": each.duration["p50"].value,
        "p95_ms": each.duration["p95"].value,
    }


def _estimate_json(estimate: Estimate | None) -> Document | None:
    return None if estimate is None else _plain(estimate.to_json())


def _plain(estimate: Mapping[str, Any]) -> Document:
    """What a page needs of an estimate."""
    document = {name: estimate[name] for name in ("value", "low", "high")}
    finite = {
        name: value if value is not None and math.isfinite(value) else None
        for name, value in document.items()
    }
    return finite | {"n": estimate["n"], "unit": estimate["unit"]}


def without_the_empty_end(chart: Document) -> Document:
    """A chart up to its last request: nothing ends after a run has."""
    requests: list[float] = chart["requests_per_s"]
    cells = next((place + 1 for place in reversed(range(len(requests))) if requests[place]), 0)
    return chart | {
        "requests_per_s": requests[:cells],
        "errors_per_s": chart["errors_per_s"][:cells],
        "p95_ms": [series | {"values": series["values"][:cells]} for series in chart["p95_ms"]],
    }
