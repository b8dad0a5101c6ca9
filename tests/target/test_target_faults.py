"""What a client is told when the provider or a model fails, and which failures are tried again."""

import socket
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.target.conftest import Call, StandIn, Target, TargetFactory

Reply = dict[str, Any]
SECRET = b'{"error":{"message":"org_secret key gsk_secret","code":"rate_limit_exceeded"}}'
TRIAGE: dict[str, Any] = {"complexity": "simple", "red_flags": [], "rationale": ""}
REFERRAL: dict[str, Any] = {"specialist": "cardiology", "reason": ""}


@pytest.mark.parametrize(
    ("reply", "status", "problem_type", "retry_after", "call_status"),
    [
        pytest.param(
            Reply(status=429, headers={"retry-after-ms": "1200"}),
            503,
            "provider-rate-limited",
            "2",
            "429",
            id="429 in milliseconds is rounded up",
        ),
        pytest.param(
            Reply(status=429), 503, "provider-rate-limited", "1", "429", id="429 without Retry-After"
        ),
        pytest.param(Reply(status=408), 504, "provider-timeout", None, "408", id="408"),
        pytest.param(
            Reply(status=307, headers={"location": "/elsewhere"}),
            502,
            "provider-refused",
            None,
            "307",
            id="a redirect is not followed",
        ),
        pytest.param(Reply(raw=b"[]"), 502, "provider-fault", None, "unreadable", id="not a completion"),
        pytest.param(Reply(raw=b'{"choices":[]}'), 502, "provider-fault", None, "unreadable", id="no choice"),
        pytest.param(
            Reply(raw=b"{}", headers={"content-length": "nonsense"}),
            502,
            "provider-unreachable",
            None,
            "cut",
            id="not HTTP",
        ),
    ],
)
def test_a_provider_fault_is_a_typed_problem(
    target: "Target",
    provider: "StandIn",
    reply: Reply,
    status: int,
    problem_type: str,
    retry_after: str | None,
    call_status: str,
) -> None:
    failing = reply if reply.get("status", 200) == 200 else {"raw": SECRET, **reply}
    provider.script = lambda _call: failing
    before = target.metric("target_model_calls_total", status=call_status)

    response = target.post()

    problem = response.json()
    assert (response.status_code, problem["status"]) == (status, status)
    assert problem["type"] == f"urn:problem:{problem_type}"
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers.get("retry-after") == retry_after
    assert (problem["cause"], problem["stage"]) == ("provider", "triage")
    assert problem["usage"]["llm_calls"] == 1
    assert "secret" not in response.text
    assert len(provider.calls) == 1, "no hidden retries"
    assert target.metric("target_model_calls_total", status=call_status) == before + 1


@pytest.mark.parametrize(
    ("reply", "detail"),
    [
        pytest.param(Reply(content=None), "is empty", id="no content"),
        pytest.param(Reply(content=""), "is empty", id="empty content"),
        pytest.param(Reply(content="I cannot help"), "is not a JSON object", id="prose"),
        pytest.param(Reply(content='{"complexity":"simp'), "is not a JSON object", id="half an answer"),
        pytest.param(
            Reply(content='{"complexity":"simp', finish_reason="length"),
            "cut off at its token limit",
            id="length",
        ),
        pytest.param(Reply(content="[1]"), "is not a JSON object", id="a list"),
        pytest.param(
            Reply(content=TRIAGE), "does not match its schema: missing at specialists", id="missing field"
        ),
        pytest.param(
            Reply(content=TRIAGE | {"specialists": []}), "too_short at specialists", id="no specialist"
        ),
        pytest.param(
            Reply(content=TRIAGE | {"specialists": [{"specialist": "astrology", "reason": "secret"}]}),
            "enum at specialists.specialist",
            id="unknown specialist",
        ),
        pytest.param(
            Reply(content=TRIAGE | {"specialists": [REFERRAL], "secret": 1}),
            "schema: extra_forbidden",
            id="extra",
        ),
    ],
)
def test_an_unusable_answer_is_never_a_success(
    target: "Target", provider: "StandIn", reply: Reply, detail: str
) -> None:
    provider.script = lambda _call: reply

    response = target.post()

    problem = response.json()
    assert (response.status_code, problem["type"]) == (502, "urn:problem:provider-invalid-answer")
    assert problem["detail"].startswith("the triage answer of openai/gpt-oss-120b ")
    assert detail in problem["detail"]
    assert (problem["cause"], problem["stage"]) == ("provider", "triage")
    assert problem["usage"]["input_tokens"] == 100, "tokens are spent all the same"
    assert "secret" not in response.text


