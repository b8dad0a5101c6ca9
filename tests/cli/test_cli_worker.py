"""`harness run --master` and `harness worker` as on two machines, joined by loopback.

Oracle: the service's own count, and one worker record per worker in the manifest.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import msgpack
import pytest
import zmq

from harness.cli._ask_master import Source, ask_master
from harness.cli._worker import own_copies
from harness.config import Config
from harness.errors import UserError
from harness.runs import open_run
from tests.plugin.conftest import SUPPORT, Service, service
from tests.support.processes import ROOT, free_port

__all__ = ["service"]

HARNESS = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main())"]


def _project(folder: Path, host: str) -> None:
    (folder / "work_user.py").write_text((SUPPORT / "work_user.py").read_text())
    (folder / "harness.toml").write_text(
        f'runs_dir = "runs"\n[scenarios.work]\nlocustfiles = ["work_user.py"]\nhost = "{host}"\n'
        'user_classes = ["WorkUser"]\nwarm_up_s = 0.5\nsettle_s = 0.2\n'
        '[scenarios.work.load]\nusers = 4\nspawn_rate = 4\nrun_time = "5s"\n'
    )


def _start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*HARNESS, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("name", [("work",), ()], ids=["the scenario is named", "the master is asked"])
def test_two_workers_from_elsewhere(service: Service, tmp_path: Path, name: tuple[str, ...]) -> None:
    port = str(free_port())
    folders = [tmp_path / name for name in ("master", "one", "two")]
    for folder in folders:
        folder.mkdir()
        _project(folder, service.url)
    worker = ["worker", *name, "--master-host", "127.0.0.1", "--master-port", port]
    processes = [_start(folder, *worker) for folder in folders[1:]]  # first, as they often are
    processes.insert(
        0, _start(folders[0], "run", "work", "--master", "--expect-workers", "2", "--master-port", port)
    )
    outputs = [process.communicate(timeout=90)[0] for process in processes]

    (run,) = (folders[0] / "runs").iterdir()
    manifest = json.loads((run / "manifest.json").read_text())
    summary = json.loads((run / "summary.json").read_text())
    assert [process.returncode for process in processes] == [summary["verdicts"]["exit_code"], 0, 0], outputs
    assert [worker["finished"] for worker in manifest["workers"]] == [True, True]
    assert len(open_run(run).requests()) == service.answered > 20
    assert not any((folder / "runs").exists() for folder in folders[1:])
    line = f"locust -f work_user.py WorkUser --worker --master-host 127.0.0.1 --master-port {port}"
    assert all(line in output.splitlines() for output in outputs[1:])


def test_a_master_of_other_files_is_told_in_one_line(service: Service, tmp_path: Path) -> None:
    port = str(free_port())
    folders = [tmp_path / name for name in ("master", "one")]
    for folder in folders:
        folder.mkdir()
        _project(folder, service.url)
    text = (folders[1] / "harness.toml").read_text()
    (folders[1] / "harness.toml").write_text(text.replace("work_user.py", "work_users.py"))
    (folders[1] / "work_user.py").rename(folders[1] / "work_users.py")
    master = _start(folders[0], "run", "work", "--master", "--expect-workers", "1", "--master-port", port)
    worker = _start(folders[1], "worker", "--master-host", "127.0.0.1", "--master-port", port)
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == 2
    assert output.splitlines()[-1] == (
        "harness: the master runs work_user.py, which no scenario of harness.toml here has (did you mean "
        "'work_users.py'?); bring the master's files and harness.toml here, or name the scenario"
    )
    assert "Traceback" not in output
    master.send_signal(signal.SIGTERM)
    output, _ = master.communicate(timeout=60)
    assert master.returncode == 130, output
    assert "interrupted before a run began" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_waits_for_its_master_can_be_ended(tmp_path: Path, number: int) -> None:
    _project(tmp_path, "http://127.0.0.1:1")
    worker = _start(tmp_path, "worker", "--master-host", "127.0.0.1", "--master-port", str(free_port()))
    assert worker.stdout is not None
    first = worker.stdout.readline()
    worker.send_signal(number)
    told_at = time.monotonic()
    rest, _ = worker.communicate(timeout=30)
    assert time.monotonic() - told_at < 10
    assert first.startswith("waiting for a master at 127.0.0.1:")
    assert rest == "harness: interrupted\n"
    assert worker.returncode == 130


FILES = {"a.py": "A", "b.py": "B", "other/a.py": "other A", "shape.py": "S"}
SCENARIOS: dict[str, dict[str, Any]] = {
    "plain": {"locustfiles": ["a.py"]},
    "shaped": {"locustfiles": ["a.py"], "shape": "shape.py", "user_classes": ["One"], "tags": ["x"]},
    "same": {"locustfiles": ["a.py"], "shape": "shape.py", "user_classes": ["One"], "tags": ["x"]},
    "two": {"locustfiles": ["b.py", "a.py"], "user_classes": ["One"]},
    "differs": {"locustfiles": ["b.py", "a.py"], "user_classes": ["Two"]},
    "elsewhere": {"locustfiles": ["other/a.py"], "tags": ["far"]},
    "broken": {"locustfiles": ["gone.py"]},
}


@pytest.mark.parametrize(
    ("sources", "paths", "user_classes", "tags"),
    [
        pytest.param([("a.py", "A")], ["a.py"], (), (), id="one scenario has this file"),
        pytest.param(
            [("a.py", "other A")], ["other/a.py"], (), ("far",), id="of two of a name, the same text"
        ),
        pytest.param([("a.py", "new")], ["a.py"], (), (), id="neither has the text: the master will say so"),
        pytest.param(
            [("a.py", "A"), ("shape.py", "S")], ["a.py", "shape.py"], ("One",), ("x",), id="two that agree"
        ),
        pytest.param([("b.py", "B")], ["b.py"], (), (), id="known files in no scenario's combination"),
        pytest.param([("shape.py", None)], ["shape.py"], (), (), id="the master had an address for it"),
    ],
)
def test_whose_files_the_master_runs(
    tmp_path: Path,
    sources: list[tuple[str, str | None]],
    paths: list[str],
    user_classes: tuple[str, ...],
    tags: tuple[str, ...],
) -> None:
    files = own_copies(_config(tmp_path), [Source(*source) for source in sources])
    assert [str(path.relative_to(tmp_path)) for path in files.paths] == paths
    assert (files.user_classes, files.tags) == (user_classes, tags)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        pytest.param(["a.py", "c.py"], "the master runs c.py, which no scenario", id="a file is not here"),
        pytest.param(
            ["gone.py"], "the master runs gone.py, which no scenario", id="nor is that of a scenario"
        ),
        pytest.param(["b.py", "a.py"], "the scenarios differs, two use what", id="two that differ"),
    ],
)
def test_files_that_cannot_be_told(tmp_path: Path, names: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        own_copies(_config(tmp_path), [Source(name, None) for name in names])


def _config(folder: Path) -> Config:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return Config.model_validate({"scenarios": SCENARIOS, "source": folder / "harness.toml"})


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(
            msgpack.packb(("locustfile", {"error": "no file"}, "x")),
            "cannot tell its locustfiles",
            id="error",
        ),
        pytest.param(b"hello", "is not a Locust master", id="no message"),
        pytest.param(msgpack.packb(("locustfile", {}, "x")), "is not a Locust master", id="no files in it"),
    ],
)
def test_an_answer_that_is_none(answer: bytes, says: str) -> None:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        port = router.bind_to_random_port("tcp://127.0.0.1")

        def reply() -> None:
            client, _ = router.recv_multipart()
            router.send_multipart([client, answer])

        thread = Thread(target=reply)
        thread.start()
        with pytest.raises(UserError, match=says):
            ask_master("127.0.0.1", port, print)
        thread.join()


@pytest.mark.parametrize("listens", [False, True], ids=["nobody", "somebody who says nothing"])
def test_a_master_that_does_not_answer_is_given_up(listens: bool) -> None:
    said: list[str] = []
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        with pytest.raises(UserError, match=r"no master answered at .* within 1 s"):
            ask_master("127.0.0.1", silent.getsockname()[1], said.append, patience_s=1)
    assert said == []


def test_a_host_that_is_no_address() -> None:
    with pytest.raises(UserError, match="--master-host no host: not an address"):
        ask_master("no host", 5557, print)
