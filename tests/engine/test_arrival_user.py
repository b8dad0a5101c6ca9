"""Arrivals in a real LocalRunner: tasks note what happened, and the notes are counted.

No HTTP here: what an arrival sends is the session's own matter. tests/plugin/test_open_loop.py
runs whole Locust processes against a service.
"""

import contextvars
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
from locust import SequentialTaskSet, TaskSet, tag, task
from locust.env import Environment
from locust.exception import InterruptTaskSet, RescheduleTask, StopTest, StopUser
from locust.runners import LocalRunner
from scipy import stats

from harness.engine import (
    ArrivalUser,
    RunTicket,
    check_arrival_users,
    finish_arrivals,
    now_us,
    planned_arrivals_per_s,
    recorder,
    stop_arrivals,
)
from harness.engine._arrivals import current_counts
from harness.errors import UserError

MANY = {"arrivals_per_user": 100.0, "host": "http://127.0.0.1:1"}


def user(name: str, work: Callable[[Any], Any], **attributes: Any) -> type[ArrivalUser]:
    """An ArrivalUser class with one task, 100 arrivals a second per user where nothing else is said."""
    return type(name, (ArrivalUser,), {**MANY, "tasks": [work], **attributes})


@contextmanager
def load(*classes: type[ArrivalUser], users: int, seed: int = 7, **options: Any) -> Iterator[LocalRunner]:
    """These classes under load, from the moment that arrivals are counted until the block ends."""
    recorder.begin(RunTicket(token="test", seed=seed))
    environment = Environment(user_classes=list(classes), **options)
    runner = environment.create_local_runner()
    try:
        runner.start(users, spawn_rate=100)
        assert_soon(lambda: runner.user_count == users or runner.state == "stopped")
        yield runner
    finally:
        runner.quit()
        recorder.close()


def assert_soon(holds: Callable[[], bool]) -> None:
    with gevent.Timeout(20):
        while not holds():
            gevent.sleep(0.01)


def due() -> int:
    counts = current_counts()
    return counts.due if counts else 0


# --- declarations ---------------------------------------------------------------------------


class Chat(SequentialTaskSet):
    @task
    def hello(self) -> None: ...


class Browse(TaskSet):
    @task
    def page(self) -> None: ...


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        pytest.param({"arrivals_per_user": 0}, "arrivals_per_user must be from 0.001 to 1000", id="no rate"),
        pytest.param({"arrivals_per_user": 1001}, "not 1001", id="too much for one token"),
        pytest.param({"arrivals_per_user": float("nan")}, "not nan", id="not a number"),
        pytest.param({"arrivals_per_user": "5"}, "not '5'", id="a string"),
        pytest.param({"arrivals": "uniform"}, "must be 'poisson' or 'constant', not 'uniform'", id="kind"),
        pytest.param(
            {"max_in_flight": 0}, "max_in_flight must be a whole number of at least 1", id="no room"
        ),
        pytest.param({"tasks": [Chat]}, "Chat is a TaskSet", id="a sequence"),
        pytest.param({"tasks": [Browse]}, "Browse is a TaskSet", id="a nested set"),
    ],
)
def test_what_cannot_be_run(attributes: dict[str, Any], message: str) -> None:
    cls = user("CaseArrival", lambda _: None, **attributes)
    with pytest.raises(UserError, match=message) as caught:
        check_arrival_users([cls])
    assert str(caught.value).startswith("CaseArrival")
    assert "\n" not in str(caught.value)


def test_classes_must_agree_on_how_arrivals_are_spread() -> None:
    even = user("Even", print, arrivals="constant")
    with pytest.raises(UserError, match="must have the same arrivals"):
        check_arrival_users([even, user("Random", print)])
    check_arrival_users([even, user("AlsoEven", print, arrivals="constant")])


def test_the_rate_that_users_stand_for() -> None:
    classes = [user("A", print, arrivals_per_user=0.5), user("B", print, arrivals_per_user=20)]
    assert planned_arrivals_per_s(classes, {"A": 4, "B": 3, "Other": 9}) == 62.0
    assert planned_arrivals_per_s(classes, {}) == 0.0
    assert planned_arrivals_per_s([object], {"object": 3}) is None


