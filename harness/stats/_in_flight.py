"""How many requests were in flight, from their own start and end times."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def in_flight_at(starts: ArrayLike, ends: ArrayLike, at: ArrayLike) -> NDArray[np.int64]:
    """Number in flight at each of some moments: start <= at < end. All in one unit of time.

    `ends` may be shorter than `starts`, and in any order: what never ended is still in flight.

    >>> in_flight_at([0, 5], [10, 20], [-1, 5, 10, 20]).tolist()
    [0, 2, 1, 0]
    """
    begun = np.searchsorted(np.sort(np.asarray(starts)), at, side="right")
    ended = np.searchsorted(np.sort(np.asarray(ends)), at, side="right")
    return np.asarray(begun - ended, dtype=np.int64)
