"""`deploy/k8s/headless` against a kubectl that answers from files: what it applies, and its exit code."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
HEADLESS = ROOT / "deploy/k8s/headless"
STAND_IN = Path(__file__).parent / "kubectl_of_a_cluster"
KUBECTL = shutil.which("kubectl")

pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")

Started = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """A cluster in which the master runs at once, and has ended when its log has."""
    for name, text in {"phase": "Running", "code": "0", "init_code": "0"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kubectl").symlink_to(STAND_IN)
    return tmp_path


@pytest.fixture
def start(cluster: Path) -> Iterator[Started]:
    started: list[subprocess.Popen[str]] = []

    def begin(**variables: str) -> "subprocess.Popen[str]":
        env = os.environ | {
            "PATH": f"{cluster / 'bin'}:{os.environ['PATH']}",
            "REAL_KUBECTL": str(KUBECTL),
            "CLUSTER": str(cluster),
            "RESULTS_DIR": str(cluster / "results"),
        }
        pipe = subprocess.PIPE
        process = subprocess.Popen([HEADLESS], env=env | variables, stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("code", "init_code", "exit_code"),
    [
        pytest.param("0", "0", 0, id="criteria met"),
        pytest.param("1", "0", 1, id="a criterion failed"),
        pytest.param("4", "0", 4, id="invalid"),
        pytest.param("", "5", 5, id="the target did not become ready"),
        pytest.param("", "", 2, id="a pod that left no code"),
    ],
)
def test_the_exit_code_is_the_verdicts(
    cluster: Path, start: Started, code: str, init_code: str, exit_code: int
) -> None:
    (cluster / "code").write_text(code)
    (cluster / "init_code").write_text(init_code)
    process = start()
    out, err = process.communicate(timeout=60)
    assert process.returncode == exit_code, err
    assert "what the master says" in out
    assert (cluster / "results/manifest.json").exists()


def test_what_was_asked_for_is_what_is_applied(cluster: Path, start: Started) -> None:
    process = start(
        IMAGE="registry.example:5000/h", WORKERS="7", SCENARIO="demo", LOCUST_ARGS="--levels 5,10 --hold-s 8"
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    applied = {(each["kind"], each["metadata"]["name"]): each for each in _read(cluster / "applied.yaml")}
    worker = applied["Job", "worker"]["spec"]
    assert (worker["parallelism"], worker["completions"]) == (7, 7)
    name = worker["template"]["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"]
    told = applied["ConfigMap", name]["data"]
    assert told["SCENARIO"] == "demo"
    assert told["WORKERS"] == "7"
    assert told["LOCUST_ARGS"] == "--levels 5,10 --hold-s 8"
    images = {
        container["image"]
        for each in applied.values()
        if "template" in each.get("spec", {})
        for kind in ("containers", "initContainers")
        for container in each["spec"]["template"]["spec"].get(kind, [])
    }
    assert images == {"registry.example:5000/h:latest"}


def test_a_refused_manifest_is_a_mistake_in_the_configuration(cluster: Path, start: Started) -> None:
    (cluster / "refuses").touch()
    process = start()
    process.communicate(timeout=60)
    assert process.returncode == 2
    assert "logs" not in (cluster / "asked").read_text()


@pytest.mark.parametrize("workers", ["0", "many", "-1", "2.5"])
def test_a_number_of_workers_that_is_none(start: Started, workers: str) -> None:
    process = start(WORKERS=workers)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == f"WORKERS={workers}: should be a number of workers, at least 1\n"


def test_an_interrupt_reaches_the_master_and_the_results_are_fetched(cluster: Path, start: Started) -> None:
    (cluster / "hangs").touch()
    process = start()
    deadline = time.monotonic() + 30
    while " logs " not in ((cluster / "asked").read_text() if (cluster / "asked").exists() else ""):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "exec job/master --container master -- bash -c kill -TERM 1" in (cluster / "asked").read_text()
    assert (cluster / "results/manifest.json").exists()


def _read(path: Path) -> list[dict[str, Any]]:
    return [document for document in YAML(typ="safe").load_all(path) if document]
