"""Recording and intake by themselves: what a row costs the worker, how many rows a master takes in.

As a script it measures one of them once, in a process of its own, and prints JSON:

    python benchmarks/_engine_micro.py recording|intake ROWS
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

# A script's own folder is on the path, the one above it is not.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._engine_servers import Cores, pinned
from benchmarks._engine_table import Reach, Row

#: Rows between two shipments, about what a worker sends with a report at 7,000 requests/s.
REPORT_ROWS = 20_000
#: Requests that exist at once.
IN_FLIGHT = 1_000
START_US = 1_764_000_000_000_000
CATEGORIES = ("simple", "moderate", "complex")


def recording(cores: Cores, *, rounds: int, rows: int) -> list[Row]:
    """CPU time of sent, record and encoding; what describes a request is made before, or counted too."""
    row = Row(
        name="recording",
        what="recording, per request row on the worker",
        unit="us CPU",
        digits=2,
        reach=Reach("ours", at_most=3.0),
    )
    made = Row(name="recording", what="  with what describes it made, ids too", unit="us CPU", digits=2)
    return _measured("recording", {"recorded_us": row, "made_us": made}, cores, rounds, rows)


def intake(cores: Cores, *, rounds: int, rows: int) -> list[Row]:
    """Rows per second of wall time from a received message to the run folder's stream."""
    row = Row(
        name="intake",
        what="samples taken in by one master",
        unit="/s",
        reach=Reach("ours", at_least=100_000),
    )
    return _measured("intake", {"per_s": row}, cores, rounds, rows)


def _measured(what: str, table: dict[str, Row], cores: Cores, rounds: int, rows: int) -> list[Row]:
    argv = pinned([sys.executable, str(Path(__file__)), what, str(rows)], cores.generator)
    for _ in range(rounds):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
            for row in table.values():
                row.failed = reason
            break
        for figure, value in json.loads(done.stdout).items():
            table[figure].ours.append(value)
    return list(table.values())


def record_rows(rows: int) -> dict[str, float]:
    """In-process: µs of CPU per row, encoding in the slices and shipments of a real worker included."""
    from harness.engine import Recorder, RunTicket

    recorder = Recorder()
    recorder.begin(RunTicket("bench"))
    pairs = list(_requests(IN_FLIGHT))
    recorded_us = _cpu_us_per_row(recorder, lambda _: pairs, rows)
    made_us = _cpu_us_per_row(recorder, lambda first: _requests(IN_FLIGHT, first), rows)
    return {"recorded_us": recorded_us, "made_us": made_us}


def _cpu_us_per_row(recorder: Any, source: Callable[[int], Iterable[tuple[Any, Any]]], rows: int) -> float:
    _record(recorder, source(0), IN_FLIGHT)  # warm
    started_s = time.process_time()
    for first in range(0, rows, IN_FLIGHT):
        _record(recorder, source(first), first)
    recorder.ship()
    return (time.process_time() - started_s) / rows * 1e6


def _record(recorder: Any, pairs: Iterable[tuple[Any, Any]], first: int) -> None:
    sent, record = recorder.sent, recorder.record
    for request, response in pairs:
        sent(request)
        record(request, response)
    if first % REPORT_ROWS == 0:
        recorder.ship()


def _requests(count: int, first: int = 0) -> Iterator[tuple[Any, Any]]:
    """Requests with ids of their own and their responses, as a `ServiceUser` describes them."""
    from harness.engine import Request, Response, classify

    ending = classify(200, None)
    for number, category in enumerate(islice(cycle(CATEGORIES), count), first):
        at_us = START_US + number * 140
        yield (
            Request(
                method="POST",
                name="/api/cases",
                user_class="CaseUser",
                category=category,
                case_id=f"{category}-{number}",
                intended_us=at_us,
                sent_us=at_us,
                request_bytes=300 + number % 50,
            ),
            Response(ending, at_us + 400_000, 200, 2_000 + number % 50),
        )


def take_in(rows: int) -> dict[str, float]:
    """In-process: shipments as they come over the wire, unpacked, checked, given a phase, written to disk."""
    import msgpack

    from harness.engine import Recorder, RunTicket, now_us
    from harness.monitoring import RecentWindow
    from harness.plugin._intake import Intake
    from harness.runs import Manifest, RunFolder, ScenarioRecord
    from harness.schedule import PhaseTracker

    recorder = Recorder()
    recorder.begin(RunTicket("bench"))
    messages = []
    for first in range(0, rows, REPORT_ROWS):
        _record(recorder, _requests(REPORT_ROWS, first), 1)
        shipment = recorder.ship()
        messages.append(msgpack.dumps({name: getattr(shipment, name) for name in shipment.__slots__}))
    tracker = PhaseTracker()
    tracker.ramp(50, now_us() - 60_000_000)
    tracker.hold(50, now_us() - 50_000_000)
    with tempfile.TemporaryDirectory() as name:
        folder = RunFolder.create(Path(name), Manifest(run_id="bench", scenario=ScenarioRecord(name="bench")))
        master = Intake("bench", folder, tracker, RecentWindow())
        master.expect("worker", 0)
        started_s = time.perf_counter()
        for message in messages:
            master.take("worker", msgpack.loads(message), now_us())
        took_s = time.perf_counter() - started_s
        taken = folder.rows("requests")
        assert taken == len(messages) * REPORT_ROWS, "every row sent was taken in"
    return {"per_s": taken / took_s}


if __name__ == "__main__":
    print(json.dumps({"recording": record_rows, "intake": take_in}[sys.argv[1]](int(sys.argv[2]))))
