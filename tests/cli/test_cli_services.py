"""Services: started in order on free ports, awaited, and never left behind."""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.cli import _services
from harness.config import load_config
from harness.errors import ConfigError, TargetUnreachableError

STUBBORN = """\
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
print(os.getpid(), flush=True)
if os.getpid() != os.getsid(0):
    time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    """Whether the process still runs; one that nobody has collected yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def children_of(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


def eventually(condition: Callable[[], bool], within_s: float = 30) -> bool:
    """For what another process does in its own time."""
    deadline = time.monotonic() + within_s
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return held


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())


def wait_for_line(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    assert process.stderr is not None
    for line in process.stderr:
        if match := re.search(pattern, line):
            return match
    raise AssertionError(f"ended without a line that matches {pattern}")


def test_services_run_on_free_ports_that_they_know_of_each_other(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    config = load_config()
    with _services.running(config, ("app",), Path("results")) as ports:
        assert list(ports) == ["upstream", "app"]
        assert ports["app"] != config.services["app"].port
        assert get(f"http://127.0.0.1:{ports['app']}/") == f"http://127.0.0.1:{ports['upstream']}"
    for port in ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    logs = list(Path("results/service-logs").glob("*/*.log"))
    assert sorted(log.stem for log in logs) == ["app", "upstream"]
    assert "listening on" in logs[0].read_text()


def test_a_service_that_dies_is_told_with_the_end_of_its_log(project: Any) -> None:
    ended = project.run("run", "doomed", "--with-services")
    assert ended.returncode == 5
    assert len(ended.stderr.splitlines()) == 1
    assert "dies ended with code 3 before it was ready; the end of " in ended.stderr
    assert ended.stderr.endswith("dies.log: no disk left\n")


def test_a_service_that_is_never_ready_is_stopped(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(_services, "READY_TIMEOUT_S", 0.5)
    text = Path("harness.toml").read_text().replace('"print(', '"import time; time.sleep(60); print(')
    Path("harness.toml").write_text(text)
    with (
        pytest.raises(TargetUnreachableError, match=r"dies was not ready at .* \(connection refused\)"),
        _services.running(load_config(), ("dies",), Path("results")),
    ):
        pass
    assert children_of(os.getpid()) == []


def test_a_service_that_does_not_listen_to_sigterm_is_killed_with_its_children(
    project: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(_services, "STOP_TIMEOUT_S", 0.5)
    service = Path("service.py")
    service.write_text(STUBBORN + service.read_text())
    with _services.running(load_config(), ("upstream",), Path("results")):
        log = next(Path("results/service-logs").glob("*/upstream.log"))

        def pids() -> list[int]:
            return [int(line) for line in log.read_text().splitlines() if line.isdecimal()]

        assert eventually(lambda: len(pids()) == 2)
    assert "upstream: still there" in capsys.readouterr().err
    assert eventually(lambda: not any(is_alive(pid) for pid in pids()))


def test_an_error_inside_stops_the_services(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    during = []

    def fail() -> None:
        with _services.running(load_config(), ("upstream",), Path("results")):
            during.extend(children_of(os.getpid()))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(during) == 1
    assert not is_alive(during[0])


def test_a_command_that_does_not_exist_is_a_mistake_in_the_file(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    path = Path("harness.toml")
    path.write_text(path.read_text().replace('["python", "-c"', '["pyhton", "-c"'))
    with (
        pytest.raises(ConfigError, match=r"services\.dies: cannot start pyhton: No such file"),
        _services.running(load_config(), ("dies",), Path("results")),
    ):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_while_waiting_for_a_service_leaves_nothing(project: Any, number: signal.Signals) -> None:
    path = project.folder / "harness.toml"
    path.write_text(path.read_text().replace("/ready", ":1/never"))
    with project.start("run", "smoke", "--with-services") as process:
        wait_for_line(process, "upstream: ready")
        assert eventually(lambda: len(children_of(process.pid)) == 2)
        services = children_of(process.pid)
        os.killpg(process.pid, number)
        assert "interrupted" in process.stderr.read()
    assert process.returncode == 130
    assert eventually(lambda: not any(is_alive(pid) for pid in services))


def test_serve_becomes_the_service(project: Any) -> None:
    port = load_config(project.folder / "harness.toml").services["upstream"].port
    with project.start("serve", "upstream") as process:
        assert f"service.py {port}\n" in process.stderr.readline()
        assert process.stdout.readline() == f"listening on {port}\n"
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert process.returncode == -signal.SIGTERM, "the service's own ending"


def test_serve_on_another_port_says_what_is_missing_and_what_it_replaces(
    project: Any, unused_port: Any
) -> None:
    port = unused_port()
    project.env["UPSTREAM"] = "http://elsewhere"
    with project.start("serve", "app", "--port", str(port)) as process:
        assert re.match(
            r"app needs upstream, which is not ready \(.*\): harness serve upstream",
            process.stderr.readline(),
        )
        assert process.stderr.readline().startswith(
            "UPSTREAM=http://elsewhere of your environment is replaced by "
        )
        assert process.stdout.readline() == f"listening on {port}\n"
        process.terminate()


def test_serve_on_a_busy_port_is_exit_code_2(project: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        ended = project.run("serve", "upstream", "--port", str(busy.getsockname()[1]))
    assert ended.returncode == 2
    assert "Address already in use" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
