"""Whether an open loop asked for the arrivals that were planned, and started those that were due."""

import math

from harness.analysis import Arrivals, RequestDataset, arrivals_by_phase
from harness.runs import Manifest
from harness.verdicts._checks import invalid, unchecked, valid
from harness.verdicts._limits import ADD_A_WORKER, RATE_SHARE
from harness.verdicts._model import ValidityCheck
from harness.verdicts._words import plain

#: Standard deviations of a Poisson count that chance is granted on top of the limit.
_CHANCE_Z = 3.29
#: Arrivals at the edges of what is looked at may be counted on one side only.
_EDGE = 3


def check_rate(manifest: Manifest, data: RequestDataset) -> ValidityCheck:
    """Arrivals due are within 2 % of those planned, and all but 2 % of those due were started.

    Planned is what the users of a phase ask for together. A Poisson stream varies by chance, which
    is granted on top. Arrivals that were dropped because the cap of requests in flight was full
    are the service's result: they are told, and nobody is accused of them.
    """
    name, limit = "achieved rate", f"within {100 * RATE_SHARE:g} %"
    phases = arrivals_by_phase(data)
    if not phases:
        return _closed_loop(name, limit, data)
    if not any(each.started for each in phases) and any(each.due > each.dropped for each in phases):
        return unchecked(
            name, limit, "arrivals sent their requests through another client than the harness's"
        )
    planned = {phase.name: phase.arrivals_per_s for phase in manifest.phases}
    found = ((_missed(each), _unplanned(each, planned.get(each.phase))) for each in phases)
    troubles = [trouble for pair in found for trouble in pair if trouble]
    if troubles:
        off, reason, remedy = max(troubles)
        return invalid(name, f"{plain(100 * off)} % off", limit, reason, remedy)
    dropped, due = sum(each.dropped for each in phases), sum(each.due for each in phases)
    reason = "arrivals were due as planned, and those that were due were started"
    if not any(planned.get(each.phase) for each in phases):
        reason = "the arrivals that were due were started; how many were planned was not recorded"
    if dropped:
        reason += (
            f"; {dropped} of {due} were dropped because the cap of requests in flight was full, "
            "which is the service's result"
        )
    off = max(abs(_shortfall(each)) / max(each.due, 1) for each in phases)
    return valid(name, f"{plain(100 * off)} % off", limit, reason)


def _closed_loop(name: str, limit: str, data: RequestDataset) -> ValidityCheck:
    if not len(data.generator):
        return unchecked(name, limit, "the generator did not record it in any measured hold phase")
    return valid(name, "no rate asked for", limit, "a closed loop: users and answers set the rate")


def _shortfall(each: Arrivals) -> int:
    return each.due - each.dropped - each.started


def _missed(each: Arrivals) -> tuple[float, str, str] | None:
    missed = _shortfall(each)
    if missed <= max(RATE_SHARE * each.due, _EDGE):
        return None
    reason = (
        f"{each.phase}: of {each.due} arrivals that were due, {missed} never sent a request: "
        "the generator did not get to them, or their tasks failed before"
    )
    return missed / each.due, reason, f"{ADD_A_WORKER}; where tasks raised, locust_exceptions.csv says what"


def _unplanned(each: Arrivals, planned: float | None) -> tuple[float, str, str] | None:
    if not planned or not each.complete:
        return None
    off = abs(each.rate_per_s - planned)
    if off <= max(RATE_SHARE * planned, _CHANCE_Z * math.sqrt(planned / each.seconds)):
        return None
    reason = (
        f"{each.phase}: {plain(each.rate_per_s)} arrivals/s were due where {plain(planned)} were planned: "
        "the load was not what the phase says"
    )
    return off / planned, reason, f"{ADD_A_WORKER}; or look whether all users were spawned and kept"
