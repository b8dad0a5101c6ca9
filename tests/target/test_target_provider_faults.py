"""Every fault of a provider, injected by the simulator: what the client is told, and what the metrics count.

Each goes through the real SDK, the real agents and HTTP, with the call whole and streamed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.target.conftest import Simulator, Target

from tests.target.conftest import run_target

CALL_TIMEOUT_S = 0.7
MODES = ("whole", "streamed")


@dataclass(frozen=True)
class Ending:
    """How a case ends that the fault hits in its only call: the client's side and the metrics' side."""

    status: int
    slug: str
    call_status: str
    """The label of target_model_calls_total."""
    retry_after: str | None = None


FAULTS = {
    "status=429,retry-after=7": Ending(503, "provider-rate-limited", "429", "7"),
    "status=429,retry-after=900,limit=tpd": Ending(503, "provider-rate-limited", "429", "900"),
    "status=498": Ending(503, "provider-overloaded", "498", "1"),
    "status=503,retry-after=40": Ending(503, "provider-overloaded", "503", "40"),
    "status=503": Ending(502, "provider-fault", "503"),
    "status=502": Ending(502, "provider-fault", "502"),
    "status=500": Ending(502, "provider-fault", "500"),
    "status=400": Ending(502, "provider-refused", "400"),
    "status=401": Ending(502, "provider-refused", "401"),
    "status=404": Ending(502, "provider-refused", "404"),
    "status=413": Ending(502, "provider-refused", "413"),
    "slow-first-token=30": Ending(504, "provider-timeout", "timeout"),
    "stall=30": Ending(504, "provider-timeout", "timeout"),
    "cut=before-headers": Ending(502, "provider-unreachable", "cut"),
    "cut=mid-body": Ending(502, "provider-unreachable", "cut"),
    "truncated-json": Ending(502, "provider-fault", "unreadable"),
    "invalid-answer": Ending(502, "provider-invalid-answer", "200"),
    "empty-content": Ending(502, "provider-invalid-answer", "200"),
}
ROWS = [
    pytest.param(mode, fault, end, id=f"{mode} {fault}") for mode in MODES for fault, end in FAULTS.items()
]
ROWS += [
    pytest.param("whole", "stream-error", FAULTS["status=500"], id="whole stream-error"),
    pytest.param(
        "streamed",
        "stream-error",
        Ending(502, "provider-fault", "stream-error"),
        id="streamed stream-error",
    ),
]


@pytest.fixture(scope="module")
def targets(_simulator: "Simulator") -> Iterator[dict[str, "Target"]]:
    """A target over the simulator per mode, without retries."""
    with (
        run_target(_simulator.url, call_timeout_s=CALL_TIMEOUT_S) as whole,
        run_target(_simulator.url, call_timeout_s=CALL_TIMEOUT_S, model_streaming=True) as streamed,
    ):
        yield {"whole": whole, "streamed": streamed}


@pytest.mark.parametrize(("mode", "fault", "end"), ROWS)
def test_a_fault_in_triage_ends_the_case(
    targets: dict[str, "Target"], simulator: "Simulator", mode: str, fault: str, end: Ending
) -> None:
    target = targets[mode]
    before = target.metrics()
    simulator.set_faults(f"{fault}@triage")

    response = target.post()

    problem = response.json()
    assert (response.status_code, problem["type"]) == (end.status, f"urn:problem:{end.slug}")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers.get("retry-after") == end.retry_after
    assert (problem["cause"], problem["stage"]) == ("provider", "triage")
    assert problem["usage"]["llm_calls"] == 1, "no hidden retries"
    after = target.metrics()
    calls = {"status": end.call_status}
    cases = {"outcome": end.slug, "status": str(end.status)}
    assert (
        after.sum("target_model_calls_total", **calls) == before.sum("target_model_calls_total", **calls) + 1
    )
    assert after.sum("target_cases_total", **cases) == before.sum("target_cases_total", **cases) + 1


COMPLAINT = {"chief_complaint": "chest pain", "labs": {"creatinine": 3.1, "troponin": 0.09}}


@pytest.mark.parametrize(("mode", "fault", "end"), [row for row in ROWS if row.values[0] == "whole"])
def test_the_same_fault_in_one_specialist_degrades_the_case(
    targets: dict[str, "Target"], simulator: "Simulator", mode: str, fault: str, end: Ending
) -> None:
    target = targets[mode]
    usual = target.post(**COMPLAINT).json()
    before = target.metrics()
    simulator.set_faults(f"{fault}@nephrology")

    response = target.post(**COMPLAINT)

    body = response.json()
    assert (response.status_code, body["status"]) == (200, "degraded")
    states = {row["specialist"]: row["status"] for row in body["specialists"]}
    assert states == {row["specialist"]: "ok" for row in usual["specialists"]} | {"nephrology": "failed"}
    after = target.metrics()
    cases = {"outcome": "degraded", "status": "200"}
    calls = {"status": end.call_status}
    assert after.sum("target_cases_total", **cases) == before.sum("target_cases_total", **cases) + 1
    # An unusable answer is a completed call, like those of the other agents.
    new = after.sum("target_model_calls_total", **calls) - before.sum("target_model_calls_total", **calls)
    assert new == (body["usage"]["llm_calls"] if end.call_status == "200" else 1)


@pytest.mark.parametrize(("role", "stage"), [("specialist", "specialists"), ("synthesis", "synthesis")])
def test_a_fault_that_all_meet_ends_the_case(
    targets: dict[str, "Target"], simulator: "Simulator", role: str, stage: str
) -> None:
    simulator.set_faults(f"status=429,retry-after=3@{role}")

    response = targets["whole"].post()

    problem = response.json()
    assert (response.status_code, response.headers["retry-after"]) == (503, "3")
    assert (problem["type"], problem["stage"]) == ("urn:problem:provider-rate-limited", stage)


@pytest.mark.parametrize("mode", MODES)
def test_a_fault_that_passes_is_retried_and_counted(simulator: "Simulator", mode: str) -> None:
    simulator.set_faults("cut=mid-body,times=1@triage")
    with run_target(simulator.url, max_retries=1, model_streaming=mode == "streamed") as target:
        response = target.post()
        counted = (
            target.metric("target_retries_total"),
            target.metric("target_model_calls_total", status="cut"),
        )

    assert response.status_code == 200
    assert response.json()["usage"]["retries"] == 1
    assert counted == (1, 1)
