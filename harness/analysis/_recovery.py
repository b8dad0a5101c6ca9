"""How long the service took to recover from a sudden peak: the same load before and after it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.analysis._dataset import RequestDataset
from harness.analysis._endurance_model import Recovery
from harness.analysis._samples import Samples
from harness.runs import PhaseRecord
from harness.stats import recovery_time

#: A peak has this many times the users of the holds around it, unless the run is a spike.
_PEAK = 2.0
_WITHIN_PERCENT = 25.0


def recovery(data: RequestDataset, phases: Sequence[PhaseRecord], *, is_spike: bool) -> Recovery | None:
    """Of the highest peak between two holds of one and the same load; None where there is none."""
    holds = [phase for phase in phases if phase.kind == "hold"]
    least = 1.0 if is_spike else _PEAK
    peaks = [
        (before, peak, after)
        for before, peak, after in zip(holds, holds[1:], holds[2:], strict=False)
        if before.users == after.users and peak.users > before.users and peak.users >= least * before.users
    ]
    if not peaks:
        return None
    before, peak, after = max(peaks, key=lambda three: three[1].users)
    at_us = data.samples.values("at_us")
    measured = [piece for piece in data.measured.pieces if piece.phase == before.name]
    start_us = measured[0].start_us if measured else before.start_us
    baseline = _times(data.samples.where((at_us >= start_us) & (at_us < before.end_us)))[1]
    # From the first moment of the way down: the load is no longer that of the peak.
    at, values = _times(data.samples.where((at_us >= peak.end_us) & (at_us < after.end_us)))
    watched_s = (after.end_us - peak.end_us) / 1e6
    names = (before.name, peak.name, after.name)
    try:
        found = recovery_time(baseline, (at - peak.end_us) / 1e6, values, within_percent=_WITHIN_PERCENT)
    except ValueError as error:
        return Recovery(*names, watched_s, _WITHIN_PERCENT, None, None, str(error))
    if not np.isfinite(found.limit):
        reason = "more than 5 % of the baseline's requests failed: there is nothing to come back to"
        return Recovery(*names, watched_s, _WITHIN_PERCENT, None, None, reason)
    return Recovery(*names, watched_s, _WITHIN_PERCENT, found.limit, found.time)


def _times(samples: Samples) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """When each request was meant to start, and its response time; infinite where it failed."""
    counted = samples.where(samples.values("counted"))
    times = np.where(counted.values("failed"), np.inf, counted.values("response_ms"))
    return counted.values("at_us"), np.where(np.isnan(times), np.inf, times)
