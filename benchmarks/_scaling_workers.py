"""Many workers in one process, for a master that cannot tell: sockets, messages and rows are real.

    python -m benchmarks._scaling_workers --port 5557 --workers 500 --rate 1000 --locustfile FILE

What differs: no user runs, and no request is sent. Each worker invents its share of `--rate` requests per
second, with six components each, and reports them every 3 s as Locust's statistics and as our rows,
encoded by the engine's own recorder. Prints `running` when every worker has its users, and a line of JSON
at the end.
"""

import argparse
import heapq
import itertools
import json
import random
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import locust
import msgpack
import zmq
from locust.stats import RequestStats

from benchmarks._engine_servers import raise_open_files
from harness.engine import Answer, Recorder, Request, Response, RunTicket, Span, classify, now_us
from harness.plugin._build import build_of
from harness.plugin._clock_sync import CLOCK
from harness.plugin._crew import HURRY
from harness.plugin._generator import BEGIN, DRAIN, FINAL, HELLO, MASTER_GONE_S

REPORT_S = 3.0
HEARTBEAT_S = 1.0
CATEGORIES = ("simple", "moderate", "complex")
COMPONENTS = ("triage", "specialists", "debate", "synthesis", "overhead", "total")
_SPANS = [Span(name, 80.0, i * 80.0) for i, name in enumerate(COMPONENTS)]


@dataclass(slots=True)
class Seen:
    """What the workers saw of their master."""

    workers: int = 0
    rows: int = 0
    reports: int = 0
    left: int = 0
    """Workers that gave their master up, after as long as real ones do."""
    longest_silence_s: float = 0.0
    """While the load lasted."""
    drained_s: float = 0.0
    """When the first was told that the run is over, on the machine's monotonic clock."""
    own_lag_s: float = 0.0
    """How late this process was with what it had to do: beyond a second, the figures are its own."""