# --- the schedule ---------------------------------------------------------------------------


def test_arrivals_do_not_wait_for_one_another() -> None:
    """None of the tasks ever ends; a hundred and more are in flight at once."""
    begun: list[int] = []

    def hang(_: Any) -> None:
        begun.append(gevent.getcurrent().intended_us)
        gevent.sleep(60)

    with load(user("Hanging", hang), users=3):
        assert_soon(lambda: len(begun) > 100)
        assert due() == len(begun)
    assert begun == sorted(begun)


def test_each_arrival_knows_when_it_was_due() -> None:
    """Constant arrivals of 200/s are due every 5 ms sharp, although the loop stands still for 0.3 s."""
    intended: list[int] = []
    delays: list[int] = []

    def note(_: Any) -> None:
        intended.append(gevent.getcurrent().intended_us)
        delays.append(now_us() - intended[-1])

    with load(user("Even", note, arrivals="constant"), users=2):
        assert_soon(lambda: len(intended) > 20)
        time.sleep(0.3)  # blocks the whole process: nothing of gevent's runs
        assert_soon(lambda: len(intended) > 150)
        counts = current_counts()
        assert counts is not None
        # Spawning two users is two rates; from then on there is one.
        gaps = [after - before for before, after in itertools.pairwise(intended[20:])]
        assert all(4_998 <= gap <= 5_002 for gap in gaps)
        assert max(delays) > 250_000
        assert min(delays) >= 0
        assert counts.late >= 50
        assert counts.worst_delay_us == pytest.approx(max(delays), abs=5_000)
        assert (counts.due, counts.dropped) == (len(intended), 0)


def test_an_arrival_beyond_the_cap_is_dropped_and_counted() -> None:
    begun: list[None] = []

    def hang(_: Any) -> None:
        begun.append(None)
        gevent.sleep(60)

    with load(user("Capped", hang, max_in_flight=5), users=2):
        assert_soon(lambda: due() > 60)
        counts = current_counts()
        assert counts is not None
        assert (len(begun), counts.dropped) == (5, counts.due - 5)


def test_a_slow_class_does_not_take_the_room_of_another() -> None:
    quick: list[None] = []
    slow = user("Slow", lambda _: gevent.sleep(60), max_in_flight=3)
    with load(slow, user("Quick", lambda _: quick.append(None), max_in_flight=3), users=2):
        assert_soon(lambda: len(quick) > 50)


@pytest.mark.parametrize("users", [1, 5])
def test_the_mix_of_classes_is_drawn_not_dispatched(users: int) -> None:
    """Five users at weights 5:3:2 are dispatched 2:2:1, and one is of a single class."""
    seen: Counter[str] = Counter()
    classes = [
        user(name, lambda self: seen.update([type(self).__name__]), weight=weight, arrivals_per_user=300)
        for name, weight in (("A", 5), ("B", 3), ("C", 2))
    ]
    with load(*classes, users=users):
        assert_soon(lambda: seen.total() > 700)
    expected = [seen.total() * share for share in (0.5, 0.3, 0.2)]
    assert stats.chisquare([seen["A"], seen["B"], seen["C"]], expected).pvalue > 0.001


def test_a_class_is_drawn_by_weight_times_worth() -> None:
    """At weights 1:1, a class whose users are worth three times as much arrives three times as often."""
    seen: Counter[str] = Counter()
    classes = [
        user(name, lambda self: seen.update([type(self).__name__]), arrivals_per_user=worth)
        for name, worth in (("A", 100), ("B", 300))
    ]
    with load(*classes, users=2):
        assert_soon(lambda: seen.total() > 600)
    assert stats.binomtest(seen["B"], seen.total(), 0.75).pvalue > 0.001


