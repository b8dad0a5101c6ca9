"""Counts by label set in constant memory: a fixed number of sets is kept, whatever comes later is `other`.

A whole batch of rows is counted in a few NumPy calls, so that its cost hardly grows with its rows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

OTHER = "other"

#: A label is cut to so many characters.
LABEL_LENGTH = 120

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Labels = tuple[str, ...]


class LabelSets:
    """Numbers for label sets in the order in which they came; at most `at_most` of their own.

    A set that comes later is counted as one whose labels are `other`, but for the last `kept` labels:
    those have few values by nature. `folded` counts the rows that this befell.
    """

    def __init__(self, at_most: int, kept: int = 0) -> None:
        self._at_most = at_most
        self._kept = kept
        self._numbers: dict[Labels, int] = {}
        self._own = 0
        self.folded = 0

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def known(self) -> tuple[Labels, ...]:
        """The sets by their number."""
        return tuple(self._numbers)

    def numbers(self, columns: Sequence["Column"]) -> Ints:
        """The number of each row's set. There must be a row."""
        code = _coded(columns)
        combinations = math.prod(len(column.words) for column in columns)
        if combinations > 2 * len(code):  # sorting is slow, but a table of all would be larger
            distinct, code = np.unique(code, return_inverse=True)
            rows = np.bincount(code)
        else:
            rows = np.bincount(code, minlength=combinations)
            distinct = np.arange(combinations)
        numbers = np.zeros(len(distinct), dtype=np.int64)
        for place in np.flatnonzero(rows).tolist():
            numbers[place] = self._number(_decoded(int(distinct[place]), columns), int(rows[place]))
        found: Ints = numbers[code]
        return found

    def _number(self, labels: Labels, rows: int) -> int:
        number = self._numbers.get(labels)
        if number is not None:
            return number
        if self._own < self._at_most:
            self._own += 1
        else:
            self.folded += rows
            free = len(labels) - self._kept
            labels = (OTHER,) * free + labels[free:]
        return self._numbers.setdefault(labels, len(self._numbers))


@dataclass(slots=True, frozen=True)
class HistogramCounts:
    """A histogram per label set at one moment: `counts[i]` per bucket, the last one without a bound."""

    bounds_s: Labels
    sets: tuple[Labels, ...]
    counts: Ints
    sums_s: Floats


class Histograms:
    """Times counted in buckets per label set. A time on a bound belongs below it, as in Prometheus."""

    def __init__(self, bounds_s: Sequence[float], at_most: int, kept: int = 0) -> None:
        self._bounds_s = np.array(bounds_s)
        self._names = (*map(str, bounds_s), "+Inf")
        self._sets = LabelSets(at_most, kept)
        self._counts = np.zeros((0, len(self._names)), dtype=np.int64)
        self._sums_s = np.zeros(0)

    @property
    def folded(self) -> int:
        """How many times were counted as `other`, for want of a set of their own."""
        return self._sets.folded

    def add(self, labels: Sequence["Column"], seconds: Floats) -> None:
        """A time per row and its labels. A negative time, of clocks that disagree, counts as 0."""
        if not len(seconds):
            return
        seconds = np.maximum(seconds, 0.0)
        numbers = self._sets.numbers(labels)
        self._grow()
        bucket = np.searchsorted(self._bounds_s, seconds, side="left")
        width = self._counts.shape[1]
        counted = np.bincount(numbers * width + bucket, minlength=self._counts.size)
        self._counts += counted.reshape(self._counts.shape)
        self._sums_s += np.bincount(numbers, weights=seconds, minlength=len(self._sums_s))

    def now(self) -> HistogramCounts:
        """A copy, to be read in another thread."""
        return HistogramCounts(self._names, self._sets.known, self._counts.copy(), self._sums_s.copy())

    def _grow(self) -> None:
        more = len(self._sets) - len(self._sums_s)
        if more:
            self._counts = np.pad(self._counts, ((0, more), (0, 0)))
            self._sums_s = np.pad(self._sums_s, (0, more))


class Totals:
    """Sums of numeric columns per label set; null counts as nothing."""

    def __init__(self, columns: Sequence[str], at_most: int) -> None:
        self._columns = tuple(columns)
        self._sets = LabelSets(at_most)
        self._sums = np.zeros((len(self._columns), 0))

    def add(self, labels: Sequence["Column"], rows: pa.RecordBatch) -> None:
        """Add the columns of a batch that hold anything."""
        columns = [(place, rows.column(name)) for place, name in enumerate(self._columns)]
        told = [(place, column) for place, column in columns if column.null_count < len(column)]
        if not told:  # a batch without rows as well
            return
        numbers = self._sets.numbers(labels)
        self._sums = np.pad(self._sums, ((0, 0), (0, len(self._sets) - self._sums.shape[1])))
        for place, column in told:
            values = column.fill_null(0).to_numpy(zero_copy_only=False)
            self._sums[place] += np.bincount(numbers, weights=values, minlength=len(self._sets))

    def now(self) -> dict[str, dict[Labels, float]]:
        """Sum by column and label set."""
        return {
            name: dict(zip(self._sets.known, self._sums[place].tolist(), strict=True))
            for place, name in enumerate(self._columns)
        }


class Column:
    """A label of every row: `places[i]` in `words`, of which null is the empty one."""

    def __init__(self, texts: pa.Array) -> None:
        encoded = texts.dictionary_encode(null_encoding="encode")
        self.words = [(word or "")[:LABEL_LENGTH] for word in encoded.dictionary.to_pylist()]
        self.places: Ints = encoded.indices.to_numpy(zero_copy_only=False)


def _coded(columns: Sequence[Column]) -> Ints:
    """One number per row that stands for its labels."""
    first, *others = columns
    code = first.places.astype(np.int64)
    for column in others:
        code *= len(column.words)
        code += column.places
    return code


def _decoded(code: int, columns: Sequence[Column]) -> Labels:
    labels: list[str] = []
    for column in reversed(columns):
        code, place = divmod(code, len(column.words))
        labels.append(column.words[place])
    return tuple(reversed(labels))