@pytest.mark.parametrize("stage", ["debate", "synthesis"])
def test_a_late_stage_failing_ends_the_case(target: "Target", provider: "StandIn", stage: str) -> None:
    def script(call: "Call") -> Reply | None:
        if call.role == "nephrology":
            opinion = {"assessment": "", "disposition": "discharge", "confidence": 1, "findings": []}
            return Reply(content=opinion | {"red_flags": [], "recommendations": []})
        return Reply(status=500, raw=b"{}") if call.role == stage else None

    provider.script = script

    response = target.post()

    assert (response.status_code, response.json()["stage"]) == (502, stage)
    assert f"{stage};dur=" in response.headers["server-timing"]
    assert (
        target.metric("target_cases_total", complexity="moderate", outcome="provider-fault", status="502")
        >= 1
    )


def test_an_unreachable_provider(start_target: "TargetFactory") -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    with start_target(url) as target:
        case, ready, alive = target.post(), target.client.get("/readyz"), target.client.get("/healthz")
        info = target.client.get("/info").json()

    assert (case.status_code, case.json()["type"]) == (502, "urn:problem:provider-unreachable")
    assert ready.status_code == 503
    assert ready.headers["content-type"] == "application/problem+json"
    assert ready.json()["missing"] == [f"the provider is not reachable at {url}"]
    assert alive.json() == {"status": "ok"}
    assert info["provider"]["profile"] == "unknown"


@pytest.mark.parametrize(
    ("first", "status", "attempts"),
    [
        pytest.param(Reply(status=429, headers={"retry-after-ms": "20"}, raw=SECRET), 200, [0, 1], id="429"),
        pytest.param(Reply(status=500, headers={"retry-after-ms": "20"}, raw=SECRET), 200, [0, 1], id="500"),
        pytest.param(Reply(status=400, headers={"retry-after-ms": "20"}, raw=SECRET), 502, [0], id="400"),
        pytest.param(
            Reply(status=429, headers={"retry-after": "3"}, raw=SECRET), 503, [0], id="wait too long"
        ),
    ],
)
def test_retries_are_ours_and_visible(
    provider: "StandIn", start_target: "TargetFactory", first: Reply, status: int, attempts: list[int]
) -> None:
    provider.script = lambda call: first if call.role == "triage" and call.attempt == 0 else None
    with start_target(provider.url, max_retries=2, retry_max_delay_s=1.0) as target:
        response = target.post()
        counted = target.metric("target_retries_total")

    usage = response.json()["usage"]
    assert response.status_code == status
    assert [call.attempt for call in provider.calls if call.role == "triage"] == attempts
    assert usage["retries"] == counted == len(attempts) - 1
    assert usage["llm_calls"] == len(provider.calls)


def test_retries_end(provider: "StandIn", start_target: "TargetFactory") -> None:
    provider.script = lambda _call: Reply(status=500, headers={"retry-after-ms": "5"}, raw=b"{}")
    with start_target(provider.url, max_retries=2) as target:
        response = target.post()

    assert [call.attempt for call in provider.calls] == [0, 1, 2]
    assert response.status_code == 502
    assert response.json()["usage"] == {
        "input_tokens": 0,
        "output_tokens": 0,
        "llm_calls": 3,
        "retries": 2,
        "cost_usd": 0.0,
    }