def test_a_fixed_count_is_a_fixed_rate() -> None:
    seen: Counter[str] = Counter()
    fixed = user("Fixed", lambda _: seen.update(["fixed"]), fixed_count=1)
    other = user("Other", lambda _: seen.update(["other"]))
    with load(fixed, other, users=4):
        assert_soon(lambda: seen.total() > 600)
    assert stats.binomtest(seen["fixed"], seen.total(), 0.25).pvalue > 0.001


def test_tasks_are_drawn_by_weight_among_those_that_tags_leave() -> None:
    seen: Counter[str] = Counter()

    class Tagged(ArrivalUser):
        host = "http://127.0.0.1:1"
        arrivals_per_user = 300

        @tag("read")
        @task(3)
        def read(self) -> None:
            seen["read"] += 1

        @tag("read")
        @task
        def list_all(self) -> None:
            seen["list"] += 1

        @tag("write")
        @task(5)
        def write(self) -> None:
            seen["write"] += 1

    with load(Tagged, users=1, tags=["read"]):
        assert_soon(lambda: seen.total() > 400)
    assert seen["write"] == 0
    assert stats.binomtest(seen["read"], seen.total(), 0.75).pvalue > 0.001


def test_a_seed_gives_the_same_arrivals_in_the_same_order() -> None:
    def run(seed: int) -> tuple[list[str], list[int]]:
        order: list[str] = []
        intended: list[int] = []

        def one(_: Any) -> None:
            order.append("one")
            intended.append(gevent.getcurrent().intended_us)

        def two(_: Any) -> None:
            order.append("two")
            intended.append(gevent.getcurrent().intended_us)

        with load(user("Seeded", one, tasks=[one, two]), users=1, seed=seed):
            assert_soon(lambda: len(order) > 60)
        return order[:60], [after - before for before, after in itertools.pairwise(intended[:60])]

    (first, gaps), (again, gaps_again), (other, _) = run(1), run(1), run(2)
    assert first == again
    assert gaps == pytest.approx(gaps_again, abs=2)  # µs
    assert first != other


# --- tokens ---------------------------------------------------------------------------------


def test_a_token_stops_at_once_whatever_is_in_flight() -> None:
    """A stop timeout of a minute is for users with requests; a token has none."""
    begun: list[None] = []
    gone: list[None] = []

    def slow(_: Any) -> None:
        begun.append(None)
        gevent.sleep(2)
        gone.append(None)

    with load(user("Slow", slow), users=6, stop_timeout=60) as runner:
        assert_soon(lambda: len(begun) > 100)
        started = time.monotonic()
        runner.start(1, spawn_rate=100)
        assert_soon(lambda: runner.user_count == 1)
        assert time.monotonic() - started < 1.9
        assert_soon(lambda: len(gone) > 100)  # those in flight went on


def test_no_tokens_no_arrivals_and_more_tokens_more() -> None:
    begun: list[float] = []
    with load(user("Even", lambda _: begun.append(0), arrivals="constant"), users=2) as runner:
        assert_soon(lambda: len(begun) > 50)
        runner.start(0, spawn_rate=100)
        assert_soon(lambda: runner.user_count == 0)
        before = len(begun)
        gevent.sleep(0.2)
        assert len(begun) == before
        runner.start(4, spawn_rate=100)
        assert_soon(lambda: len(begun) > before + 50)


# --- what tasks may do ----------------------------------------------------------------------


def test_a_task_that_fails_is_told_as_locust_tells_it(caplog: pytest.LogCaptureFixture) -> None:
    errors: list[tuple[type[Any], str]] = []
    others: list[None] = []

    def fail(_: Any) -> None:
        raise ValueError("no such case")

    cls = user("Failing", fail, tasks=[fail, lambda _: others.append(None)])
    with load(cls, users=2) as runner:
        events: Any = runner.environment.events
        events.user_error.add_listener(
            lambda user_instance, exception, tb: errors.append((type(user_instance), str(exception)))
        )
        assert_soon(lambda: len(errors) > 10 and len(others) > 10)
        assert runner.exceptions
    assert set(errors) == {(cls, "no such case")}
    assert "ValueError: no such case" in caplog.text


