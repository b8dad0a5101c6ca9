"""Faults: their grammar, whom they hit and how often, and the control endpoint that sets them."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from target_app.inference import FaultError, InferenceApp, Profile
from target_app.inference._faults import Fault, FaultPlan, parse_fault
from tests.inference.conftest import in_process
from tests.inference.contract import LARGE, SMALL, body, render

CASE = render({"chief_complaint": "chest pain", "labs": {"troponin": 0.03}})
PATH = "/openai/v1/chat/completions"
MODELS = [LARGE, SMALL]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("status=503", {"status": 503, "probability": 1.0, "target": ""}),
        ("status=500:0.02", {"status": 500, "probability": 0.02}),
        ("status=429,retry-after=7,limit=rpd", {"status": 429, "retry_after_s": 7, "limit": "rpd"}),
        ("status=400", {"code": "json_validate_failed"}),
        ("status=400,code=tool_use_failed", {"code": "tool_use_failed"}),
        ("slow-first-token=2.0", {"kind": "slow-first-token", "seconds": 2.0}),
        ("stall", {"kind": "stall", "seconds": 60.0}),
        ("stall=0.5:0.01", {"seconds": 0.5, "probability": 0.01}),
        ("cut=mid-body,times=3@cardiology", {"where": "mid-body", "times": 3, "target": "cardiology"}),
        (f"empty-content@{LARGE}", {"kind": "empty-content", "target": LARGE}),
        (" truncated-json:1@specialist ", {"text": "truncated-json:1@specialist", "target": "specialist"}),
    ],
)
def test_grammar(text: str, fields: dict[str, Any]) -> None:
    fault = parse_fault(text, MODELS)
    assert {name: getattr(fault, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "unknown kind ''"),
        ("stal", "unknown kind 'stal'; did you mean stall?"),
        ("status", "status needs a value, as in status=503"),
        ("status=200", "status has to be one of 400, 401, 404, 413, 429, 498, 500, 502, 503, not '200'"),
        ("cut", "cut needs a value"),
        ("cut=late", "cut has to be before-headers or mid-body"),
        ("empty-content=1", "empty-content takes no value"),
        ("stall=-1", "stall takes seconds from 0 to 3600, not '-1'"),
        ("slow-first-token=nan", "takes seconds from 0 to 3600, not 'nan'"),
        ("status=500:0", "a probability is above 0 and at most 1, not '0'"),
        ("status=500:2", "not '2'"),
        ("status=500:", "not ''"),
        ("status=500,code=x", "status=500 has no parameter 'code'"),
        ("status=400,code=x", "unknown code 'x'"),
        ("status=429,limit=rps", "unknown limit 'rps'; did you mean"),
        ("status=498,retry-after=2", "status=498 has no parameter 'retry-after'"),
        ("stall,times=0", "times has to be a whole number from 1"),
        ("stall@cardiolgy", "unknown target 'cardiolgy'; did you mean cardiology?"),
        ("stall@", "unknown target ''"),
    ],
)
def test_mistakes_are_one_line(text: str, words: str) -> None:
    with pytest.raises(FaultError, match=re.escape(words)) as caught:
        parse_fault(text, MODELS)
    assert str(caught.value).startswith(f"fault {text.strip()!r}: ")
    assert "\n" not in str(caught.value)


def plan(*texts: str, seed: int = 0) -> FaultPlan:
    return FaultPlan([parse_fault(text, MODELS) for text in texts], seed)


def kinds(found: list[Fault | None]) -> Counter[str]:
    return Counter("none" if fault is None else fault.label for fault in found)


def test_probabilities_of_a_mix_add_up() -> None:
    mix = plan("status=500:0.2", "stall:0.1", "cut=mid-body:0.3@specialist")
    hit = kinds([mix.draw(SMALL, ("specialist", "cardiology")) for _ in range(20_000)])
    # Six standard deviations of a share of 0.3 at n = 20000 are 0.02.
    for kind, share in {"status=500": 0.2, "stall": 0.1, "cut=mid-body": 0.3, "none": 0.4}.items():
        assert hit[kind] / 20_000 == pytest.approx(share, abs=0.02)
    assert kinds([mix.draw(LARGE, ("triage", "")) for _ in range(1000)])["cut=mid-body"] == 0


def test_the_same_seed_gives_the_same_faults() -> None:
    def course(seed: int) -> list[str]:
        mix = plan("status=500:0.5", seed=seed)
        return [
            "" if fault is None else fault.text for fault in (mix.draw(SMALL, ("", "")) for _ in range(64))
        ]

    assert course(1) == course(1) != course(2)


def test_times_ends_a_fault_and_the_next_one_takes_over() -> None:
    mix = plan("status=500,times=2", "stall")
    assert [fault.label for _ in range(4) if (fault := mix.draw(SMALL, ("", "")))] == [
        "status=500",
        "status=500",
        "stall",
        "stall",
    ]


@pytest.mark.parametrize(
    ("target", "hit"),
    [
        ("", {"triage", "cardiology", "nephrology", "synthesis"}),
        ("@cardiology", {"cardiology"}),
        ("@specialist", {"cardiology", "nephrology"}),
        ("@triage", {"triage"}),
        (f"@{LARGE}", {"triage", "synthesis"}),
        (f"@{SMALL}", {"cardiology", "nephrology"}),
        ("@debate", set()),
    ],
)
@pytest.mark.parametrize("how", ["set", "asked"])
def test_targets(reference: Profile, target: str, hit: set[str], how: str) -> None:
    faults, headers = (
        ([f"status=503{target}"], {}) if how == "set" else ([], {"x-fault": f"status=503{target}"})
    )

    async def run() -> set[str]:
        async with in_process(InferenceApp(reference, speed_factor=0, faults=faults)) as client:
            answers = {
                role: (await client.post(PATH, json=body(role, CASE), headers=headers)).status_code
                for role in ("triage", "cardiology", "nephrology", "synthesis")
            }
        return {role for role, status in answers.items() if status == 503}

    assert asyncio.run(run()) == hit


def calls(app: InferenceApp, work: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def run() -> None:
        async with in_process(app) as client:
            await work(client)

    asyncio.run(run())


def test_a_header_goes_before_what_is_set(reference: Profile) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        async def status(**headers: str) -> int:
            return (await client.post(PATH, json=body("triage", CASE), headers=headers)).status_code

        assert await status() == 500
        assert await status(**{"x-fault": "status=401"}) == 401
        assert await status(**{"x-fault": "none"}) == 200

    calls(InferenceApp(reference, speed_factor=0, faults=["status=500"]), work)


@pytest.mark.parametrize("text", ["nonsense", "status=500:0.5", "stall,times=2"])
def test_a_wrong_header_is_refused(reference: Profile, text: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.post(PATH, json=body("triage", CASE), headers={"x-fault": text})
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith("x-fault: ")

    calls(InferenceApp(reference, speed_factor=0), work)


def test_control_shows_and_changes_the_settings(reference: Profile) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        before = {"speed_factor": 0, "faults": [], "rate_limits": "off"}
        assert (await client.get("/control")).json() == before
        wanted = {"faults": ["status=500,times=1"], "rate_limits": "rpm=30"}
        changed = await client.patch("/control", json=wanted)
        assert changed.status_code == 200
        assert changed.json() == (await client.get("/control")).json() == {**before, **wanted}
        assert (await client.get("/info")).json().items() >= changed.json().items()
        statuses = [(await client.post(PATH, json=body("triage", CASE))).status_code for _ in range(2)]
        assert statuses == [500, 200]
        # Setting the same faults again starts them again; the rest stays.
        again = await client.patch("/control", json={"faults": wanted["faults"]})
        assert again.json()["rate_limits"] == "rpm=30"
        assert (await client.post(PATH, json=body("triage", CASE))).status_code == 500
        assert (await client.patch("/control", json={"faults": [], "rate_limits": "off"})).json() == before
        metrics = (await client.get("/metrics")).text
        assert f'inference_faults_total{{kind="status=500",model="{LARGE}"}} 2.0' in metrics

    calls(InferenceApp(reference, speed_factor=0), work)


@pytest.mark.parametrize(
    "wanted",
    [
        b"{",
        b"[]",
        b'{"fault": []}',
        b'{"faults": "stall"}',
        b'{"faults": ["stal"]}',
        b'{"rate_limits": 3}',
        b'{"rate_limits": "paid", "faults": ["stall"]}',
        b'{"faults": ["stall"], "speed_factor": -1}',
        b'{"faults": ["stall"], "speed_factor": true}',
    ],
)
def test_a_mistake_changes_nothing(reference: Profile, wanted: bytes) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        before = (await client.get("/control")).json()
        answer = await client.patch("/control", content=wanted)
        assert answer.status_code == 400
        assert "\n" not in answer.json()["error"]["message"]
        assert (await client.get("/control")).json() == before

    calls(InferenceApp(reference, speed_factor=0, faults=["empty-content:0.5"]), work)


def test_a_faster_speed_takes_effect_at_once(reference: Profile) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        await client.patch("/control", json={"speed_factor": 0})
        done = (await client.post(PATH, json=body("triage", CASE))).json()
        assert done["usage"]["total_time"] == 0

    calls(InferenceApp(reference, speed_factor=1), work)
