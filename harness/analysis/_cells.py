"""The measured window cut into cells by piece, category and name: what every group is put together from.

Each request is looked at once, however many groups it is in. Within a cell times are sorted, so that
a group's samples are a few sorted stretches.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.analysis._samples import Samples, has_flag, time_between
from harness.analysis._sorted import Sorted, blocks
from harness.analysis._table import NO_TIME
from harness.analysis._time_order import TimeOrder
from harness.stats import BOOTSTRAP_UP_TO, Estimate, Moments, Stretches, mean, mean_of_many, proportion

_FLAG_BYTES = 256


class Cells:
    """All cells of a run; `part` gives those of a group."""

    def __init__(self, samples: Samples, order: TimeOrder | None = None) -> None:
        self.order = order or TimeOrder(samples)
        placed = samples.placed
        self._placed, self._columns = placed, placed.columns
        category, name = (placed.columns.words[word] for word in ("category", "name"))
        self._shape = (len(placed.batches.pieces) + 1, len(category.labels) + 1, len(name.labels) + 1)
        label = category.codes.astype(np.int32)
        label += 1
        label *= self._shape[2]
        label += name.codes
        label += 1
        code = label + (placed.piece.astype(np.int32) + 1) * (self._shape[1] * self._shape[2])
        present = np.flatnonzero(np.bincount(code, minlength=int(np.prod(self._shape))))
        #: Piece, category and name of each cell, as codes; -1 for none.
        self._keys = np.array(np.unravel_index(present, self._shape)) - 1
        present = present[self._keys[0] >= 0]
        self._keys = self._keys[:, self._keys[0] >= 0]
        number = np.full(int(np.prod(self._shape)), -1, np.min_scalar_type(-1 - len(present)))
        number[present] = np.arange(len(present))
        self._cell = number[code]
        self._number_moments: dict[str, list[Moments]] = {}
        self._count(label)

    def part(
        self, indices: Sequence[int] | None = None, category: int | None = None, name: int | None = None
    ) -> "Part":
        """The samples in some pieces, of a category and of a name (as codes); None is all."""
        whole = range(len(self._placed.batches.pieces))
        chosen = np.ones(self._keys.shape[1], dtype=bool)
        labels = np.ones(self._shape[1:], dtype=bool)
        if indices is not None:
            chosen &= np.isin(self._keys[0], indices)
        if category is not None:
            chosen &= self._keys[1] == category
            labels &= (np.arange(self._shape[1]) == category + 1)[:, None]
        if name is not None:
            chosen &= self._keys[2] == name
            labels &= np.arange(self._shape[2]) == name + 1
        return Part(
            self,
            tuple(whole if indices is None else indices),
            np.flatnonzero(chosen),
            labels.ravel(),
            category,
            name,
        )

    def labels(self, word: str) -> tuple[str, ...]:
        return self._columns.words[word].labels

    @cached_property
    def response(self) -> Sorted:
        """Response times of latency samples."""
        return self._times("response_ms")

    @cached_property
    def service(self) -> Sorted:
        """Service times of latency samples; the response times themselves where the loop is closed."""
        closed = np.array_equal(self._columns.at_us, self._columns.sent_us)
        return self.response if closed else self._times("service_ms")

    def numbers(self, column: str, cells: NDArray[np.intp]) -> NDArray[np.float64]:
        """A column of numbers of the samples that ended, in some cells; for groups that are small."""
        rows = np.concatenate([np.zeros(0, np.int32), *(self._ended_rows.parts[cell] for cell in cells)])
        values = self._columns.number(column)[rows].astype(np.float64)
        return np.asarray(values[~np.isnan(values)])

    def moments(self, column: str) -> list[Moments]:
        """By cell, the moments of a column of numbers over the samples that ended."""
        if column not in self._number_moments:
            n, sums = self._sums(column, None)
            means = sums / np.maximum(n, 1)
            _, squares = self._sums(column, means)
            self._number_moments[column] = [
                Moments(*each) for each in zip(n.tolist(), means.tolist(), squares.tolist(), strict=True)
            ]
        return self._number_moments[column]

    def _sums(
        self, column: str, means: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """How many numbers, and their sum; that of their squared distances from `means`, if given."""
        numbers, cells = self._columns.number(column), self._keys.shape[1]
        n, sums = np.zeros(cells, np.int64), np.zeros(cells)
        for block in blocks(len(numbers)):
            values = numbers[block].astype(np.float64)
            kept = self._ended(block) & ~np.isnan(values)
            cell, values = self._cell[block][kept], values[kept]
            weights = values if means is None else (values - means[cell]) ** 2
            n += np.bincount(cell, minlength=cells)
            sums += np.bincount(cell, weights, cells)
        return n, sums

    def _count(self, label: NDArray[np.int32]) -> None:
        """Requests by cell and flags and by cell and outcome; completions by batch and label."""
        cells, outcome = self._keys.shape[1], self._columns.words["outcome"]
        kinds, batches = len(outcome.labels) + 1, self._placed.batches.total
        sizes = (cells * _FLAG_BYTES, cells * kinds, self._shape[1] * self._shape[2] * batches)
        tables = [np.zeros(size, np.int64) for size in sizes]
        for block in blocks(len(self._cell)):
            inside = self._cell[block] >= 0
            cell, flags = self._cell[block][inside].astype(np.int64), self._placed.flags[block]
            done = (self._placed.batch[block] >= 0) & has_flag(flags, "completed")
            codes = (
                cell * _FLAG_BYTES + flags[inside],
                cell * kinds + (outcome.codes[block][inside].astype(np.int64) + 1),
                label[block][done].astype(np.int64) * batches + self._placed.batch[block][done],
            )
            for table, code in zip(tables, codes, strict=True):
                np.add(table, np.bincount(code, minlength=len(table)), out=table)
        self.flags = tables[0].reshape(cells, _FLAG_BYTES)
        self.outcomes = tables[1].reshape(cells, kinds)
        self.completed = tables[2].reshape(self._shape[1] * self._shape[2], batches)

    def _times(self, column: str) -> Sorted:
        start, end = (getattr(self._columns, moment) for moment in time_between(column))
        cells, us, n = np.empty(len(start), self._cell.dtype), np.empty(len(start), np.int64), 0
        for block in blocks(len(start)):
            kept = (self._cell[block] >= 0) & has_flag(self._placed.flags[block], "latency")
            kept &= (start[block] != NO_TIME) & (end[block] != NO_TIME)
            took = (end[block] - start[block])[kept]
            us[n : n + len(took)], cells[n : n + len(took)] = took, self._cell[block][kept]
            n += len(took)
        return Sorted.whole(us[:n], cells[:n], self._keys.shape[1], 1000)

    def _ended(self, block: slice) -> NDArray[np.bool_]:
        flags = self._placed.flags[block]
        ended = has_flag(flags, "counted") & ~has_flag(flags, "unanswered")
        return np.asarray(ended & (self._cell[block] >= 0))

    @cached_property
    def _ended_rows(self) -> Sorted:
        rows = np.flatnonzero(self._ended(slice(None)))
        return Sorted.whole(rows, self._cell[rows], self._keys.shape[1])


@dataclass(slots=True, frozen=True)
class Part:
    """The cells of one group.

    `indices` are the pieces, `labels` the categories and names chosen, and `category` and `name` their codes.
    """

    cells: Cells
    indices: tuple[int, ...]
    chosen: NDArray[np.intp]
    labels: NDArray[np.bool_]
    category: int | None = None
    name: int | None = None

    @property
    def requests(self) -> int:
        return int(self.cells.outcomes[self.chosen].sum())

    @property
    def outcomes(self) -> dict[str, int]:
        """How often each outcome occurs, in the order of their names; `nan` is none."""
        counts = self.cells.outcomes[self.chosen].sum(axis=0).tolist()
        named = zip(("nan", *self.cells.labels("outcome")), counts, strict=True)
        return {name: n for name, n in sorted(named) if n}

    @property
    def response(self) -> Stretches:
        """Response times of the latency samples, ms."""
        return self.cells.response.of(self.chosen.tolist())

    @property
    def service(self) -> Stretches:
        """Service times of the latency samples, ms."""
        return self.cells.service.of(self.chosen.tolist())

    def worth(self, column: str, statistics: Sequence[str]) -> dict[str, int]:
        """How many independent samples the times are worth, by statistic; see `TimeOrder`."""
        return self.cells.order.worth(column, statistics, self.indices, self.category, self.name)

    def mean(self, column: str, unit: str) -> Estimate | None:
        """The mean of a column of numbers over the samples that ended; None where none has one."""
        moments = self.cells.moments(column)
        whole = Moments.together(moments[cell] for cell in self.chosen.tolist())
        if whole.n <= BOOTSTRAP_UP_TO:
            return mean(self.cells.numbers(column, self.chosen), unit=unit) if whole.n else None
        return mean_of_many(whole.n, whole.mean, math.sqrt(whole.squares / (whole.n - 1)), unit=unit)

    def share(self, flag: str) -> Estimate:
        """Samples with a flag, in percent of all that ended or are unanswered."""
        return proportion(self._flagged(flag), self._flagged("counted"))

    @property
    def throughput(self) -> Estimate:
        """Completed requests per second, with an interval as `Batches.rate` has it."""
        batches = self.cells._placed.batches
        return batches.rate(self.cells.completed[self.labels].sum(axis=0), self.indices)

    def _flagged(self, flag: str) -> int:
        by_flags = self.cells.flags[self.chosen].sum(axis=0)
        return int(by_flags[has_flag(np.arange(_FLAG_BYTES, dtype=np.uint8), flag)].sum())
