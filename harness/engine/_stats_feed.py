"""Locust's own statistics, fed in batches instead of request by request.

Logging a request into Locust's tables costs 2 µs, and firing its `request` event 3 µs. Where
nobody else listens to that event, `StatsFeed` notes what was done and brings the tables up to date
now and then: after `flush` they are what `RequestStats.log_request` and `log_error` would have made
of every request at the moment it was done. This relies on Locust 2.47's tables, private parts included.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any
from weakref import WeakKeyDictionary

import gevent
import numpy as np
import numpy.typing as npt
from locust import stats
from locust.env import Environment
from locust.stats import RequestStats, StatsEntry, StatsError

#: At most this many requests are kept between two flushes; as many take about 1 ms.
MOST_NOTES = 2000

#: How often `flush_stats_often` brings the tables up to date.
FLUSH_S = 0.25

#: Listeners of `events.request` that do nothing but what `StatsFeed` and the recorder do: Locust's
#: own statistics and this package's request log.
_OURS = frozenset({"locust.runners", "harness.plugin"})

Key = tuple[str, str]
Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class _Notes:
    """Requests in the order they were told of, column by column. `keys` numbers names and methods."""

    keys: dict[Key, int] = field(default_factory=dict)
    which: list[int] = field(default_factory=list)
    times_ms: list[float | None] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    done_us: list[int] = field(default_factory=list)
    errors: list[tuple[int, Key, str | BaseException]] = field(default_factory=list)


class StatsFeed:
    """Feeds the statistics of one Locust environment. Flushes itself every MOST_NOTES requests."""

    def __init__(self, environment: Environment) -> None:
        self._stats: RequestStats = environment.stats
        # Locust has no public way to ask who listens.
        self._handlers: list[Callable[..., Any]] = environment.events.request._handlers
        self._known_handlers: list[Callable[..., Any]] = []
        self._wanted = False
        self._notes = _Notes()
        self._latest_us = 0

    @property
    def wanted_per_request(self) -> bool:
        """Whether `events.request` must be fired per request: somebody else listens to it.

        Read from `EventHook._handlers`. Listeners count as Locust's own or as ours by the module
        that defines them; every other one is somebody else's, and none is ever left out.
        """
        if self._handlers != self._known_handlers:
            self._known_handlers = list(self._handlers)
            self._wanted = any(
                getattr(handler, "__module__", None) not in _OURS for handler in self._known_handlers
            )
        return self._wanted

    def note(
        self,
        method: str,
        name: str,
        response_time_ms: float | None,
        response_length: int | None,
        done_us: int,
        error: str | BaseException | None = None,
    ) -> None:
        """A request was done at `done_us`, and failed if there is an error.

        Requests are logged in the order of the calls: one that was done before an earlier one (they
        may be told of out of order) counts as done at the same time.
        """
        notes = self._notes
        key = (name, method)
        number = notes.keys.get(key)
        if number is None:
            number = notes.keys[key] = len(notes.keys)
        which = notes.which
        if error:
            notes.errors.append((len(which), key, error))
        which.append(number)
        notes.times_ms.append(response_time_ms)
        notes.lengths.append(response_length or 0)
        notes.done_us.append(done_us)
        if len(which) >= MOST_NOTES:
            self.flush()

    def flush(self) -> None:
        """Bring Locust's tables up to date. Never lets another greenlet run."""
        notes = self._notes
        if not notes.which:
            return
        self._notes = _Notes()
        done_us = np.maximum.accumulate(np.maximum(notes.done_us, self._latest_us))
        self._latest_us = int(done_us[-1])
        _log_requests(self._stats, notes, done_us)
        _log_errors(self._stats, notes.errors, done_us)


_feeds: WeakKeyDictionary[Environment, StatsFeed] = WeakKeyDictionary()


def stats_feed(environment: Environment) -> StatsFeed:
    """The one feed of an environment."""
    feed = _feeds.get(environment)
    if feed is None:
        feed = _feeds[environment] = StatsFeed(environment)
    return feed


def flush_stats(**_: Any) -> None:
    """Flush every feed of this process; a listener for events after which Locust reads or resets."""
    for feed in list(_feeds.values()):
        feed.flush()


def flush_stats_often() -> None:
    """Flush until killed, for whoever looks at Locust's statistics while a test runs."""
    while True:
        gevent.sleep(FLUSH_S)
        flush_stats()


