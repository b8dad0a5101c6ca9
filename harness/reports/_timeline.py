"""Which stretches of a run were left out of the measured window, and a series thin enough to draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.analysis import TimeSeries, Window
from harness.runs import Manifest

#: More points than this per line are not seen on any screen and only make the file larger.
MAX_POINTS = 600


@dataclass(slots=True, frozen=True)
class Excluded:
    """A stretch outside the measured window: `word` is warm-up, ramp, settle or drain."""

    word: str
    start_s: float
    end_s: float


def excluded_stretches(window: Window, manifest: Manifest, end_s: float) -> list[Excluded]:
    """The complement of the measured window in [0, end_s], cut at phase boundaries and named."""
    kinds = _phase_kinds(manifest)
    stretches: list[Excluded] = []
    at = 0.0
    for piece in [*sorted(window.pieces, key=lambda piece: piece.start_s), None]:
        until = piece.start_s if piece else end_s
        if until - at > 0.5:
            stretches += _named(at, until, kinds, first=at == 0.0)
        if piece:
            at = max(at, piece.end_s)
    return stretches


def _phase_kinds(manifest: Manifest) -> list[tuple[float, float, str]]:
    if not manifest.phases:
        return []
    start_us = min(phase.start_us for phase in manifest.phases)
    return [((p.start_us - start_us) / 1e6, (p.end_us - start_us) / 1e6, p.kind) for p in manifest.phases]


def _named(start: float, end: float, kinds: list[tuple[float, float, str]], *, first: bool) -> list[Excluded]:
    """One gap, cut where ramps and drains begin and end; the rest is warm-up or settling."""
    cuts = sorted({start, end, *(t for a, b, _ in kinds for t in (a, b) if start < t < end)})
    parts = []
    for a, b in pairwise(cuts):
        middle = (a + b) / 2
        kind = next((kind for low, high, kind in kinds if low <= middle < high), None)
        default = "warm-up" if first else "settle"
        parts.append(Excluded(kind if kind in {"ramp", "drain"} else default, a, b))
    return parts


def thin(series: TimeSeries, max_points: int = MAX_POINTS) -> tuple[TimeSeries, int]:
    """At most `max_points` points, and how many seconds each stands for.

    Users and rates are means over equal seconds, which is exact for rates. A percentile is the
    highest of its seconds: percentiles must never be averaged.
    """
    every = -(-len(series.at_s) // max_points) or 1
    if every == 1:
        return series, 1
    starts = range(0, len(series.at_s), every)
    return (
        TimeSeries(
            at_s=[series.at_s[i] for i in starts],
            users=[_last(series.users[i : i + every]) for i in starts],
            throughput_per_s=[_mean(series.throughput_per_s[i : i + every]) for i in starts],
            errors_per_s=[_mean(series.errors_per_s[i : i + every]) for i in starts],
            p50_ms=[_highest(series.p50_ms[i : i + every]) for i in starts],
            p95_ms=[_highest(series.p95_ms[i : i + every]) for i in starts],
        ),
        every,
    )


def _last(values: Sequence[int | None]) -> int | None:
    return next((value for value in reversed(values) if value is not None), None)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _highest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
