"""Locust's own files of a run with many names, or many hours, stay of a size that can be read."""

import time
from pathlib import Path

import pandas as pd
import pytest
from locust.env import Environment

from harness.plugin._csv import MOST_IN_HISTORY, RunCsvWriter, forget_old_seconds


@pytest.mark.parametrize(
    ("names", "by_name"),
    [pytest.param(MOST_IN_HISTORY, True, id="few"), pytest.param(MOST_IN_HISTORY + 1, False, id="many")],
)
def test_the_history_has_rows_by_name_while_they_are_few(tmp_path: Path, names: int, by_name: bool) -> None:
    environment = Environment()
    for n in range(names):
        environment.stats.log_request("POST", f"/{n}", 10, 2)
    RunCsvWriter(environment, tmp_path).finish()
    history = pd.read_csv(tmp_path / "locust_stats_history.csv", header=None)
    assert (history[3] == "/0").any() == by_name
    assert str(history[history[3] == "Aggregated"].iloc[-1, 17]) == str(names)
    stats = pd.read_csv(tmp_path / "locust_stats.csv")
    assert len(stats) == names + 1
    assert len(environment.stats.entries) == names


def test_old_seconds_are_forgotten_by_name_alone() -> None:
    tables = Environment().stats
    tables.log_request("GET", "/a", 10, 2)
    tables.log_error("GET", "/a", "wrong")
    entry, now_s = tables.entries["/a", "GET"], int(time.time())
    for by_second in (entry.num_reqs_per_sec, entry.num_fail_per_sec, tables.total.num_reqs_per_sec):
        by_second[now_s - 700] = 5
    forget_old_seconds(tables, now_s - 600)
    assert list(entry.num_reqs_per_sec.values()) == list(entry.num_fail_per_sec.values()) == [1]
    assert tables.total.num_reqs_per_sec[now_s - 700] == 5
    assert entry.num_requests == 1
