"""Checks of the load generator's own health, phase by phase; the worst phase is told."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from harness.analysis import (
    InFlight,
    RequestDataset,
    WorkerPhase,
    in_flight_by_phase,
    schedule_delays_ms,
    worker_phases,
)
from harness.runs import LATE_HEARTBEAT_MS, Manifest
from harness.verdicts._checks import invalid, unchecked, valid
from harness.verdicts._limits import (
    BUSY_PERCENT,
    BUSY_SECONDS,
    DELAY_MS,
    DELAY_SHARE,
    LATE_SHARE,
    LITTLE_SHARE,
    allowed_delay_ms,
)
from harness.verdicts._model import ValidityCheck
from harness.verdicts._relief import relief
from harness.verdicts._words import plain

#: Rows are about a second apart; a longer gap ends a stretch.
_GAP_US = 2_500_000
#: Two stragglers among a few requests are no evidence; from 200 requests on this changes nothing.
_FEWEST_LATE = 3
#: Of phases that are off by exactly what is allowed, one in 2000 may be accused.
_LITTLE_RISK = 0.0005

_UNRECORDED = "the generator did not record it in any measured hold phase"


def check_cpu(manifest: Manifest, data: RequestDataset) -> ValidityCheck:
    """No worker's event loop busy for more than 90 % of 5 s on end.

    It has one CPU at most. Busy is the time in which it ran or waited for a CPU to run on: a
    worker that others keep from running is as far behind as one that computes. Native threads
    beside the loop do not count, since they take none of its time.
    """
    name, limit = "generator CPU", f"<= {BUSY_PERCENT:g} % over any {BUSY_SECONDS} s"
    worst: tuple[int, WorkerPhase] | None = None
    for each in _with_values(data, "cpu_percent"):
        longest = _longest_stretch(each.at_us, each.busy_percent > BUSY_PERCENT)
        if worst is None or longest > worst[0]:
            worst = longest, each
    if worst is None:
        return unchecked(name, limit, _UNRECORDED)
    seconds, where = worst
    if seconds < BUSY_SECONDS:
        return valid(name, f"above it for {seconds} s at most", limit, "no worker was short of CPU")
    busy, used = float(np.nanmean(where.busy_percent)), where.mean("cpu_percent") or 0.0
    waits = f", of which it got {used:.0f} %" if used < busy - 10 else ""
    reason = (
        f"{_place(where)} wanted more than {BUSY_PERCENT:g} % of a CPU for {seconds} s "
        f"({busy:.0f} % in the phase{waits}): its own waiting is in the response times"
    )
    return invalid(
        name, f"above it for {seconds} s", limit, reason, relief(manifest, where.mean("machine_cpu_percent"))
    )


def check_loop_lag(manifest: Manifest, data: RequestDataset) -> ValidityCheck:
    """The 99th percentile of the event loop's lag, per worker, is at most 20 ms.

    That is so exactly when at most 1 % of the heartbeats were later than 20 ms.
    """
    name, limit = "event loop lag", f"p99 <= {LATE_HEARTBEAT_MS:g} ms"
    worst: tuple[float, WorkerPhase] | None = None
    for each in _with_values(data, "heartbeats"):
        beats = each.total("heartbeats")
        share = each.total("heartbeats_late") / beats if beats > 0 else 0.0
        if beats > 0 and (worst is None or share > worst[0]):
            worst = share, each
    if worst is None:
        return unchecked(name, limit, _UNRECORDED)
    share, where = worst
    measured = f"{plain(100 * share)} % of heartbeats later than {LATE_HEARTBEAT_MS:g} ms"
    if share <= LATE_SHARE:
        return valid(name, measured, limit, "the generator's event loop kept up")
    reason = f"{_place(where)}: {measured}, more than 1 %: the generator itself delayed what it measured"
    return invalid(name, measured, limit, reason, relief(manifest, where.mean("machine_cpu_percent")))


def check_schedule_delay(manifest: Manifest, data: RequestDataset) -> ValidityCheck:
    """p99 of sent - intended, of all requests of an open loop, is within its limit in every phase.

    Fewer than three late ones are never evidence: among a few requests, one is above any p99.
    """
    name, limit = "schedule delay", f"p99 <= max({DELAY_MS:g} ms, {100 * DELAY_SHARE:g} % of p50)"
    worst: tuple[float, float, str] | None = None
    requests = 0
    for phase, delays_ms, median_ms in schedule_delays_ms(data):
        allowed, requests = allowed_delay_ms(median_ms), requests + len(delays_ms)
        delay = p99_delay_ms(delays_ms, allowed)
        if worst is None or delay / allowed > worst[0] / worst[1]:
            worst = delay, allowed, phase
    if worst is None:
        return unchecked(name, limit, "no request of a measured hold phase tells when it was sent")
    delay, allowed, phase = worst
    measured = f"p99 {plain(delay)} ms"
    if not requests:
        return valid(name, "none", limit, "a closed loop: every request leaves when its user sends it")
    if delay <= allowed:
        return valid(name, measured, limit, "requests left when they were meant to")
    reason = (
        f"{phase}: {measured} behind the schedule, allowed are {plain(allowed)} ms: the load was not sent"
    )
    return invalid(name, measured, limit, reason, relief(manifest, _machine_percent(data, phase)))


def p99_delay_ms(delays_ms: NDArray[np.float64], allowed_ms: float) -> float:
    """The 99th percentile of delays; the median where it is above `allowed_ms` for want of samples.

    >>> p99_delay_ms(np.array([0.2] * 38 + [50.0] * 2), allowed_ms=5.0)
    0.2
    """
    if not len(delays_ms):
        return 0.0
    enough = int((delays_ms > allowed_ms).sum()) >= _FEWEST_LATE
    p99 = float(np.quantile(delays_ms, 0.99))
    return p99 if enough or p99 <= allowed_ms else float(np.median(delays_ms))


def check_littles_law(manifest: Manifest, data: RequestDataset) -> ValidityCheck:  # noqa: ARG001
    """The number in flight that workers counted agrees within 5 % with what the requests imply.

    By Little's law the mean number in flight is arrival rate x mean time. Over a limited stretch
    that holds exactly for times clipped to it, and then equals the mean number of recorded
    requests in flight. It is taken at the very moments at which workers counted, so that neither
    chance nor load that beats with the counting is in the difference. What it finds: rows that
    are lost or doubled, and clocks that are wrong.

    The difference is a share of the different requests that were counted; the lower end of its
    exact interval has to be above 5 %, so that a phase of a few requests is not accused. One
    within 0.1 ms of a moment, or without an end, may have been in flight or not. Where any
    request is of a user that does not count itself in flight, the two numbers are not of the
    same requests.
    """
    name, limit = "Little's law", f"within {100 * LITTLE_SHARE:g} %"
    codes, labels = data.samples.codes("user_class"), data.samples.labels("user_class")
    nobody = labels.index("") if "" in labels else -1
    others = int(((codes < 0) | (codes == nobody)).sum())
    if others:
        reason = f"{others} requests are of users that do not count themselves in flight, such as HttpUser"
        return unchecked(name, limit, reason)
    phases = in_flight_by_phase(data)
    if not len(data.samples) or not any(max(each.counted, each.most) for each in phases.values()):
        return unchecked(name, limit, "no request was counted in flight")
    off = {phase: littles_law_off(each) for phase, each in phases.items()}
    phase = max(off, key=lambda phase: (off[phase][1] > LITTLE_SHARE, off[phase][0]))
    (share, surely), each = off[phase], phases[phase]
    measured = f"{plain(100 * share)} % off"
    if surely <= LITTLE_SHARE:
        few = share > LITTLE_SHARE
        reason = "too few requests were counted to tell" if few else "in flight were those that were recorded"
        return valid(name, measured, limit, reason)
    reason = (
        f"{phase}: workers counted {each.counted} requests in flight where the recorded ones imply "
        f"{min(max(each.counted, each.fewest), each.most)}: rows are missing or times are wrong"
    )
    return invalid(name, measured, limit, reason, "check the clocks of the workers' machines; run it again")


def littles_law_off(each: InFlight) -> tuple[float, float]:
    """The share by which counted and implied differ, and what it is at least.

    The latter is the lower end of Clopper and Pearson's exact interval (1934), one-sided.

    >>> off, surely = littles_law_off(InFlight(1000, 800, 800, 1000.0))
    >>> off, round(surely, 3)
    (0.2, 0.16)
    """
    nearest = min(max(each.counted, each.fewest), each.most)
    larger = max(each.counted, nearest)
    share = abs(each.counted - nearest) / larger if larger else 0.0
    n = max(each.requests, 1.0)
    return share, float(betaincinv(n * share, n - n * share + 1, _LITTLE_RISK)) if share else 0.0


def _with_values(data: RequestDataset, column: str) -> Iterable[WorkerPhase]:
    known = (each.known(column) for each in worker_phases(data))
    return [each for each in known if len(each.at_us)]


def _machine_percent(data: RequestDataset, phase: str) -> float | None:
    """How busy the machine of the busiest worker was."""
    inside = [each for each in _with_values(data, "machine_cpu_percent") if each.phase == phase]
    return max((each.mean("machine_cpu_percent") or 0.0 for each in inside), default=None)


def _place(where: WorkerPhase) -> str:
    return f"worker {where.worker} in {where.phase}"


def _longest_stretch(at_us: NDArray[np.int64], above: NDArray[np.bool_]) -> int:
    """Seconds of the longest stretch of rows, about one a second, that are above."""
    longest = begin = 0
    previous: int | None = None
    for at, is_above in zip(at_us.tolist(), above.tolist(), strict=True):
        if not is_above:
            previous = None
            continue
        if previous is None or at - previous > _GAP_US:
            begin = at
        longest = max(longest, 1 + round((at - begin) / 1e6))
        previous = at
    return longest
