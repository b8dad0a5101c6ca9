"""Equal stretches of the measured window, by which the spread of throughput is told."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis._window import Piece
from harness.stats import Estimate, rate, rate_from_batches

_MOST_BATCHES = 10
_FEWEST_BATCHES = 5
_FEWEST_EVENTS = 30


class Batches:
    """Each piece cut into ten batches, but none shorter than 1 s; numbered through, piece by piece."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        sizes = [max(min(_MOST_BATCHES, int(piece.seconds)), 1) for piece in pieces]
        self._first = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
        self._sizes = sizes

    def locate(self, at_us: NDArray[np.int64]) -> NDArray[np.int32]:
        """Number of the batch that each moment lies in, -1 for none."""
        edges, number = self._edges
        return number[np.searchsorted(edges, at_us, side="right")]

    def piece_of(self, number: NDArray[np.int32]) -> NDArray[np.int16]:
        """Index of the piece that each numbered batch is of, -1 for none."""
        owners = np.repeat(np.arange(len(self.pieces)), self._sizes)
        return np.append(owners, -1).astype(np.int16)[number]

    @property
    def total(self) -> int:
        """How many batches there are."""
        return int(self._first[-1])

    def counts(self, number: NDArray[Any]) -> NDArray[np.int64]:
        """How many of the numbers are of each batch."""
        return np.bincount(number[number >= 0], minlength=self.total)

    def rate(self, counts: NDArray[np.int64], indices: Sequence[int]) -> Estimate:
        """Events per second in some of the pieces, given the counts of all batches.

        The interval is by batch means where every piece is 5 s or longer and 30 events were
        counted; else the exact Poisson interval.
        """
        strata = [counts[self._first[index] : self._first[index + 1]] for index in indices]
        seconds = sum(self.pieces[index].seconds for index in indices)
        fewest = min((int(self.pieces[index].seconds) for index in indices), default=0)
        events = int(sum(stratum.sum() for stratum in strata))
        if fewest < _FEWEST_BATCHES or events < _FEWEST_EVENTS:
            return rate(events, seconds)
        return rate_from_batches(strata, seconds)

    @cached_property
    def _edges(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Where batches begin and pieces end, in rising order; and the number that holds before and after."""
        edges: list[float] = []
        number = [-1]
        for piece, size, first in zip(self.pieces, self._sizes, self._first.tolist(), strict=False):
            bounds = np.linspace(piece.start_us, piece.end_us, size + 1).tolist()
            edges += bounds
            number += [*range(first, first + size), -1]
        return np.array(edges), np.array(number, dtype=np.int32)
