"""What arrives from a service: Server-Timing, server-sent events, the HTTP response, a rule."""

import gzip
import json

from benchmarks.micro.conftest import CPU_TIME, Measure
from harness.engine import parse_server_timing
from harness.engine._http import SseReader
from harness.engine._http._response import Response
from harness.verdicts import parse_rule

TIMING = (
    "triage;dur=41.812, specialists;dur=212.4, debate;dur=0, synthesis;dur=98.31, overhead;dur=1.207, "
    "total;dur=353.73, specialist-cardiology;dur=210.1;start=42.1, specialist-nephrology;dur=199.9;start=42.2"
)
BODY = json.dumps({"case_id": "c-1", "synthesis": "rest and fluids " * 100, "status": "ok"}).encode()
HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: uvicorn\r\nContent-Type: application/json\r\n"
    b"Server-Timing: " + TIMING.encode() + b"\r\nContent-Length: %d\r\n%s\r\n"
)
PLAIN = HEAD % (len(BODY), b"") + BODY
GZIPPED = HEAD % (len(gzip.compress(BODY)), b"Content-Encoding: gzip\r\n") + gzip.compress(BODY)
EVENTS = (
    "".join(
        f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': word}}]})}\n\n"
        for word in ["rest", " and", " fluids"] * 33
    )
    + "data: [DONE]\n\n"
).encode()

pytestmark = CPU_TIME


def test_server_timing_of_eight_components(measure: Measure) -> None:
    assert len(measure(lambda: parse_server_timing(TIMING), calls=100)) == 8


def test_sse_stream_of_99_events(measure: Measure) -> None:
    def read() -> SseReader:
        reader = SseReader(is_content=bool)
        for at_us, start in enumerate(range(0, len(EVENTS), 512)):
            reader.feed(EVENTS[start : start + 512], at_us)
        return reader

    reader = measure(read, calls=10)
    assert (reader.content_events, reader.done) == (99, True)


def _responses(measure: Measure, data: bytes) -> Response:
    """Response after response on one connection, as keep-alive has it."""
    response = Response(limit_bytes=1 << 20)

    def read() -> None:
        response.begin(None, False)
        response.feed(data, 1)
        response.join()

    measure(read, calls=100)
    return response


def test_response(measure: Measure) -> None:
    assert _responses(measure, PLAIN).body == BODY


def test_response_gzipped(measure: Measure) -> None:
    assert _responses(measure, GZIPPED).body == BODY


def test_rule(measure: Measure) -> None:
    text = "p95(response_time){category=simple} < 500 ms, critical < 1000 ms"
    assert measure(lambda: parse_rule("simple_p95", text), calls=20).target == 500
