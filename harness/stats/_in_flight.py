"""How many requests were in flight, from their own start and end times."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def in_flight_at(starts: ArrayLike, ends: ArrayLike, at: ArrayLike) -> NDArray[np.int64]:
    """Number in flight at each of some moments: start <= at < end. All in one unit of time.

    `ends` may be shorter than `starts`, and in any order: what never ended is still in flight.

    >>> in_flight_at([0, 5], [10, 20], [-1, 5, 10, 20]).tolist()
    [0, 2, 1, 0]
    """
    moments = np.asarray(at)
    order = np.argsort(moments, kind="stable")
    # Few moments, many requests: each request is put before the first moment that it counts at.
    ordered, counts = moments[order], np.zeros(len(moments), dtype=np.int64)
    for sign, times in ((1, starts), (-1, ends)):
        first = np.searchsorted(ordered, np.asarray(times))
        counts += sign * np.bincount(first, minlength=len(moments) + 1)[: len(moments)]
    found = np.empty(len(moments), dtype=np.int64)
    found[order] = np.cumsum(counts)
    return found
