"""`[suites.NAME]`: what a step may be, the mistakes in one line, length and cost by the plan."""

from pathlib import Path
from typing import Any

import pytest

from harness.cli._suite_estimate import estimate_lines, estimate_of
from harness.config import Config, load_config, parse_config
from harness.errors import ConfigError
from harness.suites import Load, digest_of, estimate_suite, planned_seconds

BASE = """
[criteria]
errors = "error_rate < 1 %%"

[services.target]
command = ["python"]
ready_url = "http://127.0.0.1:{port}/"
port = 8000
env = { PROVIDER = "simulated" }

[scenarios.cases]
locustfiles = ["cases.py"]
shape = "shapes/concurrency_steps.py"
services = ["target"]
load = { levels = [10, 20], hold_s = 30, spawn_rate_per_s = 10 }

[scenarios.live]
locustfiles = ["live.py"]
load = { run_time = "1m", max_cost_usd = 0.05 }

[suites.s]
steps = [%s]
"""


def config_of(steps: str) -> Config:
    return parse_config(BASE % steps, Path("harness.toml"))


STEPS = [
    ('{ run = "cases" }', "run", "cases"),
    ('{ run = "cases", name = "load" }', "run", "load"),
    ('{ regression = "cases" }', "regression", "regression-cases"),
    ('{ review = "cases" }', "review", "review-cases"),
    ('{ prometheus = ["errors"] }', "prometheus", "prometheus"),
    ('{ command = ["python", "-V"] }', "command", "command"),
]


@pytest.mark.parametrize(("text", "kind", "label"), STEPS)
def test_a_step(text: str, kind: str, label: str) -> None:
    (step,) = config_of(text).suite("s").steps
    assert (step.kind, step.label) == (kind, label)


MISTAKES = [
    ("nothing to do", '{ name = "x" }', "suites.s.steps.0: a step has one of run, regression,"),
    ("two things to do", '{ run = "cases", review = "cases" }', "not run and review"),
    (
        "a scenario that is not there",
        '{ run = "case" }',
        "steps.0.run: no scenario 'case'; did you mean 'cases'?",
    ),
    (
        "a criterion that is not there",
        '{ prometheus = ["error"] }',
        "no criterion 'error'; did you mean 'errors'?",
    ),
    (
        "a step that comes later",
        '{ capacity = "cases" }, { run = "cases" }',
        "steps.0.capacity: no step before it that runs a scenario 'cases'; none is defined",
    ),
    (
        "the same name twice",
        '{ run = "cases" }, { run = "cases" }',
        "steps.1: a second step 'cases'; give one of",
    ),
    (
        "an option of a shape that is a table",
        '{ run = "cases", options = { a = { b = 1 } } }',
        "should be text",
    ),
    ("a key that is not known", '{ run = "cases", option = 1 }', "unknown key; did you mean 'options'?"),
    ("no step", "", "suites.s.steps: "),
]


@pytest.mark.parametrize(
    ("steps", "problem"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_one_line(steps: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_of(steps)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_ports_of_the_environment_go_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "harness.toml"
    path.write_text(BASE % '{ run = "cases" }')
    monkeypatch.setenv("HARNESS_PORTS", "target=4711")
    assert load_config(path).expand("{target.port}") == "4711"
    for text, problem in (("tarjet=1", "did you mean 'target'"), ("target=x", "write SERVICE=PORT")):
        monkeypatch.setenv("HARNESS_PORTS", text)
        with pytest.raises(ConfigError, match=problem):
            load_config(path)


def test_other_steps_are_another_plan() -> None:
    one, two = config_of('{ run = "cases" }'), config_of('{ run = "cases", workers = 1 }')
    assert digest_of(one.suite("s")) == digest_of(config_of('{ run = "cases" }').suite("s"))
    assert digest_of(one.suite("s")) != digest_of(two.suite("s"))


LENGTHS: list[tuple[str, str | None, dict[str, Any], float | None]] = [
    ("two levels: 1 + 30 + 1 + 30", "shapes/concurrency_steps.py", {"levels": [10, 20], "hold_s": 30}, 62.0),
    ("a shape that is not bundled", "shapes/mine.py", {}, None),
    ("what the shape refuses", "shapes/concurrency_steps.py", {"levels": "x"}, None),
    ("run time in words", None, {"run_time": "1h2m3s"}, 3723.0),
    ("run time in seconds", None, {"t": 90}, 90.0),
    ("neither", None, {"users": 10}, None),
]


@pytest.mark.parametrize(
    ("shape", "load", "seconds"), [row[1:] for row in LENGTHS], ids=[row[0] for row in LENGTHS]
)
def test_the_length_of_a_load(shape: str | None, load: dict[str, Any], seconds: float | None) -> None:
    assert planned_seconds(shape, load) == seconds


def test_the_estimate_counts_what_is_left() -> None:
    suite = config_of('{ run = "cases" }, { regression = "cases", runs = 3 }').suite("s")
    whole = estimate_suite(suite, lambda step: Load(60.0))
    assert [step.seconds for step in whole.steps] == [72.0, 216.0]
    assert estimate_suite(suite, lambda step: Load(60.0), ["cases"]).seconds == 216.0


def test_what_cannot_be_told_is_named() -> None:
    found = estimate_suite(config_of('{ run = "cases" }').suite("s"), lambda step: Load(None, None))
    assert (found.unknown, found.uncapped) == (("cases",), ("cases",))


def test_live_models_cost_their_cap_and_simulated_ones_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of('{ run = "cases" }, { run = "live" }')
    monkeypatch.setenv("PROVIDER", "live")
    found = estimate_of(config, config.suite("s"))
    assert [step.cost_usd for step in found.steps] == [0.0, 0.05], "the service of `cases` is pinned"
    assert estimate_lines("s", found)[0] == "suite s: 2 steps, about 2 min 26 s; at most 0.05 USD"
