"""What Locust's statistics make of a measurement, and what the harness makes of the same requests."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from locust import User, event, stats, task
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.runners import WorkerNode
from locust.stats import RequestStats

from harness.analysis import summarise
from harness.monitoring import RecentWindow
from harness.runs import open_run
from tests.support.recorded_runs import START_US, one_hold, request, write_run
from tests.traps.conftest import StockRunner, Witness

Script = Callable[[str], Any]


@pytest.mark.parametrize(
    ("took_ms", "locust_ms", "off"),
    [
        pytest.param(1.5, 2, 0.33, id="1.5 ms is 2 ms"),
        pytest.param(104.9, 100, -0.047, id="104.9 ms is 100 ms"),
        pytest.param(147.4, 150, 0.017, id="147.4 ms is 150 ms"),
        pytest.param(1049.0, 1000, -0.047, id="1049 ms is 1000 ms"),
        pytest.param(58_760.0, 59_000, 0.004, id="58.76 s is 59 s"),
    ],
)
def test_percentiles_are_rounded(tmp_path: Path, took_ms: float, locust_ms: int, off: float) -> None:
    """To two digits: a change of 4 % can vanish, or appear, and a percentile can exceed the maximum."""
    tables: Any = RequestStats()  # whose types allow whole milliseconds only
    for _ in range(400):
        tables.log_request("POST", "/api/cases", took_ms, 0)
    assert tables.total.get_response_time_percentile(0.95) == locust_ms
    assert tables.total.max_response_time == took_ms
    assert locust_ms / took_ms - 1 == pytest.approx(off, abs=0.004)
    run = write_run(tmp_path, [request(0.01 * i, took_ms) for i in range(400)], phases=one_hold())
    figures = summarise(run).overall.response_time
    assert figures["p95"].value == figures["max"].value == pytest.approx(took_ms, abs=1e-3)


class Clock:
    now_s = 1_790_000_000.0

    def time(self) -> float:
        return self.now_s


def test_the_rate_of_a_service_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locust's current rate is that of the seconds before the last answer, however long ago that was."""
    clock = Clock()
    monkeypatch.setattr(stats, "time", clock)
    tables: Any = RequestStats()
    window = RecentWindow()
    for second in range(20):
        clock.now_s += 1
        for _ in range(50):
            tables.log_request("POST", "/api/cases", 5.0, 0)
        done_us = np.full(50, START_US + second * 1_000_000)
        window.extend(done_us, np.full(50, 5.0), errors=0, now_us=int(done_us[-1]))
    clock.now_s += 60
    assert tables.total.current_rps == 50
    assert window.figures(START_US + 80_000_000, 80.0)[0] == 0.0


def test_a_metric_of_ones_own_counts_as_a_request() -> None:
    """A time to first token that is fired as a request halves the mean and doubles the throughput.

    Here it is a column of the request's row: see `first_token_at` and the spans.
    """
    make_events: Any = event.Events  # Locust's hooks carry no types
    environment: Any = Environment(user_classes=[], events=make_events())
    environment.create_local_runner()
    fire = environment.events.request.fire
    for _ in range(10):
        fire(request_type="POST", name="/chat", response_time=1000, response_length=1, exception=None)
        fire(request_type="METRIC", name="first token", response_time=100, response_length=0, exception=None)
    assert environment.stats.total.num_requests == 20
    assert environment.stats.total.avg_response_time == 550


def test_the_json_that_is_written_empties_the_tables(tmp_path: Path) -> None:
    tables: Any = RequestStats()  # whose types allow whole milliseconds only
    tables.log_request("POST", "/api/cases", 5.0, 0)
    assert [entry["num_requests"] for entry in tables.serialize_stats()] == [1]
    assert tables.serialize_stats() == []
    run = write_run(tmp_path, [request(0.1)], phases=one_hold())
    assert len(open_run(run.path).requests()) == len(open_run(run.path).requests()) == 1


