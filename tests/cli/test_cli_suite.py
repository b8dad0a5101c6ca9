"""`harness suite` on real services and Locust runs: one folder, one verdict, going on after Ctrl-C."""

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.suites.prometheus_server import Series, prometheus

LOAD = """\
from locust import constant, task

import harness.plugin
from harness.engine import ServiceUser

class Asker(ServiceUser):
    wait_time = constant(0.02)

    @task
    def ask(self):
        self.client.get("/", name="/")
"""

SUITES = """
[suites]

[scenarios.quick]
locustfiles = ["asker.py"]
host = "http://127.0.0.1:{app.port}"
services = ["app"]
workers = 0
warm_up_s = 0
settle_s = 0
criteria = ["few_errors"]

[scenarios.quick.load]
users = 1

[suites.tiny]
description = "two runs and a program"
repeat_invalid = 2
steps = [
    { run = "quick", name = "first", options = { run_time = "2s" } },
    { run = "quick", name = "second", options = { run_time = "SECOND" } },
    { command = ["python", "-c", "open('{suite}/touched', 'w')"], name = "own" },
    { prometheus = ["error_rate"] },
]

[suites.programs]
steps = [
    { command = ["python", "-c", "raise SystemExit(CODE)"], name = "own" },
    { command = ["python", "-c", "pass"], name = "other" },
    { prometheus = ["error_rate", "few_errors"] },
]

[suites.doomed]
steps = [{ run = "doomed" }]
"""


@pytest.fixture
def suites(project: Any) -> Any:
    """The project with suites; `own` ends with code 0, `second` lasts for a second."""
    write(project)
    return project


def write(project: Any, second: str = "2s", code: int = 0) -> None:
    path = project.folder / "harness.toml"
    before = path.read_text().partition("\n[suites")[0]
    if "few_errors" not in before:
        before = before.replace("[criteria]\n", '[criteria]\nfew_errors = "error_rate < 50 %"\n')
    (project.folder / "asker.py").write_text(LOAD)
    path.write_text(before + SUITES.replace("SECOND", second).replace("CODE", str(code)))


def folder_of(project: Any, suite: str = "tiny") -> Path:
    (folder,) = (project.folder / "results").glob(f"*-suite-{suite}-*")
    assert isinstance(folder, Path)
    return folder


def record_of(project: Any, suite: str = "tiny") -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder_of(project, suite) / "suite.json").read_text())
    return document


def runs_of(project: Any) -> list[str]:
    return sorted(path.parent.name for path in (project.folder / "results").glob("*-quick-*/manifest.json"))


def test_a_suite_leaves_one_folder_with_one_verdict(suites: Any) -> None:
    ended = suites.run("suite", "tiny")
    record = record_of(suites)
    codes = {step["name"]: step["code"] for step in record["steps"]}
    assert list(codes) == ["first", "second", "own", "prometheus"]
    assert set(codes.values()) <= {0, 4}, "a crowded machine may make a run invalid"
    assert (ended.returncode, record["exit_code"], record["state"]) == (
        *[max(codes.values())] * 2,
        "finished",
    )
    assert record["steps"][0]["criteria"][0]["name"] == "few_errors"
    assert record["steps"][3]["word"] == "NOT CONFIGURED"
    folder = folder_of(suites)
    assert {path.name for path in folder.iterdir()} == {
        "suite.json",
        "report.html",
        "report.md",
        "junit.xml",
        "touched",
    }
    links = re.findall(r'href="(\.\./[^"]+)"', (folder / "report.html").read_text())
    assert len(links) == 2
    assert all((folder / link).is_file() for link in links)
    assert len(list((suites.folder / "results" / "service-logs").iterdir())) == 1, "services start once"
    assert f"Report: {Path('results') / folder.name / 'report.html'}" in ended.stdout
    assert "locust -f asker.py --headless" in ended.stderr, "the line of each run is printed"


def test_a_step_that_fails_keeps_none_from_running(suites: Any) -> None:
    write(suites, code=7)
    ended = suites.run("suite", "programs")
    assert ended.returncode == 1
    own, other, deployed = record_of(suites, "programs")["steps"]
    assert (own["word"], own["headline"]) == ("FAIL", "python ended with code 7")
    assert other["word"] == "PASS"
    assert deployed["word"] == "NOT CONFIGURED"


def test_a_deployed_service_is_judged_through_prometheus(suites: Any) -> None:
    labels = {"complexity": "simple"}
    series: Series = [
        ("target_cases_total", {**labels, "outcome": "ok"}, 9700.0),
        ("target_cases_total", {**labels, "outcome": "timeout"}, 300.0),
    ]
    with prometheus(series) as url:
        suites.env["HARNESS_PROMETHEUS_URL"] = url
        ended = suites.run("suite", "programs")
    step = record_of(suites, "programs")["steps"][2]
    assert {rule["name"]: rule["verdict"] for rule in step["criteria"]} == {
        "error_rate": "WARN",
        "few_errors": "PASS",
    }
    assert (ended.returncode, step["word"], step["headline"]) == (0, "WARN", "1 of 2 criteria met")
    assert step["notes"] == [f"10,000 requests of the last 24 h, as the service counted them; asked at {url}"]