class Worker:
    """One worker's half of the protocol. `at` are the times at which it has something to say."""

    def __init__(self, context: "zmq.Context[Any]", port: int, build: dict[str, str], seen: Seen) -> None:
        self.id = f"{socket.gethostname()}_{uuid.uuid4().hex}"
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, self.id.encode())
        self.socket.setsockopt(zmq.LINGER, 2000)
        self.socket.connect(f"tcp://127.0.0.1:{port}")
        self.state = "ready"
        self.users: dict[str, int] = {}
        self.over = False
        self._build, self._seen = build, seen
        self._recorder, self._stats = Recorder(), RequestStats()
        self._heard_s = 0.0
        self._owed = 0.0
        self._reported_s = 0.0
        self._say("client_ready", locust.__version__)

    def heartbeat(self) -> None:
        if self.over:
            return
        if self._heard_s and time.monotonic() - self._heard_s > MASTER_GONE_S:
            self._note_silence()
            self._seen.rows += self._recorder.next_sequence
            self._seen.left += 1
            self.over = True
            return
        usage = {"state": self.state, "current_cpu_usage": 40.0, "current_memory_usage": 120_000_000}
        self._say("heartbeat", usage)

    def report(self, rate_per_s: float) -> None:
        """Invent what was sent since the last report, and ship it."""
        if self.over:
            return
        now_s = time.monotonic()
        if self._recorder.active:
            self._owed += rate_per_s * (now_s - self._reported_s)
            for _ in range(int(self._owed)):
                self._invent()
            self._owed %= 1
            self._record_health(round(now_s - self._reported_s))
        self._reported_s = now_s
        data: dict[str, Any] = {
            "stats": self._stats.serialize_stats(),
            "stats_total": self._stats.total.get_stripped_report(),
            "errors": self._stats.serialize_errors(),
            "user_classes_count": self.users,
            "user_count": sum(self.users.values()),
        }
        if self._recorder.active:
            shipment = self._recorder.ship()
            data["harness"] = {name: getattr(shipment, name) for name in shipment.__slots__}
        self._seen.reports += 1
        self._say("stats", data)

    def receive(self) -> None:
        """Answer all that has come."""
        while True:
            try:
                kind, data, _ = msgpack.unpackb(self.socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                return
            self._take(kind, data)

    def _take(self, kind: str, data: Any) -> None:
        match kind:
            case "ack":
                self._heard_s = time.monotonic()
                self._say(HELLO, self._build)
            case "heartbeat":
                self._note_silence()
                self._heard_s = time.monotonic()
            case "spawn":
                self._say("spawning", None)
                self.users, self.state = data["user_classes_count"], "running"
                count = {"user_classes_count": self.users, "user_count": sum(self.users.values())}
                self._say("spawning_complete", count)
            case _ if kind == CLOCK:
                self._say(CLOCK, {"sent_us": data["sent_us"], "worker_us": now_us()})
            case _ if kind == BEGIN:
                self._recorder.begin(RunTicket(**data))
                self._reported_s = time.monotonic()
            case _ if kind in (DRAIN, HURRY) and self._recorder.active:
                self._seen.drained_s = self._seen.drained_s or time.monotonic()
                self.report(0.0)
                self._seen.rows += self._recorder.next_sequence
                ticket = self._recorder.ticket
                self._say(FINAL, {"token": ticket.token, "next_sequence": self._recorder.next_sequence})
                self._recorder.close()
            case "stop":
                self._say("client_stopped", None)
                self._say("client_ready", locust.__version__)
                self.state = "ready"
            case "quit":
                self.over = True

    def _note_silence(self) -> None:
        if self._heard_s and self._recorder.active:
            silence_s = time.monotonic() - self._heard_s
            self._seen.longest_silence_s = max(self._seen.longest_silence_s, silence_s)

    def _invent(self) -> None:
        at_us, took_us = now_us(), random.randrange(200_000, 900_000)
        category = random.choice(CATEGORIES)
        case_id = f"{category}-{self._recorder.next_sequence}"
        sent_us = at_us - took_us
        request = Request("POST", "/api/cases", "CaseUser", category, case_id, sent_us, sent_us, 300)
        answer = Answer(llm_calls=4, input_tokens=2000, output_tokens=400, cost_usd=0.001)
        response = Response(classify(200, None, answer), at_us, 200, 2000, _SPANS, answer)
        self._recorder.record(request, response)
        self._stats.log_request("POST", "/api/cases", took_us // 1000, 2000)

    def _record_health(self, seconds: int) -> None:
        for ago in range(seconds, 0, -1):
            at_us, rows = now_us() - ago * 1_000_000, self._recorder.next_sequence
            row = (at_us, 40.0, 1.0, 50, 0, 1, sum(self.users.values()), 0.5, 0, 0, 0, rows, 35.0, 50.0)
            self._recorder.record_generator(row)

    def _say(self, kind: str, data: Any) -> None:
        self.socket.send(msgpack.packb((kind, data, self.id)), zmq.NOBLOCK)


class Agenda:
    """What is to be said when, by time; the same again after its interval."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, float, Callable[[], None]]] = []
        self._order = itertools.count()

    def every(self, interval_s: float, first_s: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._due, (first_s, next(self._order), interval_s, do))

    def run(self, now_s: float) -> float:
        """Do what is due; how late the latest of it was, in seconds."""
        late_s = 0.0
        while self._due and self._due[0][0] <= now_s:
            due_s, order, interval_s, do = heapq.heappop(self._due)
            late_s = max(late_s, time.monotonic() - due_s)
            do()
            heapq.heappush(self._due, (due_s + interval_s, order, interval_s, do))
        return late_s


def main() -> None:
    parser = argparse.ArgumentParser(description="Be many workers of a master on this machine.")
    parser.add_argument("--port", type=int, required=True, help="the master's port for workers")
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="requests per second, of all together")
    parser.add_argument("--locustfile", required=True, help="what the master runs")
    options = parser.parse_args()
    raise_open_files()
    seen = be_workers(options.port, options.workers, options.rate, options.locustfile)
    print(json.dumps(asdict(seen)), flush=True)


def be_workers(port: int, workers: int, rate_per_s: float, locustfile: str) -> Seen:
    """From the first connection until the master says that it is over."""
    context: zmq.Context[Any] = zmq.Context()
    context.set(zmq.MAX_SOCKETS, workers + 100)
    environment: Any = SimpleNamespace(parsed_locustfiles=[locustfile], user_classes=[])
    seen, build = Seen(workers), build_of(environment)
    everyone = [Worker(context, port, build, seen) for _ in range(workers)]
    by_socket = {worker.socket: worker for worker in everyone}
    poller = zmq.Poller()
    agenda = Agenda()
    now_s = time.monotonic()
    for place, worker in enumerate(everyone):
        poller.register(worker.socket, zmq.POLLIN)
        share = place / workers
        agenda.every(HEARTBEAT_S, now_s + share * HEARTBEAT_S, worker.heartbeat)
        agenda.every(REPORT_S, now_s + share * REPORT_S, partial(worker.report, rate_per_s / workers))
    _follow(everyone, by_socket, poller, agenda, seen)
    context.destroy(linger=2000)
    return seen


def _follow(
    everyone: list[Worker],
    by_socket: dict[Any, Worker],
    poller: zmq.Poller,
    agenda: Agenda,
    seen: Seen,
) -> None:
    told = False
    while not all(worker.over for worker in everyone):
        for ready, _ in poller.poll(20):
            by_socket[ready].receive()
        late_s = agenda.run(time.monotonic())
        if told:
            seen.own_lag_s = max(seen.own_lag_s, late_s)
        elif all(worker.state == "running" for worker in everyone):
            told = True
            print("running", flush=True)


if __name__ == "__main__":
    main()