def test_the_mix_of_a_few_users() -> None:
    """Five users of classes weighted 5:3:2 are dispatched 2:2:1; an open loop here draws it per arrival."""

    def user_class(name: str, weight: int) -> type[User]:
        return type(name, (User,), {"weight": weight, "tasks": [task(lambda _: None)]})

    classes = [user_class("Simple", 5), user_class("Moderate", 3), user_class("Complex", 2)]
    dispatcher = UsersDispatcher([WorkerNode(id="one")], classes)
    dispatcher.new_dispatch(target_user_count=5, spawn_rate=5)
    (dispatched,) = list(dispatcher)
    assert dispatched["one"] == {"Simple": 2, "Moderate": 2, "Complex": 1}


LOCAL = """
import gevent, json, time
from locust import User, constant, constant_throughput, events, poisson, task
from locust.env import Environment

def run(cls, seconds, *steps, **options):
    environment = Environment(user_classes=[cls], events=events, **options)
    runner = environment.create_local_runner()
    for users in steps or (1,):
        runner.start(users, spawn_rate=100)
        gevent.sleep(seconds)
    requests = environment.stats.total.num_requests
    runner.quit()
    return requests

def answer(user, seconds):
    gevent.sleep(seconds)
    user.environment.events.request.fire(
        request_type="GET", name="/", response_time=1000 * seconds, response_length=0, exception=None)
"""


def test_wait_times_make_no_open_loop(script: Script) -> None:
    """20 requests/s asked for, at a service that takes 0.25 s: 2 s should see 40 of them.

    A user with `poisson` waits after each answer, and one that is behind never catches up.
    """
    counts = script(
        LOCAL
        + """
class Poisson(User):
    wait_time = poisson(20)
    @task
    def ask(self): answer(self, 0.25)

class Throughput(User):
    wait_time = constant_throughput(20)
    @task
    def ask(self): answer(self, 0.25)

print(json.dumps([run(Poisson, 2), run(Throughput, 2)]))
"""
    )
    print(f"requests in 2 s of the 40 asked for: poisson {counts[0]}, constant_throughput {counts[1]}")
    assert max(counts) <= 8


def test_reset_stats_resets_at_every_step(script: Script) -> None:
    """It is meant for the end of the ramp-up; with a shape, only what follows the last step is left."""
    found = script(
        LOCAL
        + """
sent = []
events.request.add_listener(lambda **_: sent.append(1))
class Asker(User):
    wait_time = constant(0)
    @task
    def ask(self): answer(self, 0.05)

counted = run(Asker, 1, 2, 4, 2, reset_stats=True)
print(json.dumps([counted, len(sent)]))
"""
    )
    counted, sent = found
    print(f"sent {sent}, counted {counted}")
    assert counted < 0.4 * sent


STOCK = """
from locust import FastHttpUser, constant, task

class WorkUser(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def work(self):
        self.client.get("/job/final")
"""


def test_the_csv_lacks_the_last_requests_and_two_jsons_are_one_too_many(
    run_stock: StockRunner, witness: Witness
) -> None:
    """The CSV is written every second; here the test ends half way between two."""
    began: list[float] = []

    def half_way(_: int) -> bool:
        if not began and witness.served("/job/final"):
            began.append(time.monotonic())
        return bool(began) and time.monotonic() - began[0] > 2.5

    ended = run_stock(
        STOCK,
        *("-H", witness.url, "-u", "4", "-r", "4", "-t", "60s", "--json", "--json-file", "told"),
        when=half_way,
        send=signal.SIGINT,
    )
    served = witness.served("/job/final")
    print(f"served {served}, in the CSV {ended.requests}")
    assert 0 < ended.requests < served
    assert (ended.folder / "told.json").read_text() == "[]"


def test_sigterm_leaves_no_html_report(run_stock: StockRunner, witness: Witness) -> None:
    """As `docker stop` sends it. The process ends as if all were well."""
    ended = run_stock(
        STOCK.replace("final", "sigterm"),
        *("-H", witness.url, "-u", "2", "-r", "2", "-t", "60s", "--html", "report.html"),
        when=lambda _: witness.served("/job/sigterm") > 20,
        send=signal.SIGTERM,
    )
    assert ended.code == 0
    assert not (ended.folder / "report.html").exists()
