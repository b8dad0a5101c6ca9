"""Oracle: what was recorded is what the batches hold, once, in order, numbered without gaps."""

import itertools
from datetime import datetime
from typing import cast

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine import (
    Answer,
    Ending,
    Recorder,
    Request,
    Response,
    RunTicket,
    Shipment,
    Span,
    classify,
    now_us,
)
from harness.engine._recorder import MOST_TEXTS, OTHER_TEXT, SLICE_ROWS
from harness.runs import REQUEST_ID_BITS, REQUEST_SCHEMA, SPAN_SCHEMA, Cause, Outcome


def _rows(shipments: list[Shipment]) -> list[dict[str, object]]:
    batches = [
        pa.ipc.read_record_batch(pa.py_buffer(data), REQUEST_SCHEMA) for s in shipments for data in s.requests
    ]
    rows: list[dict[str, object]] = pa.Table.from_batches(batches, schema=REQUEST_SCHEMA).to_pylist()
    return rows


def _plain(shipment: Shipment, schema: pa.Schema = REQUEST_SCHEMA) -> list[dict[str, object]]:
    """Rows with times as whole numbers."""
    rows: list[dict[str, object]] = []
    for data in shipment.requests if schema is REQUEST_SCHEMA else shipment.spans:
        batch = pa.ipc.read_record_batch(pa.py_buffer(data), schema)
        batch.validate(full=True)
        plain = [c.view(pa.int64()) if pa.types.is_timestamp(c.type) else c for c in batch.columns]
        rows += pa.RecordBatch.from_arrays(plain, names=schema.names).to_pylist()
    return rows


def _record(recorder: Recorder, name: str = "/x") -> None:
    recorder.record(
        Request("POST", name, intended_us=1_000, sent_us=1_000), Response(classify(200, None), done_us=3_000)
    )


@given(st.lists(st.integers(0, 30), max_size=6))
def test_rows_are_numbered_without_gaps_over_any_shipments(sizes: list[int]) -> None:
    recorder = Recorder()
    recorder.begin(RunTicket("t", worker=3))
    shipments = []
    for size in sizes:
        for _ in range(size):
            _record(recorder)
        shipments.append(recorder.ship())
    ids = [row["request_id"] for row in _rows(shipments)]
    assert ids == [(3 << REQUEST_ID_BITS) | sequence for sequence in range(sum(sizes))]
    assert all(a.next_sequence == b.first_sequence for a, b in itertools.pairwise(shipments))


def test_a_row_holds_what_was_known() -> None:
    recorder = Recorder()
    recorder.begin(RunTicket("t"))
    recorder.record(
        Request("POST", "/api/cases", "SimpleCaseUser", "simple", "c1.0.0", 1_000, 1_500, 42),
        Response(
            classify(200, None, Answer(llm_calls=3)),
            done_us=9_000,
            status=200,
            response_bytes=7,
            spans=[Span("triage", 4.5, 0.5)],
            answer=Answer(llm_calls=3),
        ),
    )
    shipment = recorder.ship()
    (row,) = _rows([shipment])
    assert (row["category"], row["case_id"], row["outcome"], row["llm_calls"]) == (
        "simple",
        "c1.0.0",
        "ok",
        3,
    )
    assert row["answer_valid"] is True
    assert row["request_bytes"] == 42
    span = pa.ipc.read_record_batch(pa.py_buffer(shipment.spans[0]), SPAN_SCHEMA).to_pylist()[0]
    assert (span["request_id"], span["component"], span["start_ms"], span["duration_ms"]) == (
        row["request_id"],
        "triage",
        0.5,
        4.5,
    )


def test_what_is_in_flight_at_the_end_is_incomplete() -> None:
    recorder = Recorder()
    recorder.begin(RunTicket("t"))
    before_us = now_us()
    answered, lost = Request("POST", "/a"), Request("POST", "/b")
    recorder.sent(answered)
    recorder.sent(lost)
    recorder.settled(answered)
    assert recorder.in_flight == 1
    assert recorder.abandon_all() == 1
    (row,) = _rows([recorder.ship()])
    assert (row["name"], row["outcome"], row["user_class"]) == ("/b", "incomplete", None)
    assert before_us <= int(cast("datetime", row["done_at"]).timestamp() * 1e6 + 0.5) <= now_us()


