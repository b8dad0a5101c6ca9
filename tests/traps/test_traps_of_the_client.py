"""What Locust's HTTP clients do to a measurement, and what ours does in the same place.

Each script runs both clients in one process against the same service. `ours()` gives the rows
that our client has left since it was last asked.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.traps.conftest import Witness

Script = Callable[[str], Any]

BOTH = """
import gevent.monkey; gevent.monkey.patch_all()
import gevent, json, os, resource, socket, threading, time
import pyarrow as pa
from locust import FastHttpUser, task
from locust.env import Environment
from harness.engine import RunTicket, ServiceUser, flush_stats, recorder
from harness.engine._http import SseReader
from harness.runs import REQUEST_SCHEMA

URL = "{url}"

class Fast(FastHttpUser):
    host = URL
    network_timeout = 1.0
    @task
    def nothing(self): pass

class Ours(ServiceUser):
    host = URL
    request_timeout_s = 1.0
    @task
    def nothing(self): pass

def user(cls):
    environment = Environment(user_classes=[cls])
    environment.create_local_runner()
    made = cls(environment)
    made.counted = lambda: (flush_stats(), environment.stats.total)[1]
    return made

fast, ours = user(Fast), user(Ours)
recorder.begin(RunTicket("traps"))

def rows():
    return [row for data in recorder.ship().requests
            for row in pa.ipc.read_record_batch(pa.py_buffer(data), REQUEST_SCHEMA).to_pylist()]
"""


@pytest.fixture
def both(script: Script, witness: Witness) -> Script:
    return lambda code: script(BOTH.replace("{url}", witness.url) + code)


def test_keep_alive_is_lost_from_descriptor_1024_on(both: Script) -> None:
    """FastHttpUser asks `select` whether a kept connection is alive, and takes its refusal for a no."""
    connections = both("""
listeners = []  # kept: a descriptor that is free again would be given to the next connection
def connections_of(send):
    seen = set()
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    def serve(sock, place):
        seen.add(place)
        while sock.recv(65536):
            sock.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    def accept():
        while True:
            gevent.spawn(serve, *listener.accept())
    accepting = gevent.spawn(accept)
    listeners.append(listener)
    send(f"http://127.0.0.1:{listener.getsockname()[1]}")
    accepting.kill()
    return len(seen)

def stock(url):
    for _ in range(20): fast.client.get(url)

def harness(url):
    for _ in range(20): ours.client.get(url + "/")

few = connections_of(stock), connections_of(harness)
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
print(json.dumps([few, (connections_of(stock), connections_of(harness))]))
""")
    assert connections == [[1, 1], [20, 1]]


def test_the_first_token_of_a_stream(both: Script) -> None:
    """`iter_lines` waits for 1024 bytes; the request is reported at the headers, before any token.

    The service sends 20 tokens in 1 s, the first at once.
    """
    found = both("""
began = time.time()
arrived = []
for line in fast.client.iter_lines("/tokens"):
    if line: arrived.append(time.time() - began)
stock_ms = fast.counted().max_response_time
reader = SseReader()
ours.client.get("/tokens", events=reader, timeout_s=5)
row, = rows()
ms = lambda name: (row[name] - row["sent_at"]).total_seconds() * 1000
print(json.dumps({
    "stock": {"first": 1000 * arrived[0], "reported": stock_ms,
              "moments": len({round(at, 2) for at in arrived})},
    "ours": {"first": ms("first_token_at"), "last": ms("last_token_at"), "done": ms("done_at"),
             "gaps": sum(gap > 20_000 for gap in reader.gaps_us)},
}))
""")
    stock, ours = found["stock"], found["ours"]
    print(f"stock {stock}, ours {ours}")
    assert stock["first"] > 400, "13 tokens fill 1024 bytes"
    assert stock["moments"] < 6
    assert stock["reported"] < 300, "what the statistics take for the response time"
    assert ours["first"] < 300
    assert ours["done"] >= ours["last"] > 900
    assert ours["gaps"] >= 15, "19 of 50 ms each, but for a busy machine"


def test_a_judgement_that_was_forgotten(both: Script) -> None:
    """`catch_response=True` without a with-block: stock Locust never hears of the request."""
    counts = both("""
fast.client.get("/job", catch_response=True)
ours.client.get("/job", catch_response=True)
print(json.dumps([fast.counted().num_requests, ours.counted().num_requests, len(rows())]))
""")
    assert counts == [0, 1, 1]


def test_an_exception_in_a_with_block(both: Script) -> None:
    """A KeyError in the check of an answer: with stock Locust the request was never sent, it seems."""
    found = both("""
for each in (fast, ours):
    try:
        with each.client.get("/job", catch_response=True) as response:
            response.json()["no such key"]
    except KeyError:
        pass
(row,) = rows()
print(json.dumps([fast.counted().num_requests, ours.counted().num_requests, row["outcome"], row["error"]]))
""")
    assert found == [0, 1, "invalid_answer", "'no such key'"]


def test_an_error_page_that_is_no_utf_8(both: Script) -> None:
    """FastHttpUser decodes every error page to make a message of it; where it cannot, nothing is counted."""
    found = both("""
try:
    fast.client.get("/broken")
    raised = None
except UnicodeDecodeError as error:
    raised = type(error).__name__
ours.client.get("/broken")
(row,) = rows()
print(json.dumps([raised, fast.counted().num_requests, row["outcome"], row["error"]]))
""")
    assert found == ["UnicodeDecodeError", 0, "server_error", "HTTP 500"]


def test_a_timeout_that_never_comes(both: Script) -> None:
    """Limits of 1 s, an answer that takes 2 s over its bytes: Locust's limit is for each of them."""
    found = both("""
answer = fast.client.get("/drip")
ours.client.get("/drip")
(row,) = rows()
took = (row["done_at"] - row["sent_at"]).total_seconds()
print(json.dumps([answer.status_code, fast.counted().max_response_time, row["outcome"], took]))
""")
    status, stock_ms, outcome, took_s = found
    assert (status, outcome) == (200, "timeout")
    assert stock_ms > 1900
    assert 0.9 < took_s < 1.8


def test_no_descriptor_is_left(both: Script) -> None:
    """The load generator's own limit looks like a service that cannot be reached; ours is told apart."""
    found = both("""
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
first = user(Ours)
first.client.get("/job")  # what is opened at the first use of a library is open now
rows()
held = []
try:
    while True: held.append(os.open("/dev/null", os.O_RDONLY))
except OSError: pass
fast.client.get("/job")
ours.client.get("/job")
for fd in held: os.close(fd)
(row,) = rows()
(error,) = fast.environment.stats.errors.values()
print(json.dumps([fast.counted().num_failures, str(error.error), row["outcome"], row["cause"], row["error"]]))
""")
    failures, stock_error, *ours = found
    assert failures == 1
    assert "Too many open files" in stock_error
    assert ours == ["connection_error", "generator", "no file descriptor left for a connection"]
