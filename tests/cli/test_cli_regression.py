"""`harness regression` against a real service whose delay is planted between the runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.delayed_project import LOAD, SERVICE

HARNESS = str(Path(sys.executable).with_name("harness"))

CONFIG = """\
runs_dir = "results"

[services.app]
port = {port}
command = ["python", "service.py", "{{port}}"]
ready_url = "http://127.0.0.1:{{port}}/"

[criteria]
error_rate = "error_rate < 50 %"

[regression]
baseline = "baseline.json"
scenario = "smoke"

[scenarios.smoke]
locustfiles = ["load.py"]
host = "http://127.0.0.1:{{app.port}}"
services = ["app"]
criteria = ["error_rate"]
workers = 0
warm_up_s = 0.5

[scenarios.smoke.load]
users = 3
spawn_rate = 3
run_time = "3s"
"""

#: A busy machine makes a measurement invalid, as it should: it is then made again.
_ATTEMPTS = 4


@pytest.fixture
def folder(tmp_path: Path, unused_port: Callable[[], int]) -> Path:
    (tmp_path / "harness.toml").write_text(CONFIG.format(port=unused_port()))
    (tmp_path / "service.py").write_text(SERVICE)
    (tmp_path / "load.py").write_text(LOAD)
    (tmp_path / "delay_s").write_text("0.02")
    return tmp_path


def regression(folder: Path, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of a valid measurement; fails where the machine allows none."""
    command = [HARNESS, "regression", "--with-services", *words]
    for _ in range(_ATTEMPTS):
        ended = _ended(folder, command)
        if ended.returncode != 4:
            return ended.returncode, ended.stdout, ended.stderr
    pytest.fail(f"this machine is too busy to measure: {ended.stdout[-500:]}")


def _ended(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    return subprocess.run(
        command, cwd=folder, env=env, text=True, capture_output=True, timeout=120, check=False
    )


def latest(folder: Path) -> dict[str, Any]:
    newest = sorted(path for path in (folder / "results").iterdir() if "-smoke-" in path.name)[-1]
    found: dict[str, Any] = json.loads((newest / "summary.json").read_text())
    return found


@pytest.mark.slow
def test_from_no_baseline_to_a_planted_delay(folder: Path) -> None:
    code, out, err = regression(folder, "--no-save")
    assert (code, (folder / "baseline.json").exists()) == (0, False), err
    assert "NO BASELINE: baseline.json has none of this scenario, and --no-save leaves it so" in out

    code, out, err = regression(folder)
    assert code == 0, err
    assert "NO BASELINE: Baseline of scenario 'smoke' saved from 1 run to baseline.json\n" in out
    assert latest(folder)["regression"]["verdict"] == "NO BASELINE"

    (folder / "delay_s").write_text("0.06")
    code, out, err = regression(folder, "smoke")
    assert code == 3, out + err
    found = latest(folder)
    assert found["verdicts"]["overall"] == "REGRESSION"
    assert found["regression"]["verdict"] == "BLOCK"
    rows = {row["metric"]: row for row in found["regression"]["metrics"]}
    p50 = rows["p50(response_time)"]
    assert p50["verdict"] == "BLOCK"
    assert p50["attribution"]["component"] == "work"
    assert rows["mean(component_time){component=work}"]["verdict"] == "BLOCK"
    reports = [path.read_text() for path in (folder / "results").glob("*-smoke-*/report.md")]
    assert any("### Regression" in text and "❌ **BLOCK**" in text for text in reports)

    code, out, _ = regression(folder, "--", "--users", "2")
    assert code == 3
    said = " ".join(out.split())
    assert "NOT COMPARABLE the runs differ in shape (num_users 3 against 2)" in said
    assert "To make this run the baseline: harness baseline promote " in said


@pytest.mark.slow
def test_more_runs_confirm_what_is_inconclusive(folder: Path) -> None:
    """Runs that may differ by anything leave every change open, however often it is measured."""
    assert regression(folder)[0] == 0
    text = (folder / "harness.toml").read_text()
    spread = 'baseline = "baseline.json"\nrun_spread_percent = 200\nrun_spread_degrees = 100'
    (folder / "harness.toml").write_text(text.replace('baseline = "baseline.json"', spread))
    (folder / "delay_s").write_text("0.03")
    code, out, err = regression(folder, "--confirm", "1")
    assert (code, "INCONCLUSIVE: one run more (0 left)" in err) == (0, True)
    assert len(latest(folder)["regression"]["candidate"]) == 2
    code, out, err = regression(folder, "--confirm", "1", "--budget", "0", "--strict")
    assert code == 3, out
    assert "INCONCLUSIVE, and another run would not end within 0 minutes" in err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("smok",), 2, "did you mean 'smoke'?"),
        (("smoke", "--runs", "0"), 2, "there has to be a run"),
        (("smoke", "--budget", "soon"), 2, "'soon' is not a number of minutes"),
        (("smoke",), 5, "the target does not answer"),
    ],
)
def test_what_cannot_be_run(folder: Path, words: tuple[str, ...], code: int, says: str) -> None:
    ended = _ended(folder, [HARNESS, "regression", *words])
    assert (ended.returncode, ended.stdout) == (code, "")
    assert says in ended.stderr


def test_a_broken_baseline_is_found_before_the_load(folder: Path) -> None:
    (folder / "baseline.json").write_text("{")
    code, _, err = regression(folder)
    assert code == 2
    assert err == "harness: baseline.json: cannot be read as a baseline (not JSON)\n"
