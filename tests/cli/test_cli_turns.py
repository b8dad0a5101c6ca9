"""A base that `harness regression` starts itself: another command for the service, or another tree."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from harness.cli._turns import base_of_command, base_of_tree, order, start_order
from harness.config import Config, load_config
from harness.errors import PortBusyError, TargetUnreachableError, UserError
from tests.support.delayed_project import LOAD, SERVICE
from tests.support.processes import free_port

HARNESS = str(Path(sys.executable).with_name("harness"))

CONFIG = """\
runs_dir = "results"

[services.app]
port = {port}
command = ["python", "service.py", "{{port}}", "0.06"]
ready_url = "http://127.0.0.1:{{port}}/"

[scenarios.smoke]
locustfiles = ["load.py"]
host = "http://127.0.0.1:{{app.port}}"
services = ["app"]
workers = 0
warm_up_s = 0.5

[scenarios.smoke.load]
users = 2
spawn_rate = 2
run_time = "3s"

[scenarios.lonely]
locustfiles = ["load.py"]
host = "http://127.0.0.1:{{app.port}}"

[suites.all]
steps = [{{ run = "smoke" }}]
"""

#: What a tree's own harness does here: serve the tree's name.
TREES_HARNESS = """#!{python}
import http.server, os, pathlib, sys
assert sys.argv[1:] == ["serve", "app"], sys.argv
assert pathlib.Path(os.environ["HARNESS_CONFIG"]).parent == pathlib.Path.cwd()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(pathlib.Path.cwd().name.encode())

    def log_message(self, *words):
        pass

http.server.HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "harness.toml").write_text(CONFIG.format(port=free_port()))
    (tmp_path / "service.py").write_text(SERVICE)
    (tmp_path / "load.py").write_text(LOAD)
    monkeypatch.chdir(tmp_path)
    for name in {name for name in os.environ if name.startswith("HARNESS_")}:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def config(folder: Path) -> Config:
    return load_config(folder / "harness.toml")


@pytest.fixture
def tree(folder: Path) -> Path:
    """A repository with another port and a key that this harness does not know."""
    made, port = folder / "base", free_port()
    program = made / ".venv" / "bin" / "harness"
    program.parent.mkdir(parents=True)
    program.write_text(TREES_HARNESS.format(python=sys.executable, port=port))
    program.chmod(0o755)
    text = f'colour = "red"\n[services.app]\nport = {port}\nready_url = "http://127.0.0.1:{{port}}/"\n'
    (made / "harness.toml").write_text(text)
    subprocess.run(["git", "init", "--quiet", str(made)], check=True)  # noqa: S607
    return made


