"""Every bundled shape as a real, shortened run, in one process and with two workers.

Oracle: the holds in the manifest are the plan's stages, in order and none missing, each as long as
planned (a tick of a second more at most, and what a busy machine adds to that).
"""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.schedule import SHAPES
from tests.plugin.conftest import SUPPORT, Ended, LocustRunner, Service
from tests.support.processes import free_port, get, running
from tests.support.starter import Starter

WORK = SUPPORT / "work_user.py"
ARRIVALS = SUPPORT / "arrival_user.py"
SHAPES_DIR = SUPPORT.parents[1] / "shapes"
TWO = ("--processes", "2")

RUNS: dict[str, dict[str, str]] = {
    "concurrency_steps": {"levels": "2,4,3", "hold_s": "2"},
    "stress_ramp": {"stress_from": "2", "stress_to": "6", "stress_by": "2", "stress_hold_s": "2"},
    "spike": {
        "spike_baseline": "2",
        "spike_peak": "9",
        "spike_baseline_s": "2",
        "spike_peak_s": "2",
        "spike_recovery_s": "3",
    },
    "soak": {"soak_users": "4", "soak_minutes": "0.05"},
    "wave": {"wave_low": "2", "wave_high": "6", "wave_hours": "4", "wave_day_minutes": "0.2"},
}


def _files(name: str, users: Path = WORK) -> str:
    return f"{users},{SHAPES_DIR / name}.py"


