"""The process of misbehaving_service.py, which tests end and start again on the same port."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.processes import READY_S, ROOT, free_port, get

SERVICE = ROOT / "tests" / "support" / "misbehaving_service.py"
USERS = str(ROOT / "tests" / "support" / "faulty_users.py")

#: What the tests' users are judged by.
CONFIG = """
[criteria]
errors = "error_rate < 1 %, critical < 5 %"

[scenarios.faulty_users]
locustfiles = ["faulty_users.py"]
warm_up_s = 0.5
settle_s = 0.2
criteria = ["errors"]
"""


class Misbehaving:
    """The service on a port of its own."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it answers."""
        line = [sys.executable, str(SERVICE), "--port", str(self._port), "--ledger", str(self._ledger)]
        self._process = subprocess.Popen(line, cwd=ROOT)
        deadline = time.monotonic() + READY_S
        while True:
            try:
                get(f"{self.url}/count")
                return
            except OSError:
                assert self._process.poll() is None, "the service died"
                assert time.monotonic() < deadline, "the service did not come up"
                time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def came(self) -> int:
        """Requests to /work that came, in all its lives."""
        return self._ledger.stat().st_size if self._ledger.exists() else 0

    def count(self) -> dict[str, Any]:
        """`asked` by path and `answered`, in this life."""
        counts: dict[str, Any] = json.loads(get(f"{self.url}/count"))
        return counts