def _log_requests(tables: RequestStats, notes: _Notes, done_us: Ints) -> None:
    """As `RequestStats.log_request` with each request in turn, by second and within it by key."""
    _add_times(tables.total, notes.times_ms)
    which, seconds = np.array(notes.which), done_us // 1_000_000
    order = np.lexsort((which, seconds))
    changes = np.diff(seconds[order], prepend=-1) | np.diff(which[order], prepend=-1)
    places = order.tolist()
    times_ms = [notes.times_ms[place] for place in places]
    lengths = [notes.lengths[place] for place in places]
    buckets, keys = _buckets(times_ms), list(notes.keys)
    for first, end in pairwise([*np.flatnonzero(changes).tolist(), len(places)]):
        at_us, until_us = int(done_us[places[first]]), int(done_us[places[end - 1]])
        entry = _entry(tables, keys[notes.which[places[first]]], at_us)
        _add_times(entry, times_ms[first:end])
        counted, length = Counter(buckets[first:end]), sum(lengths[first:end])
        for each in (entry, tables.total):
            _keep_history(each, at_us // 1_000_000)
            each.num_requests += end - first
            each.num_reqs_per_sec[at_us // 1_000_000] += end - first
            each.last_request_timestamp = until_us / 1e6
            each.total_content_length += length
            _add_buckets(each, counted)
    tables.total.last_request_timestamp = int(done_us[-1]) / 1e6


def _entry(tables: RequestStats, key: Key, done_us: int) -> StatsEntry:
    """The entry of a name and method. A new one begins with its first request, not with this flush."""
    if key in tables.entries:
        return tables.entries[key]
    entry = tables.entries[key]
    entry.start_time = done_us / 1e6
    if entry.response_times_cache is not None:
        entry.response_times_cache.clear()
        entry._cache_response_times(done_us // 1_000_000)
    return entry


def _keep_history(entry: StatsEntry, second: int) -> None:
    """As Locust before the first request of a new second: a copy for the current percentiles."""
    before_s = entry.last_request_timestamp
    if entry.use_response_times_cache and before_s and second > int(before_s):
        entry._cache_response_times(second - 1)


def _add_times(entry: StatsEntry, times_ms: Sequence[float | None]) -> None:
    known: Any = times_ms
    if None in times_ms:
        known = [time_ms for time_ms in times_ms if time_ms is not None]
    if not known:
        return
    # One after the other, as Locust adds: a pairwise or a compensated sum differs in the last digits.
    entry.total_response_time = reduce(add, known, entry.total_response_time)
    least, most = min(known), max(known)
    before = entry.min_response_time
    entry.min_response_time = least if before is None else min(before, least)
    entry.max_response_time = max(entry.max_response_time, most)


def _add_buckets(entry: StatsEntry, counted: Counter[int | None]) -> None:
    response_times = entry.response_times
    for bucket, count in counted.items():
        if bucket is None:
            entry.num_none_requests += count
        else:
            response_times[bucket] += count


def _buckets(times_ms: Sequence[float | None]) -> list[int | None]:
    """Locust's bucket of each response time; None where there is no time."""
    bucket_of: Any = stats.bucket_response_time
    # Locust's documentation says how to set a function of one's own in its place.
    stock = (bucket_of.__module__, bucket_of.__qualname__) == (stats.__name__, "bucket_response_time")
    if not stock or None in times_ms:
        return [None if time_ms is None else bucket_of(time_ms) for time_ms in times_ms]
    values = np.array(times_ms, dtype=np.float64)
    width = np.select([values < 100, values < 1000, values < 10000], [1.0, 10.0, 100.0], 1000.0)
    # As `round`, ties go to the even digit. The remainder is exact, unlike a quotient.
    over = np.mod(values, width)
    floor = values - over
    up = (over > width / 2) | ((over == width / 2) & (np.mod(floor, 2 * width) != 0))
    numbers: list[int | None] = (floor + up * width).astype(np.int64).tolist()
    return numbers


def _log_errors(
    tables: RequestStats, errors: list[tuple[int, Key, str | BaseException]], done_us: Ints
) -> None:
    """As `RequestStats.log_error` with each failure in turn; hashes once per kind of error."""
    hashes: dict[tuple[Key, str], str] = {}
    for index, (name, method), failure in errors:
        error: Any = failure
        at_s, second = int(done_us[index]) / 1e6, int(done_us[index]) // 1_000_000
        for entry in (tables.total, tables.entries[name, method]):
            entry.num_failures += 1
            entry.num_fail_per_sec[second] += 1
        kind = ((name, method), StatsError.parse_error(error))
        hashed = hashes.get(kind)
        if hashed is None:
            hashed = hashes[kind] = StatsError.create_key(method, name, error)
        known = tables.errors.get(hashed)
        if known is None:
            known = tables.errors[hashed] = StatsError(method, name, error)
        known.occurrences += 1
        known.first_seen = at_s if known.first_seen is None else known.first_seen
        known.last_seen = at_s
