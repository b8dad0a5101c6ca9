"""While a run goes on: is the load generator about to measure itself?

The limits of the validity verdict, on the last seconds of every worker instead of on a whole phase.
Each problem of a worker is told once. Little's law is left to the verdict, which has all rows.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from harness.runs import LATE_HEARTBEAT_MS, Manifest
from harness.verdicts import BUSY_PERCENT, BUSY_SECONDS, LATE_SHARE, allowed_delay_ms, relief

#: How many looks, one a second, are looked back on for the lines, and how many are kept for a hold.
_LOOKS = 10
_KEPT = 300
#: So many lines are kept.
_LINES = 50
#: So few late arrivals are no evidence.
_FEWEST_LATE = 3


@dataclass(slots=True, frozen=True)
class _Look:
    """What one second of a worker told."""

    at_us: int
    busy_percent: float
    beats: int
    late_beats: int
    worst_lag_ms: float
    due: int
    late: int
    dropped: int
    worst_delay_ms: float
    machine_percent: float | None


class GeneratorWatch:
    """Keeps the last seconds of every worker, in constant memory."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._looks: dict[int, deque[_Look]] = {}
        self._told: set[tuple[int | None, str]] = set()
        self._lines: list[str] = []

    def take(self, rows: pa.RecordBatch) -> None:
        """Rows of the generator table, as they arrive."""
        for row in rows.to_pylist():
            looks = self._looks.setdefault(row["worker"], deque(maxlen=_KEPT))
            busy = row["loop_busy_percent"]
            looks.append(
                _Look(
                    at_us=int(row["at"].timestamp() * 1e6),
                    busy_percent=(row["cpu_percent"] if busy is None else busy) or 0.0,
                    beats=row["heartbeats"] or 0,
                    late_beats=row["heartbeats_late"] or 0,
                    worst_lag_ms=row["loop_lag_ms"] or 0.0,
                    due=row["arrivals_due"] or 0,
                    late=row["late"] or 0,
                    dropped=row["dropped"] or 0,
                    worst_delay_ms=row["schedule_delay_ms"] or 0.0,
                    machine_percent=row["machine_cpu_percent"],
                )
            )

    def news(self, since_us: int | None, median_ms: float | None, missing: int = 0) -> list[str]:
        """A line for each problem that was not told before.

        Looks from before `since_us` are of a ramp or of a load that had not settled; None while
        nothing is to be judged. `median_ms` is the response time, `missing` counts lost samples.
        """
        found: list[tuple[int | None, str, str]] = []
        if missing:
            found.append((None, "samples", f"WARNING {missing} samples are missing: the run will be INVALID"))
        for worker, all_kept in sorted(self._looks.items()):
            kept = list(all_kept)[-_LOOKS:]
            looks = [look for look in kept if since_us is not None and look.at_us >= since_us]
            if len(looks) >= BUSY_SECONDS:
                found += [(worker, what, text) for what, text in self._problems(worker, looks, median_ms)]
        new = [(key, text) for *key, text in found if tuple(key) not in self._told]
        self._told.update((who, what) for who, what, _ in found)
        self._lines += (text for _, text in new[: _LINES - len(self._lines)])
        return [text for _, text in new]

    def trouble(self, since_us: int, median_ms: float | None) -> str:
        """What makes a hold that is measured since then INVALID, of the first worker that has it; else empty.

        Looks of before it are left out, and each tells of the second before it.
        """
        for worker, kept in sorted(self._looks.items()):
            looks = [look for look in kept if look.at_us >= since_us + 1_000_000]
            if (what := _trouble(looks, median_ms)) is not None:
                return f"worker {worker}: {what}"
        return ""

    @property
    def told(self) -> tuple[str, ...]:
        """The lines so far, the first of them where there are many."""
        return tuple(self._lines)

    def _problems(
        self, worker: int, looks: list[_Look], median_ms: float | None
    ) -> Iterator[tuple[str, str]]:
        begin = f"WARNING worker {worker}: "
        busiest = min(look.busy_percent for look in looks[-BUSY_SECONDS:])
        if busiest > BUSY_PERCENT:
            told = f"event loop busy ({busiest:.0f} % > {BUSY_PERCENT:g} % for {BUSY_SECONDS} s)"
            yield "busy", f"{begin}{told}: {self._relief(looks)}"
        beats, late = sum(look.beats for look in looks), sum(look.late_beats for look in looks)
        if beats and late / beats > LATE_SHARE:
            worst = max(look.worst_lag_ms for look in looks)
            told = f"event loop late (p99 > {LATE_HEARTBEAT_MS:g} ms, worst {worst:.0f} ms)"
            yield "late", f"{begin}{told}: {self._relief(looks)}"
        if median_ms is not None and _behind(looks, allowed := allowed_delay_ms(median_ms)):
            worst = max(look.worst_delay_ms for look in looks)
            told = f"behind its schedule (p99 > {allowed:.3g} ms, worst {worst:.0f} ms)"
            yield "schedule", f"{begin}{told}: {self._relief(looks)}"
        if dropped := sum(look.dropped for look in looks):
            told = f"{dropped} arrivals dropped in {len(looks)} s, too many requests are in flight"
            yield "dropped", f"NOTE worker {worker}: {told}: the service does not keep up"

    def _relief(self, looks: list[_Look]) -> str:
        known = [look.machine_percent for look in looks if look.machine_percent is not None]
        return relief(self._manifest, sum(known) / len(known) if known else None)


def _trouble(looks: list[_Look], median_ms: float | None) -> str | None:
    """As the verdict judges a whole hold. A single late second is enough where it has 1 % of the arrivals."""
    in_a_row = longest = 0
    for look in looks:
        in_a_row = in_a_row + 1 if look.busy_percent > BUSY_PERCENT else 0
        longest = max(longest, in_a_row)
    if longest >= BUSY_SECONDS:
        return f"event loop busy for {longest} s"
    beats, late_beats = sum(look.beats for look in looks), sum(look.late_beats for look in looks)
    if beats and late_beats / beats > LATE_SHARE:
        return f"event loop late, {max(look.worst_lag_ms for look in looks):.0f} ms at worst"
    allowed_ms = allowed_delay_ms(median_ms or 0.0)
    late = sum(look.late for look in looks if look.worst_delay_ms > allowed_ms)
    if late >= _FEWEST_LATE and late / max(sum(look.due for look in looks), 1) > LATE_SHARE:
        return f"arrivals late, {max(look.worst_delay_ms for look in looks):.0f} ms at worst"
    return None


def _behind(looks: list[_Look], allowed_ms: float) -> bool:
    """Whether p99 of the delay is above what is allowed, as far as counts per second tell.

    Late arrivals are counted from 5 ms on; where more is allowed, several seconds must show it.
    """
    due, late = sum(look.due for look in looks), sum(look.late for look in looks)
    above = sum(look.worst_delay_ms > allowed_ms for look in looks)
    return late >= _FEWEST_LATE and late / max(due, 1) > LATE_SHARE and above >= _FEWEST_LATE
