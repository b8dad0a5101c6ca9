"""A search on real processes: it ends by itself, says what it found, and is judged by what it declares.

The service is the inference simulator with two decode slots of about 0.1 s: it carries 18 requests a second.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugin.conftest import SUPPORT, LocustRunner
from tests.slow.test_breakpoint_finds_capacity import PROFILE
from tests.support.processes import ROOT, free_port, running

#: A load is tried again while the machine is too busy to send it.
pytestmark = pytest.mark.timeout(300)

FILES = f"{SUPPORT / 'completion_users.py'},{ROOT / 'shapes' / 'breakpoint.py'}"

CONFIG = """
[criteria]
fast = "mean(response_time) < 300 ms, critical < 2 s"
few = "slo_capacity >= 2"
many = "slo_capacity >= 1000"

[scenarios.few]
locustfiles = ["completion_users.py"]
criteria = ["few"]
load_criteria = ["fast"]

[scenarios.many]
locustfiles = ["completion_users.py"]
criteria = ["many"]
load_criteria = ["fast"]

[scenarios.nothing]
locustfiles = ["completion_users.py"]
"""

PACE = (
    *("--breakpoint-hold-s", "3", "--breakpoint-longest-hold-s", "6", "--breakpoint-settle-s", "0.5"),
    *("--breakpoint-ramp-s", "0.5", "--breakpoint-resolution-percent", "50"),
)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "harness.toml").write_text(CONFIG)
    profile = tmp_path / "profile.toml"
    profile.write_text(PROFILE.format(slots=2))
    url = f"http://127.0.0.1:{(port := free_port())}"
    arguments = ["-m", "target_app.inference", "--port", str(port), "--profile", str(profile)]
    with running(arguments, f"{url}/healthz"):
        yield url


@pytest.mark.parametrize(
    "mode",
    [pytest.param((), id="local"), pytest.param(("--processes", "2"), id="workers", marks=pytest.mark.slow)],
)
def test_a_search_in_arrivals(run_locust: LocustRunner, simulator: str, mode: tuple[str, ...]) -> None:
    """32 arrivals a second are far too many. They pass, judged by "at least 2", though most loads failed."""
    ended = run_locust(
        *("-H", simulator, "--scenario", "few", *mode, *PACE, "--load-unit", "arrivals_per_s"),
        *("--breakpoint-start", "32", "--breakpoint-max", "32", "EvenCompletions"),
        locustfile=FILES,
        within_s=240,
    )
    found = ended.summary["search"]
    first = found["probes"][0]
    assert (found["unit"], first["load"]) == ("arrivals/s", 32)
    assert first["meets"] is not True
    assert 4 <= found["met"] <= 20
    assert found["missed"] - found["met"] <= 0.5 * found["met"]
    assert ended.manifest["stop_reason"] == f"the shape ended: {found['words']}"
    assert found["words"].startswith(
        f"highest load that met the criteria: {found['met']:g} arrivals/s (next tried"
    )
    assert "Met the criteria" in ended.out
    assert ended.summary["capacity"]["slo"]["value"] == found["met"]
    (criterion,) = ended.summary["verdicts"]["criteria"]
    assert criterion["verdict"] == "PASS"
    assert found["words"] in (ended.run / "report.html").read_text()


@pytest.mark.slow
def test_too_small_a_capacity_fails(run_locust: LocustRunner, simulator: str) -> None:
    """In users: two are all that the service takes at once, and 16 wait for each other."""
    ended = run_locust(
        *("-H", simulator, "--scenario", "many", *PACE),
        *("--breakpoint-start", "16", "--breakpoint-max", "16", "Completions"),
        locustfile=FILES,
        within_s=240,
    )
    assert ended.code in {1, 4}, ended.err  # 4 where the machine was too busy to measure
    (criterion,) = ended.summary["verdicts"]["criteria"]
    assert criterion["verdict"] == "FAIL"
    assert ended.summary["search"]["unit"] == "users"
    probes = ended.summary["search"]["probes"]
    loads = [probe["load"] for probe in probes]
    assert len(set(loads)) < len(loads), "the load that ends the search is tried twice"
    phases = [probe["phase"] for probe in probes]
    assert len(set(phases)) == len(phases), "each time in a hold of its own"


def test_a_load_is_tried_again_when_the_generator_was_late(run_locust: LocustRunner, simulator: str) -> None:
    """The generator stands still again and again for its first 6 s: the probe of that time does not count."""
    ended = run_locust(
        *("-H", simulator, "--scenario", "few", *PACE, "--breakpoint-start", "2", "--breakpoint-max", "2"),
        *("--breakpoint-hold-s", "6", "StalledCompletions"),
        locustfile=f"{SUPPORT / 'stalling_completions.py'},{ROOT / 'shapes' / 'breakpoint.py'}",
        within_s=240,
    )
    first, second, *_ = ended.summary["search"]["probes"]
    assert (first["load"], first["counts"]) == (2, False), ended.err
    assert "worker 0: event loop late" in first["trouble"]
    assert second["load"] == 2
    assert second["phase"] != first["phase"]
    assert first["phase"] not in [step["phase"] for step in ended.summary["steps"]]
    checks = {each["name"]: each for each in ended.summary["verdicts"]["checks"]}
    assert first["phase"] + ":" not in checks["event loop lag"]["reason"]
    assert "tried again" in ended.out


def test_the_time_is_bounded(run_locust: LocustRunner, simulator: str) -> None:
    ended = run_locust(
        *(
            "-H",
            simulator,
            "--scenario",
            "few",
            "--breakpoint-max-minutes",
            "0.1",
            "--breakpoint-hold-s",
            "60",
        ),
        "Completions",
        locustfile=FILES,
    )
    assert "the time limit of 0.1 min was reached" in ended.manifest["stop_reason"]


def test_without_criteria_there_is_nothing_to_search_by(run_locust: LocustRunner, simulator: str) -> None:
    ended = run_locust("-H", simulator, "--scenario", "nothing", "Completions", locustfile=FILES)
    assert ended.code == 2
    assert "there is no criterion to search by" in ended.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(("--breakpoint-start", "0"), "breakpoint_start must be at least 1", id="no load"),
        pytest.param(
            ("--load-unit", "arrivals_per_s"), "needs ArrivalUser classes", id="users, not arrivals"
        ),
    ],
)
def test_options_that_cannot_be_run(
    run_locust: LocustRunner, simulator: str, options: tuple[str, ...], message: str
) -> None:
    ended = run_locust("-H", simulator, "--scenario", "few", *options, "Completions", locustfile=FILES)
    assert (ended.code, ended.runs) == (2, [])
    assert message in ended.err