def test_outside_of_a_run_nothing_is_kept() -> None:
    recorder = Recorder()
    _record(recorder)
    recorder.begin(RunTicket("t"))
    _record(recorder)
    recorder.close()
    _record(recorder)
    assert len(_rows([recorder.ship()])) == 1


def test_a_new_run_starts_at_zero() -> None:
    recorder = Recorder()
    recorder.begin(RunTicket("first"))
    _record(recorder)
    recorder.begin(RunTicket("second"))
    _record(recorder)
    shipment = recorder.ship()
    assert (shipment.token, shipment.first_sequence, shipment.next_sequence) == ("second", 0, 1)


_text = st.text(max_size=8)
_words = st.sampled_from(["a", "b", "ü", ""])
_count = st.none() | st.integers(0, (1 << 31) - 1)
_time_us = st.integers(0, 1 << 52)
_requests = st.builds(
    Request,
    method=_words,
    name=_words,
    user_class=_words,
    category=st.none() | _words,
    case_id=st.none() | _text,
    intended_us=_time_us,
    sent_us=_time_us,
    request_bytes=st.none() | st.integers(0, 1 << 62),
)
_answers = st.builds(
    Answer,
    reason=st.none() | _words,
    model=st.none() | _words,
    input_tokens=_count,
    output_tokens=_count,
    llm_calls=_count,
    retries=_count,
    cost_usd=st.none() | st.floats(0, 1e9),
)
_responses = st.builds(
    Response,
    ending=st.builds(
        Ending, st.sampled_from(Outcome), st.none() | st.sampled_from(Cause), error=st.none() | _words
    ),
    done_us=st.none() | _time_us,
    status=st.none() | st.integers(100, 599),
    response_bytes=st.none() | st.integers(0, 1 << 62),
    spans=st.lists(
        st.builds(Span, _words, st.floats(0, 1e9), start_ms=st.none() | st.floats(0, 1e9)), max_size=4
    ),
    answer=st.none() | _answers,
    trace_id=st.none() | _text,
    first_byte_us=st.none() | _time_us,
    first_token_us=st.none() | _time_us,
    last_token_us=st.none() | _time_us,
)


def _expected(request: Request, response: Response) -> dict[str, object]:
    answer = response.answer or Answer()
    return {
        "case_id": request.case_id,
        "user_class": request.user_class or None,
        "method": request.method,
        "name": request.name,
        "category": request.category,
        "phase": None,
        "model": answer.model,
        "intended_at": request.intended_us,
        "sent_at": request.sent_us,
        "first_byte_at": response.first_byte_us,
        "first_token_at": response.first_token_us,
        "last_token_at": response.last_token_us,
        "done_at": response.done_us,
        "status": response.status,
        "outcome": response.ending.outcome.value,
        "cause": response.ending.cause.value if response.ending.cause else None,
        "error": response.ending.error,
        "request_bytes": request.request_bytes,
        "response_bytes": response.response_bytes,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "llm_calls": answer.llm_calls,
        "retries": answer.retries,
        "cost_usd": answer.cost_usd,
        "answer_valid": None if response.answer is None else answer.reason is None,
        "trace_id": response.trace_id,
    }


@settings(deadline=None)
@given(st.lists(st.tuples(_requests, _responses), max_size=12), st.integers(0, 65_535))
def test_every_column_comes_through(pairs: list[tuple[Request, Response]], worker: int) -> None:
    recorder = Recorder()
    recorder.begin(RunTicket("t", worker=worker))
    for request, response in pairs:
        recorder.record(request, response)
    shipment = recorder.ship()
    first = worker << REQUEST_ID_BITS
    assert _plain(shipment) == [
        {"request_id": first + sequence, "worker": worker, **_expected(*pair)}
        for sequence, pair in enumerate(pairs)
    ]
    assert _plain(shipment, SPAN_SCHEMA) == [
        {
            "request_id": first + sequence,
            "component": span.component,
            "start_ms": span.start_ms,
            "duration_ms": span.duration_ms,
            **dict.fromkeys(
                ("model", "queue_ms", "prefill_ms", "decode_ms", "input_tokens", "output_tokens"), None
            ),
        }
        for sequence, (_, response) in enumerate(pairs)
        for span in response.spans
    ]


