"""The request log of one load-generating process: rows in, Arrow batches out.

Rows are kept as tuples and encoded in slices as they fill, so that no report to the master has
much to encode at once. Each row has a sequence number, so that the master can tell what is
missing. Nothing here knows Locust.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from harness.engine._clock import now_us
from harness.engine._outcome import Answer, Ending
from harness.engine._server_timing import Span
from harness.runs import (
    GENERATOR_SCHEMA,
    REQUEST_ID_BITS,
    REQUEST_SCHEMA,
    SPAN_SCHEMA,
    Cause,
    Outcome,
)

SLICE_ROWS = 2000


@dataclass(slots=True, frozen=True)
class RunTicket:
    """What a load generator must know of a run: whose it is, and its own place in it.

    `worker` numbers it for the master's life; `position` of `workers` is its place in this run,
    by which streams of cases are dealt.
    """

    token: str
    seed: int = 0
    worker: int = 0
    position: int = 0
    workers: int = 1


@dataclass(slots=True, frozen=True)
class Request:
    """A request as it leaves: everything known before the response. Times in µs UTC."""

    method: str
    name: str
    user_class: str = ""
    category: str | None = None
    case_id: str | None = None
    intended_us: int = 0
    sent_us: int = 0
    request_bytes: int | None = None


@dataclass(slots=True, frozen=True)
class Response:
    """What came back. `done_us` is when the last byte was read, or when the client stopped waiting."""

    ending: Ending
    done_us: int | None
    status: int | None = None
    response_bytes: int | None = None
    spans: Sequence[Span] = ()
    answer: Answer | None = None
    trace_id: str | None = None


@dataclass(slots=True)
class Shipment:
    """What one report carries to the master. Batches are bytes of Arrow IPC messages."""

    token: str
    first_sequence: int
    next_sequence: int
    requests: list[bytes] = field(default_factory=list)
    spans: list[bytes] = field(default_factory=list)
    generator: list[bytes] = field(default_factory=list)


class Recorder:
    """Collects the rows of one run at a time; `begin` starts the next and forgets the last."""

    def __init__(self) -> None:
        # The first pa.array() of a process imports pandas, which takes a second: now, not under load.
        _encode([(0, 0, *(None,) * (len(REQUEST_SCHEMA) - 2))], REQUEST_SCHEMA)
        self.ticket = RunTicket(token="")
        self.active = False
        self.draining = False
        self._reset()

    def _reset(self) -> None:
        self._sequence = 0
        self._shipped = 0
        self._rows: list[tuple[Any, ...]] = []
        self._span_rows: list[tuple[Any, ...]] = []
        self._generator_rows: list[tuple[Any, ...]] = []
        self._encoded: list[bytes] = []
        self._encoded_spans: list[bytes] = []
        self._open: dict[int, Request] = {}
        self._keys = itertools.count()

    def begin(self, ticket: RunTicket) -> None:
        """A new run: numbering starts at 0 and nothing of an earlier run remains."""
        self.ticket = ticket
        self.active = True
        self.draining = False
        self._reset()

    def close(self) -> None:
        """The run is over: rows that come later belong to no run and are not kept."""
        self.active = False

    @property
    def in_flight(self) -> int:
        return len(self._open)

    @property
    def next_sequence(self) -> int:
        """How many rows this run has had so far."""
        return self._sequence

    def sent(self, request: Request) -> int:
        """Note a request that is on its way; the key is for `answered` or `incomplete`."""
        key = next(self._keys)
        self._open[key] = request
        return key

    def settled(self, key: int) -> None:
        """The request is no longer in flight; its row is written by `record`."""
        self._open.pop(key, None)

    def abandon(self, key: int) -> None:
        """No one waits for the request any longer: a row with outcome `incomplete`, done now."""
        request = self._open.pop(key, None)
        if request is not None:
            self.record(request, Response(Ending(Outcome.INCOMPLETE, Cause.GENERATOR), done_us=now_us()))

    def abandon_all(self) -> int:
        """Mark whatever is still in flight as incomplete; how many there were."""
        keys = list(self._open)
        for key in keys:
            self.abandon(key)
        return len(keys)

    def record(self, request: Request, response: Response) -> None:
        """Write the row of a request, and a row for each span. Ignored outside of a run."""
        if not self.active:
            return
        request_id = (self.ticket.worker << REQUEST_ID_BITS) | self._sequence
        self._sequence += 1
        self._rows.append(_row(request_id, self.ticket.worker, request, response))
        for span in response.spans:
            self._span_rows.append(
                (request_id, span.component, None, span.start_ms, span.duration_ms, *(None,) * 5)
            )
        if len(self._rows) >= SLICE_ROWS:
            self._encode()

    def record_generator(self, row: tuple[Any, ...]) -> None:
        """One second of this process's health, in the columns of GENERATOR_SCHEMA after `worker`."""
        if not self.active:
            return
        self._generator_rows.append((self.ticket.worker, *row))

    def ship(self) -> Shipment:
        """Everything since the last shipment. Batches are never sent twice."""
        self._encode()
        shipment = Shipment(self.ticket.token, self._shipped, self._sequence)
        shipment.requests, self._encoded = self._encoded, []
        shipment.spans, self._encoded_spans = self._encoded_spans, []
        if self._generator_rows:
            shipment.generator = [_encode(self._generator_rows, GENERATOR_SCHEMA)]
            self._generator_rows = []
        self._shipped = self._sequence
        return shipment

    def _encode(self) -> None:
        if self._rows:
            self._encoded.append(_encode(self._rows, REQUEST_SCHEMA))
            self._rows = []
        if self._span_rows:
            self._encoded_spans.append(_encode(self._span_rows, SPAN_SCHEMA))
            self._span_rows = []


def _row(request_id: int, worker: int, request: Request, response: Response) -> tuple[Any, ...]:
    answer = response.answer or Answer()
    ending = response.ending
    valid = None if response.answer is None else response.answer.reason is None
    return (
        request_id,
        worker,
        request.case_id,
        request.user_class or None,
        request.method,
        request.name,
        request.category,
        None,
        answer.model,
        request.intended_us,
        request.sent_us,
        None,
        None,
        None,
        response.done_us,
        response.status or None,
        ending.outcome.value,
        ending.cause.value if ending.cause else None,
        ending.error,
        request.request_bytes,
        response.response_bytes,
        answer.input_tokens,
        answer.output_tokens,
        answer.llm_calls,
        answer.retries,
        answer.cost_usd,
        valid,
        response.trace_id,
    )


def _encode(rows: list[tuple[Any, ...]], schema: pa.Schema) -> bytes:
    columns = [
        pa.array(column, type=column_field.type)
        for column, column_field in zip(zip(*rows, strict=True), schema, strict=True)
    ]
    data: bytes = pa.RecordBatch.from_arrays(columns, schema=schema).serialize().to_pybytes()
    return data
