"""Whether the warm-up lasted longer than what the scenario leaves out, by the samples themselves."""

import math

import numpy as np
from numpy.typing import NDArray

from harness.analysis._dataset import RequestDataset
from harness.analysis._model import WarmUpCheck
from harness.stats import warm_up

#: More samples than this are averaged in stretches first: what takes seconds shows in them as well.
_MOST = 20_000
_COLUMN = "response_ms"


def warm_up_check(data: RequestDataset) -> WarmUpCheck | None:
    """MSER-5 over the first measured phase; None where it has too few samples to tell.

    None as well where the shape has its holds measured whole: no warm-up is left out by its own wish.

    Each response time is taken relative to the mean of its category, so that the mix of cases is not
    mistaken for a change, and multiplied by the mean of all. A change in the second half of the phase
    is no warm-up, and is left to the drift of the run. See `harness.stats.warm_up`.
    """
    if not data.measured.pieces or data.run.manifest.scenario.whole_holds:
        return None
    piece = data.measured.pieces[0]
    at_us, ms = _series(data)
    if not len(ms):
        return None
    every = math.ceil(len(ms) / _MOST)
    kept = len(ms) // every * every
    found = warm_up(ms[:kept].reshape(-1, every).mean(axis=1), unit="ms")
    if found.warnings and not found.matters:  # too few
        return None
    lasted = None
    if found.matters and found.steady:
        lasted = float(at_us[found.discard * every] - data.measured.origin_us) / 1e6
    return WarmUpCheck(
        phase=piece.phase,
        configured_s=data.run.manifest.scenario.warm_up_s,
        lasted_s=lasted,
        n=len(ms),
        before=found.before,
        after=found.after,
        method=f"{found.method} over the response times of {piece.phase}, each relative to its category",
    )


def warm_up_note(check: WarmUpCheck | None) -> tuple[str, ...]:
    """What there is to do about it, in a sentence; nothing where the warm-up was long enough."""
    if check is None or check.lasted_s is None:
        return ()
    note = (
        f"the service was still warming up: response times came to rest {check.lasted_s:.1f} s after the "
        f"start, and {check.configured_s:g} s are left out, so {check.phase} has both in its figures; "
        f"set warm_up_s = {math.ceil(check.lasted_s)} in the scenario"
    )
    return (note,)


def _series(data: RequestDataset) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """When the samples of the first piece were meant to start, and how long they took."""
    (first,) = data.order.pieces((0,))
    took, rows = data.order.took_us(_COLUMN)[first], data.order.rows[first]
    known = took >= 0
    rows, ms = rows[known], took[known] / 1000
    label = data.samples.placed.columns.words["category"].codes[rows].astype(np.int64) + 1
    sums, counts = np.bincount(label, ms), np.bincount(label)
    means = sums / np.maximum(counts, 1)
    relative = ms / np.where(means[label] > 0, means[label], 1.0)
    whole = float(ms.mean()) if len(ms) else 0.0
    return data.samples.placed.columns.at_us[rows], relative * whole
