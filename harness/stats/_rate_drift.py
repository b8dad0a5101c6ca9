"""Whether failures become more frequent over a long run, however rare they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.stats._estimate import Estimate
from harness.stats._rates import proportion

_SLICES = 20
_FEWEST_REQUESTS = 100


@dataclass(slots=True, frozen=True)
class RateDrift:
    """`first` and `last` are the rates of the first and the last third, in percent."""

    first: Estimate
    last: Estimate
    p_value: float
    n: int
    events: int


def rate_drift(events: ArrayLike) -> RateDrift:
    """Kendall's tau between time and rate; `events` is true where a request failed, in order of time.

    The requests are cut into 20 slices of equal numbers, whose rates are compared in pairs: a burst
    of failures is one slice or two, and not as many pieces of evidence as it has failures. Assumes that
    what makes one slice bad (an outage) does not last for several. Raises ValueError for fewer than 100
    requests.

    >>> late = np.arange(3000) % 20 == 0  # 5 % of the second half, none of the first
    >>> late[:1500] = False
    >>> d = rate_drift(late)
    >>> d.first.value, d.last.value, d.p_value < 0.001
    (0.0, 5.0, True)
    """
    from scipy.stats import kendalltau

    failed = np.asarray(events, dtype=np.bool_).ravel()
    if failed.size < _FEWEST_REQUESTS:
        raise ValueError(f"a drift of a rate needs {_FEWEST_REQUESTS} requests or more, not {failed.size}")
    rates = np.array([part.mean() for part in np.array_split(failed, _SLICES)])
    third = failed.size // 3
    ends = [proportion(int(part.sum()), part.size) for part in (failed[:third], failed[-third:])]
    p_value = 1.0
    if failed.any() and not failed.all():
        p_value = float(kendalltau(np.arange(_SLICES), rates).pvalue)
    return RateDrift(ends[0], ends[1], p_value, int(failed.size), int(failed.sum()))