@pytest.mark.parametrize("error", [StopUser, RescheduleTask, InterruptTaskSet])
def test_exceptions_that_only_end_the_arrival(error: type[Exception]) -> None:
    begun: list[None] = []

    def leave(_: Any) -> None:
        begun.append(None)
        raise error

    with load(user("Leaving", leave), users=1) as runner:
        assert_soon(lambda: len(begun) > 30)
        assert runner.user_count == 1
        assert not runner.exceptions


def test_stop_test_stops_the_test(caplog: pytest.LogCaptureFixture) -> None:
    def stop(_: Any) -> None:
        raise StopTest("enough")

    with load(user("Stopping", stop), users=1) as runner:
        assert_soon(lambda: runner.state == "stopped")
    assert caplog.text.count("enough") == 1


def test_on_start_that_fails_stops_the_test(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[None] = []

    def fail(_: Any) -> None:
        raise ValueError("no login")

    with load(user("Login", lambda _: begun.append(None), on_start=fail), users=1) as runner:
        assert_soon(lambda: runner.state == "stopped")
    assert not begun
    assert "Login.on_start failed" in caplog.text


def test_one_instance_starts_before_and_stops_after_all_arrivals() -> None:
    notes: list[str] = []
    instances: set[int] = set()

    def on_start(self: Any) -> None:
        gevent.sleep(0.1)
        notes.append("start")

    def work(self: Any) -> None:
        instances.add(id(self))
        notes.append("work")
        gevent.sleep(0.3)
        notes.append("done")

    hooks = {"on_start": on_start, "on_stop": lambda self: notes.append("stop")}
    with load(user("Hooked", work, **hooks), users=3, stop_timeout=10):
        assert_soon(lambda: notes.count("work") > 20)
    assert (notes[0], notes[-1]) == ("start", "stop")
    assert (notes.count("start"), notes.count("stop"), len(instances)) == (1, 1, 1)
    assert notes.count("done") == notes.count("work")


def test_arrivals_reuse_greenlets_but_not_context_variables() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
    seen: set[int] = set()
    greenlets: set[int] = set()
    begun: list[None] = []

    def work(_: Any) -> None:
        begun.append(None)
        seen.add(variable.get())
        greenlets.add(id(gevent.getcurrent()))
        variable.set(1)
        gevent.sleep(0.001)

    with load(user("Contextual", work), users=3):
        assert_soon(lambda: len(begun) > 100)
    assert seen == {0}
    assert len(greenlets) < 50


# --- the end --------------------------------------------------------------------------------


def test_what_is_due_before_the_end_is_started_and_the_deadline_ends_the_rest() -> None:
    ends: Counter[str] = Counter()

    def work(_: Any) -> None:
        try:
            gevent.sleep(60 if ends["begun"] < 10 else 0.5)
        except gevent.GreenletExit:
            ends["abandoned"] += 1
            raise
        ends["done"] += 1

    def begin(self: Any) -> None:
        ends["begun"] += 1
        work(self)

    with load(user("Mixed", begin, arrivals="constant"), users=1):
        assert_soon(lambda: ends["begun"] >= 30)
        stop_arrivals()
        finish_arrivals(1.5)
        counts = current_counts()
        assert counts is not None
        begun = ends["begun"]
        assert counts.due == begun + counts.dropped
        assert ends["abandoned"] == 9  # the 1st to the 9th
        assert ends["done"] == begun - 9
        gevent.sleep(0.1)
        assert ends["begun"] == begun


def test_one_test_after_another_in_one_process() -> None:
    for number in range(2):
        begun: list[None] = []
        with load(user(f"Run{number}", _noting(begun)), users=1):
            assert_soon(_longer_than(begun, 20))
            assert due() == len(begun)


def _noting(notes: list[None]) -> Callable[[Any], None]:
    return lambda _: notes.append(None)


def _longer_than(notes: list[None], length: int) -> Callable[[], bool]:
    return lambda: len(notes) > length
