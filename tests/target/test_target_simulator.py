"""The target over the real simulator: routing, conflict and debate happen as the corpus says."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.target.conftest import Simulator, Target, TargetFactory

CORPUS = Path(__file__).parents[2] / "locustfiles" / "data" / "cases.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
STAGES = ("triage", "specialists", "debate", "synthesis", "overhead")


def consult(target: "Target", case: dict[str, Any]) -> httpx.Response:
    return target.client.post("/api/cases", json={"case_id": case["case_id"], **case["request"]})


def test_the_corpus_is_routed_as_labelled(simulator: "Simulator", start_target: "TargetFactory") -> None:
    with start_target(simulator.url) as target, ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda case: consult(target, case), CASES))
        info = target.client.get("/info").json()

    assert info["provider"]["profile"] == "reference x0"
    for case, response in zip(CASES, responses, strict=True):
        body = response.json()
        assert response.status_code == 200, body
        consulted = {row["specialist"] for row in body["specialists"]}
        assert (body["status"], body["complexity"]) == ("ok", case["category"]), case["case_id"]
        assert set(case["required_specialists"]) <= consulted, case["case_id"]
        assert body["debated"] is case["conflict"], case["case_id"]
        assert body["usage"]["llm_calls"] == 2 + len(consulted) + case["conflict"], case["case_id"]
        assert body["usage"]["cost_usd"] > 0
        assert sum(body["timings"][f"{name}_ms"] for name in STAGES) == pytest.approx(
            body["timings"]["total_ms"], abs=0.01
        )


def test_the_same_case_gets_the_same_answer(simulator: "Simulator", start_target: "TargetFactory") -> None:
    case = next(case for case in CASES if case["conflict"])
    with start_target(simulator.url) as target:
        first, second = (consult(target, case).json() for _ in range(2))

    del first["timings"], second["timings"]
    assert first == second


def test_the_profile_tells_what_slows_the_simulator_down(
    simulator: "Simulator", start_target: "TargetFactory"
) -> None:
    """Runs are compared by it: two services that answer at different speeds must not look alike."""
    settings = {"speed_factor": 3, "faults": ["slow-first-token=0.2:0.5@cardiology"], "rate_limits": "free"}
    ordinary = httpx.get(f"{simulator.url}/control").json()
    httpx.patch(f"{simulator.url}/control", json=settings).raise_for_status()
    try:
        with start_target(simulator.url) as target:
            profile = target.client.get("/info").json()["provider"]["profile"]
    finally:
        httpx.patch(f"{simulator.url}/control", json=ordinary).raise_for_status()

    assert profile == "reference x3 faults[slow-first-token=0.2:0.5@cardiology] limits[free]"
