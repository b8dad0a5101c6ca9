"""Rows of the request log in compact columns, and their way into Arrow record batches.

A row's numbers are packed into one buffer, its repeated texts become one number (a label), and
only ids that differ from row to row stay Python strings. A slice of rows then becomes columns in a
few NumPy calls. Nothing here knows a run: `request_id` and `worker` are given when a slice is encoded.
"""

import math
import struct
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.engine._outcome import Answer
from harness.engine._server_timing import Span
from harness.runs import REQUEST_ID_BITS, REQUEST_SCHEMA, SPAN_SCHEMA

if TYPE_CHECKING:
    from harness.engine._recorder import Request, Response

Numbers = npt.NDArray[Any]

# The least value of a width stands for null; no time, size or count is ever negative.
_NO_16, _NO_32, _NO_64 = -(1 << 15), -(1 << 31), -(1 << 63)
_NO_FLAG = 2

_LABELS = ("user_class", "method", "name", "category", "model", "outcome", "cause", "error")

# Column, its code in a struct, its type in NumPy. Every row has the first part; the second is the
# answer's, and the same bytes wherever there is none.
_ROW = (
    ("label", "I", "u4"),
    ("intended_at", "q", "i8"),
    ("sent_at", "q", "i8"),
    ("first_byte_at", "q", "i8"),
    ("first_token_at", "q", "i8"),
    ("last_token_at", "q", "i8"),
    ("done_at", "q", "i8"),
    ("status", "h", "i2"),
    ("request_bytes", "q", "i8"),
    ("response_bytes", "q", "i8"),
)
_ANSWER = (
    ("input_tokens", "i", "i4"),
    ("output_tokens", "i", "i4"),
    ("llm_calls", "i", "i4"),
    ("retries", "i", "i4"),
    ("cost_usd", "d", "f8"),
    ("answer_valid", "B", "u1"),
)
_pack_row = struct.Struct("=" + "".join(code for _, code, _ in _ROW)).pack
_pack_answer = struct.Struct("=" + "".join(code for _, code, _ in _ANSWER)).pack
_NO_ANSWER = _pack_answer(_NO_32, _NO_32, _NO_32, _NO_32, math.nan, _NO_FLAG)
_PACKED = np.dtype([(name, f"={kind}") for name, _, kind in (*_ROW, *_ANSWER)])
_NULL_OF = {"i2": _NO_16, "i4": _NO_32, "i8": _NO_64}


class RequestRows:
    """One slice of request rows. Labels are numbered anew in each slice, so that nothing grows."""

    __slots__ = ("_case_ids", "_labels", "_packed", "_trace_ids")

    def __init__(self) -> None:
        self._packed = bytearray()
        self._labels: dict[tuple[str | None, ...], int] = {}
        self._case_ids: list[str | None] = []
        self._trace_ids: list[str | None] = []

    def __len__(self) -> int:
        return len(self._case_ids)

    def append(self, request: "Request", response: "Response") -> int:
        """Add the row of a `Request` and its `Response`; how many rows the slice has now.

        A number that its column cannot hold (a size that is no whole number, say) becomes null.
        """
        ending, answer = response.ending, response.answer
        outcome, cause = ending.outcome, ending.cause
        # `_value_` is the plain attribute behind `value`, which enum computes on every access.
        key = (
            request.user_class or None,
            request.method,
            request.name,
            request.category,
            None if answer is None else answer.model,
            outcome._value_,
            None if cause is None else cause._value_,
            ending.error,
        )
        labels = self._labels
        label = labels.get(key)
        if label is None:
            label = labels[key] = len(labels)
        first_byte_us = response.first_byte_us
        first_token_us = response.first_token_us
        last_token_us = response.last_token_us
        done_us = response.done_us
        request_bytes = request.request_bytes
        response_bytes = response.response_bytes
        try:
            self._packed += _pack_row(
                label,
                request.intended_us,
                request.sent_us,
                _NO_64 if first_byte_us is None else first_byte_us,
                _NO_64 if first_token_us is None else first_token_us,
                _NO_64 if last_token_us is None else last_token_us,
                _NO_64 if done_us is None else done_us,
                response.status or _NO_16,
                _NO_64 if request_bytes is None else request_bytes,
                _NO_64 if response_bytes is None else response_bytes,
            )
        except struct.error:
            self._packed += _pack_row(label, *_fitting_numbers(request, response))
        self._packed += _NO_ANSWER if answer is None else _packed_answer(answer)
        case_ids = self._case_ids
        case_ids.append(request.case_id)
        trace_id = response.trace_id
        self._trace_ids.append(request.trace_id if trace_id is None else trace_id)
        return len(case_ids)

    def encode(self, first_sequence: int, worker: int) -> bytes:
        """An Arrow IPC message of a batch in REQUEST_SCHEMA."""
        count = len(self._case_ids)
        rows: Numbers = np.frombuffer(self._packed, dtype=_PACKED)
        first_id = (worker << REQUEST_ID_BITS) | first_sequence
        columns: dict[str, pa.Array] = {
            "request_id": pa.array(np.arange(first_id, first_id + count, dtype=np.uint64)),
            "worker": pa.array(np.full(count, worker, dtype=np.uint16)),
            "case_id": _texts(self._case_ids),
            "trace_id": _texts(self._trace_ids),
            "phase": pa.nulls(count, pa.string()),
            "cost_usd": _floats(rows["cost_usd"]),
            "answer_valid": _flags(rows["answer_valid"]),
        }
        label = rows["label"]
        for name, texts in zip(_LABELS, zip(*self._labels, strict=True), strict=True):
            columns[name] = _pick(texts, label)
        for name, _, kind in (*_ROW, *_ANSWER):
            if kind in _NULL_OF:
                columns[name] = _integers(rows[name], _NULL_OF[kind], REQUEST_SCHEMA.field(name).type)
        return _message(REQUEST_SCHEMA, columns)


