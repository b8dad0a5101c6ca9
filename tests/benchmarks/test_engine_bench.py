"""The benchmark of the engine runs, judges its rows rightly, and says so when a tool is not there.

No figure is held to a time: that is the benchmark's own business, on a machine that does nothing else.
"""

import json
import math
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from benchmarks._engine_servers import Server, fixed_answers, responder
from benchmarks._engine_table import Reach, Row, as_text, as_tsv
from tests.support.processes import ROOT, get


def _bench(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "engine.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **env},
    )


@pytest.mark.slow
def test_the_rows_without_a_server_have_figures() -> None:
    done = _bench("--quick", "--json", "--only", "recording", "--only", "intake")

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert {row["name"] for row in document["rows"]} == {"recording", "intake"}
    for row in document["rows"]:
        assert row["failed"] is None
        assert len(row["rounds"]["ours"]) == document["plan"]["rounds"]
        assert all(math.isfinite(value) and value > 0 for value in row["rounds"]["ours"]), row


def test_tools_that_are_not_there_are_said_to_be_not_there(tmp_path: Path) -> None:
    done = _bench("--quick", "--tsv", "--only", "hey", "--only", "wrk", PATH=str(tmp_path))

    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[-1] for line in lines] == [
        "notes",
        "skipped: hey is not installed",
        "skipped: wrk is not installed",
    ]
    assert {line[1] for line in lines[1:]} == {"-"}


def test_an_unknown_row_is_named() -> None:
    done = _bench("--only", "hye")

    assert done.returncode == 2
    assert "hye" in done.stderr


AT_LEAST_2X = Reach("ratio", at_least=2.0)
AT_MOST_3 = Reach("ours", at_most=3.0)


@pytest.mark.parametrize(
    ("row", "met"),
    [
        pytest.param(Row("r", "w", reach=AT_LEAST_2X, ours=[40, 9], others=[20, 3]), True, id="median-ratio"),
        pytest.param(Row("r", "w", reach=AT_LEAST_2X, ours=[39], others=[20]), False, id="ratio-missed"),
        pytest.param(Row("r", "w", reach=AT_LEAST_2X, ours=[40]), None, id="nothing-to-compare-with"),
        pytest.param(Row("r", "w", reach=AT_MOST_3, ours=[9.0, 3.0, 1.0]), True, id="median-on-the-bound"),
        pytest.param(Row("r", "w", reach=AT_MOST_3, ours=[3.1]), False, id="bound-missed"),
        pytest.param(Row("r", "w", ours=[1.0]), None, id="no-goal"),
        pytest.param(Row("r", "w", reach=AT_MOST_3, ours=[1.0], spoiled="7 errors"), False, id="spoiled"),
        pytest.param(Row("r", "w", reach=AT_MOST_3, ours=[1.0], failed="died"), None, id="failed"),
        pytest.param(Row("r", "w", reach=AT_MOST_3, skipped="no wrk"), None, id="skipped"),
    ],
)
def test_a_goal_is_judged_by_the_median(row: Row, met: bool | None) -> None:
    assert row.met() is met


def test_a_row_shows_medians_spread_and_what_spoils_it() -> None:
    row = Row("r", "requests", "/s", reach=AT_LEAST_2X, against="wrk", ours=[10, 40, 60], others=[10, 10, 20])
    row.saw(0.99, 0.01)
    row.saw(0.50, 0.20)

    heading, line = as_tsv([row]).splitlines()

    assert dict(zip(heading.split("\t"), line.split("\t"), strict=True)) == {
        "what": "requests",
        "ours": "40 /s",
        "against": "wrk 10 /s",
        "ratio": "3.00",
        "spread": "1.00-4.00",
        "reach": ">= 2x",
        "met?": "yes",
        "notes": "the server's core was 99% busy, too; other work took up to 20% of the generator's core",
    }
    assert as_text([row]).splitlines()[1].split() == line.split()


def test_added_latency_shows_its_sign() -> None:
    row = Row(
        "r", "w", "ms", digits=2, signed=True, reach=Reach("ours", at_most=0.3), ours=[0.1234, -0.05, 0.2]
    )
    row.others = [1.0, 2.0, 3.0]
    row.with_ratio = False

    assert row.cells()[1:6] == ("+0.12 ms", " +2.00 ms", "-", "-0.05 to +0.20", "<= +0.3 ms")


def test_the_responder_knows_what_it_saw() -> None:
    with responder(200.0, None) as server:
        began_us = time.time_ns() // 1000
        with ThreadPoolExecutor(3) as threads:
            bodies = list(threads.map(get, [f"{server.url}/fixed"] * 3))
        ended_us = time.time_ns() // 1000

        samples: dict[str, Any] = server.samples()
        assert bodies == ['{"status":"ok","answer":"fixed"}'] * 3
        assert server.requests() == 3
        assert server.peak_in_flight() in {1, 2, 3}
        assert all(took_us >= 199_000 for took_us in samples["service_us"])
        assert all(began_us <= at_us <= ended_us for at_us in samples["at_us"])
        assert len(samples["at_us"]) == 3


def test_the_server_of_fixed_answers_counts_the_load_and_nothing_else() -> None:
    with fixed_answers(None) as server:
        _holds_to_the_contract(server)


def test_without_nginx_the_responder_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks._engine_servers.nginx_path", lambda: None)

    with fixed_answers(None) as server:
        assert server.name == "asyncio responder"
        _holds_to_the_contract(server)


def _holds_to_the_contract(server: Server) -> None:
    assert server.requests() == 0
    with pytest.raises(HTTPError, match="404"):
        get(f"{server.url}/info")  # as the plugin does
    assert get(f"{server.url}/fixed") == '{"status":"ok","answer":"fixed"}'
    assert [server.requests(), server.requests()] == [1, 1]
    assert server.cpu_s() >= 0
