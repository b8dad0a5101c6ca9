"""Oracle: Locust's own `log_request` and `log_error`, called for each request when it was done."""

import math
import time
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locust import event, stats
from locust.env import Environment
from locust.stats import RequestStats

from harness.engine import StatsFeed, flush_stats, stats_feed

START_S = 1_790_000_000
Events: Any = event.Events  # Locust's hooks carry no types

# method, name, response time in ms, length, µs since the one before, error
Done = tuple[str, str, float | None, int | None, int, str | BaseException | None]


class Clock:
    """What Locust's statistics take for the time."""

    def __init__(self) -> None:
        self.now_s: float = START_S

    def time(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats, "time", clock)
        yield clock


def _tables(clock: Clock, *, history: bool) -> RequestStats:
    clock.now_s = START_S
    return RequestStats(use_response_times_cache=history)


def _one_by_one(clock: Clock, requests: Sequence[Done], *, history: bool) -> RequestStats:
    tables = _tables(clock, history=history)
    at_us = START_S * 1_000_000
    for method, name, time_ms, length, later_us, error in requests:
        at_us += later_us
        clock.now_s = at_us / 1e6
        tables.log_request(method, name, time_ms, length or 0)  # type: ignore[arg-type]  # as Locust's users
        if error:
            tables.log_error(method, name, error)  # type: ignore[arg-type]  # any exception
    return tables


def _in_batches(
    clock: Clock, requests: Sequence[Done], flush_after: set[int], *, history: bool
) -> RequestStats:
    environment = Environment(events=Events())
    environment.stats = _tables(clock, history=history)
    feed = StatsFeed(environment)
    at_us = START_S * 1_000_000
    for index, (method, name, time_ms, length, later_us, error) in enumerate(requests):
        at_us += later_us
        feed.note(method, name, time_ms, length, at_us, error)
        if index in flush_after:
            clock.now_s = at_us / 1e6 + 0.7  # a flush comes late, and must not show
            feed.flush()
    clock.now_s = START_S + 1e6
    feed.flush()
    return environment.stats


def _whole(tables: RequestStats) -> dict[str, Any]:
    entries = {
        "total": tables.total,
        **{f"{method} {name}": e for (name, method), e in tables.entries.items()},
    }
    return {
        "entries": {key: entry.serialize() for key, entry in entries.items()},
        "history": {key: entry.response_times_cache for key, entry in entries.items()},
        "errors": tables.serialize_errors(),
        "order": list(tables.entries),
    }


_ties = st.sampled_from([5, 15, 95, 105, 115, 145, 155, 945, 955, 995, 1050, 1150, 9950, 10500, 11500, 99500])
_times_ms = st.one_of(
    st.none(),
    st.floats(0, 100_000),
    _ties.map(float),
    _ties.map(lambda tie: math.nextafter(tie, 0)),
    _ties.map(lambda tie: math.nextafter(tie, math.inf)),
    st.integers(0, 300).map(lambda half: half / 2),
)
_errors = st.one_of(
    st.none(),
    st.none(),
    st.sampled_from(["HTTP 500", "timed out", ""]),
    st.builds(ValueError, st.sampled_from("ab")),
)
_requests = st.tuples(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["/a", "/b", "/c"]),
    _times_ms,
    st.one_of(st.none(), st.integers(0, 1 << 40)),
    st.sampled_from([0, 1, 999, 40_000, 333_333, 1_000_000, 3_700_000]),
    _errors,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_requests, max_size=60), st.integers(1, 4), st.sets(st.integers(0, 240)), st.booleans())
def test_batches_leave_what_logging_one_by_one_leaves(
    clock: Clock, some: list[Done], times: int, flush_after: set[int], history: bool
) -> None:
    requests = some * times  # long enough for both ways of logging a batch
    batched = _whole(_in_batches(clock, requests, flush_after, history=history))
    assert batched == _whole(_one_by_one(clock, requests, history=history))


