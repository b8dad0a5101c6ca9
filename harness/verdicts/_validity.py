"""Whether a measurement can be believed: one check per thing that could make it worthless.

Checks of the load are per measured hold phase (ramps are never judged) and report the worst one. A
check without its data is UNCHECKED. The run is INVALID if any check is; VALID if no check is and
all essential ones are VALID; else UNCHECKED.
"""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.analysis import Dataset, RequestDataset
from harness.runs import Cause, Manifest, Outcome, Run, RunSource, RunState, process_is_alive
from harness.verdicts._checks import valid as _valid
from harness.verdicts._generator import check_cpu, check_littles_law, check_loop_lag, check_schedule_delay
from harness.verdicts._limits import REPORT_S
from harness.verdicts._model import Validity, ValidityCheck
from harness.verdicts._rate import check_rate


@dataclass(slots=True, frozen=True)
class _Named:
    """A check; without the essential ones a run cannot be called valid."""

    essential: bool
    check: Callable[[Manifest, RequestDataset], ValidityCheck]


def judge_validity(run: Run, dataset: Dataset | None = None) -> list[ValidityCheck]:
    """All checks of one run, in a fixed order; `dataset` spares reading the tables again."""
    if run.source is RunSource.LOCUST_CSV:
        return [_stock_csvs()]
    data = dataset or Dataset.from_run(run)
    if not isinstance(data, RequestDataset):
        return [_stock_csvs()]
    return [named.check(run.manifest, data) for named in _CHECKS]


def overall_validity(checks: Sequence[ValidityCheck]) -> Validity:
    """One word for all checks."""
    if any(check.verdict is Validity.INVALID for check in checks):
        return Validity.INVALID
    essential = [check for check in checks if check.name in _ESSENTIAL]
    if essential and all(check.verdict is Validity.VALID for check in essential):
        return Validity.VALID
    return Validity.UNCHECKED


def _stock_csvs() -> ValidityCheck:
    return ValidityCheck(
        "generator health",
        Validity.UNCHECKED,
        "nothing",
        "CPU, event loop, lost samples",
        "stock Locust CSVs do not tell how the load generator was doing",
        "record a run folder: load the harness's locustfile, or use `harness run`",
    )


def _sealed(manifest: Manifest, data: RequestDataset) -> ValidityCheck:  # noqa: ARG001 - one signature
    if manifest.state is RunState.SEALED:
        return _valid("run sealed", "sealed", "sealed", "the run ended in order")
    reason = "the run is still going on, or its process died: what came after the last write is unknown"
    remedy = "run it again; what killed it is in the log of the Locust process"
    # A pid tells something only on the machine that gave it.
    if manifest.pid > 0 and manifest.host.name == platform.node():
        if process_is_alive(manifest.pid):
            reason = "the run is still going on: figures are of what was written until now"
            remedy = "wait until it has ended"
        else:
            reason = (
                f"its process died: what it had not yet received is lost, at most {REPORT_S} s of the load, "
                "and what came after is unknown"
            )
    return ValidityCheck("run sealed", Validity.INVALID, str(manifest.state), "sealed", reason, remedy)


def _samples_complete(manifest: Manifest, data: RequestDataset) -> ValidityCheck:
    missing, limit = manifest.samples_missing, "0 missing"
    if not missing:
        return _valid("samples", "0 missing", limit, "every request that a worker recorded arrived")
    return ValidityCheck(
        "samples",
        Validity.INVALID,
        f"{missing} missing of {len(data.samples) + missing}",
        limit,
        f"{missing} recorded requests never reached the master: percentiles could be of the lucky ones",
        "look for lost workers and network trouble between workers and master; run it again",
    )


def _workers(manifest: Manifest, data: RequestDataset) -> ValidityCheck:  # noqa: ARG001 - one signature
    lost = [worker for worker in manifest.workers if worker.lost]
    measured, limit = f"{len(lost)} lost of {len(manifest.workers)}", "0 lost"
    if not lost:
        return _workers_that_came_back(manifest, measured, limit)
    names = ", ".join(worker.id for worker in lost)
    return ValidityCheck(
        "workers",
        Validity.INVALID,
        measured,
        limit,
        f"lost during the run: {names}; the load was not what the phases say, and the last requests of "
        f"each, of at most {REPORT_S} s, are in no figure",
        "look in the worker's log for why it died (memory, a kill, the network); run it again",
    )


def _workers_that_came_back(manifest: Manifest, measured: str, limit: str) -> ValidityCheck:
    away = [worker for worker in manifest.workers if worker.away_s]
    if not away:
        return _valid("workers", measured, limit, "every worker stayed to the end")
    names = ", ".join(f"{worker.id} for {worker.away_s:.0f} s" for worker in away)
    return ValidityCheck(
        "workers",
        Validity.INVALID,
        f"{measured}, {len(away)} out of reach for a time",
        limit,
        f"out of reach, and then back: {names}; meanwhile others had its users too, and the load was not "
        "what the phases say",
        "look for what held the worker up (a pause, swapping) or cut it off (the network); run it again",
    )


def _requests(manifest: Manifest, data: RequestDataset) -> ValidityCheck:
    """A service that answers nothing is a finding, which criteria judge; too short a look is none."""
    limit, whole = "1 or more", data.whole
    unanswered = int(whole.flagged("unanswered").sum())
    ended, sent = int(whole.flagged("counted").sum()) - unanswered, int(whole.inside.sum())
    if ended:
        return _valid("requests", f"{ended}", limit, "requests ended in the measured window")
    if unanswered:
        reason = f"the service answered none of {sent} requests in the time it had: the criteria judge that"
        return _valid("requests", f"0 of {sent} answered", limit, reason)
    if not data.measured.pieces:
        reason = "the measured window is empty: no hold phase is longer than warm-up and settling"
        remedy = f"hold the load longer than the warm-up of {manifest.scenario.warm_up_s:g} s, or shorten it"
    elif sent:
        reason = f"the service answered none of {sent} requests, and none was pending long enough to blame it"
        remedy = "hold the load for longer than a request takes"
    else:
        reason = f"no request ended in the measured window ({len(data.samples)} in the whole run)"
        remedy = "check that users were spawned and that the target answers within the hold phases"
    return ValidityCheck("requests", Validity.INVALID, "0", limit, reason, remedy)


def _connections(manifest: Manifest, data: RequestDataset) -> ValidityCheck:  # noqa: ARG001 - one signature
    """A machine that has no descriptor, port or memory left for a connection measures itself."""
    failed = data.samples.count_of(outcome=Outcome.CONNECTION_ERROR, cause=Cause.GENERATOR)
    measured, limit = f"{failed} not made", "0 not made"
    if not failed:
        return _valid("connections", measured, limit, "the generator could make every connection it needed")
    return ValidityCheck(
        "connections",
        Validity.INVALID,
        measured,
        limit,
        f"{failed} requests were not sent: the load generator had no file descriptor, port or memory left",
        "raise the limit of open files (ulimit -n) on the workers, or add a worker",
    )


_CHECKS = (
    _Named(True, _sealed),
    _Named(True, _samples_complete),
    _Named(True, _workers),
    _Named(True, _requests),
    _Named(False, _connections),
    _Named(True, check_cpu),
    _Named(True, check_loop_lag),
    _Named(False, check_schedule_delay),
    _Named(False, check_rate),
    _Named(False, check_littles_law),
)
_ESSENTIAL = frozenset({"run sealed", "samples", "workers", "requests", "generator CPU", "event loop lag"})
