"""What a service saw of a run in which something died: the oracle of the tests of faults.

The service is stamping_service.py and its users are those of stamped_users.py: each process asks for
a path of its own, so that the service knows what it answered to whom, and when. Workers report every
3 s; so what was answered earlier than that before a process died has to be in the rows.
"""

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from locust.runners import WORKER_REPORT_INTERVAL

from tests.support.processes import ROOT, free_port, get, running

SERVICE = str(ROOT / "tests" / "support" / "stamping_service.py")
USERS = str(ROOT / "tests" / "support" / "stamped_users.py")

#: Beyond the interval between two reports: what a report takes to be made, sent and written.
TRANSIT_S = 0.5

Stamps = dict[int, list[float]]


@dataclass(slots=True)
class Witness:
    """The service, and when it answered each process that asked it (by process id).

    `hosts` are the prefixes of commands that run where a service of this address is; without one,
    it is where the test is.
    """

    url: str
    hosts: Sequence[Sequence[str]] = ((),)
    killed_at_s: float = 0.0
    killed: int = 0

    def stamps(self) -> Stamps:
        found: Stamps = {}
        for prefix in self.hosts:
            told: dict[str, list[float]] = json.loads(get(f"{self.url}/stamps", prefix))
            found |= {int(path.rsplit("/", 1)[1]): at for path, at in told.items() if "/job/" in path}
        return found

    def have_loaded(self, processes: int, seconds: float) -> bool:
        """Whether so many processes have sent requests, and the first of them was so long ago."""
        stamps = self.stamps()
        return len(stamps) >= processes and time.time() > min(map(min, stamps.values())) + seconds

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.killed, self.killed_at_s = pid, time.time()


@contextmanager
def witness_on_loopback(hosts: Sequence[Sequence[str]] = ((),), delay_ms: float = 5) -> Iterator[Witness]:
    """A witness of its own, until the block ends: on the loopback of each of these hosts."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [SERVICE, "--port", str(port), "--delay-ms", str(delay_ms)]
    with ExitStack() as stack:
        for prefix in hosts:
            stack.enter_context(running(command, f"{url}/stamps", prefix=prefix))
        yield Witness(url, hosts)


def assert_only_the_last_report_is_lost(stamps: list[float], rows: int, until_s: float) -> None:
    """Of one worker: rows are missing for answers of the last interval before `until_s` at most."""
    answered = [stamp for stamp in stamps if stamp <= until_s]
    lost = len(answered) - rows
    recent = sum(stamp > until_s - WORKER_REPORT_INTERVAL - TRANSIT_S for stamp in answered)
    print(f"\n{len(answered)} answered before the kill, {lost} lost; {recent} in the last report interval")
    assert -2 <= lost <= recent  # one that was answered in the moment of the kill may have a row


def assert_invalid(summary: dict[str, Any], check: str, *words: str) -> None:
    """INVALID by that check, in these words."""
    verdicts = summary["verdicts"]
    assert verdicts["validity"] == "INVALID"
    (found,) = [each for each in verdicts["checks"] if each["name"] == check]
    assert found["verdict"] == "INVALID"
    for word in words:
        assert word in found["reason"], found["reason"]
