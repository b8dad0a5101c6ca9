"""`traceparent` as the service receives it, and the trace id in the row. Oracle: the W3C's format."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from gevent.pywsgi import WSGIServer
from locust import task
from locust.env import Environment

from harness.engine import RunTicket, ServiceUser, recorder
from harness.runs import REQUEST_SCHEMA

SENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")
OWN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
received: list[str | None] = []


def _service(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    received.append(environ.get("HTTP_TRACEPARENT"))
    if environ["PATH_INFO"] == "/old":
        start_response("302 Found", [("Location", "/new")])
        return []
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"ok": True}).encode()]


class Asker(ServiceUser):
    abstract = True

    @task
    def ask(self) -> None:
        """Not called: the tests use the client themselves."""


class TracingAsker(Asker):
    abstract = True
    trace = True


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = WSGIServer(("127.0.0.1", 0), _service, log=None)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop(timeout=1)


def _user(kind: type[Asker], address: str, *, traced: bool) -> Asker:
    environment = Environment(user_classes=[kind], host=address)
    environment.create_local_runner()
    recorder.begin(RunTicket("trace-test", traced=traced))
    kind.host = address
    received.clear()
    return kind(environment)


def _trace_ids() -> list[str | None]:
    batches = [
        pa.ipc.read_record_batch(pa.py_buffer(data), REQUEST_SCHEMA) for data in recorder.ship().requests
    ]
    recorder.close()
    return [row for batch in batches for row in batch.column("trace_id").to_pylist()]


@pytest.mark.parametrize(
    ("kind", "traced"), [(TracingAsker, False), (Asker, True)], ids=["by its class", "by the run"]
)
def test_each_request_begins_a_trace(address: str, kind: type[Asker], traced: bool) -> None:
    user = _user(kind, address, traced=traced)
    for _ in range(3):
        user.client.post("/work", json={"n": 1})
    user.client.get("/work")
    user.client.get("/work", headers={"X-Tenant": "a"})
    sent = [SENT.fullmatch(header or "") for header in received]
    assert all(sent)
    ids = [match[1] for match in sent if match]
    assert [match[2] for match in sent if match] == [trace_id[16:] for trace_id in ids]
    assert len(set(ids)) == len({match[2] for match in sent if match}) == 5
    assert _trace_ids() == ids


def test_without_being_asked_for_nothing_is_sent(address: str) -> None:
    user = _user(Asker, address, traced=False)
    user.client.get("/work")
    assert received == [None]
    assert _trace_ids() == [None]


def test_a_redirect_stays_in_the_trace(address: str) -> None:
    """Two requests to the service, two spans, one trace, one row."""
    user = _user(TracingAsker, address, traced=False)
    user.client.get("/old")
    first, second = (SENT.fullmatch(header or "") for header in received)
    assert first
    assert second
    assert first[1] == second[1]
    assert first[2] != second[2]
    assert _trace_ids() == [first[1]]


@pytest.mark.parametrize(
    ("own", "kept"),
    [(OWN, "0af7651916cd43dd8448eb211c80319c"), ("mine", None)],
    ids=["well formed", "malformed"],
)
def test_a_header_of_the_task_s_own_wins(address: str, own: str, kept: str | None) -> None:
    user = _user(TracingAsker, address, traced=False)
    user.client.get("/work", headers={"TraceParent": own})
    assert received == [own]
    assert _trace_ids() == [kept]
