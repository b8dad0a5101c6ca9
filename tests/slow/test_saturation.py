"""What saturates first is named right: planted decode slots, a concurrency limit, a starved generator.

Real Locust processes against the target and its simulator, six levels of a few seconds each. Each plant is
named right in every one of TRIALS runs.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import ROOT, free_port, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TRIALS = int(os.environ.get("SATURATION_TRIALS", "5"))
SUPPORT = ROOT / "tests" / "support"
REFERENCE = ROOT / "target_app" / "inference" / "profiles" / "reference.toml"
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
BURN = [sys.executable, "-c", "while True: pass"]
LEVELS = "2,4,8,12,16,24"
CONFIG = """
[criteria]
fast = "p95(response_time) < 2000 ms"
right = "error_rate < 5 %"

[scenarios.saturation]
locustfiles = ["cases.py"]
warm_up_s = 1.0
settle_s = 1.0
criteria = ["fast", "right"]
"""


@contextmanager
def services(folder: Path, *, slots: int = 64, cases_at_once: int = 256) -> Iterator[tuple[str, str]]:
    """A simulator with that many decode slots per model, and a target that works on so many cases."""
    profile = folder / "profile.toml"
    profile.write_text(re.sub(r"decode_slots = \d+", f"decode_slots = {slots}", REFERENCE.read_text()))
    ports = [free_port(), free_port()]
    inference, target = (f"http://127.0.0.1:{port}" for port in ports)
    simulator = ["-m", "target_app.inference", "--port", str(ports[0]), "--profile", str(profile)]
    env = {
        "INFERENCE_URL": inference,
        "PROVIDER": "simulated",
        "MAX_CONCURRENT_CASES": str(cases_at_once),
    }
    with (
        running(simulator, f"{inference}/healthz"),
        running(["-m", "target_app", "--port", str(ports[1])], f"{target}/readyz", env),
    ):
        yield inference, target


def measure(
    folder: Path,
    locustfile: Path,
    host: str,
    metrics_urls: str,
    *user_class: str,
    levels: str = LEVELS,
    core: int | None = None,
) -> Path:
    """The run folder of one run of a single Locust process, which may use that core alone."""
    (folder / "harness.toml").write_text(CONFIG)
    files = f"{locustfile},{ROOT / 'shapes' / 'concurrency_steps.py'}"
    line = ["-m", "locust", "-f", files, *user_class, "--headless", "--host", host, "--levels", levels]
    rest = [
        "--hold-s",
        "6",
        "--spawn-rate-per-s",
        "50",
        "--drain-deadline-s",
        "5",
        "--scenario",
        "saturation",
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HARNESS_METRICS_URLS": metrics_urls}
    with (folder / "log").open("w") as log:
        command = [sys.executable, *line, *rest, "--runs-dir", str(folder / "runs")]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=env)
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        try:
            process.wait(150)
        finally:
            process.kill()
    (run,) = (folder / "runs").iterdir()
    return run


def capacity_of(run: Path) -> tuple[int, dict[str, Any]]:
    """What `harness capacity` prints, and its exit code."""
    code = "import sys; from harness.cli import main; sys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-c", code, "capacity", str(run), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found: dict[str, Any] = json.loads(ended.stdout)
    kept = json.loads((run / "summary.json").read_text())["capacity"]
    assert kept["limit"] == found["limit"]
    print(f"\n{found['limit']['words']}: {'; '.join(found['limit']['evidence'])}")
    return ended.returncode, found


def on_cases(folder: Path, **plant: int) -> dict[str, Any]:
    with services(folder, **plant) as (inference, target):
        told = f"target={target}/metrics inference={inference}/metrics"
        return capacity_of(measure(folder, ROOT / "locustfiles" / "cases.py", target, told))[1]


@pytest.mark.parametrize("trial", range(TRIALS))
def test_planted_decode_slots_are_named(tmp_path: Path, trial: int) -> None:
    found = on_cases(tmp_path, slots=2)
    assert found["limit"]["resource"] == "provider decode slots", found["limit"]
    assert found["limit"]["from_load"] <= 16


@pytest.mark.parametrize("trial", range(TRIALS))
def test_a_planted_concurrency_limit_is_named(tmp_path: Path, trial: int) -> None:
    found = on_cases(tmp_path, cases_at_once=3)
    assert found["limit"]["resource"] == "target concurrency limit", found["limit"]
    assert found["limit"]["from_load"] <= 16


@pytest.mark.skipif(len(CORES) < 2, reason="the service needs a core of its own")
@pytest.mark.parametrize("trial", range(TRIALS))
def test_a_generator_short_of_cpu_is_named_and_the_run_is_invalid(tmp_path: Path, trial: int) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        service = [str(SUPPORT / "fast_service.py"), "--port", str(port)]
        served = stack.enter_context(running(service, f"{url}/"))
        os.sched_setaffinity(served.pid, {CORES[-1]})
        for _ in range(5):
            burner = stack.enter_context(subprocess.Popen(BURN))
            stack.callback(burner.kill)
            os.sched_setaffinity(burner.pid, {CORES[0]})
        users = SUPPORT / "health_users.py"
        run = measure(tmp_path, users, url, "", "BusyUser", levels="10,20,40,60,80,100", core=CORES[0])
    code, found = capacity_of(run)
    assert found["limit"]["resource"] == "generator CPU", found["limit"]
    assert code == 4
