"""What Locust's masters, workers and endings do to a measurement, and what the harness does.

Where an existing test of the harness shows the other half, `docs/traps.md` names it.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.plugin.conftest import LocustRunner
from tests.support.processes import free_port
from tests.traps.conftest import StockRunner, Witness

Script = Callable[[str], Any]

STOCK = """
from locust import FastHttpUser, constant, task

class WorkUser(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def work(self):
        self.client.get("/job/NAME?delay_ms=DELAY", name="/job")
"""

SHAPE = """
import time
from locust import LoadTestShape, User, constant, task

STAGES = [(0.9, 8, 2), (2.5, 9, 100), (4.5, 5, 100)]  # until, users, spawn rate; the first ramp takes 3 s

class Stages(LoadTestShape):
    def tick(self):
        return next(((users, rate) for until, users, rate in STAGES if self.get_run_time() < until), None)
"""


def stock(name: str, delay_ms: int = 0) -> str:
    return STOCK.replace("NAME", name).replace("DELAY", str(delay_ms))


@pytest.mark.parametrize(
    "signalled",
    [
        pytest.param(False, id="the run time"),
        pytest.param(True, id="Ctrl-C at the terminal", marks=pytest.mark.slow),
    ],
)
def test_the_tail_is_lost_when_a_test_stops(
    run_stock: StockRunner, witness: Witness, signalled: bool
) -> None:
    """Ten users, 1.5 s a request, and a stop timeout: the last of each user is served, not counted."""
    path = f"tail-{signalled}"
    load = ("-H", witness.url, "-u", "10", "-r", "10", "--stop-timeout", "5", "--processes", "1")
    if signalled:
        began = time.monotonic()
        ended = run_stock(
            stock(path, 1500),
            *load,
            when=lambda _: time.monotonic() - began > 5.5,
            send=signal.SIGINT,
            to_group=True,
        )
    else:
        ended = run_stock(stock(path, 1500), *load, "-t", "4s")
    served = witness.served(f"/job/{path}")
    print(f"served {served}, counted {ended.requests}")
    assert served - ended.requests >= 5


PAIR = """
import gevent, json
PREPARE
from locust import User, argument_parser, constant, events, task
from locust.env import Environment

class Idle(User):
    wait_time = constant(0.1)
    @task
    def idle(self): pass

def pair(port, **options):
    parsed = argument_parser.parse_options([])
    make = lambda: Environment(user_classes=[Idle], events=events, parsed_options=parsed, **options)
    master = make().create_master_runner("127.0.0.1", port)
    gevent.sleep(0.1)
    worker = make().create_worker_runner("127.0.0.1", port)
    while not master.clients.ready: gevent.sleep(0.05)
    return master, worker
"""


@pytest.mark.parametrize(
    ("prepare", "least", "most"),
    [
        pytest.param("", 20, 200, id="stock: once per option"),
        pytest.param("import harness.plugin", 0, 1, id="the harness: once"),
    ],
)
def test_a_spawn_message_builds_parsers(script: Script, prepare: str, least: int, most: int) -> None:
    """Each takes 2 ms, in which the worker does nothing else; a ramp sends a message every second."""
    built = script(
        PAIR.replace("PREPARE", prepare)
        + f"""
master, worker = pair({free_port()})
built = []
setup = argument_parser.setup_parser_arguments
argument_parser.setup_parser_arguments = lambda parser: (built.append(1), setup(parser))
gevent.spawn(master.start, 3, 100)
while not worker.last_received_spawn_timestamp: gevent.sleep(0.05)
print(json.dumps(len(built)), flush=True)
import os; os._exit(0)
"""
    )
    print(f"parsers built for one spawn message: {built}")
    assert least <= built <= most


def test_the_stop_timeout_makes_a_worker_sleep(script: Script) -> None:
    """It has no users left, and is not ready for as long; a test that starts meanwhile runs nothing."""
    found = script(
        PAIR.replace("PREPARE", "import time")
        + f"""
master, worker = pair({free_port()}, stop_timeout=3)
master.start(2, 100)
began = time.monotonic()
master.stop()
stopped_s = time.monotonic() - began
master.start(2, 100)
gevent.sleep(0.5)
users = worker.user_count
while not master.clients.ready: gevent.sleep(0.05)
print(json.dumps([stopped_s, users, time.monotonic() - began]), flush=True)
import os; os._exit(0)
"""
    )
    stopped_s, users, ready_s = found
    print(f"stopped after {stopped_s:.1f} s, ready again after {ready_s:.1f} s")
    assert users == 0
    assert stopped_s < 2.5 < ready_s


def test_statistics_of_a_stranger_are_merged(script: Script) -> None:
    """A worker of an earlier master, or of a mistyped address. Rows of strangers are dropped here."""
    counted = script(
        PAIR.replace("PREPARE", "")
        + f"""
from locust.rpc import Message, zmqrpc
from locust.stats import RequestStats
port = {free_port()}
master, worker = pair(port)
tables = RequestStats()
for _ in range(72): tables.log_request("GET", "/elsewhere", 5.0, 0)
data = {{"stats": tables.serialize_stats(), "stats_total": tables.total.get_stripped_report()}}
data.update(errors={{}}, user_classes_count={{}}, user_count=0)
stranger = zmqrpc.Client("127.0.0.1", port, "stranger_1")
stranger.send(Message("stats", data, "stranger_1"))
gevent.sleep(0.5)
print(json.dumps([master.stats.total.num_requests, "stranger_1" in master.clients]), flush=True)
import os; os._exit(0)
"""
    )
    assert counted == [72, False]


def test_users_that_a_ramp_down_removes_take_their_requests_along(script: Script) -> None:
    """Ten users with a request of 1 s each, eight of which are taken away after half of it."""
    found = script(
        """
        import gevent, json
        from locust import User, events, task
        from locust.env import Environment
        begun = []
        class Asker(User):
            @task
            def ask(self):
                begun.append(1)
                gevent.sleep(1)
                self.environment.events.request.fire(
                    request_type="GET", name="/", response_time=1000, response_length=0, exception=None)
                gevent.sleep(100)
        environment = Environment(user_classes=[Asker], events=events)
        runner = environment.create_local_runner()
        runner.start(10, spawn_rate=100)
        gevent.sleep(0.5)
        runner.start(2, spawn_rate=100)
        gevent.sleep(1)
        print(json.dumps([len(begun), environment.stats.total.num_requests]))
        """
    )
    assert found == [10, 2]


def test_stages_whose_time_passes_in_a_ramp_are_skipped(run_stock: StockRunner) -> None:
    """Distributed: the master asks the shape for nothing while it spreads users."""
    ended = run_stock(
        SHAPE
        + """
class Idle(User):
    wait_time = constant(0.1)
    @task
    def idle(self): pass
""",
        *("--processes", "1"),
    )
    assert "Shape test updating to 8 users" in ended.err
    assert "Shape test updating to 9 users" not in ended.err
    assert "Shape test updating to 5 users" in ended.err


HARNESS = """
from locust import constant, task
import harness.plugin
from harness.engine import ServiceUser

class WorkUser(ServiceUser):
    wait_time = constant(0.02)

    @task
    def work(self):
        self.client.get("/job/NAME")
"""


def test_no_stage_is_skipped_here(run_locust: LocustRunner, witness: Witness, tmp_path: Path) -> None:
    """The ramp ends where it is when the next stage begins; phases say what really was."""
    (tmp_path / "stages.py").write_text(SHAPE + HARNESS.replace("NAME", "stages"))
    ended = run_locust("-H", witness.url, "--processes", "1", locustfile="stages.py")
    assert [phase["name"] for phase in ended.manifest["phases"]] == [
        *("ramp-to-8", "ramp-to-9", "9-users", "ramp-to-5", "5-users", "drain")
    ]
    begun = [phase["start_us"] / 1e6 for phase in ended.manifest["phases"] if phase["kind"] != "hold"]
    for until_s, ended_s in zip((0.9, 2.5, 4.5), begun[1:], strict=True):
        assert until_s <= ended_s - begun[0] < until_s + 1.6, "the shape is asked once a second"
    assert len(ended.requests) == ended.locust_count == witness.served("/job/stages")


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["interrupted", "the shape ended"])
def test_a_test_may_end_in_the_middle_of_a_ramp(
    run_locust: LocustRunner, witness: Witness, tmp_path: Path, ends: str
) -> None:
    """Of 30 users at 2/s, no more are spread once the test ends, and what was sent is all counted."""
    name = ends.replace(" ", "-")
    only_a_ramp = SHAPE.replace("(0.9, 8, 2), (2.5, 9, 100), (4.5, 5, 100)", "(SECONDS, 30, 2)")
    seconds = "60" if ends == "interrupted" else "3.5"
    (tmp_path / "ramp.py").write_text(only_a_ramp.replace("SECONDS", seconds) + HARNESS.replace("NAME", name))
    when = (lambda: witness.served(f"/job/{name}") > 200) if ends == "interrupted" else None
    ended = run_locust("-H", witness.url, "--processes", "2", when=when, locustfile="ramp.py")
    assert "Traceback" not in ended.err
    assert (ended.manifest["stop_reason"], ended.manifest["state"]) == (ends, "sealed")
    assert [phase["name"] for phase in ended.manifest["phases"]] == ["ramp-to-30", "drain"]
    assert len(ended.requests) == ended.locust_count == witness.served(f"/job/{name}")


@pytest.mark.slow
def test_a_worker_that_dies_halves_the_load_and_nobody_says_so(
    run_stock: StockRunner, witness: Witness
) -> None:
    def kill(pid: int) -> bool:
        if witness.served("/job/halved") < 100:
            return False
        psutil.Process(pid).children()[0].kill()
        return True

    ended = run_stock(
        stock("halved", 200),
        *("-H", witness.url, "-u", "10", "-r", "10", "-t", "16s", "--processes", "2", "--csv-full-history"),
        when=kill,
    )
    assert ended.code == 0
    history = (ended.folder / "stock_stats_history.csv").read_text().splitlines()
    users = [int(line.split(",")[1]) for line in history if ",Aggregated," in line]
    assert max(users) == 10
    assert 5 in users[-6:]


@pytest.mark.slow
def test_a_worker_takes_any_master(run_stock: StockRunner, witness: Witness, tmp_path: Path) -> None:
    """Where the port of its own master was taken, it loads what the other master names."""
    (tmp_path / "other.py").write_text(stock("foreign") + '    host = "http://127.0.0.1:1"\n')
    port = str(free_port())
    with subprocess.Popen(
        [sys.executable, "-m", "locust", "-f", "other.py", "--worker", "--master-port", port],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    ) as worker:
        try:
            run_stock(
                stock("own"),
                *("-H", witness.url, "--master", "--master-bind-port", port, "--expect-workers", "1"),
                *("-u", "2", "-t", "4s"),
            )
        finally:
            worker.kill()
    assert witness.served("/job/own") == 0
    assert witness.served("/job/foreign") > 20


@pytest.mark.slow
def test_resets_and_json_take_nothing_from_the_record(
    run_locust: LocustRunner, witness: Witness, tmp_path: Path
) -> None:
    """The same options that empty Locust's tables in a run with the harness."""
    (tmp_path / "steps.py").write_text(SHAPE + HARNESS.replace("NAME", "resets"))
    ended = run_locust(
        *("-H", witness.url, "--processes", "1", "--reset-stats", "--json", "--json-file", "told"),
        locustfile="steps.py",
    )
    served = witness.served("/job/resets")
    print(f"served {served}, in Locust's CSV {ended.locust_count}")
    assert len(ended.requests) == ended.summary["totals"]["requests"] == served
    assert ended.locust_count < served
