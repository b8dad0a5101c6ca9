"""The project's own docker-compose.yml on a real engine; every test has a project of its own."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
SCENARIOS = Path(__file__).parent / "scenarios"
HEADLESS = ROOT / "deploy" / "compose" / "headless"
IMAGE = "agent-load-harness:test"
COMMIT = "commit-of-the-test"

#: Nothing here takes as long; a test that hangs must not hang the suite.
COMMAND_S = 120

#: A user's own tests, as docs/compose.md adds them, and the target's port for its counters.
OVERRIDE = """
services:
  inference: { pull_policy: never }  # the image under test, whatever is edited meanwhile
  target: { ports: ["127.0.0.1::8000"] }
  worker: &own
    volumes: ["%(scenarios)s:/app/own:ro"]
    environment: { HARNESS_CONFIG: own/harness.toml }
  master:
    <<: *own
"""


def run(*command: str, env: dict[str, str] | None = None, timeout_s: float = COMMAND_S) -> str:
    """What a command prints on stdout; its stderr is in the error when it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 40) -> Any:
    deadline = time.monotonic() + timeout_s
    while True:
        if value := condition():
            return value
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s:.0f} s"
        time.sleep(0.3)


@dataclass(slots=True, frozen=True)
class Run:
    """A run folder on the host."""

    path: Path

    @property
    def summary(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.path / "summary.json").read_text())
        return document

    @property
    def manifest(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.path / "manifest.json").read_text())
        return document

    @property
    def requests(self) -> pd.DataFrame:
        return pd.read_parquet(self.path / "requests.parquet")

    @property
    def locust_count(self) -> int:
        stats = pd.read_csv(self.path / "locust_stats.csv")
        return int(stats.loc[stats["Name"] == "Aggregated", "Request Count"].iloc[0])


@dataclass(slots=True)
class Stack:
    """One Compose project. `env` is the environment of everything that is started here."""

    project: str
    results: Path
    env: dict[str, str]
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def compose(self, *arguments: str, timeout_s: float = COMMAND_S) -> str:
        return run("docker", "compose", "--progress", "quiet", *arguments, env=self.env, timeout_s=timeout_s)

    def up(self, *arguments: str, **env: str) -> None:
        self.env |= env
        self.compose("up", "--detach", *arguments)

    def headless(self, *command: str, **env: str) -> subprocess.Popen[str]:
        """Start `deploy/compose/headless`, or another command around it, as a terminal would."""
        process = subprocess.Popen(
            command or [str(HEADLESS)],
            cwd=ROOT,
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def wait_for_master(self) -> int:
        """The master's exit code, once it has ended."""
        return int(run("docker", "wait", f"{self.project}-master-1"))

    def kill_workers(self, count: int) -> None:
        run("docker", "kill", *(f"{self.project}-worker-{number + 1}" for number in range(count)))

    def address(self, service: str, port: int) -> str:
        return "http://" + self.compose("port", service, str(port)).strip()

    def served(self) -> int:
        """Cases that the target has counted."""
        with urllib.request.urlopen(f"{self.address('target', 8000)}/metrics", timeout=5) as response:
            text = response.read().decode()
        lines = [line for line in text.splitlines() if line.startswith("target_cases_total{")]
        return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))

    def runs(self) -> list[Run]:
        return [Run(path) for path in sorted(self.results.glob("*Z-*"))]

    def left_over(self) -> list[str]:
        """Containers, networks and volumes of this project that exist now."""
        label = f"label=com.docker.compose.project={self.project}"
        kinds = (["ps", "--all"], ["network", "ls"], ["volume", "ls"])
        return [
            line
            for kind in kinds
            for line in run("docker", *kind, "--filter", label, "--format", "{{json .}}").splitlines()
        ]


def _engine_answers(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@pytest.fixture(scope="session")
def image() -> str:
    """The image of this work tree."""
    if not _engine_answers("docker", "info"):
        pytest.skip("no Docker engine can be reached: `docker info` fails")
    commit = f"GIT_COMMIT={COMMIT}"
    run("docker", "build", "--quiet", "--build-arg", commit, "--tag", IMAGE, ".", timeout_s=540)
    return IMAGE


@pytest.fixture
def in_image(image: str) -> Callable[[str], str]:
    """Run a shell command in a container of the image; what it prints."""
    return lambda command: run(
        "docker", "run", "--rm", "--read-only", "--network=none", image, "bash", "-c", f"{command}\ntrue"
    ).strip()


@pytest.fixture
def stack(image: str, tmp_path: Path) -> Iterator[Stack]:
    """A project that is not up yet; its results are owned by a user who is not root."""
    uid, gid = (os.getuid(), os.getgid()) if os.getuid() else (12345, 12345)
    results = tmp_path / "results"
    results.mkdir()
    os.chown(results, uid, gid)
    scenarios = tmp_path / "own"
    shutil.copytree(SCENARIOS, scenarios)
    scenarios.chmod(0o755)
    override = tmp_path / "override.yml"
    override.write_text(OVERRIDE % {"scenarios": scenarios})
    project = f"harness-test-{uuid.uuid4().hex[:8]}"
    settings = {
        "COMPOSE_PROJECT_NAME": project,
        "COMPOSE_FILE": os.pathsep.join([str(ROOT / "docker-compose.yml"), str(override)]),
        "HARNESS_IMAGE": image,
        "HARNESS_UID": str(uid),
        "HARNESS_GID": str(gid),
        "RESULTS_DIR": str(results),
        "WEB_PORT": "0",
    }
    stack = Stack(project, results, {**os.environ, **settings})
    yield stack
    for process in stack.processes:
        if process.poll() is None:  # the test failed: what it was at says why
            process.terminate()
            print(*process.communicate(timeout=COMMAND_S), sep="\n")
    stack.compose("down", "--remove-orphans", "--volumes", "--timeout", "5")


@pytest.fixture(name="wait_for")
def _wait_for_fixture() -> Callable[..., Any]:
    """`wait_for(condition, what, timeout_s=40)`: the first true value of a condition."""
    return _wait_for
