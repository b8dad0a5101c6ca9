"""The pure parts: retry policy, Retry-After, cost, trace and Server-Timing."""

import email.utils
import random
import time

import httpx
import pytest

from target_app import server_timing
from target_app.errors import (
    CaseError,
    ProviderError,
    ProviderFaultError,
    ProviderRateLimitedError,
    ProviderRefusedError,
    ProviderTimeoutError,
)
from target_app.provider import CallRecord, RetryPolicy, cost_usd
from target_app.provider._faults import retry_after_s
from target_app.settings import Price
from target_app.trace import CaseTrace, Span, Timings


def error(kind: type[ProviderError], retry_after_s: float | None = None) -> ProviderError:
    return kind("", call_status="", retry_after_s=retry_after_s)


@pytest.mark.parametrize(
    ("failure", "attempt", "low_s", "high_s"),
    [
        pytest.param(
            error(ProviderFaultError), 0, 0.1875, 0.25, id="first wait: 0.25 s less a quarter at most"
        ),
        pytest.param(error(ProviderTimeoutError), 1, 0.375, 0.5, id="second wait: twice that"),
        pytest.param(error(ProviderFaultError), 2, 0.75, 1.0, id="third wait"),
        pytest.param(error(ProviderFaultError), 6, 4.0, 4.0, id="never over the maximum"),
        pytest.param(error(ProviderRateLimitedError, 3), 0, 3, 3, id="Retry-After exactly"),
        pytest.param(error(ProviderRateLimitedError, 0), 0, 0, 0, id="Retry-After 0"),
    ],
)
def test_a_wait_before_a_retry(failure: ProviderError, attempt: int, low_s: float, high_s: float) -> None:
    policy = RetryPolicy(max_retries=7, max_delay_s=4)

    waits = {policy.delay_s(failure, attempt, random.Random(seed)) for seed in range(50)}

    assert all(wait is not None and low_s <= wait <= high_s for wait in waits)
    assert (len(waits) > 1) is (low_s < high_s), "only a backoff is jittered"


@pytest.mark.parametrize(
    ("failure", "attempt"),
    [
        pytest.param(error(ProviderFaultError), 2, id="retries used up"),
        pytest.param(error(ProviderRefusedError), 0, id="a repeat cannot help"),
        pytest.param(error(ProviderRateLimitedError, 4.1), 0, id="the wait is the caller's"),
    ],
)
def test_no_retry(failure: ProviderError, attempt: int) -> None:
    assert RetryPolicy(max_retries=2, max_delay_s=4).delay_s(failure, attempt, random.Random(0)) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="absent"),
        pytest.param({"retry-after": "2"}, 2.0, id="seconds"),
        pytest.param({"retry-after": "0.5"}, 0.5, id="a fraction"),
        pytest.param({"retry-after": "2", "retry-after-ms": "150"}, 0.15, id="milliseconds win"),
        pytest.param({"retry-after": "soon"}, None, id="unreadable"),
        pytest.param({"retry-after": "-1"}, None, id="negative"),
        pytest.param({"retry-after": "inf"}, None, id="infinite"),
        pytest.param({"retry-after": "Mon, 01 Jan 2024 00:00:00 GMT"}, 0.0, id="a date in the past"),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(httpx.Headers(headers)) == seconds


def test_retry_after_as_a_date() -> None:
    text = email.utils.formatdate(time.time() + 100, usegmt=True)

    assert retry_after_s(httpx.Headers({"retry-after": text})) == pytest.approx(100, abs=30)


PRICES = {"a": Price(1.0, 2.0), "b": Price(10.0, 20.0)}


@pytest.mark.parametrize(
    ("calls", "usd"),
    [
        pytest.param([], 0.0, id="no calls"),
        pytest.param([CallRecord("a", 0, "200", 1.0, 1_000_000, 500_000)], 2.0, id="one call"),
        pytest.param(
            [CallRecord("a", 0, "200", 1.0, 1_000, 0), CallRecord("b", 0, "200", 1.0, 0, 1_000)],
            0.021,
            id="two models",
        ),
        pytest.param([CallRecord("a", 0, "429", 1.0)], 0.0, id="a failed call is free"),
        pytest.param([CallRecord("c", 0, "200", 1.0, 1, 1)], None, id="no price"),
        pytest.param([CallRecord("a", 0, "200", 1.0)], None, id="no token counts"),
    ],
)
def test_cost(calls: list[CallRecord], usd: float | None) -> None:
    assert cost_usd(calls, PRICES) == usd


def trace_of(*ticks_ms: float) -> CaseTrace:
    ticks = iter(tick / 1000 for tick in ticks_ms)
    return CaseTrace(clock=lambda: next(ticks))


def test_timings_are_fixed_at_the_first_close() -> None:
    trace = trace_of(0, 1, 11, 20)
    with trace.span("triage"):
        pass

    assert trace.close() == Timings(10.0, 0.0, 0.0, 0.0, 10.0, 20.0)
    assert trace.close().total_ms == 20.0
    assert trace.spans == [Span("triage", 1.0, 10.0)]


def test_a_failing_stage_is_timed_and_named() -> None:
    trace = trace_of(0, 0, 3, 4, 5)
    with pytest.raises(CaseError) as caught, trace.span("triage"):
        raise CaseError("x")

    assert caught.value.stage == "triage"
    assert trace.close().triage_ms == 3.0


def test_rounding_never_makes_the_overhead_negative() -> None:
    # Parts of 0.0006 ms round up to 0.001 each, the elapsed 0.0024 ms down to 0.002.
    trace = trace_of(0, 0, 0.0006, 0.0006, 0.0012, 0.0012, 0.0018, 0.0018, 0.0024, 0.0024)
    for name in ("triage", "specialists", "debate", "synthesis"):
        with trace.span(name):
            pass

    assert trace.close() == Timings(0.001, 0.001, 0.001, 0.001, 0.0, 0.004)


def test_server_timing_of_a_whole_case() -> None:
    trace = trace_of(0, 1, 3, 10)
    with trace.span("specialist-haematology"):
        pass
    trace.calls.append(CallRecord("a", 0, "200", 1.0, queue_ms=1.5, prefill_ms=0.25, decode_ms=4.0))
    trace.calls.append(CallRecord("a", 0, "500", 1.0))

    assert server_timing.render(trace) == (
        "triage;dur=0.000, specialists;dur=0.000, debate;dur=0.000, synthesis;dur=0.000, "
        "overhead;dur=10.000, total;dur=10.000;start=0.000, specialist-haematology;dur=2.000;start=1.000, "
        "queue;dur=1.500, prefill;dur=0.250, decode;dur=4.000"
    )
