"""From a request's id to its row in the request table."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.runs import REQUEST_ID_BITS


class RowIndex:
    """Finds the rows of request ids. An id that occurs twice is its first row's."""

    def __init__(self, ids: NDArray[np.uint64]) -> None:
        worker = (ids >> np.uint64(REQUEST_ID_BITS)).astype(np.int64)
        sequence = (ids & np.uint64((1 << REQUEST_ID_BITS) - 1)).astype(np.int64)
        workers = int(np.max(worker)) + 1 if len(ids) else 0
        self._length = np.zeros(workers, np.int64)
        np.maximum.at(self._length, worker, sequence + 1)
        self._first = np.concatenate(([0], np.cumsum(self._length)))
        self._dense = int(self._first[-1]) <= 8 * len(ids) + 1024
        if self._dense:
            # Workers number their requests from 0, so that an id says where to look.
            self._rows = np.full(int(self._first[-1]) + 1, -1, np.int32)
            place = self._first[worker] + sequence
            self._rows[place[::-1]] = np.arange(len(ids) - 1, -1, -1, dtype=np.int32)
        else:
            self._order = np.argsort(ids, kind="stable")
            self._ids = ids[self._order]

    def __call__(self, ids: NDArray[np.uint64]) -> NDArray[Any]:
        """The row of each id, -1 for one that no row has."""
        return self._by_place(ids) if self._dense else self._by_search(ids)

    def _by_place(self, ids: NDArray[np.uint64]) -> NDArray[Any]:
        worker = int(ids[0]) >> REQUEST_ID_BITS if len(ids) else 0
        base = worker << REQUEST_ID_BITS
        if worker < len(self._length) and base <= int(np.min(ids, initial=base)):
            # Batches are of one worker each, so that most often all ids are of one stretch.
            sequence = (ids - np.uint64(base)).astype(np.int64)
            if int(np.max(sequence, initial=-1)) < int(self._length[worker]):
                return self._rows[self._first[worker] :][sequence]
        return self._of_many_workers(ids)

    def _of_many_workers(self, ids: NDArray[np.uint64]) -> NDArray[Any]:
        worker = (ids >> np.uint64(REQUEST_ID_BITS)).astype(np.int64)
        sequence = (ids & np.uint64((1 << REQUEST_ID_BITS) - 1)).astype(np.int64)
        known = worker < len(self._length)
        worker = np.where(known, worker, 0)
        if len(self._length):
            known &= sequence < self._length[worker]
        # The last place is nobody's and holds -1.
        return self._rows[np.where(known, self._first[worker] + sequence, -1)]

    def _by_search(self, ids: NDArray[np.uint64]) -> NDArray[Any]:
        place = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return np.where(self._ids[place] == ids, self._order[place], -1)
