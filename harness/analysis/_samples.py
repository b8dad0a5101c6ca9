"""The request table turned into samples: flags and milliseconds instead of words and moments.

Which outcome counts for what is decided here, once:

- *completed*: the service did the work and answered: ok, degraded, invalid_answer. Throughput
  counts these. A refusal or an error is quick and must not make a service look fast.
- *latency samples*: the completed ones, and timeouts with the time after which the client gave up.
  That is less than the service would have taken, but leaving it out would flatter more.
- *counted*: all but incomplete. Error rate and success rate are shares of these.
- *unanswered*: incomplete, and pending for so long that waiting on would have changed nothing. They
  are counted, as errors: a service that hangs must not look like one that was asked less.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from harness.analysis._batches import Batches
from harness.analysis._sorted import blocks
from harness.analysis._table import NO_TIME, NUMBERS, RequestColumns, moments
from harness.analysis._window import MeasuredWindow
from harness.runs import NOT_ERRORS, Outcome

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "NO_TIME",
    "Placed",
    "Samples",
    "has_flag",
    "limited",
    "moments",
    "place",
    "time_between",
    "unanswered_after_ms",
]

COMPLETED = frozenset({Outcome.OK, Outcome.DEGRADED, Outcome.INVALID_ANSWER})
LATENCY = COMPLETED | {Outcome.TIMEOUT}

_FLAGS = ("ok", "good", "completed", "latency", "counted", "failed", "unanswered")
_BIT = {flag: np.uint8(1 << place) for place, flag in enumerate(_FLAGS)}

#: Between which moments a time lies.
_TIMES = {
    "response_ms": ("at_us", "done_us"),
    "service_ms": ("sent_us", "done_us"),
    "first_byte_ms": ("sent_us", "first_byte_at"),
    "first_token_ms": ("sent_us", "first_token_at"),
}

#: An incomplete request that was pending for less is no evidence against the service.
UNANSWERED_MS = 5000.0


@dataclass(slots=True, frozen=True)
class Placed:
    """The table with what the measured window makes of it, one entry per request.

    `flags` is a byte of bits. `piece` is the index of the window's piece that the request was meant
    to start in, -1 for none; an unanswered one that was meant to start outside of all belongs to the
    first in which it was pending. `batch` is the number of the batch that it ended in, -1 for none.
    An incomplete request without an end was waited for until `run_end_us`.
    """

    columns: RequestColumns
    batches: Batches
    flags: NDArray[np.uint8]
    piece: NDArray[np.int16]
    batch: NDArray[Any]
    run_end_us: int
    unanswered_after_ms: float


class Samples:
    """Some rows of the request table, all of them to begin with; columns are made when asked for.

    Moments (`at_us`, `sent_us`, `done_us`) are microseconds since the epoch, NO_TIME where there is
    none; times between them end in `_ms`, NaN where there is none. `pending_ms` is how long an
    incomplete request was waited for. Flags are booleans.
    """

    def __init__(self, placed: Placed, rows: "NDArray[np.intp] | None" = None) -> None:
        self.placed = placed
        self.rows = rows

    def __len__(self) -> int:
        return len(self.placed.flags) if self.rows is None else len(self.rows)

    @overload
    def __getitem__(self, key: str) -> "pd.Series[Any]": ...
    @overload
    def __getitem__(self, key: NDArray[np.bool_]) -> "Samples": ...
    def __getitem__(self, key: Any) -> Any:
        """A column as a pandas Series, or the samples that a mask keeps."""
        if not isinstance(key, str):
            return self.where(np.asarray(key, dtype=np.bool_))
        import pandas as pd

        words = self.placed.columns.words.get(key)
        if words is None:
            return pd.Series(self.values(key), copy=False)
        codes = self._chosen(words.codes)
        return pd.Series(pd.Categorical.from_codes(codes, pd.Index(words.labels, dtype=str)), copy=False)

    def where(self, mask: NDArray[np.bool_]) -> "Samples":
        """The rows that a mask keeps."""
        if mask.all():
            return self
        kept = np.flatnonzero(mask)
        return Samples(self.placed, kept if self.rows is None else self.rows[kept])

    def count_of(self, **words: str) -> int:
        """How many rows have all these words, such as `outcome="timeout", cause="service"`."""
        kept = np.ones(len(self), dtype=np.bool_)
        for name, word in words.items():
            column = self.placed.columns.words[name]
            kept &= self._chosen(column.codes) == column.code(word)
        return int(kept.sum())

    def numbered(self) -> NDArray[np.intp]:
        """The rows' numbers in the table."""
        return np.arange(len(self)) if self.rows is None else self.rows

    def values(self, column: str) -> NDArray[Any]:
        """A column of the rows; see the class. Words are not among them."""
        match column:
            case _ if column in _TIMES:
                start, end = _TIMES[column]
                return _elapsed_ms(self.values(start), self.values(end))
            case "pending_ms":
                return self._pending_ms()
            case "done_piece":
                return self.placed.batches.piece_of(self._chosen(self.placed.batch))
            case _ if column in _BIT:
                return has_flag(self._chosen(self.placed.flags), column)
            case _:
                return self._chosen(self._whole(column))

    def _whole(self, column: str) -> NDArray[Any]:
        columns = self.placed.columns
        match column:
            case "first_byte_at" | "first_token_at" | "last_token_at":
                return columns.moment(column)
            case "piece" | "batch":
                return np.asarray(getattr(self.placed, column))
            case _ if column in NUMBERS:
                return columns.number(column)
            case _:
                return np.asarray(getattr(columns, column))

    def codes(self, word: str) -> NDArray[Any]:
        """The codes of a column of words."""
        return self._chosen(self.placed.columns.words[word].codes)

    def labels(self, word: str) -> tuple[str, ...]:
        """The words that codes stand for."""
        return self.placed.columns.words[word].labels

    def _pending_ms(self) -> NDArray[np.float64]:
        outcome = self.placed.columns.words["outcome"]
        found = np.full(len(self), np.nan)
        rows = np.flatnonzero(self._chosen(outcome.codes) == outcome.code(Outcome.INCOMPLETE))
        own = rows if self.rows is None else self.rows[rows]
        found[rows] = _pending(self.placed.columns, own, self.placed.run_end_us)
        return found

    def _chosen(self, whole: NDArray[Any]) -> NDArray[Any]:
        return whole if self.rows is None else whole[self.rows]