@settings(max_examples=30, deadline=None)
@given(st.lists(_times_ms, min_size=200, max_size=300), st.integers(1, 30_000))
def test_one_busy_name(clock: Clock, times_ms: list[float | None], every_us: int) -> None:
    requests: list[Done] = [("GET", "/a", time_ms, 10, every_us, None) for time_ms in times_ms]
    batched = _whole(_in_batches(clock, requests, set(), history=True))
    assert batched == _whole(_one_by_one(clock, requests, history=True))


def test_every_bucket_and_its_neighbours(clock: Clock) -> None:
    """Exhaustive where rounding turns: each half of every bucket up to 20 s, and the floats beside it."""
    halves = [n + 0.5 for n in range(100)] + [
        *range(95, 1005, 5),
        *range(950, 10_050, 50),
        *range(9_500, 20_500, 500),
    ]
    requests: list[Done] = [
        ("GET", "/a", beside, 0, 0, None)
        for half in halves
        for beside in (math.nextafter(half, 0), float(half), math.nextafter(half, math.inf))
    ]
    batched = _whole(_in_batches(clock, requests, set(), history=False))
    assert batched == _whole(_one_by_one(clock, requests, history=False))


def test_buckets_of_the_users_own_are_kept_to(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "bucket_response_time", lambda time_ms: round(time_ms, 1))
    requests: list[Done] = [("GET", "/a", n / 7, 1, 1000, None) for n in range(100)]
    batched = _whole(_in_batches(clock, requests, set(), history=False))
    assert batched == _whole(_one_by_one(clock, requests, history=False))


def test_a_request_told_of_late_counts_at_the_time_of_the_one_before(clock: Clock) -> None:
    environment = Environment(events=Events())
    feed = StatsFeed(environment)
    feed.note("GET", "/a", 5.0, 1, 2_000_000_000_500_000)
    feed.note("GET", "/a", 5.0, 1, 1_999_999_999_900_000)
    feed.flush()
    assert environment.stats.total.last_request_timestamp == 2_000_000_000.5
    assert environment.stats.total.num_reqs_per_sec == {2_000_000_000: 2}


def test_a_feed_that_nobody_flushes_stays_small_and_loses_nothing(clock: Clock) -> None:
    environment = Environment(events=Events())
    feed = StatsFeed(environment)
    for n in range(10_000):
        feed.note("GET", "/a", 1.0, 1, START_S * 1_000_000 + n)
    assert environment.stats.total.num_requests == 10_000


def test_flush_before_the_worker_reports() -> None:
    """Both listeners as they are in a worker: ours from the import, Locust's from its environment."""
    events: Any = Events()
    events.report_to_master.add_listener(flush_stats)
    environment = Environment(events=events)
    stats.setup_distributed_stats_event_listeners(events, environment.stats)
    stats_feed(environment).note("GET", "/a", 7.0, 3, time.time_ns() // 1000, "HTTP 500")
    data: dict[str, Any] = {}
    events.report_to_master.fire(client_id="w", data=data)
    assert (data["stats_total"]["num_requests"], data["stats_total"]["num_failures"]) == (1, 1)
    assert [error["occurrences"] for error in data["errors"].values()] == [1]


def test_one_feed_for_an_environment() -> None:
    environment = Environment(events=Events())
    assert stats_feed(environment) is stats_feed(environment)
    assert stats_feed(environment) is not stats_feed(Environment(events=Events()))


def test_who_listens_per_request() -> None:
    events: Any = Events()
    environment = Environment(events=events)
    environment.create_local_runner()
    feed = stats_feed(environment)
    assert not feed.wanted_per_request  # Locust's own listener

    def somebody(**_: Any) -> None: ...

    events.request.add_listener(somebody)
    assert feed.wanted_per_request
    events.request.remove_listener(somebody)
    assert not feed.wanted_per_request
    events.request.add_listener(SimpleNamespace(listen=print).listen)
    assert feed.wanted_per_request
