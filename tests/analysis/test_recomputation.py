"""The summary of a random run equals one computed from the request table with pandas alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.analysis import Group, Summary, summarise
from harness.runs import Run
from tests.support.recorded_runs import START, Row, one_hold, phase, request, span, write_run

ANSWERS = ["ok", "degraded", "invalid_answer"]
OUTCOMES = [*ANSWERS, "rejected", "server_error", "timeout", "incomplete"]
PHASES = [
    phase("ramp-to-5", "ramp", 5, 0, 3),
    phase("5-users", "hold", 5, 3, 33),
    phase("ramp-to-9", "ramp", 9, 33, 35),
    phase("9-users", "hold", 9, 35, 65),
    phase("drain", "drain", 0, 65, 68),
]
#: By hand: a fifth of 30 s is 6 s; the warm-up of 5 s ends before.
WINDOW = {"5-users": (9.0, 33.0), "9-users": (41.0, 65.0)}


def random_rows(n: int) -> list[Row]:
    rng = np.random.default_rng(42)
    rows = []
    for _ in range(n):
        outcome = str(rng.choice(OUTCOMES, p=[0.8, 0.05, 0.03, 0.04, 0.04, 0.02, 0.02]))
        # Half of the incomplete ones were pending for 5 s or longer.
        median = np.log(5000) if outcome == "incomplete" else 6
        took = float(np.round(rng.lognormal(median, 0.5), 3))
        delay = float(np.round(rng.exponential(2.0), 3))
        labels = {"category": str(rng.choice(["simple", "moderate", "complex"])), "outcome": outcome}
        columns = labels | {
            "input_tokens": int(rng.integers(100, 900)),
            "name": str(rng.choice(["/a", "/b"])),
        }
        worker = int(rng.integers(0, 3))
        rows.append(request(float(rng.uniform(0, 66)), took, delay_ms=delay, worker=worker, **columns))
    return rows


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write_run(
        tmp_path_factory.mktemp("runs"), random_rows(3000), phases=PHASES, warm_up_s=5.0, settle_s=None
    )


@pytest.fixture(scope="module")
def summary(run: Run) -> Summary:
    return summarise(run)


def is_unanswered(table: pd.DataFrame) -> "pd.Series[bool]":
    """Incomplete, and pending for 5 s: p99 of the completed ones is below that."""
    pending = (table["done_at"] - table["sent_at"]).dt.total_seconds()
    return (table["outcome"] == "incomplete") & (pending >= 5)


def homes(table: pd.DataFrame) -> "pd.Series[str]":
    """The hold that each request belongs to, by its intended start; else "", or the first it hung in."""
    found = pd.Series("", index=table.index)
    intended, done = ((table[at] - START).dt.total_seconds() for at in ("intended_at", "done_at"))
    for name, (low, high) in WINDOW.items():
        found[(intended >= low) & (intended < high)] = name
    for name, (low, high) in WINDOW.items():
        found[(found == "") & is_unanswered(table) & (intended < high) & (done > low)] = name
    return found


def recompute(table: pd.DataFrame, windows: dict[str, tuple[float, float]]) -> dict[str, float]:
    """Figures of some rows inside some windows (seconds of the run), with pandas and nothing else."""
    done = (table["done_at"] - START).dt.total_seconds()
    inside = homes(table).isin(list(windows))
    ended = pd.concat([(done >= low) & (done < high) for low, high in windows.values()], axis=1).any(axis=1)
    sampled = table[inside & table["outcome"].isin([*ANSWERS, "timeout"])]
    response = (sampled["done_at"] - sampled["intended_at"]).dt.total_seconds() * 1000
    service = (sampled["done_at"] - sampled["sent_at"]).dt.total_seconds() * 1000
    complete = table[inside & (table["outcome"] != "incomplete")]
    counted = table[inside & ((table["outcome"] != "incomplete") | is_unanswered(table))]
    wrong = ~counted["outcome"].isin(["ok", "degraded"])
    seconds = sum(high - low for low, high in windows.values())
    found: dict[str, Any] = {
        "requests": inside.sum(),
        "mean": response.mean(),
        "p50": response.quantile(0.5),
        "p95": response.quantile(0.95),
        "p99.9": response.quantile(0.999),
        "max": response.max(),
        "service p95": service.quantile(0.95),
        "throughput": (ended & table["outcome"].isin(ANSWERS)).sum() / seconds,
        "error rate": 100 * wrong.mean(),
        "success rate": 100 * (counted["outcome"] == "ok").mean(),
        "input tokens": complete["input_tokens"].mean(),
    }
    return {name: float(value) for name, value in found.items()}


def figures(group: Group) -> dict[str, float | None]:
    names = ("mean", "p50", "p95", "p99.9", "max")
    return {
        "requests": float(group.requests),
        **{name: group.response_time[name].value for name in names},
        "service p95": group.service_time["p95"].value,
        "throughput": group.throughput.value,
        "error rate": group.error_rate.value,
        "success rate": group.success_rate.value,
        "input tokens": group.per_case["input_tokens"].value,
    }


def test_overall(run: Run, summary: Summary) -> None:
    assert figures(summary.overall) == pytest.approx(recompute(run.requests(), WINDOW), rel=1e-9)


@pytest.mark.parametrize("category", ["simple", "moderate", "complex"])
def test_by_category(run: Run, summary: Summary, category: str) -> None:
    rows = run.requests().query("category == @category")
    assert figures(summary.by_category[category]) == pytest.approx(recompute(rows, WINDOW), rel=1e-9)


@pytest.mark.parametrize("name", ["/a", "/b"])
def test_by_name(run: Run, summary: Summary, name: str) -> None:
    rows = run.requests().query("name == @name")
    assert figures(summary.by_name[name]) == pytest.approx(recompute(rows, WINDOW), rel=1e-9)


@pytest.mark.parametrize("index", [0, 1])
def test_by_load_step(run: Run, summary: Summary, index: int) -> None:
    step = summary.steps[index]
    expected = recompute(run.requests(), {step.phase: WINDOW[step.phase]})
    assert figures(step.group) == pytest.approx(expected, rel=1e-9)


def test_totals(run: Run, summary: Summary) -> None:
    counts = run.requests()["outcome"].value_counts()
    assert summary.totals.outcomes == counts.sort_index().to_dict()
    unanswered = is_unanswered(run.requests()).sum()
    assert 0 < unanswered < counts["incomplete"]
    assert summary.totals.errors == 3000 - counts[["ok", "degraded", "incomplete"]].sum() + unanswered


def test_the_order_of_rows_does_not_matter(tmp_path: Path, summary: Summary) -> None:
    rows = random_rows(3000)[::-1]
    again = summarise(write_run(tmp_path, rows, phases=PHASES, warm_up_s=5.0, settle_s=None))
    assert again.overall.response_time == summary.overall.response_time
    assert again.overall.throughput == summary.overall.throughput


def test_component_shares_add_up_to_100(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    parts = ("triage", "specialists", "debate", "synthesis", "overhead")
    durations = rng.uniform(1, 100, (40, len(parts)))
    spans = [
        span(row, part, float(value))
        for row, line in enumerate(durations)
        for part, value in zip(parts, line, strict=True)
    ]
    spans += [span(row, "total", float(line.sum())) for row, line in enumerate(durations)]
    rows = [request(0.4 * index) for index in range(40)]
    summary = summarise(write_run(tmp_path, rows, spans=spans, phases=one_hold()))
    shares = {c.component: c.share_percent for c in summary.components if c.additive}
    assert sum(share or 0 for share in shares.values()) == pytest.approx(100.0)
    expected = 100 * durations.mean(axis=0) / durations.sum(axis=1).mean()
    assert shares == pytest.approx(dict(zip(parts, expected, strict=True)))
