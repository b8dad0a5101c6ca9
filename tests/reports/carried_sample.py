"""The full sample as a run of six loads, with all that a run can tell of load and time.

Capacity with what saturates first and how throughput scales, a warm-up that lasted too long, drift of a
long hold, recovery from a peak, components by load, errors by cause.
"""

from dataclasses import replace
from itertools import accumulate

from harness.analysis import (
    Capacity,
    ComponentStep,
    DriftFigure,
    LoadStep,
    Recovery,
    Resource,
    Saturation,
    WarmUpCheck,
    Window,
    WindowPiece,
    warm_up_note,
)
from harness.analysis._capacity import load_levels
from harness.errors import ExitCode
from harness.runs import Manifest, PhaseRecord
from harness.stats import Estimate, Scalability, slo_capacity
from harness.verdicts import CapacityVerdict, Criterion, CriterionVerdict, LevelVerdict
from tests.reports.samples import (
    MEDIAN_MS,
    RUN_ID,
    SHARES,
    START_US,
    Sample,
    estimate,
    full,
    group,
    resources,
    series,
)

#: Users, req/s, errors. Contention and coherency bend the throughput; from 40 users on the slots are taken.
LEVELS = ((5, 12.1, 0), (10, 23.4, 0), (20, 39.8, 2), (30, 51.2, 6), (40, 58.3, 31), (60, 59.1, 160))
HOLD_S = 30


def carried() -> Sample:
    """WARN on the capacity; two quantities drift, one does not, one cannot be told."""
    sample = full()
    steps = [_step(f"step-{place}", *level) for place, level in enumerate(LEVELS, start=1)]
    pieces = _window().pieces
    check = WarmUpCheck(
        phase="step-1", configured_s=5.0, lasted_s=11.2, n=300,
        before=estimate(268.0, 0.02, 300, "ms"), after=estimate(251.0, 0.02, 240, "ms"), method="MSER-5",
    )  # fmt: skip
    summary = replace(
        sample.summary,
        steps=steps,
        window=_window(),
        capacity=Capacity("users", load_levels(RUN_ID, steps, "users"), _scaling(), "users", "", _limit()),
        component_steps=_component_steps(),
        series=series({round(each.start_s) - 10: each.users for each in pieces}, 210),
        resources=resources({step.phase: step.users for step in steps}),
        duration_s=210.0,
        warm_up=check,
        drifts=_drifts(),
        recovery=Recovery(
            "step-1",
            "step-6",
            "step-7",
            40.0,
            25.0,
            1116.0,
            Estimate(12.5, 8.0, 17.0, 900, "first window", "s"),
        ),
        notes=(*sample.summary.notes, *warm_up_note(check)),
    )
    judgement = replace(
        sample.judgement,
        criteria=[*sample.judgement.criteria[:1], _carries()],
        capacity=_verdict(steps),
        exit_code=ExitCode.OK,
        headline="1 of 2 criteria met, 1 near its limit · SIMULATED (reference)",
    )
    return Sample(summary, judgement, _manifest(sample.manifest), sample.trend)


