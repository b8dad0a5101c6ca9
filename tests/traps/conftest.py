"""Stock Locust beside the harness: real processes, one service with a witness.

Stock Locust runs here without a line of ours in its process.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.conftest import SUPPORT, run_locust
from tests.support.endings import wait_until_none_is_left
from tests.support.processes import ROOT, free_port, get, running

__all__ = ["run_locust"]

ENV = {**os.environ, "PYTHONPATH": str(ROOT)}


@dataclass(slots=True, frozen=True)
class Witness:
    """stamping_service.py: it knows when it gave which answer."""

    url: str

    def served(self, path: str) -> int:
        """How many answers it has given to requests for a path."""
        return len(json.loads(get(f"{self.url}/stamps")).get(path, []))


@pytest.fixture(scope="session")
def witness() -> Iterator[Witness]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running([str(SUPPORT / "stamping_service.py"), "--port", str(port)], f"{url}/stamps"):
        yield Witness(url)


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Any]:
    """Run Python code in a process of its own; gives the JSON that it prints on its last line."""

    def run(code: str) -> Any:
        (tmp_path / "script.py").write_text(textwrap.dedent(code))
        ended = subprocess.run(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            env=ENV,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    return run


@dataclass(slots=True, frozen=True)
class Stock:
    """A finished run of stock Locust. `requests` is what its CSV counts in all."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def requests(self) -> int:
        *_, aggregated = (self.folder / "stock_stats.csv").read_text().splitlines()
        return int(aggregated.split(",")[2])


StockRunner = Callable[..., Stock]


@pytest.fixture
def run_stock(tmp_path: Path) -> StockRunner:
    """`locust -f FILE --headless --csv stock ARGUMENTS`, without the harness.

    Signalled once `when(pid)` holds; one that does something itself leaves `send` at SIGCONT.
    """

    def run(
        locustfile: str,
        *arguments: str,
        when: Callable[[int], bool] | None = None,
        send: int = signal.SIGCONT,
        to_group: bool = False,
    ) -> Stock:
        (tmp_path / "stock.py").write_text(textwrap.dedent(locustfile))
        port = str(free_port())
        ports = ("--master-bind-port", port, "--master-port", port)
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "locust",
                "-f",
                "stock.py",
                "--headless",
                "--csv",
                "stock",
                *ports,
                *arguments,
            ],
            cwd=tmp_path,
            env=ENV,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            if when is not None:
                while not when(process.pid) and process.poll() is None:
                    time.sleep(0.1)
                (os.killpg if to_group else os.kill)(process.pid, send)
            out, err = process.communicate(timeout=60)
            wait_until_none_is_left(process.pid, 20)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return Stock(process.returncode, out, err, tmp_path)

    return run
