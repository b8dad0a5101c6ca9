"""Load steps from Locust's P_stats_history.csv.

A step is a stretch of at least 5 s with one user count. Its requests are the difference of the
cumulative counts at its ends, not a mean of the Requests/s column, which is itself a sliding mean.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_SHORTEST_S = 5
_SETTLE_SHARE = 0.2
_SETTLE_AT_MOST_S = 10


@dataclass(slots=True, frozen=True)
class Step:
    """Requests counted between the first and the last row of a step, after settling."""

    phase: str
    users: int
    seconds: float
    requests: int
    failures: int


@dataclass(slots=True, frozen=True)
class _Tick:
    at: int
    users: int
    requests: int
    failures: int


def load_steps_of(history: "pd.DataFrame") -> tuple[Step, ...]:
    """The load steps of the file's last test, in the order of time; none where columns are missing.

    A fifth of each step, at most 10 s, is left out at its start, as in a run folder.
    """
    needed = {"Timestamp", "User Count", "Name", "Total Request Count", "Total Failure Count"}
    if not needed <= set(history.columns):
        return ()
    steps: list[Step] = []
    for users, ticks in itertools.groupby(_last_test(_ticks(history)), key=lambda tick: tick.users):
        step = _step(users, list(ticks), len([step for step in steps if step.users == users]))
        if step is not None:
            steps.append(step)
    return tuple(steps)


def _ticks(history: "pd.DataFrame") -> Iterator[_Tick]:
    import pandas as pd

    total = history[history["Name"] == "Aggregated"]
    columns = ["Timestamp", "User Count", "Total Request Count", "Total Failure Count"]
    numbers = total[columns].apply(pd.to_numeric, errors="coerce").dropna()
    # The writer's clock drifts: a second may come twice, of which the later row counts.
    numbers = numbers.drop_duplicates("Timestamp", keep="last")
    for at, users, requests, failures in numbers.itertuples(index=False):
        yield _Tick(int(at), int(users), int(requests), int(failures))


def _last_test(ticks: Iterator[_Tick]) -> list[_Tick]:
    """In the web UI counters begin again at 0 with each test of the process; P_stats.csv is the last's."""
    kept: list[_Tick] = []
    for tick in ticks:
        if kept and tick.requests < kept[-1].requests:
            kept = []
        kept.append(tick)
    return kept


def _step(users: int, ticks: list[_Tick], earlier: int) -> Step | None:
    lasted = ticks[-1].at - ticks[0].at
    if users == 0 or lasted < _SHORTEST_S:
        return None
    settled = ticks[0].at + min(_SETTLE_SHARE * lasted, _SETTLE_AT_MOST_S)
    first = next(tick for tick in ticks if tick.at >= settled)
    last = ticks[-1]
    if last.at <= first.at:
        return None
    requests, failures = last.requests - first.requests, last.failures - first.failures
    if not 0 <= failures <= requests:  # rows of an edited or mixed file
        return None
    phase = f"{users}-users" if earlier == 0 else f"{users}-users-{earlier + 1}"
    return Step(
        phase,
        users,
        float(last.at - first.at),
        requests,
        failures,
    )