def _words(options: dict[str, str]) -> list[str]:
    return [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", value)]


def _holds(ended: Ended) -> list[dict[str, Any]]:
    return [phase for phase in ended.manifest["phases"] if phase["kind"] == "hold"]


def _seconds(phase: dict[str, Any]) -> float:
    return float(phase["end_us"] - phase["start_us"]) / 1e6


@pytest.mark.parametrize(
    "mode", [pytest.param((), id="local", marks=pytest.mark.slow), pytest.param(TWO, id="two workers")]
)
@pytest.mark.parametrize("name", RUNS)
def test_no_stage_is_skipped(
    run_locust: LocustRunner, service: Service, name: str, mode: tuple[str, ...]
) -> None:
    spec = SHAPES[name]
    given = RUNS[name]
    types = {option.name: option.type for option in spec.options}
    plan = spec.plan({**spec.defaults(), **{key: types[key](value) for key, value in given.items()}})

    ended = run_locust("-H", service.url, *_words(given), *mode, "WorkUser", locustfile=_files(name))

    holds = _holds(ended)
    assert [hold["users"] for hold in holds] == [stage.users for stage in plan.stages], ended.err
    for hold, stage in zip(holds, plan.stages, strict=True):
        assert stage.hold_s - 0.1 <= _seconds(hold) < stage.hold_s + 3
    assert ended.manifest["stop_reason"].startswith("the shape ended")
    assert ended.manifest["scenario"]["load"].keys() == {*spec.option_names, "shape_class", "user_classes"}
    assert len(ended.requests) == service.answered
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("mode", [pytest.param((), id="local"), pytest.param(TWO, id="two workers")])
def test_a_slow_ramp_delays_a_hold_and_does_not_shorten_it(
    run_locust: LocustRunner, service: Service, mode: tuple[str, ...]
) -> None:
    """Four users take 3.2 s in one process, and the plan allows for 0.4 s: 2 s of hold come on top."""
    ended = run_locust(
        *("-H", service.url, "--levels", "4,8,2", "--hold-s", "2", "--spawn-rate-per-s", "10"),
        *mode,
        locustfile=_files("concurrency_steps", SUPPORT / "slow_users.py"),
    )
    assert [hold["users"] for hold in _holds(ended)] == [4, 8, 2]
    assert all(_seconds(hold) >= 1.9 for hold in _holds(ended))
    by_phase = ended.requests.groupby(ended.requests["phase"].astype(str)).size()
    assert all(by_phase[hold["name"]] > 10 for hold in _holds(ended))


def test_a_worker_that_joins_skips_no_stage(
    run_locust: LocustRunner, service: Service, start: Starter
) -> None:
    """It joins in the first stage, whose hold stands still while users are spread anew."""
    port = str(free_port())
    files = _files("concurrency_steps")
    worker = ("-f", files, "--worker", "--master-port", port, "WorkUser")
    start(*worker)

    def join() -> bool:
        if service.answered > 20:
            start(*worker)
            return True
        return False

    ended = run_locust(
        *("-H", service.url, "--master", "--master-bind-port", port, "--expect-workers", "1"),
        *("--levels", "4,6,2", "--hold-s", "5", "WorkUser"),
        locustfile=files,
        when=join,
        send=signal.SIGCONT,  # nothing to a process that runs
    )
    held = dict.fromkeys((4, 6, 2), 0.0)
    for hold in _holds(ended):
        held[hold["users"]] += _seconds(hold)
    assert [hold["users"] for hold in _holds(ended)][-2:] == [6, 2]
    assert all(seconds >= 4.9 for seconds in held.values()), ended.manifest["phases"]
    assert set(ended.requests["worker"]) == {0, 1}


@pytest.mark.parametrize(
    "mode", [pytest.param((), id="local", marks=pytest.mark.slow), pytest.param(TWO, id="two workers")]
)
def test_levels_in_arrivals_per_second(
    run_locust: LocustRunner, service: Service, mode: tuple[str, ...]
) -> None:
    """A user of EvenWork is worth 10 arrivals/s."""
    ended = run_locust(
        *("-H", service.url, "--levels", "20,40", "--hold-s", "3", "--spawn-rate-per-s", "100"),
        *("--load-unit", "arrivals_per_s", *mode, "EvenWork"),
        locustfile=_files("concurrency_steps", ARRIVALS),
    )
    assert [(hold["users"], hold["arrivals_per_s"]) for hold in _holds(ended)] == [(2, 20), (4, 40)]
    for hold in _holds(ended):
        sent = (ended.requests["phase"] == hold["name"]).sum()
        assert sent == pytest.approx(hold["arrivals_per_s"] * _seconds(hold), abs=5)


def test_arrivals_of_closed_loop_users_are_a_mistake_of_one_line(
    run_locust: LocustRunner, service: Service
) -> None:
    ended = run_locust(
        "-H", service.url, "--load-unit", "arrivals_per_s", "WorkUser", locustfile=_files("spike")
    )
    assert ended.code == 2
    assert ended.runs == []
    assert "harness: Spike: load_unit arrivals_per_s needs user classes that are ArrivalUser" in ended.err
    assert "Traceback" not in ended.err


def test_a_stress_ramp_ends_at_the_step_that_fails(run_locust: LocustRunner, service: Service) -> None:
    """Half of all requests fail from the first step on, so that the second one never comes."""
    ended = run_locust(
        *("-H", service.url, "--stress-from", "4", "--stress-to", "8", "--stress-by", "4"),
        *("--stress-hold-s", "30", "--stress-settle-s", "0.5", "FailingUser"),
        locustfile=_files("stress_ramp"),
    )
    assert [hold["users"] for hold in _holds(ended)] == [4]
    assert _seconds(_holds(ended)[0]) < 20
    reason = ended.manifest["stop_reason"]
    assert reason.startswith("the shape ended: ")
    assert "% errors at 4-users (" in reason
    assert "by cause: service" in reason
    assert "above the limit of 5 %" in reason


def test_a_stress_ramp_without_the_plugin_says_what_is_missing(service: Service, tmp_path: Path) -> None:
    files = _files("stress_ramp", SUPPORT / "bare_users.py")
    ended = subprocess.run(
        [sys.executable, "-m", "locust", "-f", files, "--headless", "-H", service.url],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SUPPORT.parents[1])},
    )
    assert ended.returncode == 2
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("harness: ")]
    assert line == (
        "harness: StressRamp: needs to know how each step fares: "
        "add `import harness.plugin` to the locustfile"
    )
    assert "Traceback" not in ended.stderr


def test_the_web_form_offers_every_shape_with_its_options(service: Service, tmp_path: Path) -> None:
    """All shapes at once: an option that several have is in the form once."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["-m", "locust", "-f", f"{WORK},{SHAPES_DIR}", "--class-picker", "-H", service.url]
    command += ["--web-host", "127.0.0.1", "--web-port", str(port), "--runs-dir", str(tmp_path)]
    with running(command, f"{url}/"):
        page = get(f"{url}/")
    arguments = json.loads(page.split("window.templateArgs = ", 1)[1].split("\n", 1)[0].strip().rstrip(";"))
    for name, spec in SHAPES.items():
        class_name = "".join(word.capitalize() for word in name.split("_"))
        assert class_name in arguments["available_shape_classes"]
        for option in spec.options:
            offered = arguments["extra_options"][option.name]
            assert str(offered["default_value"]) == str(option.default)
            assert offered["help_text"] == option.help
            assert offered["choices"] == (list(option.choices) or None)
