"""Rate limits: the arithmetic of the buckets, Groq's headers and refusals, and limits over HTTP."""

import asyncio
import re
from typing import Any

import groq
import httpx
import pytest

from target_app.inference import InferenceApp, LimitsError, Profile
from target_app.inference._limits import Bucket, Limits, ModelLimiter, go_duration, parse_limits, tier_names
from tests.inference.conftest import in_process, serving
from tests.inference.contract import LARGE, SMALL, body, render

CASE = render({"chief_complaint": "chest pain", "labs": {"troponin": 0.03}})
PATH = "/openai/v1/chat/completions"
HEADERS = [
    f"x-ratelimit-{key}-{of}" for of in ("requests", "tokens") for key in ("limit", "remaining", "reset")
]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.000391, "0.391ms"),
        (0.172, "172ms"),
        (0.391, "391ms"),
        (1, "1s"),
        (7.66, "7.66s"),
        (31.0125, "31.0125s"),
        (59.9999999, "1m0s"),
        (86.4, "1m26.4s"),
        (179.56, "2m59.56s"),
        (3600, "1h0m0s"),
        (7261, "2h1m1s"),
    ],
)
def test_durations_are_written_as_go_writes_them(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text


def test_a_bucket_refills_continuously() -> None:
    bucket = Bucket(60, 60, now_s=100)
    bucket.take(60, 100)
    assert bucket.level(100) == 0
    assert bucket.wait_s(3, 100) == pytest.approx(3)
    assert bucket.level(101.5) == pytest.approx(1.5)
    assert bucket.full_in_s(101.5) == pytest.approx(58.5)
    assert bucket.level(1000) == 60


def test_a_bucket_may_owe_but_never_overflows() -> None:
    bucket = Bucket(10, 10, now_s=0)
    bucket.take(25, 0)
    assert bucket.wait_s(1, 0) == pytest.approx(16)
    bucket.take(-100, 0)
    assert bucket.level(0) == 10


def test_headers_of_a_live_answer() -> None:
    """A developer tier's answer of January 2026: 1 request and 1633 tokens used."""
    limiter = ModelLimiter(LARGE, Limits(rpm=1000, rpd=500_000, tpm=250_000), now_s=0)
    assert limiter.admit(1633, "on_demand", 0) is None
    assert dict(limiter.headers(0)) == {
        b"x-ratelimit-limit-requests": b"500000",
        b"x-ratelimit-remaining-requests": b"499999",
        b"x-ratelimit-reset-requests": b"172ms",
        b"x-ratelimit-limit-tokens": b"250000",
        b"x-ratelimit-remaining-tokens": b"248367",
        b"x-ratelimit-reset-tokens": b"391ms",
    }


TPM = "tokens per minute (TPM): Limit 8000, Used 7311, Requested 4824. Please try again in 31.0125s."
RPM = "requests per minute (RPM): Limit 30, Used 30, Requested 1. Please try again in 2s."
RPD = "requests per day (RPD): Limit 1000, Used 1000, Requested 1. Please try again in 1m26.4s."
TPD = "tokens per day (TPD): Limit 200000, Used 199290, Requested 1743. Please try again in 7m26.256s."


@pytest.mark.parametrize(
    ("limits", "used", "requested", "words", "kind", "retry_after"),
    [
        (Limits(tpm=8000), [7311], 4824, TPM, "tokens", b"32"),
        (Limits(rpm=30), [1] * 30, 1, RPM, "requests", b"2"),
        (Limits(rpd=1000), [1] * 1000, 1, RPD, "requests", b"87"),
        (Limits(tpd=200_000), [199_290], 1743, TPD, "tokens", b"447"),
    ],
    ids=["tpm", "rpm", "rpd", "tpd"],
)
def test_refusals_say_what_groq_says(
    limits: Limits, used: list[int], requested: int, words: str, kind: str, retry_after: bytes
) -> None:
    limiter = ModelLimiter("m", limits, now_s=0)
    for tokens in used:
        assert limiter.admit(tokens, "on_demand", 0) is None
    before = limiter.headers(0)
    refused = limiter.admit(requested, "on_demand", 0)
    assert refused is not None
    assert refused[1].status == 429
    assert "Rate limit reached for model `m` in organization `org_" in str(refused[1])
    assert f"service tier `on_demand` on {words}" in str(refused[1])
    assert (refused[1].error["type"], refused[1].error["code"]) == (kind, "rate_limit_exceeded")
    assert refused[1].headers == [(b"retry-after", retry_after)]
    # A refused request uses up nothing, and waiting as told is enough.
    assert limiter.headers(0) == before
    assert limiter.admit(requested, "on_demand", int(retry_after)) is None


def test_requests_per_minute_and_tokens_per_day_have_no_headers() -> None:
    limiter = ModelLimiter("m", Limits(rpm=1, tpd=100), now_s=0)
    assert limiter.admit(10, "on_demand", 0) is None
    assert limiter.headers(0) == []


def test_a_request_larger_than_the_limit_is_413() -> None:
    limiter = ModelLimiter("m", Limits(tpm=8000), now_s=0)
    refused = limiter.admit(9000, "flex", 0)
    assert refused is not None
    assert (refused[0], refused[1].status, refused[1].error["type"]) == ("request-size", 413, "tokens")
    assert refused[1].error["code"] == "rate_limit_exceeded"
    assert str(refused[1]).endswith(
        "service tier `flex` on tokens per minute (TPM): Limit 8000, Requested 9000, "
        "please reduce your message size and try again."
    )


def test_unused_reservations_are_given_back() -> None:
    limiter = ModelLimiter("m", Limits(tpm=1000), now_s=0)
    assert limiter.admit(900, "on_demand", 0) is None
    limiter.settle(900, 300, 0)
    assert dict(limiter.headers(0))[b"x-ratelimit-remaining-tokens"] == b"700"


def test_tiers_and_numbers() -> None:
    assert tier_names() == ["off", "free", "developer"]
    assert parse_limits("off", [SMALL]) == {}
    assert parse_limits("free", [SMALL, "unknown"]) == {SMALL: Limits(30, 1000, 8000, 200_000)}
    assert parse_limits("developer", [LARGE]) == {LARGE: Limits(1000, 500_000, 250_000)}
    assert parse_limits("tpm=8000, rpm=30", [LARGE, SMALL]) == dict.fromkeys(
        [LARGE, SMALL], Limits(rpm=30, tpm=8000)
    )


@pytest.mark.parametrize("tier", ["free", "developer"])
def test_every_served_model_has_limits_in_every_tier(reference: Profile, tier: str) -> None:
    assert parse_limits(tier, reference.models).keys() == reference.models.keys()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("paid", "unknown rate limits 'paid'"),
        ("rps=3", "unknown rate limit 'rps'; known: rpm, rpd, tpm, tpd"),
        ("rpm=0", "rpm has to be a whole number from 1"),
        ("rpm=1.5", "not '1.5'"),
        ("rpm=", "not ''"),
        ("rpm=3,rpm=4", "rpm is given twice"),
    ],
)
def test_mistakes_are_one_line(text: str, words: str) -> None:
    with pytest.raises(LimitsError, match=re.escape(words)) as caught:
        parse_limits(text, ["m"])
    assert "\n" not in str(caught.value)


