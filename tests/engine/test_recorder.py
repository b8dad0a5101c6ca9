"""Oracle: what was recorded is what the batches hold, once, in order, numbered without gaps."""

import itertools
from datetime import datetime
from typing import cast

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from harness.engine import Answer, Recorder, Request, Response, RunTicket, Shipment, Span, classify, now_us
from harness.runs import REQUEST_ID_BITS, REQUEST_SCHEMA, SPAN_SCHEMA


def _rows(shipments: list[Shipment]) -> list[dict[str, object]]:
    batches = [
        pa.ipc.read_record_batch(pa.py_buffer(data), REQUEST_SCHEMA) for s in shipments for data in s.requests
    ]
    rows: list[dict[str, object]] = pa.Table.from_batches(batches, schema=REQUEST_SCHEMA).to_pylist()
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
    answered, _lost = recorder.sent(Request("POST", "/a")), recorder.sent(Request("POST", "/b"))
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
