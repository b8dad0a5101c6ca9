"""The request log of one load-generating process: rows in, Arrow batches out.

Rows are kept in compact columns and encoded in slices as they fill, so that no report to the
master has much to encode at once. Each row has a sequence number, so that the master can tell what
is missing. Nothing here knows Locust.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.engine._clock import now_us
from harness.engine._columns import RequestRows, SpanRows, encode_rows
from harness.engine._outcome import Answer, Ending
from harness.engine._server_timing import Span
from harness.runs import GENERATOR_SCHEMA, NOT_ERRORS, Cause, Outcome

#: A slice of this many rows takes about 1 ms to encode.
SLICE_ROWS = 2000

#: So many different error texts of a run reach Locust's tables from one process; its rows have them all.
MOST_TEXTS = 100
OTHER_TEXT = f"another error text (more than {MOST_TEXTS} different ones)"


@dataclass(slots=True, frozen=True)
class RunTicket:
    """What a load generator must know of a run: whose it is, and its own place in it.

    `worker` numbers it for the master's life; `position` of `workers` is its place in this run,
    by which streams of cases are dealt. `counted`: users begin only as many tasks as they are granted.
    `traced`: requests carry a trace id, see `traced` in `_trace.py`.
    """

    token: str
    seed: int = 0
    worker: int = 0
    position: int = 0
    workers: int = 1
    counted: bool = False
    traced: bool = False


@dataclass(slots=True, eq=False)
class Request:
    """A request as it leaves: everything known before the response. Times in µs UTC.

    Each is one of its own, whatever its fields: the recorder tells requests apart by identity.
    """

    method: str
    name: str
    user_class: str = ""
    category: str | None = None
    case_id: str | None = None
    intended_us: int = 0
    sent_us: int = 0
    request_bytes: int | None = None
    trace_id: str | None = None


@dataclass(slots=True, eq=False)
class Response:
    """What came back. `done_us` is when the last byte was read, or when the client stopped waiting."""

    ending: Ending
    done_us: int | None
    status: int | None = None
    response_bytes: int | None = None
    spans: Sequence[Span] = ()
    answer: Answer | None = None
    trace_id: str | None = None
    first_byte_us: int | None = None
    first_token_us: int | None = None
    last_token_us: int | None = None


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
        self.ticket = RunTicket(token="")
        self.draining = False
        self._in_flight: dict[Request, None] = {}
        # The first pa.array() of a process imports pandas, which takes a second: now, not under load.
        self.begin(self.ticket)
        self.record(Request("", ""), Response(Ending(Outcome.OK), 0, spans=[Span("", 0.0)]))
        self.record(Request("", "x"), Response(Ending(Outcome.OK), 0))
        self.ship()
        self.active = False
        self._reset()

    def _reset(self) -> None:
        self._sequence = 0
        self._shipped = 0
        self._rows = RequestRows()
        self._spans = SpanRows()
        self._generator_rows: list[tuple[Any, ...]] = []
        self._encoded: list[bytes] = []
        self._encoded_spans: list[bytes] = []
        self._texts: set[str] = set()
        self._in_flight.clear()

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
        return len(self._in_flight)

    @property
    def next_sequence(self) -> int:
        """How many rows this run has had so far."""
        return self._sequence

    def sent(self, request: Request) -> None:
        """The request is in flight from now on: until `record`, `settled` or `abandon`."""
        self._in_flight[request] = None

    def settled(self, request: Request) -> None:
        """The request is no longer in flight and gets no row here: it was never really sent, say."""
        self._in_flight.pop(request, None)

    def abandon(self, request: Request) -> None:
        """No one waits for the request any longer: a row with outcome `incomplete`, done now.

        Ignored for a request that is not in flight.
        """
        if request in self._in_flight:
            self.record(request, Response(_INCOMPLETE, done_us=now_us()))

    def abandon_all(self) -> int:
        """Mark whatever is still in flight as incomplete; how many there were."""
        requests = list(self._in_flight)
        for request in requests:
            self.abandon(request)
        return len(requests)

    def record(self, request: Request, response: Response) -> None:
        """Write the row of a request, and a row for each span; it is in flight no longer.

        Outside of a run no row is written.
        """
        self._in_flight.pop(request, None)
        if not self.active:
            return
        spans = response.spans
        if spans and self._spans.append(self._sequence, spans) >= SLICE_ROWS:
            self._encode_spans()
        self._sequence += 1
        if self._rows.append(request, response) >= SLICE_ROWS:
            self._encode_requests()

    def text_of(self, ending: Ending) -> str | None:
        """The error text of an ending for Locust's tables, which keep each for ever; None for no error.

        Texts that quote an answer are bounded here: what comes after MOST_TEXTS of a run is OTHER_TEXT.
        """
        if ending.outcome in NOT_ERRORS:
            return None
        text = ending.error or ending.outcome.value
        if text not in self._texts:
            if len(self._texts) >= MOST_TEXTS:
                return OTHER_TEXT
            self._texts.add(text)
        return text

    def record_generator(self, row: tuple[Any, ...]) -> None:
        """One second of this process's health, in the columns of GENERATOR_SCHEMA after `worker`."""
        if not self.active:
            return
        self._generator_rows.append((self.ticket.worker, *row))

    def ship(self) -> Shipment:
        """Everything since the last shipment. Batches are never sent twice."""
        self._encode_requests()
        self._encode_spans()
        shipment = Shipment(self.ticket.token, self._shipped, self._sequence)
        shipment.requests, self._encoded = self._encoded, []
        shipment.spans, self._encoded_spans = self._encoded_spans, []
        if self._generator_rows:
            shipment.generator = [encode_rows(self._generator_rows, GENERATOR_SCHEMA)]
            self._generator_rows = []
        self._shipped = self._sequence
        return shipment

    def _encode_requests(self) -> None:
        rows = self._rows
        if len(rows):
            self._encoded.append(rows.encode(self._sequence - len(rows), self.ticket.worker))
            self._rows = RequestRows()

    def _encode_spans(self) -> None:
        if self._spans.rows:
            self._encoded_spans.append(self._spans.encode(self.ticket.worker))
            self._spans = SpanRows()


_INCOMPLETE = Ending(Outcome.INCOMPLETE, Cause.GENERATOR)