class SpanRows:
    """One slice of span rows: the spans of each request as they came, spread out when encoded."""

    __slots__ = ("_counts", "_sequences", "_spans", "rows")

    def __init__(self) -> None:
        self._spans: list[Sequence[Span]] = []
        self._sequences: list[int] = []
        self._counts: list[int] = []
        self.rows = 0

    def append(self, sequence: int, spans: Sequence[Span]) -> int:
        """Add the spans of the request with this number; how many rows the slice has now."""
        count = len(spans)
        self._spans.append(spans)
        self._sequences.append(sequence)
        self._counts.append(count)
        self.rows += count
        return self.rows

    def encode(self, worker: int) -> bytes:
        """An Arrow IPC message of a batch in SPAN_SCHEMA."""
        ids = np.array(self._sequences, dtype=np.uint64) | np.uint64(worker << REQUEST_ID_BITS)
        spans = list(chain.from_iterable(self._spans))
        numbers: dict[str, int] = {}
        component = [numbers.setdefault(span.component, len(numbers)) for span in spans]
        columns = {
            "request_id": pa.array(np.repeat(ids, self._counts)),
            "component": _pick(tuple(numbers), np.array(component, dtype=np.uint32)),
            "start_ms": pa.array([span.start_ms for span in spans], pa.float64()),
            "duration_ms": pa.array([span.duration_ms for span in spans], pa.float64()),
        }
        for column in SPAN_SCHEMA:
            if column.name not in columns:
                columns[column.name] = pa.nulls(len(spans), column.type)
        return _message(SPAN_SCHEMA, columns)


def encode_rows(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> bytes:
    """An Arrow IPC message of a few rows, given as tuples in the order of the schema."""
    columns = zip(*rows, strict=True)
    return _message(
        schema,
        {
            column.name: pa.array(values, type=column.type)
            for column, values in zip(schema, columns, strict=True)
        },
    )


def _packed_answer(answer: Answer) -> bytes:
    input_tokens, output_tokens = answer.input_tokens, answer.output_tokens
    llm_calls, retries, cost_usd = answer.llm_calls, answer.retries, answer.cost_usd
    try:
        return _pack_answer(
            _NO_32 if input_tokens is None else input_tokens,
            _NO_32 if output_tokens is None else output_tokens,
            _NO_32 if llm_calls is None else llm_calls,
            _NO_32 if retries is None else retries,
            math.nan if cost_usd is None else cost_usd,
            answer.reason is None,
        )
    except struct.error:
        counts = [_fitting(count, _NO_32) for count in (input_tokens, output_tokens, llm_calls, retries)]
        cost_usd = cost_usd if isinstance(cost_usd, int | float) else math.nan
        return _pack_answer(*counts, cost_usd, answer.reason is None)


def _fitting_numbers(request: "Request", response: "Response") -> list[int]:
    return [
        _fitting(request.intended_us, _NO_64),
        _fitting(request.sent_us, _NO_64),
        _fitting(response.first_byte_us, _NO_64),
        _fitting(response.first_token_us, _NO_64),
        _fitting(response.last_token_us, _NO_64),
        _fitting(response.done_us, _NO_64),
        _fitting(response.status, _NO_16),
        _fitting(request.request_bytes, _NO_64),
        _fitting(response.response_bytes, _NO_64),
    ]


def _fitting(value: Any, null: int) -> int:
    """The whole number that a column holds of a value, and its null where it cannot. Rarely needed."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return null
    return number if null <= number < -null else null


def _integers(values: Numbers, null: int, type_: pa.DataType) -> pa.Array:
    values = np.ascontiguousarray(values)
    known = values != null
    return pa.Array.from_buffers(type_, len(values), [_validity(known), pa.py_buffer(values)])


def _floats(values: Numbers) -> pa.Array:
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(
        pa.float64(), len(values), [_validity(~np.isnan(values)), pa.py_buffer(values)]
    )


def _flags(values: Numbers) -> pa.Array:
    values = np.ascontiguousarray(values)
    bits = np.packbits(values == 1, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [_validity(values != _NO_FLAG), pa.py_buffer(bits)])


def _validity(known: npt.NDArray[np.bool_]) -> pa.Buffer | None:
    return None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))


def _pick(texts: Sequence[str | None], numbers: Numbers) -> pa.Array:
    """A column of texts from their numbers; most columns of a slice hold one text only."""
    if len(texts) == 1 or len(set(texts)) == 1:
        return pa.repeat(_texts(texts[:1])[0], len(numbers))
    return _texts(texts).take(pa.array(numbers))


def _texts(texts: Sequence[Any]) -> pa.Array:
    """What is no text, or cannot be written as UTF-8, must not cost a whole slice."""
    try:
        return pa.array(texts, pa.string())
    except (pa.ArrowException, UnicodeEncodeError):
        return pa.array([None if text is None else _writable(text) for text in texts], pa.string())


def _writable(text: Any) -> str:
    return str(text).encode("utf-8", "replace").decode("utf-8")


def _message(schema: pa.Schema, columns: dict[str, pa.Array]) -> bytes:
    batch = pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
    data: bytes = batch.serialize().to_pybytes()
    return data
