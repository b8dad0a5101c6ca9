"""The workflows: their schema, and what a schema does not see. actionlint, as far as it matters here."""

import re
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest

from harness.config import load_config
from tests.ci.workflows import BASH, FOLDER, ROOT, evaluate, expressions, filled, load, steps_of

NAMES = sorted(path.name for path in FOLDER.glob("*.yml"))
BENCHMARK = "performance-benchmark.yml"
NIGHTLY, WEEKLY = "0 2 * * *", "0 3 * * 0"
#: Where a context may stand: neither `runner` nor `env` is known in a job's env, nor `secrets` in an if.
CONTEXTS = {"github", "inputs", "needs", "secrets", "steps", "matrix", "strategy", "vars"}


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = load(name)["jobs"]
    return found


def test_the_schema() -> None:
    paths = [str(FOLDER / name) for name in NAMES]
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        *paths,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_jobs_end_in_time_and_may_do_little(name: str) -> None:
    workflow = load(name)
    assert workflow["permissions"] == {"contents": "read"}
    assert "group" in workflow["concurrency"]
    for job in workflow["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 60
        extra = {key: value for key, value in job.get("permissions", {}).items() if value != "read"}
        assert extra in ({}, {"pull-requests": "write"}, {"issues": "write"})


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_and_first_party(name: str) -> None:
    uses = [step["uses"] for _, step in steps_of(load(name)) if "uses" in step]
    assert uses
    for action in uses:
        assert re.fullmatch(r"actions/[\w/-]+@(v\d+|[0-9a-f]{40})", action), action


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_bash_without_expressions(name: str) -> None:
    """An expression in a script would be pasted in unquoted, whatever a branch is called."""
    scripts = [step["run"] for _, step in steps_of(load(name)) if "run" in step]
    assert scripts
    for script in scripts:
        assert "${{" not in script
        subprocess.run([BASH, "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize("name", NAMES)
def test_needs_name_jobs_and_form_no_circle(name: str) -> None:
    needs = {job_id: job.get("needs", []) for job_id, job in jobs(name).items()}
    done: set[str] = set()
    while ready := {job_id for job_id in needs.keys() - done if set(needs[job_id]) <= done}:
        done |= ready
    assert done == needs.keys()


@pytest.mark.parametrize("name", NAMES)
def test_expressions_refer_to_what_exists(name: str) -> None:
    workflow = load(name)
    inputs = (workflow["on"].get("workflow_dispatch") or {}).get("inputs", {})
    for job_id, job in workflow["jobs"].items():
        ids: set[str] = set()
        for part in [{**job, "steps": None}, *job["steps"]]:
            for text in expressions(part):
                bare = re.sub(r"'[^']*'", "", text)
                paths = re.findall(r"\b[a-z]+(?:\.[\w*-]+)+", bare)
                assert {path.partition(".")[0] for path in paths} <= CONTEXTS, text
                for path in paths:
                    words = path.split(".")
                    if words[0] == "steps":
                        assert words[1] in ids, f"{job_id}: {text}"
                        assert words[2] == "outputs"
                    if words[0] == "needs":
                        assert words[1] in {"*", *job["needs"]}, text
                    if words[0] == "inputs":
                        assert words[1] in inputs, text
            ids |= {part["id"]} if "id" in part else set()


def test_outputs_are_written_by_what_the_step_runs() -> None:
    script = (ROOT / "deploy" / "ci" / "base").read_text(encoding="utf-8")
    text = (FOLDER / BENCHMARK).read_text(encoding="utf-8")
    assert set(re.findall(r"steps\.base\.outputs\.(\w+)", text)) == {"commit"}
    assert 'echo "commit=$commit" >> "$output"' in script


def test_only_a_live_run_by_hand_is_given_a_secret() -> None:
    for name in NAMES:
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert "pull_request_target" not in text
        for job_id, job in load(name)["jobs"].items():
            if (name, job_id) != (BENCHMARK, "live"):
                assert "secrets." not in str(job)
                assert "GROQ" not in str(job)
    job = jobs(BENCHMARK)["live"]
    assert job["if"] == "github.event_name == 'workflow_dispatch' && inputs.live"
    [step] = [step for step in job["steps"] if "secrets." in str(step)]
    assert step["env"] == {"GROQ_API_KEY": "${{ secrets.GROQ_API_KEY }}", "PROVIDER": "live"}


def test_the_live_scenario_has_caps() -> None:
    caps = load_config(ROOT / "harness.toml").scenario("inference_live").load
    assert 0 < caps["max_calls"] <= 30
    assert 0 < caps["max_calls_per_min"] <= 30
    assert 0 < caps["max_cost_usd"] <= 0.05


def test_scenarios_and_shapes_that_are_run_exist() -> None:
    config = load_config(ROOT / "harness.toml")
    scripts = " ".join(step["run"] for _, step in steps_of(load(BENCHMARK)) if "run" in step)
    assert set(re.findall(r"harness (?:run|regression) (\w+)", scripts)) <= set(config.scenarios)
    files = [file for files in re.findall(r"locust -f (\S+)", scripts) for file in files.split(",")]
    assert all((ROOT / file).is_file() for file in files)


def test_when_the_benchmark_runs() -> None:
    workflow = load(BENCHMARK)
    assert workflow["name"] == "Performance Benchmark"
    on = workflow["on"]
    assert on["pull_request"] == {"branches": ["main"]}
    assert [entry["cron"] for entry in on["schedule"]] == [NIGHTLY, WEEKLY]
    assert "workflow_dispatch" in on
    crons = re.findall(r"github\.event\.schedule [!=]= '([^']+)'", (FOLDER / BENCHMARK).read_text())
    assert set(crons) == {WEEKLY}


EVERY_TIME = {"end-to-end", "regression", "micro", "suite"}
EVENTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "pull request": ({"github.event_name": "pull_request"}, {*EVERY_TIME, "comment"}),
    "nightly": (
        {"github.event_name": "schedule", "github.event.schedule": NIGHTLY},
        {*EVERY_TIME, "signal"},
    ),
    "weekly": ({"github.event_name": "schedule", "github.event.schedule": WEEKLY}, {"suite", "signal"}),
    "by hand": ({"github.event_name": "workflow_dispatch"}, EVERY_TIME),
    "by hand, live": (
        {"github.event_name": "workflow_dispatch", "inputs.live": True},
        {*EVERY_TIME, "live"},
    ),
}


@pytest.mark.parametrize(("context", "expected"), EVENTS.values(), ids=EVENTS.keys())
def test_which_jobs_run(context: dict[str, Any], expected: set[str]) -> None:
    conditions = {job_id: str(job.get("if", "true")) for job_id, job in jobs(BENCHMARK).items()}
    bare = {job_id: text.removeprefix("${{").removesuffix("}}") for job_id, text in conditions.items()}
    assert {job_id for job_id, text in bare.items() if evaluate(text, context)} == expected


@pytest.mark.parametrize(
    ("context", "suite"),
    [
        ({"github.event_name": "pull_request"}, "pr"),
        ({"github.event_name": "schedule", "github.event.schedule": NIGHTLY}, "nightly"),
        ({"github.event_name": "schedule", "github.event.schedule": WEEKLY}, "weekly"),
        ({"github.event_name": "workflow_dispatch", "inputs.suite": "daily"}, "daily"),
    ],
)
def test_which_suite_runs(context: dict[str, Any], suite: str) -> None:
    workflow = load(BENCHMARK)
    assert filled(workflow["jobs"]["suite"]["env"]["SUITE"], context) == suite
    offered = workflow["on"]["workflow_dispatch"]["inputs"]["suite"]["options"]
    assert suite in offered
    assert set(offered) <= set(load_config(ROOT / "harness.toml").suites)


def test_only_a_pull_requests_own_earlier_run_is_cancelled() -> None:
    concurrency = load(BENCHMARK)["concurrency"]
    pull = {"github.event_name": "pull_request", "github.event.pull_request.number": 12, "github.run_id": 77}
    night = {"github.event_name": "schedule", "github.run_id": 78}
    assert filled(concurrency["group"], pull) == "performance-benchmark-12"
    assert filled(concurrency["cancel-in-progress"], pull) == "true"
    assert filled(concurrency["group"], night) == "performance-benchmark-78"
    assert filled(concurrency["cancel-in-progress"], night) == "false"


@pytest.mark.parametrize(
    ("results", "outcome"),
    [
        (["success", "success", "success", "skipped"], "success"),
        (["success", "failure", "success", "skipped"], "failure"),
        (["skipped", "skipped", "skipped", "cancelled"], "failure"),
    ],
)
def test_the_signal_follows_the_jobs(results: list[str], outcome: str) -> None:
    step = jobs(BENCHMARK)["signal"]["steps"][-1]
    assert filled(step["env"]["OUTCOME"], {"needs.*.result": results}) == outcome


def test_the_load_is_the_documented_line_and_gates() -> None:
    line = "locust -f locustfiles/cases.py,shapes/concurrency_steps.py --headless --processes 2"
    steps = jobs(BENCHMARK)["end-to-end"]["steps"]
    [step] = [step for step in steps if step.get("run", "").strip() == line]
    assert "continue-on-error" not in step
    upload = steps[-1]["with"]
    assert (upload["name"], upload["path"]) == ("benchmark-results", "benchmarks/results/")


def test_artifacts_have_names_of_their_own() -> None:
    uploads = [
        step["with"] for _, step in steps_of(load(BENCHMARK)) if "upload-artifact" in step.get("uses", "")
    ]
    names = [upload["name"] for upload in uploads]
    assert len(names) == len(set(names)) == 5
    pattern = next(
        step["with"]["pattern"]
        for _, step in steps_of(load(BENCHMARK))
        if "download-artifact" in step.get("uses", "")
    )
    assert all(name.startswith(pattern.removesuffix("*")) for name in names)


def test_every_job_starts_with_the_code_and_the_same_python() -> None:
    for job in jobs(BENCHMARK).values():
        first, second = (step["uses"] for step in job["steps"][:2])
        assert (first, second) == ("actions/checkout@v5", "actions/setup-python@v6")
        assert job["steps"][1]["with"]["python-version"] == "3.13"
        assert job["steps"][0]["with"]["persist-credentials"] is False
        named = [step.get("name", step.get("uses")) for step in job["steps"]]
        assert all(a != b for a, b in pairwise(named))