def _step(name: str, users: int, rate: float, errors: int) -> LoadStep:
    slow = 1 + (users / 45) ** 2
    n = round(rate * HOLD_S)
    parts = {label: group(label, ms * slow, n // 3, rate / 3) for label, ms in MEDIAN_MS.items()}
    whole = group("all", 520 * slow, n, rate, errors=errors)
    causes = {"provider": errors - errors // 8, "service": errors // 8}
    return LoadStep(
        name,
        users,
        float(HOLD_S),
        whole,
        parts,
        errors_by_cause={cause: n for cause, n in causes.items() if n},
    )


def _window() -> Window:
    starts = accumulate([10.0, *(HOLD_S + 4.0 for _ in LEVELS[1:])])
    pieces = tuple(
        WindowPiece(f"step-{place}", users, start, start + HOLD_S)
        for place, ((users, *_), start) in enumerate(zip(LEVELS, starts, strict=True), start=1)
    )
    return Window(pieces, ("warm-up: the first 5 s", "settling: the first fifth of each step"))


def _manifest(made: Manifest) -> Manifest:
    phases = [
        PhaseRecord(
            name=piece.phase,
            kind="hold",
            users=piece.users,
            start_us=START_US + round(1e6 * piece.start_s),
            end_us=START_US + round(1e6 * piece.end_s),
        )
        for piece in _window().pieces
    ]
    return made.model_copy(update={"phases": phases})


def _component_steps() -> list[ComponentStep]:
    """All grows with load, the specialists' time by the wait for a slot."""
    return [
        ComponentStep(f"step-{place}", users, category, name, estimate(ms, 0.03, 300, "ms"))
        for place, (users, *_) in enumerate(LEVELS, start=1)
        for category, median in MEDIAN_MS.items()
        for name, share in SHARES.items()
        if not (name == "debate" and category == "simple")
        for ms in [median * share / 100 * (1 + (users / (45 if name == "specialists" else 90)) ** 2)]
    ]


def _limit() -> Saturation:
    return Saturation(
        Resource.PROVIDER_SLOTS,
        40.0,
        "provider decode slots, from 40 users on",
        (
            "a call waited 310 ms for a slot at 40 users, 2 ms at 5 users",
            "the target used 84 % of one CPU at most",
        ),
        ("target concurrency limit",),
    )


def _scaling() -> Scalability:
    """Of the law with lambda 2.5, sigma 0.01, kappa 0.0003: the peak is sqrt(0.99 / 0.0003)."""

    def fitted(value: float, spread: float, unit: str = "") -> Estimate:
        return estimate(value, spread, len(LEVELS), unit, method="Universal Scalability Law")

    return Scalability(
        rate_of_one=fitted(2.5, 0.04, "req/s"),
        contention=fitted(0.01, 0.4),
        coherency=fitted(0.0003, 0.2),
        peak_load=fitted(57.4, 0.08),
        peak_throughput=fitted(56.5, 0.03, "req/s"),
        knee=fitted(22.6, 0.05),
        r_squared=0.987,
        n=len(LEVELS),
        method="Universal Scalability Law, least squares",
        warnings=(),
    )


def _verdict(steps: list[LoadStep]) -> CapacityVerdict:
    """Up to 20 users all holds, 30 cannot be told, beyond it does not."""
    meets = {5: True, 10: True, 20: True, 30: None}
    levels = tuple(
        LevelVerdict(
            RUN_ID,
            step.phase,
            meets.get(step.users, False),
            () if step.users <= 30 else ("error_rate", "complex_p95"),
            ("complex_p95",) if step.users == 30 else (),
        )
        for step in steps
    )
    slo = slo_capacity([(step.users, found.meets) for step, found in zip(steps, levels, strict=True)])
    return CapacityVerdict(slo, steps[2].group.throughput, levels)


def _carries() -> CriterionVerdict:
    return CriterionVerdict(
        "carries", "slo_capacity >= 25, critical >= 10", "load at which the criteria hold",
        Criterion.WARN, Estimate(20.0, 20.0, 40.0, 6, "levels", "users"), ">= 25", ">= 10",
        "capacity 20 users [20, 40] straddles target 25, > critical 10: WARN",
        "see the capacity for which criterion it is that gives way, and what saturates first",
    )  # fmt: skip


def _drifts() -> list[DriftFigure]:
    def drift(quantity: str, of: str, verdict: str, start: Estimate, percent: float, p: float) -> DriftFigure:
        unit = "points" if quantity == "error rate" else "%"
        change = Estimate(percent, percent - 3, percent + 3, 900, "slope", unit)
        return DriftFigure(quantity, of, "step-1", 5400.0, start, change, p, verdict)

    return [
        drift("p95 response time", "simple", "steady", estimate(251.0, 0.02, 900, "ms"), 0.4, 0.61),
        drift("p95 response time", "complex", "grows", estimate(1003.0, 0.02, 900, "ms"), 12.5, 2e-6),
        drift("error rate", "all", "steady", estimate(0.2, 0.5, 900, "%"), 0.02, 0.83),
        drift("memory", "target", "grows", estimate(157.0, 0.01, 900, "MB"), 30.2, 1e-9),
        DriftFigure(
            "memory", "inference", "step-1", 5400.0, None, None, None,
            "too little data", "told 2 times, 10 are needed",
        ),
    ]  # fmt: skip
