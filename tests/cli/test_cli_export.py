"""`harness export otlp`: spans as a receiver reads them.

Oracles: OpenTelemetry's own protocol classes, and the rows as written.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.command import Harness, command_in
from tests.support.processes import free_port
from tests.support.recorded_runs import START_US, one_hold, request, span, write_run

FIRST, SECOND = "0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319d"
HEADERS = "api-key=se%20cret,x-tenant=a"


@dataclass(slots=True)
class Receiver:
    """A real HTTP server that reads every message with OpenTelemetry's own classes."""

    url: str = ""
    answer: tuple[int, bytes] = (200, b"{}")
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)

    @property
    def spans(self) -> list[Any]:
        return [
            each
            for message in self.messages
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for each in scope.spans
        ]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.paths.append(self.path)
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            found.messages.append(_decoded(body))
            self.send_response(found.answer[0])
            self.send_header("Content-Length", str(len(found.answer[1])))
            self.end_headers()
            self.wfile.write(found.answer[1])

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_port}"
        yield found
        server.shutdown()
        thread.join()


def _decoded(body: bytes) -> Any:
    """Unknown fields are refused. OTLP writes ids in hexadecimal, where protobuf's JSON has base64."""

    def with_ids(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        ids = ("traceId", "spanId", "parentSpanId")
        return {
            name: base64.b64encode(bytes.fromhex(value)).decode() if name in ids else value
            for name, value in pairs
        }

    return json_format.ParseDict(json.loads(body, object_pairs_hook=with_ids), ExportTraceServiceRequest())


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Four requests: two of traces of their own, of which one failed; one without; one without an end."""
    requests = [
        request(
            1.0, 100.0, delay_ms=20.0, trace_id=FIRST, model="m", input_tokens=30, cost_usd=1.0, status=200
        ),
        request(2.0, 400.0, trace_id=SECOND, outcome="server_error", error="HTTP 500", status=500),
        request(3.0, 900.0),
        request(4.0, None, trace_id="2" * 32),
    ]
    spans = [
        span(0, "triage", 10.5, start_ms=2.0, model="small"),
        span(0, "total", 70.0),
        span(1, "triage", 30.0, start_ms=0.0),
    ]
    write_run(tmp_path / "runs", requests, spans=spans, phases=one_hold())
    return tmp_path / "runs"


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Harness:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"):
        monkeypatch.delenv(name, raising=False)
    return command_in(tmp_path, 'runs_dir = "runs"\n', monkeypatch, capsys)


def _attributes(of: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of.attributes}


def _us(nanoseconds: int) -> int:
    return int(nanoseconds) // 1000 - START_US


def test_a_receiver_reads_the_requests_and_their_components(
    harness: Harness, receiver: Receiver, runs: Path
) -> None:
    code, out, err = harness("export", "otlp", "--endpoint", receiver.url)
    assert (code, out, err) == (0, f"4 spans sent to {receiver.url}/v1/traces\n", "")
    assert receiver.paths == ["/v1/traces"]
    slow, slow_triage, fast, fast_triage = receiver.spans  # the slowest request first

    assert (fast.trace_id.hex(), fast.span_id.hex()) == (FIRST, FIRST[16:])
    assert (fast.name, fast.kind, fast.parent_span_id) == ("POST /api/cases", fast.SPAN_KIND_CLIENT, b"")
    assert (_us(fast.start_time_unix_nano), _us(fast.end_time_unix_nano)) == (1_020_000, 1_100_000)
    told = _attributes(fast)
    assert told["harness.response_time_ms"] == 100.0
    assert told["gen_ai.usage.input_tokens"] == 30
    assert told["harness.cost_usd"] == 1.0
    assert told["http.response.status_code"] == 200
    assert "harness.cause" not in told
    assert not fast.HasField("status")

    assert fast_triage.parent_span_id == fast.span_id
    assert fast_triage.trace_id == fast.trace_id
    assert (fast_triage.name, fast_triage.kind) == ("triage", fast_triage.SPAN_KIND_INTERNAL)
    assert _us(fast_triage.start_time_unix_nano) == 1_022_000
    assert _us(fast_triage.end_time_unix_nano) == 1_032_500

    assert (slow.trace_id.hex(), slow_triage.trace_id.hex()) == (SECOND, SECOND)
    assert (slow.status.code, slow.status.message) == (slow.status.STATUS_CODE_ERROR, "HTTP 500")
    assert _attributes(slow)["error.type"] == "server_error"
    assert len({each.span_id for each in receiver.spans}) == 4

    resource = _attributes(receiver.messages[0].resource_spans[0].resource)
    assert resource["service.name"] == "agent-load-harness"
    assert resource["harness.run_id"] == "20261124T063300Z-test-000001"


def test_a_few_of_the_slowest_with_keys_from_the_environment(
    harness: Harness, receiver: Receiver, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{receiver.url}/tenant/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", HEADERS)
    assert harness("export", "otlp", "latest", "--slowest", "1")[0] == 0
    assert receiver.paths == ["/tenant/v1/traces"]
    assert [each.trace_id.hex() for each in receiver.spans] == [SECOND, SECOND]
    assert receiver.headers[0]["api-key"] == "se cret"
    assert receiver.headers[0]["x-tenant"] == "a"


def test_many_requests_go_in_several_messages_and_share_a_trace_without_sharing_spans(
    harness: Harness, receiver: Receiver, tmp_path: Path
) -> None:
    requests = [request(0.01 * n, 100.0, trace_id=FIRST) for n in range(250)]
    write_run(tmp_path / "runs", requests, phases=one_hold())
    assert harness("export", "otlp", "--all", "--endpoint", receiver.url)[0] == 0
    assert len(receiver.messages) == 3
    assert len({each.span_id for each in receiver.spans}) == len(receiver.spans) == 250


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, b"no key"), "/v1/traces answered 401: no key"),
        ((200, b'{"partialSuccess": {"rejectedSpans": "3"}}'), "refused 3 of 4 spans"),
    ],
    ids=["refused", "refused in part"],
)
def test_a_receiver_that_refuses_is_told(
    harness: Harness, receiver: Receiver, runs: Path, answer: tuple[int, bytes], words: str
) -> None:
    receiver.answer = answer
    code, _, err = harness("export", "otlp", "--endpoint", receiver.url)
    assert (code, err.count("\n")) == (2, 1)
    assert words in err


def test_mistakes_are_one_line(harness: Harness, runs: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "untraced", [request(1.0)], phases=one_hold())
    nobody = f"http://127.0.0.1:{free_port()}"
    for arguments, words in (
        ([], "give --endpoint URL"),
        (["--endpoint", "127.0.0.1:4318"], "not an http:// or https:// address"),
        (["--endpoint", nobody], "cannot be reached: "),
        (["--endpoint", nobody, "--runs-dir", str(tmp_path / "untraced")], "run it with --trace"),
    ):
        code, _, err = harness("export", "otlp", *arguments)
        assert (code, err.count("\n")) == (2, 1), err
        assert words in err
