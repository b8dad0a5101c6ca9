"""The last rows of a run that goes on, held in bounded memory; exact counts of the load step that lasts."""

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.runs import NOT_ERRORS, SPAN_SCHEMA, Cause, HeldTables, Outcome
from harness.schedule import Phase

#: So many rows are held at most: the last 50 s of 1,000 requests/s.
ROWS_HELD = 50_000

#: Of how many microseconds of intended start requests of a step are counted together.
_CELL_US = 100_000

#: Reports are put together until they make this share of all rows: many small ones are slow to read.
_PART = 50

#: Text that differs from row to row is in no figure.
_UNUSED = ["case_id", "trace_id"]

_NOT_ERRORS = pa.array([outcome.value for outcome in NOT_ERRORS])
_CAUSES = tuple(cause.value for cause in Cause)

Ints = npt.NDArray[np.int64]


class LiveRows:
    """Rows as they arrive, the newest of them kept. Spans only where a rule asks for components."""

    def __init__(self, *, with_spans: bool, at_most: int = ROWS_HELD) -> None:
        self._with_spans = with_spans
        self._at_most = at_most
        self._held: deque[tuple[pa.Table, pa.Table]] = deque()
        self._rows = 0
        #: Requests that ended before this are no longer all here; None while nothing was let go.
        self.whole_since_us: int | None = None

    def take(self, requests: Sequence[pa.RecordBatch], spans: Sequence[pa.RecordBatch]) -> None:
        """The new rows of one shipment, those that were never answered left out."""
        if not any(batch.num_rows for batch in requests):
            return
        ended = _ended(pa.Table.from_batches(requests).drop_columns(_UNUSED))
        kept_spans = pa.Table.from_batches(spans if self._with_spans else (), schema=SPAN_SCHEMA)
        self._make_room(len(ended))
        too_many = max(len(ended) - self._at_most, 0)
        self._let_go(ended.slice(0, too_many))
        kept = ended.slice(too_many)
        self._rows += len(kept)
        if self._held and len(self._held[-1][0]) + len(kept) <= self._at_most // _PART:
            requests_before, spans_before = self._held.pop()
            kept, kept_spans = _joined(requests_before, kept), _joined(spans_before, kept_spans)
        self._held.append((kept, kept_spans))

    def tables(self) -> HeldTables:
        """What is held now. Later rows do not change it: it may be read in another thread."""
        held = list(self._held)
        return HeldTables(
            {
                "requests": [batch for requests, _ in held for batch in requests.to_batches()],
                "spans": [batch for _, spans in held for batch in spans.to_batches()],
            }
        )

    def _make_room(self, coming: int) -> None:
        while self._held and self._rows + coming > self._at_most:
            requests, _ = self._held.popleft()
            self._rows -= len(requests)
            self._let_go(requests)

    def _let_go(self, requests: pa.Table) -> None:
        last_us = pc.max(requests.column("done_at").cast(pa.int64())).as_py()
        if last_us is not None:
            self.whole_since_us = max(self.whole_since_us or last_us, last_us)


class StepTally:
    """Counts of the requests of one hold phase, by when they were meant to start; a few bytes a second."""

    def __init__(self, phase: Phase) -> None:
        self.phase = phase
        self._counts = np.zeros((2 + len(_CAUSES), 64), dtype=np.int64)

    def take(self, requests: pa.RecordBatch) -> None:
        """Those of the phase are counted, unless they were never answered."""
        outcome = requests.column("outcome")
        failed = ~_mask(pc.is_in(outcome, _NOT_ERRORS))
        ended = _mask(pc.not_equal(outcome, Outcome.INCOMPLETE.value))
        start_us, end_us = self.phase.start_us, self.phase.end_us
        at_us = requests.column("intended_at").view(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        inside = ended & (at_us >= start_us) & (at_us < (end_us if end_us is not None else at_us + 1))
        cell = (at_us - start_us) // _CELL_US
        causes = [_mask(pc.fill_null(pc.equal(requests.column("cause"), cause), False)) for cause in _CAUSES]
        for row, chosen in enumerate(
            (inside, inside & failed, *(inside & failed & cause for cause in causes))
        ):
            self._add(row, cell[chosen])

    def since(self, settle_s: float) -> tuple[int, int, dict[str, int]]:
        """Requests, errors, and errors by cause, of requests meant to start after the settling."""
        first = round(settle_s * 1e6 / _CELL_US)
        requests, errors, *causes = self._counts[:, first:].sum(axis=1).tolist()
        return requests, errors, {cause: n for cause, n in zip(_CAUSES, causes, strict=True) if n}

    def _add(self, row: int, cells: Ints) -> None:
        if not len(cells):
            return
        found = np.bincount(cells)
        if len(found) > self._counts.shape[1]:
            more = max(len(found), 2 * self._counts.shape[1]) - self._counts.shape[1]
            self._counts = np.pad(self._counts, ((0, 0), (0, more)))
        self._counts[row, : len(found)] += found


def _ended(requests: pa.Table) -> pa.Table:
    """Without those that were never answered, which come at the very end alone."""
    incomplete = pc.equal(requests.column("outcome"), Outcome.INCOMPLETE.value)
    return requests.filter(pc.invert(incomplete)) if pc.any(incomplete).as_py() else requests


def _joined(first: pa.Table, second: pa.Table) -> pa.Table:
    return pa.concat_tables([first, second]).combine_chunks()


def _mask(found: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = found.to_numpy(zero_copy_only=False)
    return mask