def text_at(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        found: str = response.read().decode()
    return found


def test_rounds_turn_around_and_go_on_where_they_ended() -> None:
    found = [*order(2), *order(1, first=2), *order(1, first=3)]
    assert [number for number, _ in found] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert "".join(side[0] for _, side in found) == "bccbbccb"


def test_services_start_after_those_they_need() -> None:
    services = {"a": {"after": ["b", "c"]}, "b": {"after": ["c"]}, "c": {}}
    assert start_order(services, ["a"]) == ["c", "b", "a"]


def test_a_command_takes_the_place_of_the_loaded_services(config: Config, folder: Path) -> None:
    start = base_of_command(config, "smoke", ["python", "service.py", "{port}", "0.001"], folder / "results")
    addresses = set()
    for _ in range(2):
        with start() as place:
            addresses.add(place.host)
            assert text_at(place.host) == "0.001"
            assert place.environment["HARNESS_METRICS_URLS"] == f"app={place.host}/metrics"
    assert str(config.services["app"].port) not in "".join(addresses)


def test_a_trees_services_listen_where_its_own_file_says(config: Config, folder: Path, tree: Path) -> None:
    with base_of_tree(config, "smoke", tree, folder / "results")() as place:
        assert text_at(place.host) == "base"
        assert place.environment["GIT_WORK_TREE"] == str(tree)
        assert place.environment["GIT_DIR"] == str(tree / ".git")
    with pytest.raises(OSError, match="refused"):
        text_at(place.host)


def test_a_busy_port_of_a_tree_is_told(config: Config, folder: Path, tree: Path) -> None:
    port = int((tree / "harness.toml").read_text().split("port = ")[1].split("\n")[0])
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        with pytest.raises(PortBusyError, match=str(port)):
            base_of_tree(config, "smoke", tree, folder / "results")().__enter__()


def test_a_tree_whose_service_dies_is_unreachable(config: Config, folder: Path, tree: Path) -> None:
    (tree / ".venv" / "bin" / "harness").write_text("#!/bin/sh\necho no disk left; exit 2\n")
    with pytest.raises(TargetUnreachableError, match="no disk left"):
        base_of_tree(config, "smoke", tree, folder / "results")().__enter__()


def test_a_tree_without_the_service_is_a_users_mistake(config: Config, folder: Path, tree: Path) -> None:
    (tree / "harness.toml").write_text("[services.other]\n")
    with pytest.raises(UserError, match=r"harness\.toml: cannot be read for its services \('app'\)"):
        base_of_tree(config, "smoke", tree, folder / "results")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("smoke", "--base-command", "python x {apq.port}"),
            "names {apq.port}, and no service 'apq' has one",
        ),
        (("smoke", "--base-command", ""), "--base-command is empty"),
        (("smoke", "--base-command", "x", "--host", "http://h"), "are both started here; leave it out"),
        (("smoke", "--base-command", "x", "--base-tree", "y"), "not allowed with argument"),
        (("smoke", "--base-tree", "nowhere"), "--base-tree nowhere: no harness.toml in it"),
        (("lonely", "--base-command", "x"), "'lonely' names no services"),
        (("smok",), "no scenario or suite 'smok' in harness.toml; did you mean 'smoke'?"),
    ],
)
def test_mistakes_are_one_line(folder: Path, words: tuple[str, ...], says: str) -> None:
    command = [HARNESS, "regression", *words]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert says in ended.stderr


IN_TURNS = ("--base-command", "python service.py {port} 0.02")


@pytest.mark.slow
def test_a_planted_delay_blocks_and_leaves_a_report(folder: Path) -> None:
    for _ in range(4):
        command = [HARNESS, "regression", "all", *IN_TURNS, "--out", "compared"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        if ended.returncode != 4:
            break
    else:
        pytest.fail(f"this machine is too busy to measure: {ended.stdout[-500:]}")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "Round 1 of 1, base" in ended.stderr
    found = json.loads((folder / "compared" / "comparison.json").read_text())
    rows = {row["metric"]: row for row in found["metrics"]}
    assert rows["p50(response_time)"]["verdict"] == "BLOCK"
    assert rows["p50(response_time)"]["attribution"]["component"] == "work"
    candidate = folder / "results" / found["candidate"][0]["run_id"]
    assert json.loads((candidate / "regression.json").read_text())["regression"]["word"] == "BLOCK"


@pytest.mark.slow
def test_ctrl_c_compares_what_is_complete(folder: Path) -> None:
    command = [HARNESS, "regression", "smoke", "--runs", "9", *IN_TURNS]
    for _ in range(4):
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if "Round 2 of 9, base" in "".join(seen) and line.startswith("Run folder"):
                time.sleep(1)
                os.killpg(process.pid, signal.SIGINT)
                break
        out, _ = process.communicate(timeout=60)
        if process.returncode != 4:
            break
    assert process.returncode == 130, "".join(seen) + out
    assert "the measurement was not finished: 2 run(s) of the candidate" in " ".join(out.split())
    report = Path(folder / out.rpartition("Report: ")[2].strip())
    found = json.loads((report.parent / "summary.json").read_text())
    assert (len(found["regression"]["base"]), len(found["regression"]["candidate"])) == (1, 2)
