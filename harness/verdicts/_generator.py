"""Checks of the load generator's own health, phase by phase."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis import NO_TIME, RequestDataset, moments
from harness.runs import LATE_HEARTBEAT_MS, Manifest
from harness.stats import in_flight_at
from harness.verdicts._model import Validity, ValidityCheck
from harness.verdicts._words import plain

if TYPE_CHECKING:
    import pandas as pd

_CPU_PERCENT = 90.0
_CPU_SECONDS = 5
#: Rows are about a second apart; a longer gap ends a stretch.
_GAP_US = 2_500_000
_LATE_SHARE = 0.01
_DELAY_MS = 5.0
_DELAY_SHARE = 0.05
_LITTLE_SHARE = 0.05
_LITTLE_FEWEST = 20

_UNRECORDED = "the generator did not record it in any measured hold phase"
_RELIEVE = "use more workers, or put them on another machine than the target"


def check_cpu(manifest: Manifest, data: RequestDataset) -> ValidityCheck:  # noqa: ARG001 - one signature
    """No worker above 90 % of one CPU for 5 s on end, since a Locust process has only one."""
    name, limit = "generator CPU", f"<= {_CPU_PERCENT:g} % over any {_CPU_SECONDS} s"
    worst: tuple[int, str] | None = None
    for phase, worker, rows in _per_worker(data, "cpu_percent"):
        longest = _longest_stretch(moments(rows["at"]), rows["cpu_percent"].to_numpy() > _CPU_PERCENT)
        worst = max(worst or (0, ""), (longest, f"worker {worker} in {phase}"))
    if worst is None:
        return _unchecked(name, limit, _UNRECORDED)
    seconds, where = worst
    if seconds < _CPU_SECONDS:
        return _valid(name, f"above it for {seconds} s at most", limit, "no worker was short of CPU")
    reason = f"{where} was above {_CPU_PERCENT:g} % for {seconds} s: its own waiting is in the response times"
    return _invalid(name, f"above it for {seconds} s", limit, reason, _RELIEVE)


def check_loop_lag(manifest: Manifest, data: RequestDataset) -> ValidityCheck:  # noqa: ARG001 - one signature
    """The 99th percentile of the event loop's lag, per worker, is at most 20 ms.

    That is so exactly when at most 1 % of the heartbeats were later than 20 ms.
    """
    name, limit = "event loop lag", f"p99 <= {LATE_HEARTBEAT_MS:g} ms"
    worst: tuple[float, str] | None = None
    for phase, worker, rows in _per_worker(data, "heartbeats"):
        beats = float(rows["heartbeats"].sum())
        if beats > 0:
            share = float(rows["heartbeats_late"].sum()) / beats
            worst = max(worst or (0.0, ""), (share, f"worker {worker} in {phase}"))
    if worst is None:
        return _unchecked(name, limit, _UNRECORDED)
    share, where = worst
    measured = f"{plain(100 * share)} % of heartbeats later than {LATE_HEARTBEAT_MS:g} ms"
    if share <= _LATE_SHARE:
        return _valid(name, measured, limit, "the generator's event loop kept up")
    reason = f"{where}: {measured}, more than 1 %: the generator itself delayed what it measured"
    return _invalid(name, measured, limit, reason, _RELIEVE)


def check_schedule_delay(manifest: Manifest, data: RequestDataset) -> ValidityCheck:  # noqa: ARG001
    """p99 of sent - intended is at most max(5 ms, 5 % of the phase's median response time)."""
    name, limit = "schedule delay", f"p99 <= max({_DELAY_MS:g} ms, {100 * _DELAY_SHARE:g} % of p50)"
    worst: tuple[float, float, str] | None = None
    for index, piece in enumerate(data.measured.pieces):
        rows = data.in_pieces((index,))
        at, sent = rows.frame["at_us"].to_numpy(), rows.frame["sent_us"].to_numpy()
        known = rows.inside & (at != NO_TIME) & (sent != NO_TIME)
        if not known.any():
            continue
        delay = float(np.quantile((sent[known] - at[known]) / 1000, 0.99))
        times = rows.values("response_ms")
        allowed = max(_DELAY_MS, _DELAY_SHARE * float(np.median(times)) if len(times) else 0.0)
        worst = max(
            worst or (0.0, 1.0, ""), (delay, allowed, piece.phase), key=lambda item: item[0] / item[1]
        )
    if worst is None:
        return _unchecked(name, limit, "no request of a measured hold phase tells when it was sent")
    delay, allowed, phase = worst
    measured = f"p99 {plain(delay)} ms"
    if delay <= allowed:
        return _valid(name, measured, limit, "requests left when they were meant to")
    reason = (
        f"{phase}: {measured} behind the schedule, allowed are {plain(allowed)} ms: the load was not sent"
    )
    return _invalid(name, measured, limit, reason, _RELIEVE)


def check_littles_law(manifest: Manifest, data: RequestDataset) -> ValidityCheck:  # noqa: ARG001
    """The number in flight that workers counted agrees within 5 % with what the requests imply.

    By Little's law the mean number in flight is arrival rate x mean time. Over a limited stretch
    that holds exactly for times clipped to it, and then equals the mean number of recorded
    requests in flight. It is taken at the very moments at which workers counted, so that load that
    beats with the counting does not matter. What it finds: rows that are lost or doubled, and
    clocks that are wrong. Where any request is of a user that does not count itself in flight, the
    two numbers are not of the same requests. One without an end may have been in flight or not.
    """
    name, limit = "Little's law", f"within {100 * _LITTLE_SHARE:g} %"
    others = int((data.samples["user_class"].isna() | data.samples["user_class"].eq("")).sum())
    if others:
        reason = f"{others} requests are of users that do not count themselves in flight, such as HttpUser"
        return _unchecked(name, limit, reason)
    worst: tuple[float, int, int, str] | None = None
    for phase, (counted, fewest, most) in _in_flight_by_phase(data).items():
        nearest = min(max(counted, fewest), most)
        if len(data.samples) and max(counted, nearest) >= _LITTLE_FEWEST:
            off = abs(counted - nearest) / max(counted, nearest)
            worst = max(worst or (0.0, 0, 0, ""), (off, counted, nearest, phase))
    if worst is None:
        return _unchecked(name, limit, "too few requests were counted in flight")
    off, counted, nearest, phase = worst
    measured = f"{plain(100 * off)} % off"
    if off <= _LITTLE_SHARE:
        return _valid(name, measured, limit, "as many requests were in flight as the recorded ones imply")
    reason = (
        f"{phase}: workers counted {counted} requests in flight where the recorded ones imply {nearest}: "
        "rows are missing or times are wrong"
    )
    return _invalid(name, measured, limit, reason, "check the clocks of the workers' machines; run it again")


def _per_worker(data: RequestDataset, column: str) -> Iterator[tuple[str, int, "pd.DataFrame"]]:
    """Phase, worker and the generator's rows that have a value in a column, in the order of time."""
    generator = data.generator
    if column not in generator or not len(generator):
        return
    known = generator[generator[column].notna()].sort_values("at")
    piece = data.measured.locate(moments(known["at"]))
    inside = piece >= 0
    known = known[inside].assign(piece=piece[inside])
    for index, measured in enumerate(data.measured.pieces):
        for worker, rows in known[known["piece"] == index].groupby("worker"):
            yield measured.phase, int(str(worker)), rows


def _in_flight_by_phase(data: RequestDataset) -> dict[str, tuple[int, int, int]]:
    """Sums over a phase's moments: counted in flight, and the fewest and the most that rows imply."""
    sums: dict[str, tuple[int, int, int]] = {}
    for phase, worker, rows in _per_worker(data, "in_flight"):
        own = data.samples[data.samples["worker"].to_numpy() == worker]
        fewest, most = _in_flight(own, moments(rows["at"]))
        before = sums.get(phase, (0, 0, 0))
        sums[phase] = before[0] + int(rows["in_flight"].sum()), before[1] + fewest, before[2] + most
    return sums


def _in_flight(rows: "pd.DataFrame", at_us: NDArray[np.int64]) -> tuple[int, int]:
    """Requests in flight, summed over moments: of those that have an end, and of all."""
    sent, done = rows["sent_us"].to_numpy(), rows["done_us"].to_numpy()
    begun, ended = sent != NO_TIME, (sent != NO_TIME) & (done != NO_TIME)
    fewest, most = (int(in_flight_at(sent[known], done[ended], at_us).sum()) for known in (ended, begun))
    return fewest, most


def _longest_stretch(at_us: NDArray[np.int64], above: NDArray[np.bool_]) -> int:
    """Most consecutive rows, about a second each, that are above."""
    longest = current = 0
    previous = None
    for at, is_above in zip(at_us.tolist(), above.tolist(), strict=True):
        joined = previous is not None and at - previous <= _GAP_US
        current = (current + 1 if joined else 1) if is_above else 0
        longest = max(longest, current)
        previous = at
    return longest


def _valid(name: str, measured: str, limit: str, reason: str) -> ValidityCheck:
    return ValidityCheck(name, Validity.VALID, measured, limit, reason, "")


def _invalid(name: str, measured: str, limit: str, reason: str, remedy: str) -> ValidityCheck:
    return ValidityCheck(name, Validity.INVALID, measured, limit, reason, remedy)


def _unchecked(name: str, limit: str, reason: str) -> ValidityCheck:
    remedy = "run with the harness's own users and plugin, and hold phases long enough to look at"
    return ValidityCheck(name, Validity.UNCHECKED, "not recorded", limit, reason, remedy)
