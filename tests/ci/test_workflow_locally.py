"""Every `run:` step of the benchmark's workflow as it is written, in order, in a clone, with a small load.

Needs ports 8000, 9101 and 5557, a package index (or pip's cache) and about a quarter of an hour.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ci.github_server import GitHub, github_server
from tests.ci.workflows import ROOT, LocalRunner, load

PORTS = (8000, 9101, 5557)
WORKFLOW = load("performance-benchmark.yml")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def git(folder: Path, *arguments: str) -> str:
    command = [shutil.which("git") or "git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    done = subprocess.run([*command, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files as they are here, with a commit for the base and one for the head."""
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                pytest.fail(f"port {port} is taken, and the workflow's steps name it: end what uses it")
    folder = tmp_path / "clone"
    for name in git(ROOT, "ls-files", "-co", "--exclude-standard", "-z").split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    git(folder.parent, "init", "--quiet", "--initial-branch=main", str(folder))
    for message in ("base", "head"):
        (folder / "CHANGED").write_text(message, encoding="utf-8")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", message)
    return folder


@pytest.fixture
def github() -> Iterator[GitHub]:
    with github_server() as found:
        yield found


@pytest.fixture
def runner(clone: Path, github: GitHub) -> LocalRunner:
    root = clone.parent / "runner"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "python").symlink_to(Path(sys.executable).resolve())  # as setup-python does
    context: dict[str, Any] = {
        "github.event_name": "pull_request",
        "github.event.pull_request.base.sha": git(clone, "rev-parse", "HEAD~1").strip(),
        "github.event.pull_request.number": 12,
        "github.token": "t0ken",
    }
    environment = {
        "PATH": os.pathsep.join([str(root / "bin"), os.environ["PATH"]]),
        "HARNESS_LEVELS": "5,10",
        "HARNESS_HOLD_S": "12",
        "BENCHMARK_ROUNDS": "1",
        "SUITE": "daily",
        "GITHUB_API_URL": github.url,
        "GITHUB_REPOSITORY": "octo/service",
        "GITHUB_RUN_ID": "77",
    }
    return LocalRunner(clone, root, context, environment)


def test_every_step_works_as_it_is_written(runner: LocalRunner, clone: Path, github: GitHub) -> None:
    """One test, as the jobs share ports and hand artifacts on."""
    _end_to_end(runner, clone)
    _regression(runner)
    _micro(runner)
    _suite(runner)
    _live(runner)
    _comment(runner, github)
    _signal(runner, github)


def _end_to_end(runner: LocalRunner, clone: Path) -> None:
    # Ten users cannot make 50 requests per second: the rule on throughput fails the job.
    assert runner.run(WORKFLOW, "end-to-end") == "failure"
    assert runner.summary().startswith("## Performance Benchmark Results\n")
    assert "| Throughput | > 50 req/s |" in runner.summary()
    artifact = runner.root / "artifacts" / "benchmark-results"
    assert {"report.md", "junit.xml"} <= {path.name for path in artifact.iterdir()}
    assert (clone / "history.jsonl").read_text(encoding="utf-8").count("\n") == 1


def _regression(runner: LocalRunner) -> None:
    result = runner.run(WORKFLOW, "regression")
    assert "### Regression" in runner.summary()
    compared = runner.summary().partition("Compared: ")[2]
    for commit in (
        runner.context["github.event.pull_request.base.sha"],
        git(runner.clone, "rev-parse", "HEAD"),
    ):
        assert f"({commit[:7]})" in compared
    assert result == "success", runner.summary()


def _micro(runner: LocalRunner) -> None:
    runner.run(WORKFLOW, "micro")  # with one session a side, a busy machine may well block
    assert "### Microbenchmarks" in runner.summary()
    artifact = runner.root / "artifacts" / "benchmark-results-micro"
    assert {"micro.json", "micro-base-1.json", "micro-head-1.json"} <= {p.name for p in artifact.iterdir()}


def _suite(runner: LocalRunner) -> None:
    runner.run(WORKFLOW, "suite")  # what it comes to is for a machine to say that has nothing else to do
    artifact = runner.root / "artifacts" / "benchmark-results-suite"
    assert runner.summary() == (artifact / "suite.md").read_text(encoding="utf-8")
    assert "daily" in runner.summary()


def _live(runner: LocalRunner) -> None:
    """Without the secret nothing is called, and that is no failure."""
    before = dict(runner.context)
    runner.context |= {"github.event_name": "workflow_dispatch", "inputs.live": True}
    assert runner.run(WORKFLOW, "live") == "success"
    runner.context = before


def _comment(runner: LocalRunner, github: GitHub) -> None:
    for _ in range(2):
        assert runner.run(WORKFLOW, "comment") == "success"
        shutil.rmtree(runner.temp)
    [comment] = github.comments
    for heading in ("## Performance Benchmark Results", "### Regression", "### Microbenchmarks", "[Run 77]"):
        assert heading in comment["body"]
    assert github.tokens == {"Bearer t0ken"}


def _signal(runner: LocalRunner, github: GitHub) -> None:
    runner.context = {"github.event_name": "schedule", "github.event.schedule": "0 3 * * 0"}
    runner.context |= {"github.token": "t0ken", "needs.*.result": ["failure"]}
    assert runner.run(WORKFLOW, "signal") == "success"
    assert [issue["title"] for issue in github.issues] == ["The weekly Performance Benchmark fails"]