def place(columns: RequestColumns, window: MeasuredWindow, run_end_us: int = NO_TIME) -> Placed:
    """Set the flags and find every request's place in the measured window."""
    batches = Batches(window.pieces)
    outcome = columns.words["outcome"]
    flags = outcome.mapped([_flags_of(label) for label in outcome.labels], otherwise=_flags_of(None))
    piece = _by_blocks(window.locate, columns.at_us, np.int16)
    batch = _by_blocks(batches.locate, columns.done_us, np.min_scalar_type(-1 - len(window.pieces) * 10))
    incomplete = np.flatnonzero(outcome.codes == outcome.code(Outcome.INCOMPLETE))
    after_ms = UNANSWERED_MS
    if len(incomplete):
        completed = (flags & _BIT["completed"]) != 0
        after_ms = unanswered_after_ms(_elapsed_ms(columns.sent_us[completed], columns.done_us[completed]))
        unanswered = incomplete[_pending(columns, incomplete, run_end_us) >= after_ms]
        flags[unanswered] |= _BIT["unanswered"] | _BIT["counted"] | _BIT["failed"]
        given_up = _given_up(columns, unanswered, run_end_us)
        piece[unanswered] = window.first_overlapped(columns.at_us[unanswered], given_up)
    return Placed(columns, batches, flags, piece, batch, run_end_us, after_ms)


def limited(placed: Placed, limits_ms: Mapping[str | None, float]) -> Placed:
    """The same with the flag `good` where a valid success took less than its category's limit (None: any)."""
    columns, otherwise = placed.columns, limits_ms.get(None, np.inf)
    good = ((placed.flags & _BIT["ok"]) != 0) & ~columns.invalid
    if limits_ms:
        category = columns.words["category"]
        limits = [limits_ms.get(word, otherwise) for word in category.labels]
        good &= _elapsed_ms(columns.at_us, columns.done_us) < category.mapped(limits, otherwise=otherwise)
    return replace(placed, flags=np.where(good, placed.flags | _BIT["good"], placed.flags & ~_BIT["good"]))


def has_flag(flags: NDArray[np.uint8], flag: str) -> NDArray[np.bool_]:
    """Which bytes of flags have a flag set."""
    return np.asarray((flags & _BIT[flag]) != 0)


def time_between(column: str) -> tuple[str, str]:
    """The names of the moments that a time begins and ends with."""
    return _TIMES[column]


def unanswered_after_ms(completed_ms: NDArray[np.float64]) -> float:
    """How long an incomplete request has to have been pending to count as an error.

    5 s, or the 99th percentile of the run's completed requests where that is longer.

    >>> unanswered_after_ms(np.array([120.0])), unanswered_after_ms(np.array([9000.0]))
    (5000.0, 9000.0)
    """
    known = completed_ms[~np.isnan(completed_ms)]
    return max(UNANSWERED_MS, float(np.quantile(known, 0.99)) if len(known) else 0.0)


def _flags_of(outcome: str | None) -> np.uint8:
    """What an outcome counts for, before it is known how long the incomplete ones were pending."""
    set_flags = {
        "ok": outcome == Outcome.OK,
        "completed": outcome in COMPLETED,
        "latency": outcome in LATENCY,
        "counted": outcome != Outcome.INCOMPLETE,
        "failed": outcome not in NOT_ERRORS,
    }
    return np.uint8(sum(int(_BIT[flag]) for flag, is_set in set_flags.items() if is_set))


def _pending(columns: RequestColumns, rows: NDArray[np.intp], run_end_us: int) -> NDArray[np.float64]:
    return _elapsed_ms(columns.sent_us[rows], _given_up(columns, rows, run_end_us))


def _given_up(columns: RequestColumns, rows: NDArray[np.intp], run_end_us: int) -> NDArray[np.int64]:
    done = columns.done_us[rows]
    return np.where(done == NO_TIME, run_end_us, done)


def _elapsed_ms(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    elapsed = (end - start) / 1000
    unknown = (start == NO_TIME) | (end == NO_TIME)
    if unknown.any():
        elapsed[unknown] = np.nan
    return elapsed


def _by_blocks(locate: Any, at_us: NDArray[np.int64], dtype: Any) -> NDArray[Any]:
    """Which stretch of time each moment lies in, -1 for none, a block of rows at a time.

    Rows that stand together were written together: most blocks lie in one stretch whole.
    """
    found = np.empty(len(at_us), dtype)
    for block in blocks(len(at_us), _NEAR):
        moments = at_us[block]
        first, last = locate(np.array([np.min(moments), np.max(moments)])).tolist()
        found[block] = first if first == last >= 0 else locate(moments)
    return found


_NEAR = 1 << 13