@pytest.mark.parametrize(
    ("case", "request_fields", "response_fields", "column", "value"),
    [
        ("a size that is text", {"request_bytes": "many"}, {}, "request_bytes", None),
        ("a size with a fraction", {}, {"response_bytes": 7.9}, "response_bytes", 7),
        ("a size beyond 64 bits", {}, {"response_bytes": 1 << 64}, "response_bytes", None),
        ("a status beyond its column", {}, {"status": 70_000}, "status", None),
        ("tokens beyond 32 bits", {}, {"answer": Answer(input_tokens=1 << 31)}, "input_tokens", None),
        ("a price that is text", {}, {"answer": Answer(cost_usd=cast("float", "1"))}, "cost_usd", None),
        ("a case id that is a number", {"case_id": 17}, {}, "case_id", "17"),
        ("a name that is a number", {"name": 17}, {}, "name", "17"),
        ("half a letter", {"case_id": "a\ud800"}, {}, "case_id", "a?"),
    ],
)
def test_one_odd_value_costs_no_other(
    case: str,
    request_fields: dict[str, object],
    response_fields: dict[str, object],
    column: str,
    value: object,
) -> None:
    recorder = Recorder()
    recorder.begin(RunTicket("t"))
    _record(recorder)
    request, response = Request("POST", "/x"), Response(classify(200, None), done_us=3_000)
    for target, fields in ((request, request_fields), (response, response_fields)):
        for name, odd in fields.items():
            setattr(target, name, odd)
    recorder.record(request, response)
    before, odd_row = _plain(recorder.ship())
    assert before["name"] == "/x", case
    assert odd_row[column] == value, case


def test_rows_are_encoded_in_slices_as_they_come() -> None:
    recorder = Recorder()
    recorder.begin(RunTicket("t", worker=2))
    response = Response(classify(200, None), done_us=1, spans=[Span(f"step-{n}", float(n)) for n in range(7)])
    for n in range(5_000):
        recorder.record(Request("GET", f"/{n % 3}"), response)
    shipment = recorder.ship()
    sizes = [pa.ipc.read_record_batch(pa.py_buffer(d), REQUEST_SCHEMA).num_rows for d in shipment.requests]
    assert sizes == [2_000, 2_000, 1_000]
    spans = [pa.ipc.read_record_batch(pa.py_buffer(d), SPAN_SCHEMA) for d in shipment.spans]
    assert max(batch.num_rows for batch in spans) < SLICE_ROWS + 7
    ids = [request_id for batch in spans for request_id in batch.column("request_id").to_pylist()]
    assert ids == [(2 << REQUEST_ID_BITS) | n for n in range(5_000) for _ in range(7)]
    assert recorder.ship().requests == []


def test_requests_in_flight_are_told_apart_by_identity() -> None:
    recorder = Recorder()
    recorder.begin(RunTicket("t"))
    first, second = Request("GET", "/a"), Request("GET", "/a")
    recorder.sent(first)
    recorder.sent(second)
    assert recorder.in_flight == 2
    recorder.record(first, Response(classify(200, None), done_us=1))
    assert recorder.in_flight == 1
    recorder.abandon(first)  # its row is written
    recorder.abandon(second)
    recorder.abandon(second)
    recorder.settled(second)
    assert [row["outcome"] for row in _plain(recorder.ship())] == ["ok", "incomplete"]
    assert recorder.in_flight == 0


def test_nothing_stays_in_flight_outside_of_a_run() -> None:
    recorder = Recorder()
    request = Request("GET", "/a")
    recorder.sent(request)
    recorder.record(request, Response(classify(200, None), done_us=1))
    assert recorder.in_flight == 0


def test_the_texts_that_locust_keeps_are_bounded_and_the_rows_are_not() -> None:
    recorder = Recorder()
    recorder.begin(RunTicket("t"))
    endings = [Ending(Outcome.INVALID_ANSWER, Cause.ANSWER, f"no patient {n}") for n in range(MOST_TEXTS + 2)]
    told = [recorder.text_of(ending) for ending in endings]
    assert told == [*(ending.error for ending in endings[:MOST_TEXTS]), OTHER_TEXT, OTHER_TEXT]
    assert recorder.text_of(endings[0]) == "no patient 0"
    assert recorder.text_of(Ending(Outcome.OK)) is None
    assert recorder.text_of(Ending(Outcome.DEGRADED, Cause.PROVIDER, "degraded answer")) is None
    for ending in endings:
        recorder.record(Request("POST", "/x"), Response(ending, done_us=1))
    assert [row["error"] for row in _rows([recorder.ship()])] == [ending.error for ending in endings]
    recorder.begin(RunTicket("next"))
    assert recorder.text_of(endings[-1]) == endings[-1].error
