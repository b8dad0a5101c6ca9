"""A run's request table as arrays, read piece by piece: a few bytes to a request, and no text twice."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis._row_index import RowIndex
from harness.analysis._spans import ComponentTimes
from harness.analysis._words import Words, WordsBuilder
from harness.errors import UnreadableFileError
from harness.runs import Run

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

WORDS = ("category", "name", "model", "outcome", "cause", "error", "user_class")
NUMBERS = ("cost_usd", "input_tokens", "output_tokens", "llm_calls")
NO_TIME = int(np.iinfo(np.int64).min)

_READ = ("request_id", "worker", "intended_at", "sent_at", "done_at", "answer_valid", *WORDS)


def moments(column: "pd.Series[Any]") -> NDArray[np.int64]:
    """A column of timestamps as microseconds since the epoch, NO_TIME where null."""
    return np.asarray(column.to_numpy(dtype="datetime64[us]")).astype(np.int64)


class RequestColumns:
    """The columns that every report needs, in the order and number of the table's rows.

    `invalid` marks answers that were found wrong. `moment` and `number` read the columns that are
    rarely needed when they are asked for.
    """

    def __init__(self, run: Run) -> None:
        n = run.rows("requests")
        ids, self.worker = np.empty(n, np.uint64), np.empty(n, np.uint16)
        self.at_us, self.sent_us, self.done_us = (np.empty(n, np.int64) for _ in range(3))
        self.invalid = np.empty(n, np.bool_)
        builders = {word: WordsBuilder(n) for word in WORDS}
        filled = 0
        for rows, piece in _placed(run.scan("requests", _READ), n):
            filled = rows.stop
            ids[rows] = piece.column("request_id").to_numpy()
            self.worker[rows] = piece.column("worker").to_numpy()
            intended, sent = (_microseconds(piece.column(name)) for name in ("intended_at", "sent_at"))
            self.at_us[rows] = np.where(intended == NO_TIME, sent, intended)
            self.sent_us[rows] = sent
            self.done_us[rows] = _microseconds(piece.column("done_at"))
            self.invalid[rows] = _is_false(piece.column("answer_valid"))
            for word, builder in builders.items():
                builder.fill(rows, piece.column(word))
        if filled < n:
            raise UnreadableFileError(f"{run.path}: requests: {n} rows were announced, {filled} are there")
        self.words: dict[str, Words] = {word: builder.build(n) for word, builder in builders.items()}
        self._run = run
        self._row_of = RowIndex(ids)
        self._read_later: dict[str, NDArray[Any]] = {}

    def __len__(self) -> int:
        return len(self.at_us)

    @cached_property
    def spans(self) -> ComponentTimes:
        """The times of the components, which are read when they are first asked for."""
        return ComponentTimes(self._run, self._row_of, len(self))

    def moment(self, column: str) -> NDArray[np.int64]:
        """A column of timestamps, microseconds since the epoch."""
        return self._later(column, _microseconds)

    def number(self, column: str) -> NDArray[Any]:
        """A column of numbers; floats with NaN for null, or whole numbers where none is null."""
        return self._later(column, _numbers)

    def texts(self, column: str, rows: Sequence[int]) -> list[str]:
        """A column of text at a few rows; empty for null."""
        order = sorted(set(rows))
        found = dict(zip(order, self._run.take("requests", column, order), strict=True))
        return [str(found[row] or "") for row in rows]

    def _later(self, column: str, convert: Callable[["pa.ChunkedArray"], NDArray[Any]]) -> NDArray[Any]:
        """Read once. A run that is still going on may have more rows by now: those are left out."""
        if column not in self._read_later:
            pieces = [convert(piece.column(0)) for piece in self._run.scan("requests", (column,))]
            self._read_later[column] = _joined(pieces)[: len(self)] if pieces else np.zeros(0)
        return self._read_later[column]


def _placed(pieces: "Iterable[pa.Table]", n: int) -> "Iterator[tuple[slice, pa.Table]]":
    """Pieces with the rows that they are, up to row n: a run that is still going on may have more by now."""
    first = 0
    for piece in pieces:
        kept = piece.slice(0, n - first)
        yield slice(first, first + len(kept)), kept
        first += len(kept)


def _microseconds(column: "pa.ChunkedArray") -> NDArray[np.int64]:
    import pyarrow as pa

    if column.null_count == len(column):
        return np.broadcast_to(np.int64(NO_TIME), len(column))  # one number, however many rows
    whole: NDArray[np.int64] = column.cast(pa.int64()).fill_null(NO_TIME).to_numpy()
    return whole


def _joined(pieces: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """One after the other; a column without a single value takes no memory, as its pieces do not."""
    first = pieces[0]
    if all(piece.strides == (0,) and piece.dtype == first.dtype for piece in pieces):
        return np.broadcast_to(first[:1].reshape(()), sum(map(len, pieces)))
    return np.concatenate(pieces)


def _is_false(column: "pa.ChunkedArray") -> NDArray[np.bool_]:
    return ~np.asarray(column.fill_null(True).to_numpy(), dtype=np.bool_)


def _numbers(column: "pa.ChunkedArray") -> NDArray[Any]:
    """In the narrowest type that keeps them: whole numbers where none is null, else floats with NaN."""
    values: NDArray[Any] = column.to_numpy()
    types = (np.float32,) if values.dtype == np.float64 else (np.int8, np.int16, np.int32)
    for narrower in types:
        with np.errstate(over="ignore"):
            narrow = values.astype(narrower)
        if np.array_equal(narrow, values, equal_nan=True):
            return narrow
    return values