def test_a_prometheus_that_does_not_answer_is_exit_code_5(suites: Any, unused_port: Any) -> None:
    suites.env["HARNESS_PROMETHEUS_URL"] = f"http://127.0.0.1:{unused_port()}"
    assert suites.run("suite", "programs").returncode == 5
    assert record_of(suites, "programs")["word"] == "ERROR"


def test_ctrl_c_leaves_a_report_and_resuming_repeats_nothing_finished(suites: Any) -> None:
    write(suites, second="30s")
    with suites.start("suite", "tiny") as process:
        wait_for(lambda: len(runs_of(suites)) == 2)
        time.sleep(2.0)  # the second run has begun; its load is on
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    record = record_of(suites)
    assert [step["state"] for step in record["steps"]] == ["ended", "ended", "pending", "pending"]
    assert [step["word"] for step in record["steps"]][1:3] == ["INTERRUPTED", "NOT RUN"]
    assert record["state"] == "interrupted"
    assert "INTERRUPTED" in (folder_of(suites) / "report.md").read_text()
    assert "`harness suite tiny --resume` goes on from here" in err
    assert "Report: " in out

    first = runs_of(suites)[0]
    changed = suites.run("suite", "doomed", "--resume")
    assert changed.returncode == 2
    assert changed.stderr == "harness: no suite doomed in results to go on with; leave --resume out\n"
    # The plan is a part of the record: another one is not gone on with.
    write(suites, second="1s")
    other = suites.run("suite", "tiny", "--resume")
    assert (other.returncode, other.stderr) == (
        2,
        "harness: the steps of tiny in harness.toml have changed since; leave --resume out\n",
    )
    write(suites, second="30s")
    with suites.start("suite", "tiny", "--resume") as process:
        wait_for(lambda: len(runs_of(suites)) == 3)
        time.sleep(2.0)
        process.send_signal(signal.SIGTERM)  # to the command alone, as a supervisor does
        process.communicate(timeout=60)
    assert process.returncode == 130
    steps = record_of(suites)["steps"]
    assert steps[0]["run"] == f"../{first}", "the finished step was kept"
    assert len(steps[1]["attempts"]) == 2


def test_a_service_that_does_not_come_up_is_exit_code_5_and_leaves_nothing(suites: Any) -> None:
    ended = suites.run("suite", "doomed")
    assert ended.returncode == 5
    assert "no disk left" in ended.stderr
    assert not list((suites.folder / "results").glob("*-suite-*"))


def test_a_finished_suite_is_not_resumed(suites: Any) -> None:
    assert suites.run("suite", "programs").returncode == 0
    ended = suites.run("suite", "programs", "--resume")
    assert ended.returncode == 2
    assert re.fullmatch(
        r"harness: the last suite programs is finished \(\S+-suite-programs-\w+\); leave --resume out\n",
        ended.stderr,
    )


def test_the_path_of_the_folder_is_left_to_whoever_asks(suites: Any, tmp_path: Path) -> None:
    suites.env["HARNESS_RUN_PATH_FILE"] = str(tmp_path / "path")
    assert suites.run("suite", "programs").returncode == 0
    assert (tmp_path / "path").read_text() == f"results/{folder_of(suites, 'programs').name}\n"


def test_the_list_and_the_estimate(suites: Any) -> None:
    assert suites.run("suite").stdout == (
        "tiny\t4 steps\ttwo runs and a program\nprograms\t3 steps\t\ndoomed\t1 steps\t\n"
    )
    told = json.loads(suites.run("suite", "tiny", "--estimate", "--json").stdout)
    assert {step["name"]: step["seconds"] for step in told["steps"]} == {
        "first": 14.0,
        "second": 14.0,
        "own": 60.0,
        "prometheus": 5.0,
    }
    assert (told["seconds"], told["cost_usd"], told["unknown_length"]) == (93.0, 0.0, [])
    assert suites.run("suite", "doomed", "--estimate").stdout.startswith(
        "suite doomed: 1 steps, about 0 s, and doomed, whose length is not known; no cost"
    )


def test_the_commands_are_those_one_would_type(suites: Any) -> None:
    lines = suites.run("suite", "tiny", "--dry-run").stdout.splitlines()
    assert lines[0] == "first\tharness run quick -- --run-time 2s"


MISTAKES = [
    ("no such suite", ("suite", "tny"), "no suite 'tny' in harness.toml; did you mean 'tiny'?"),
    ("two questions at once", ("suite", "tiny", "--estimate", "--dry-run"), "not allowed with argument"),
    ("something after --", ("suite", "tiny", "--", "-u", "3"), "nothing may follow `--` here"),
]


@pytest.mark.parametrize(
    ("words", "problem"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_one_line(suites: Any, words: tuple[str, ...], problem: str) -> None:
    ended = suites.run(*words)
    assert ended.returncode == 2
    assert problem in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def wait_for(condition: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.1)


def test_its_report_is_served_with_those_of_its_runs(suites: Any) -> None:
    assert suites.run("suite", "programs").returncode == 0
    name = folder_of(suites, "programs").name
    with suites.start("open", name) as process:
        url = process.stdout.readline().strip()
        assert url.endswith(f"/{name}/report.html")
        with urlopen(url) as answer, urlopen(url.partition(f"/{name}")[0]) as root:
            assert b"Test suite report" in answer.read()
            assert root.url == url, "the address alone leads to the report"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
