"""A load generator that is short of CPU is found out every time, and a healthy one is never accused.

Real Locust processes against real services. Starved means that the generator wants more CPU than it
gets: others compute on the only core it may use, or it is asked for more than one process can
send. Healthy means half of the rate that generator, target and simulator reach together on the
cores that they share, which is found out first. What else runs on the machine takes CPU from it, and
a generator that is disturbed is called so: these trials need a machine with nothing else to do.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.processes import ROOT, free_port, running, simulated_target

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SUPPORT = ROOT / "tests" / "support"
TRIALS = 20
SECONDS = 9
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
BURN = [sys.executable, "-c", "while True: pass"]
#: What else may run beside the trials of a healthy generator, in percent of all CPUs.
OTHERS_PERCENT = 15.0
#: More than any one Python process sends.
OVERLOAD_PER_S = 100_000
CONFIG = """
[scenarios.health_users]
locustfiles = ["health_users.py"]
warm_up_s = 1.0
settle_s = 0.5
"""


def locust_run(
    folder: Path, user_class: str, users: int, host: str, *, per_user: float = 1.0, core: int | None = None
) -> dict[str, Any]:
    """The summary.json of one run of a single Locust process, which may use that core alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "harness.toml").write_text(CONFIG)
    line = ["-m", "locust", "-f", str(SUPPORT / "health_users.py"), user_class, "--headless", "--host", host]
    load = ["-u", str(users), "-r", str(users), "-t", f"{SECONDS}s", "--drain-deadline-s", "5"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *line, *load, "--runs-dir", str(folder / "runs")],
            cwd=folder,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT), "ARRIVALS_PER_USER": str(per_user)},
        )
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        try:
            process.wait(120)
        finally:
            process.kill()
    (run,) = (folder / "runs").iterdir()
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return summary


@contextmanager
def burning(core: int, processes: int) -> Iterator[None]:
    """That many processes which compute on one core."""
    with ExitStack() as stack:
        for _ in range(processes):
            process = stack.enter_context(subprocess.Popen(BURN))
            stack.callback(process.kill)
            os.sched_setaffinity(process.pid, {core})
        yield


@pytest.fixture(scope="module")
def fast_service() -> Iterator[str]:
    """On the last core, where nothing is in its way."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running([str(SUPPORT / "fast_service.py"), "--port", str(port)], f"{url}/") as process:
        os.sched_setaffinity(process.pid, {CORES[-1]})
        yield url


def verdicts(summary: dict[str, Any]) -> str:
    """What a failed test should tell."""
    checks = summary["verdicts"]["checks"]
    return "\n".join(f"{c['verdict']} {c['name']}: {c['measured']}; {c['reason']}" for c in checks)


@pytest.mark.skipif(len(CORES) < 2, reason="the service needs a core of its own")
@pytest.mark.parametrize("trial", range(TRIALS))
def test_a_starved_generator_is_called_invalid(fast_service: str, tmp_path: Path, trial: int) -> None:
    match trial % 3:
        case 0:  # an open loop that gets a sixth of a core, and needs more
            with burning(CORES[0], 5):
                summary = locust_run(tmp_path, "FastArrival", 10, fast_service, per_user=800, core=CORES[0])
        case 1:  # a closed loop that gets a fifth of a core; no schedule tells that it is late
            with burning(CORES[0], 4):
                summary = locust_run(tmp_path, "BusyUser", 50, fast_service, core=CORES[0])
        case _:  # more than one process can send
            per_user = OVERLOAD_PER_S / 100
            summary = locust_run(tmp_path, "FastArrival", 100, fast_service, per_user=per_user)
    assert summary["verdicts"]["validity"] == "INVALID", verdicts(summary)
    accused = {c["name"] for c in summary["verdicts"]["checks"] if c["verdict"] == "INVALID"}
    assert accused & {"generator CPU", "event loop lag", "schedule delay"}, verdicts(summary)


@pytest.fixture(scope="module")
def case_service() -> Iterator[str]:
    """Target and simulator as in the demo, on the cores that the generator uses too."""
    others = psutil.cpu_percent(interval=3)
    if others > OTHERS_PERCENT:
        pytest.fail(f"other programs use {others:.0f} % of the CPUs: a healthy generator cannot be shown")
    with simulated_target(1.0) as (_, target):
        yield target


@pytest.fixture(scope="module")
def half_of_capacity(case_service: str, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Half of the cases per second that the three reach together, in a closed loop that never waits."""
    summary = locust_run(tmp_path_factory.mktemp("capacity"), "BusyCaseUser", 40, case_service)
    reached = float(summary["groups"]["all"]["throughput"]["value"])
    print(f"\ncapacity {reached:.1f} cases/s")
    return reached / 2


@pytest.mark.parametrize("trial", range(TRIALS))
def test_a_generator_at_half_capacity_is_not_accused(
    case_service: str, half_of_capacity: float, tmp_path: Path, trial: int
) -> None:
    per_user = half_of_capacity / 10
    summary = locust_run(tmp_path, "CaseArrival", 10, case_service, per_user=per_user)
    assert summary["verdicts"]["validity"] == "VALID", verdicts(summary)