def ask(app: InferenceApp, bodies: list[dict[str, Any]]) -> list[httpx.Response]:
    async def run() -> list[httpx.Response]:
        async with in_process(app) as client:
            return [await client.post(PATH, json=one) for one in bodies]

    return asyncio.run(run())


def test_without_limits_there_are_no_headers(reference: Profile) -> None:
    (answer,) = ask(InferenceApp(reference, speed_factor=0), [body("triage", CASE)])
    assert not [name for name in answer.headers if name.startswith("x-ratelimit") or name == "retry-after"]


def test_limits_over_http(reference: Profile) -> None:
    """Three requests a minute: the fourth is refused, another model is not, and the pages say so."""

    async def run() -> tuple[list[httpx.Response], str]:
        app = InferenceApp(reference, speed_factor=0, rate_limits="rpm=3,rpd=100,tpm=100000")
        async with in_process(app) as client:
            answers = [
                await client.post(PATH, json=body(role, CASE))
                for role in ("cardiology", "cardiology", "cardiology", "cardiology", "triage")
            ]
            return answers, (await client.get("/metrics")).text

    answers, metrics = asyncio.run(run())
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 200]
    assert all(set(HEADERS) <= set(answer.headers) for answer in answers)
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == [
        "99",
        "98",
        "97",
        "97",
        "99",
    ]
    assert {answer.headers["x-ratelimit-limit-requests"] for answer in answers} == {"100"}
    assert ["retry-after" in answer.headers for answer in answers] == [False, False, False, True, False]
    assert answers[3].headers["retry-after"] == "20"
    for answer in answers:
        assert re.fullmatch(r"(\d+m)?\d+(\.\d+)?m?s", answer.headers["x-ratelimit-reset-requests"])
    assert f'inference_rate_limited_total{{limit="rpm",model="{SMALL}"}} 1.0' in metrics
    assert f'inference_requests_total{{model="{SMALL}",status="429"}} 1.0' in metrics


def test_a_completion_gives_back_what_it_did_not_write(reference: Profile) -> None:
    app = InferenceApp(reference, speed_factor=0, rate_limits="tpm=1000000")
    first, second = ask(app, [body("triage", CASE), body("triage", CASE)])
    reserved = 1_000_000 - int(first.headers["x-ratelimit-remaining-tokens"])
    used = first.json()["usage"]["total_tokens"]
    assert reserved == first.json()["usage"]["prompt_tokens"] + 1024
    left = int(second.headers["x-ratelimit-remaining-tokens"])
    # The bucket refills meanwhile, but never above its capacity.
    assert 1_000_000 - used - reserved <= left <= 1_000_000 - reserved


def test_the_sdk_sees_its_own_exceptions(reference: Profile) -> None:
    app = InferenceApp(reference, speed_factor=0, rate_limits="rpm=1,tpm=3000")

    async def run(url: str) -> list[Exception]:
        found: list[Exception] = []
        async with groq.AsyncGroq(
            api_key="k", base_url=url, max_retries=0, _strict_response_validation=True
        ) as client:
            for change in ({}, {}, {"max_completion_tokens": 4000}):
                try:
                    raw = await client.chat.completions.with_raw_response.create(
                        **{**body("triage", CASE), **change}
                    )
                    assert (await raw.parse()).choices[0].finish_reason == "stop"
                    assert raw.headers["x-ratelimit-limit-tokens"] == "3000"
                except groq.APIStatusError as error:
                    found.append(error)
        return found

    with serving(app) as url:
        limited, too_large = asyncio.run(run(url))
    assert isinstance(limited, groq.RateLimitError)
    assert limited.response.headers["retry-after"].isdecimal()
    assert isinstance(too_large, groq.APIStatusError)
    assert too_large.status_code == 413
