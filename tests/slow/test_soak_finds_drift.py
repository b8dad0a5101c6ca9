"""A planted leak, a planted slow-down and planted errors are found, a clean soak is not accused.

Oracle: what was planted, in ten simulated soaks of half an hour each. Of the quantities that were
left alone none may be accused either. And one short soak of a real service, with a leak and without.
The rules are those of the scenario `soak`: what is planted fails its rule, and the rest pass.
"""

from pathlib import Path
from typing import Any

import pytest

from harness.analysis import Dataset, summarise
from harness.config import load_config
from harness.runs import open_run
from harness.verdicts import judge, parse_rule, with_course_rules
from tests.plugin.conftest import SUPPORT, LocustRunner, run_locust
from tests.support.processes import ROOT, free_port, running
from tests.support.simulated_soak import simulated_soak

__all__ = ["run_locust"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RUNS = 10

#: The rules on drift of the scenario `soak`, by the quantity that they are about.
RULES = {
    "p95 response time": "no_slow_down",
    "memory": "no_leak",
    "error rate": "no_creeping_errors",
}


@pytest.mark.parametrize(
    ("planted", "drifts"),
    [
        pytest.param({}, set(), id="clean"),
        pytest.param(
            {"slower_percent_per_min": 1.0},
            {("p95 response time", "simple"), ("p95 response time", "complex")},
            id="1 percent slower each minute",
        ),
        pytest.param({"leak_bytes_per_min": 2e6}, {("memory", "target")}, id="a leak of 2 MB each minute"),
        pytest.param({"errors_percent_at_end": 4.0}, {("error rate", "all")}, id="errors grow to 4 percent"),
    ],
)
def test_ten_of_ten(tmp_path: Path, planted: dict[str, Any], drifts: set[tuple[str, str]]) -> None:
    for seed in range(RUNS):
        run = simulated_soak(tmp_path / str(seed), seed, **planted)
        summary = summarise(run)
        found = summary.drifts
        assert len(found) == 4
        assert {(item.quantity, item.of) for item in found if item.verdict == "grows"} == drifts, seed
        assert all(item.verdict in {"grows", "steady"} for item in found)
        rules = [parse_rule(name, text) for name, text in drift_rules().items()]
        judged = with_course_rules(judge(run, Dataset.from_run(run), rules), rules, summary, run.manifest)
        failed = {each.name for each in judged.criteria if each.verdict == "FAIL"}
        assert failed == {RULES[quantity] for quantity, _ in drifts}, seed
        assert {each.verdict for each in judged.criteria if each.name not in failed} <= {"PASS"}, seed


def drift_rules() -> dict[str, str]:
    """As the scenario names them."""
    config = load_config(ROOT / "harness.toml")
    assert set(RULES.values()) <= set(config.scenario("soak").criteria)
    return {name: config.criterion(name) for name in RULES.values()}


@pytest.mark.parametrize(
    ("leak_bytes", "verdict"),
    [pytest.param(0, "steady", id="clean"), pytest.param(20_000, "grows", id="leak")],
)
def test_a_real_leak_is_found(
    run_locust: LocustRunner, tmp_path: Path, leak_bytes: int, verdict: str
) -> None:
    """Eight users, 45 s; the leak is some 20 kB for each of some 3000 requests."""
    rules = "".join(f'{name} = "{text}"\n' for name, text in drift_rules().items())
    scenario = f'locustfiles = ["x.py"]\ncriteria = {sorted(RULES.values())}\n'
    (tmp_path / "harness.toml").write_text(f"[criteria]\n{rules}\n[scenarios.soak]\n{scenario}")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    leaking = [str(SUPPORT / "leaking_service.py"), "--port", str(port), "--leak-bytes", str(leak_bytes)]
    with running(leaking, f"{url}/"):
        ended = run_locust(
            *("-H", url, "--scenario", "soak"),
            *("--soak-users", "8", "--soak-minutes", "0.75", "WorkUser"),
            locustfile=f"{SUPPORT / 'work_user.py'},{SUPPORT.parents[1] / 'shapes' / 'soak.py'}",
        )
    found = {item.quantity: item for item in summarise(open_run(ended.run)).drifts}
    assert found["memory"].verdict == verdict, found
    assert found["error rate"].verdict == "steady"
    assert ("memory of target grows by" in ended.out) is (verdict == "grows")
    judged = {each["name"]: each["verdict"] for each in ended.summary["verdicts"]["criteria"]}
    assert judged["no_leak"] == ("FAIL" if verdict == "grows" else "PASS"), ended.out
    assert judged["no_creeping_errors"] == "PASS"
    if verdict == "grows":
        assert ended.code in {1, 4}, ended.err  # 4 where the machine was too busy to measure
