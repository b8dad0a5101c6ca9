"""Requests per CPU-second and per second, closed loop, of every generator in the same rounds."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks._engine_load import USERS, Generator, LoadFailedError, Window, locust, measure
from benchmarks._engine_servers import Cores, Server, fixed_answers
from benchmarks._engine_table import Reach, Row

OURS = locust("ours", "_engine_users.py", "OurUser")
OTHERS = {
    "fasthttpuser": locust("FastHttpUser", "_engine_stock_users.py", "StockFastUser"),
    "httpuser": locust("HttpUser", "_engine_stock_users.py", "StockUser"),
    "hey": Generator(
        "hey",
        ("hey", "-z", "{seconds}", "-c", str(USERS), "-cpus", "1", "-t", "0", "{host}/fixed"),
        {"GOMAXPROCS": "1"},
    ),
    "wrk": Generator("wrk", ("wrk", "-d", "{seconds}", "-t", "1", "-c", str(USERS), "{host}/fixed")),
}
REACH = {"fasthttpuser": 6.0, "httpuser": 22.0, "hey": 1.2, "wrk": 0.4}


def rows(
    names: Sequence[str], cores: Cores, *, rounds: int, settle_s: float, window_s: float
) -> tuple[str, list[Row]]:
    """The server's name, and a row for each name of OTHERS."""
    table = {name: _row(name) for name in names}
    wanted = {name: OTHERS[name] for name in names if not table[name].skipped}
    with fixed_answers(cores.server) as server:
        for turn in range(rounds):
            if all(row.failed or row.skipped for row in table.values()):
                break
            # The order turns round, so that a machine that gets slower favours nobody.
            order = list({"ours": OURS, **wanted}.items())
            seen: dict[str, Window] = {}
            for name, generator in order if turn % 2 == 0 else reversed(order):
                try:
                    seen[name] = _measure(generator, server, cores, settle_s, window_s)
                except LoadFailedError as error:
                    for row in table.values() if name == "ours" else [table[name]]:
                        row.failed = row.failed or str(error)
            for name in wanted:
                if "ours" in seen and name in seen:
                    _add(table[name], seen["ours"], seen[name])
        return server.name, list(table.values())


def _row(name: str) -> Row:
    generator = OTHERS[name]
    per_cpu = name in {"fasthttpuser", "httpuser"}
    row = Row(
        name=name,
        what=f"requests per {'CPU-second' if per_cpu else 'second, one process'}, {USERS} users",
        unit="/CPU-s" if per_cpu else "/s",
        reach=Reach("ratio", at_least=REACH[name]),
        against={"hey": "hey, 1 CPU", "wrk": "wrk, 1 thread"}.get(name, f"Locust {generator.name}"),
    )
    if not per_cpu and shutil.which(name) is None:
        row.skipped = f"{name} is not installed"
    return row


def _add(row: Row, ours: Window, other: Window) -> None:
    if row.unit == "/CPU-s":
        row.ours.append(ours.per_cpu_s)
        row.others.append(other.per_cpu_s)
    else:
        row.ours.append(ours.per_s)
        row.others.append(other.per_s)
    for window in (ours, other):
        row.saw(window.server_busy, window.others_busy)


def _measure(generator: Generator, server: Server, cores: Cores, settle_s: float, window_s: float) -> Window:
    with tempfile.TemporaryDirectory() as folder:
        window = measure(generator, server, cores, Path(folder), settle_s=settle_s, window_s=window_s)
        if generator is OURS:
            _check_every_request_is_recorded(Path(folder), window)
        return window


def _check_every_request_is_recorded(folder: Path, window: Window) -> None:
    """A fast client that forgets rows would win unfairly."""
    rows = sum(pq.read_metadata(path).num_rows for path in (folder / "runs").glob("*/requests.parquet"))
    if rows != window.served:
        raise LoadFailedError(f"ours: {rows:,} rows recorded of {window.served:,} requests served")
