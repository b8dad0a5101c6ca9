"""Summaries, judgements and manifests as analysis and verdicts hand them over, for tests of the reports.

All figures follow from fixed lognormal distributions without a random generator, so that golden files
do not depend on one.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from statistics import NormalDist
from typing import NamedTuple

from harness.analysis import (
    ComponentTime,
    ErrorGroup,
    Group,
    Histogram,
    LoadStep,
    ServiceResources,
    SlowRequest,
    Summary,
    TimeSeries,
    Totals,
    TrendPoint,
    Window,
    WindowPiece,
)
from harness.errors import ExitCode
from harness.runs import HostRecord, Manifest, PhaseRecord, ScenarioRecord, TargetRecord, WorkerRecord
from harness.stats import Estimate
from harness.verdicts import Criterion, CriterionVerdict, Judgement, Validity, ValidityCheck

RUN_ID = "20261124T063300Z-mixed-4f2a"
HOSTILE = "<script>alert('x')</script>|`rm -rf`\n& </style>"
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
SMALLEST = {"p50": 6, "p90": 36, "p95": 72, "p99": 368, "p99.9": 3688}
MEDIAN_MS = {"simple": 240.0, "moderate": 560.0, "complex": 985.0}
SHARES = {"triage": 9.0, "specialists": 62.0, "debate": 14.0, "synthesis": 13.0, "overhead": 2.0}
STEPS = (("step-1", 5, 12.1), ("step-2", 20, 39.8), ("step-3", 40, 58.3))
START_US = 1_795_501_980_000_000


class Sample(NamedTuple):
    """The arguments of every report function."""

    summary: Summary
    judgement: Judgement
    manifest: Manifest
    trend: tuple[TrendPoint, ...]


def estimate(
    value: float, spread: float, n: int, unit: str, *, least: int = 0, method: str = "linear"
) -> Estimate:
    """A figure whose interval is `spread` to each side, open above where n is under `least`."""
    high = None if n < least else value * (1 + spread)
    warnings = ("n too small",) if high is None else ()
    return Estimate(value, value * (1 - spread), high, n, method, unit, warnings)


def times(median_ms: float, n: int) -> dict[str, Estimate]:
    quantiles = {
        name: estimate(
            median_ms * math.exp(0.28 * NormalDist().inv_cdf(q)),
            0.02 + 0.05 * q,
            n,
            "ms",
            least=SMALLEST[name],
        )
        for name, q in QUANTILES.items()
    }
    return {**quantiles, "mean": estimate(median_ms * math.exp(0.04), 0.02, n, "ms", method="BCa")}


def group(label: str, median_ms: float, n: int, rate: float, errors: int = 0) -> Group:
    ok = n - errors
    rates = {
        "error_rate": Estimate(
            100 * errors / n, 0.6 * 100 * errors / n, 1.5 * 100 * errors / n + 0.1, n, "Wilson", "%"
        ),
        "success_rate": Estimate(100 * ok / n, 100 * ok / n - 0.4, 100 * ok / n, n, "Wilson", "%"),
    }
    return Group(
        label=label,
        requests=n,
        outcomes={"ok": ok, "rejected": errors},
        response_time=times(median_ms, n),
        service_time=times(median_ms * 0.98, n),
        throughput=estimate(rate, 0.03, n, "req/s"),
        per_case={"cost": estimate(0.00214, 0.02, n, "USD"), "llm_calls": estimate(5.3, 0.01, n, "")},
        **rates,
    )


def load_step(name: str, users: int, rate: float) -> LoadStep:
    slow = 1 + users / 60
    n = round(rate * 40)
    parts = {label: group(label, ms * slow, n // 3, rate / 3) for label, ms in MEDIAN_MS.items()}
    return LoadStep(name, users, 40.0, group("all", 520 * slow, n, rate, errors=n // 200), parts)


def components() -> list[ComponentTime]:
    rows = []
    for category, median in MEDIAN_MS.items():
        for name, share in SHARES.items():
            if not (name == "debate" and category == "simple"):
                rows.append(ComponentTime(category, name, True, times(median * share / 100, 500), share))
        for name, share in (("specialist-cardiology", 48.0), ("queue", 6.0), ("decode", 61.0)):
            rows.append(ComponentTime(category, name, False, times(median * share / 100, 500), None))
    return rows


def histogram() -> Histogram:
    edges = [100 * 1.07**i for i in range(51)]

    def counts(median_ms: float) -> list[int]:
        below = [NormalDist().cdf(math.log(edge / median_ms) / 0.28) for edge in edges]
        return [round(1400 * (high - low)) for low, high in pairwise(below)]

    return Histogram(edges, {label: counts(median) for label, median in MEDIAN_MS.items()})


def series(changes: Mapping[int, int], seconds: int = 170) -> TimeSeries:
    """`changes` is from which second on there are how many users."""

    def users(at: int) -> int:
        return [n for since, n in changes.items() if at >= since][-1]

    wave = [1 + 0.08 * math.sin(at / 3) for at in range(seconds)]
    return TimeSeries(
        at_s=[float(at) for at in range(seconds)],
        users=[users(at) for at in range(seconds)],
        throughput_per_s=[round(1.45 * users(at) * wave[at], 2) for at in range(seconds)],
        errors_per_s=[1.0 if at % 37 == 0 else 0.0 for at in range(seconds)],
        p50_ms=[None if at == 0 else 500 * (1 + users(at) / 60) * wave[at] for at in range(seconds)],
        p95_ms=[None if at == 0 else 1250 * (1 + users(at) / 60) * wave[at] for at in range(seconds)],
    )


def resources(users_by_step: Mapping[str, int]) -> list[ServiceResources]:
    """The target tells everything, the simulator has no queue and no memory to tell of."""
    return [
        ServiceResources(name, service, figures)
        for name, users in users_by_step.items()
        for service, figures in (
            (
                "target",
                {
                    "cpu_mean": estimate(2.1 * users, 0.04, 40, "%", method="BCa"),
                    "cpu_max": Estimate(2.6 * users, 2.6 * users, 2.6 * users, 40, "largest", "%"),
                    "memory_max": Estimate(150 * 2**20, 150 * 2**20, 150 * 2**20, 41, "largest", "bytes"),
                    "queue_max": Estimate(3, 3, 3, 41, "largest"),
                },
            ),
            ("inference", {"cpu_mean": estimate(0.8 * users, 0.05, 40, "%", method="BCa")}),
        )
    ]


def slowest() -> list[SlowRequest]:
    return [
        SlowRequest(
            case_id=f"case-{index:04d}" if index else HOSTILE,
            category="complex",
            name="POST /api/cases",
            phase="step-3",
            response_time_ms=3100.0 - 60 * index,
            outcome="degraded" if index == 2 else "ok",
            components_ms={
                **{name: (3040.0 - 60 * index) * share / 100 for name, share in SHARES.items()},
                "specialist-cardiology": 1400.0,
                "total": 3040.0 - 60 * index,
            },
        )
        for index in range(10)
    ]


def criteria(by_category: Mapping[str, Group], top: LoadStep) -> list[CriterionVerdict]:
    return [
        CriterionVerdict(
            "simple_p95", "p95(response_time){category=simple} < 500 ms, critical < 1000 ms",
            "p95 response time (category simple)",
            Criterion.PASS, by_category["simple"].response_time["p95"], "< 500 ms", "< 1000 ms",
            "p95 380 ms [355, 406] < target 500 ms: PASS", "",
        ),
        CriterionVerdict(
            "complex_p95", "p95(response_time){category=complex} < 1550 ms, critical < 3000 ms",
            "p95 response time (category complex)",
            Criterion.WARN, by_category["complex"].response_time["p95"], "< 1550 ms", "< 3000 ms",
            "p95 1561 ms [1456, 1667] straddles target 1550 ms, < critical 3000 ms: WARN",
            "the interval is too wide to decide: about 90000 samples instead of 1400 could",
        ),
        CriterionVerdict(
            "throughput", "throughput{phase=highest} > 50 req/s, critical > 20 req/s",
            "throughput (phase highest)",
            Criterion.PASS, top.group.throughput, "> 50 req/s", "> 20 req/s",
            "throughput 58.3 req/s [56.6, 60] > target 50 req/s: PASS", "",
        ),
        CriterionVerdict(
            "tail", "p99.9(response_time){category=complex} < 4000 ms",
            f"p99.9 response time (category {HOSTILE})",
            Criterion.NO_DATA, by_category["complex"].response_time["p99.9"], "< 4000 ms", None,
            "p99.9 2340 ms [2176, …], n too small: 1400 < 3688: NO DATA",
            "measure longer or with more load: 3688 samples are needed, 1400 were measured",
        ),
    ]  # fmt: skip


def checks() -> list[ValidityCheck]:
    return [
        ValidityCheck(
            "worker CPU", Validity.VALID, "34 % at most", "90 % for 5 s", "No worker was saturated.", ""
        ),
        ValidityCheck("loop lag", Validity.VALID, "p99 3.1 ms", "20 ms", "The event loop kept up.", ""),
        ValidityCheck("samples", Validity.VALID, "0 missing", "0", "All rows arrived.", ""),
        ValidityCheck(
            "service resources",
            Validity.UNCHECKED,
            "no data",
            "none",
            "The target has no /metrics.",
            "Give one.",
        ),
    ]


def manifest() -> Manifest:
    bounds = (
        ("step-1", "hold", 5, 0, 50),
        ("ramp-2", "ramp", 20, 50, 54),
        ("step-2", "hold", 20, 54, 102),
        ("ramp-3", "ramp", 40, 102, 106),
        ("step-3", "hold", 40, 106, 160),
        ("drain", "drain", 0, 160, 170),
    )
    phases = [
        PhaseRecord.model_validate(
            {
                "name": name,
                "kind": kind,
                "users": users,
                "start_us": START_US + start * 1_000_000,
                "end_us": START_US + end * 1_000_000,
            }
        )
        for name, kind, users, start, end in bounds
    ]
    return Manifest(
        run_id=RUN_ID,
        scenario=ScenarioRecord(name="mixed"),
        command=[
            "locust",
            "-f",
            "locustfiles/cases.py,shapes/steps.py",
            "--headless",
            "--host",
            "http://127.0.0.1:8000",
        ],
        mode="distributed",
        versions={"harness": "0.1.0", "locust": "2.47.0", "python": "3.13.1"},
        git_commit="f091000",
        host=HostRecord(name="bench-1", platform="Linux 6.1 x86_64", cpus=2, memory_bytes=25 * 2**30),
        target=TargetRecord(
            url="http://127.0.0.1:8000",
            provider_mode="simulated",
            profile="reference",
            models={"small": "openai/gpt-oss-20b", "large": "openai/gpt-oss-120b"},
            prompts_hash="9d1c",
            version="0.1.0",
        ),
        seed=7,
        workers=[WorkerRecord(index=index, id=f"w{index}", finished=True) for index in range(2)],
        phases=phases,
        stop_reason="shape ended",
        fingerprint="5c0ffee5",
    )


def trend() -> tuple[TrendPoint, ...]:
    return tuple(
        TrendPoint(
            f"202611{day:02d}T063300Z-mixed-00{day}",
            f"2026-11-{day:02d}T06:33:00Z",
            label,
            estimate(
                1.58 * median * (1 + 0.03 * math.sin(day)), 0.06, 40 if day == 20 else 1400, "ms", least=72
            ),
            "PASS",
        )
        for day in range(16, 24)
        for label, median in MEDIAN_MS.items()
    )


def full() -> Sample:
    """Three categories, three steps, PASS, WARN and NO DATA, hostile names, eight earlier runs."""
    by_category = {
        label: group(label, median, 1400, 12.3, errors=7 if label == "complex" else 0)
        for label, median in MEDIAN_MS.items()
    }
    steps = [load_step(*step) for step in STEPS]
    pieces = (
        WindowPiece("step-1", 5, 8.0, 50.0),
        WindowPiece("step-2", 20, 62.0, 102.0),
        WindowPiece("step-3", 40, 114.0, 160.0),
    )
    summary = Summary(
        run_id=RUN_ID,
        scenario="mixed",
        source="run folder",
        exact=True,
        provider="SIMULATED (reference)",
        started_at="2026-11-24T06:33:00Z",
        duration_s=170.0,
        window=Window(
            pieces, ("warm-up: the first 5 s", "settling: the first fifth of each step", "drain: 10 s")
        ),
        totals=Totals(
            5012, 25, 18, 3, {"ok": 4966, "degraded": 18, "rejected": 16, "timeout": 9, "incomplete": 3}
        ),
        overall=group("all", 520, 4200, 36.8, errors=21),
        by_category=by_category,
        by_name={"POST /api/cases": group("POST /api/cases", 520, 4200, 36.8, errors=21)},
        components=components(),
        steps=steps,
        errors=[
            ErrorGroup("POST /api/cases", "rejected", "provider", "429 rate limit", 16),
            ErrorGroup(HOSTILE, "timeout", "service", HOSTILE, 9),
        ],
        histogram=histogram(),
        series=series({0: 5, 52: 20, 104: 40}),
        slowest=slowest(),
        notes=("Costs are computed from configured prices.",),
        resources=resources({name: users for name, users, _ in STEPS}),
    )
    judgement = Judgement(
        validity=Validity.VALID,
        checks=checks(),
        criteria=criteria(by_category, steps[-1]),
        exit_code=ExitCode.CRITERIA,
        headline="1 of 4 criteria had no data; complex cases are near their limit · SIMULATED (reference)",
    )
    return Sample(summary, judgement, manifest(), trend())


def passing() -> Sample:
    """The same run with only its passing rules, and without earlier runs."""
    sample = full()
    rules = [rule for rule in sample.judgement.criteria if rule.verdict is Criterion.PASS]
    judgement = replace(
        sample.judgement, criteria=rules, exit_code=ExitCode.OK, headline="All 2 criteria met, with margin"
    )
    return Sample(sample.summary, judgement, sample.manifest, ())


def invalid() -> Sample:
    """The generator was the bottleneck: nothing may be concluded."""
    sample = full()
    check = ValidityCheck(
        "worker CPU", Validity.INVALID, "98 % for 31 s", "90 % for 5 s",
        "Worker 1 was saturated in step-3, so response times include its own delay.",
        "Add workers: --processes 4, or lower the rate.",
    )  # fmt: skip
    judgement = replace(
        sample.judgement,
        validity=Validity.INVALID,
        checks=[check, *checks()[1:]],
        exit_code=ExitCode.INVALID,
        headline="The load generator was the bottleneck; this run decides nothing",
    )
    return sample._replace(judgement=judgement)
