"""The latency samples in the order of time, and how many independent ones a group of them is worth.

A slow second makes all of its requests slow, so that samples under sustained load tell less than as many
independent ones. Dependence is looked for within each measured piece, since a step of the load is no
dependence; what the pieces are worth adds up.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis._quantities import quantile_of
from harness.analysis._samples import Samples, has_flag, time_between
from harness.analysis._sorted import blocks
from harness.analysis._table import NO_TIME
from harness.stats import effective_ns

#: A piece, a category and a name, as codes; None is any.
_Part = tuple[int, int | None, int | None]


class TimeOrder:
    """The latency samples of the measured window by the moment at which they were meant to start."""

    def __init__(self, samples: Samples) -> None:
        self._placed = samples.placed
        self._took_us: dict[str, NDArray[Any]] = {}
        self._found: dict[tuple[str, _Part], tuple[int, ...]] = {}

    @cached_property
    def rows(self) -> NDArray[np.int32]:
        """Their numbers in the request table. What was meant for one moment is in the order of its end."""
        placed, columns = self._placed, self._placed.columns
        rows = np.flatnonzero((placed.piece >= 0) & has_flag(placed.flags, "latency")).astype(np.int32)
        at = columns.at_us[rows]
        order = np.argsort(at, kind="stable").astype(np.int32)
        rows, at = rows[order], at[order]
        same = np.flatnonzero(at[1:] == at[:-1])
        if len(same):
            tied = np.union1d(same, same + 1)
            rows[tied] = rows[tied][np.lexsort((columns.done_us[rows[tied]], at[tied]))]
        return rows

    def pieces(self, indices: Sequence[int]) -> Iterator[slice]:
        """Where the samples of each of some pieces stand in `rows`."""
        for index in indices:
            yield slice(self._edges[index], self._edges[index + 1])

    def took_us(self, column: str) -> NDArray[Any]:
        """A time between two moments of each of `rows`, whole microseconds; -1 where it is not known."""
        if column not in self._took_us:
            start, end = (self._moment(moment) for moment in time_between(column))
            took = np.empty(len(self.rows), np.int64)
            for block in blocks(len(took)):
                first, last = start[self.rows[block]], end[self.rows[block]]
                known = (first != NO_TIME) & (last != NO_TIME)
                took[block] = np.where(known, np.maximum(last - first, 0), -1)
            narrow = int(np.max(took, initial=0)) < 2**31
            self._took_us[column] = took.astype(np.int32) if narrow else took
        return self._took_us[column]

    def worth(
        self,
        column: str,
        statistics: Sequence[str],
        indices: Sequence[int],
        category: int | None = None,
        name: int | None = None,
    ) -> dict[str, int]:
        """By statistic (quantiles and `mean` of them) the effective n of a group."""
        wanted = [word for word in statistics if word == "mean" or quantile_of(word) is not None]
        qs = [quantile_of(word) for word in wanted]
        parts = [self._of_part(column, qs, (index, category, name)) for index in indices]
        return {word: sum(part[place] for part in parts) for place, word in enumerate(wanted)}

    def worth_of(
        self, column: str, statistic: str, indices: Sequence[int], wanted: NDArray[np.bool_]
    ) -> int | None:
        """The effective n of the wanted requests (a mask over the table); None for other statistics."""
        q = quantile_of(statistic)
        if q is None and statistic != "mean":
            return None
        took = self.took_us(column)
        return sum(
            effective_ns(own[own >= 0], (q,))[0]
            for piece in self.pieces(indices)
            for own in (took[piece][wanted[self.rows[piece]]],)
        )

    def _of_part(self, column: str, qs: Sequence[float | None], part: _Part) -> tuple[int, ...]:
        key = (column, part)
        if key not in self._found:
            index, category, name = part
            (piece,) = self.pieces((index,))
            own, rows = self.took_us(column)[piece], self.rows[piece]
            kept = own >= 0
            for word, code in (("category", category), ("name", name)):
                if code is not None:
                    kept &= self._placed.columns.words[word].codes[rows] == code
            self._found[key] = effective_ns(own if kept.all() else own[kept], qs)
        return self._found[key]

    def _moment(self, name: str) -> NDArray[np.int64]:
        columns = self._placed.columns
        if name in ("first_byte_at", "first_token_at"):
            return columns.moment(name)
        return np.asarray(getattr(columns, name))

    @cached_property
    def _edges(self) -> list[int]:
        piece = self._placed.piece[self.rows]
        edges: list[int] = np.searchsorted(piece, np.arange(len(self._placed.batches.pieces) + 1)).tolist()
        return edges
