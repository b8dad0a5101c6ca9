"""Sampled latency: distributions, scaling, and its tie to seed and arrival. No clock is involved."""

import dataclasses
import random
import statistics
from collections.abc import Callable
from typing import Any

import pytest

from target_app.inference import InferenceApp, Profile
from target_app.inference._latency import Latency, sample_latency
from tests.inference.contract import LARGE, SMALL, body, render

CASE = render({"chief_complaint": "cough", "labs": {"crp": 40}})
Exchange = Callable[[InferenceApp, list[dict[str, Any]]], list[dict[str, Any]]]


def draws(profile: Profile, count: int = 4000, speed_factor: float = 1.0) -> list[Latency]:
    rng = random.Random(7)
    return [sample_latency(profile.models[LARGE], 400, 185, rng, speed_factor) for _ in range(count)]


def test_queue_has_the_median_and_p95_of_the_profile(reference: Profile) -> None:
    model = reference.models[LARGE]
    queue_ms = sorted(1000 * latency.queue_s for latency in draws(reference))
    # At n = 4000 these quantiles are within 4 % and 8 % with more than 99 % certainty.
    assert queue_ms[2000] == pytest.approx(model.queue_median_ms, rel=0.04)
    assert queue_ms[3800] == pytest.approx(model.queue_p95_ms, rel=0.08)


def test_parts_follow_tokens_and_speed(reference: Profile) -> None:
    model = reference.models[LARGE]
    found = draws(reference)
    assert statistics.mean(one.prefill_s for one in found) == pytest.approx(
        400 / model.prefill_tokens_per_s, rel=0.01
    )
    assert statistics.mean(one.decode_s for one in found) == pytest.approx(
        185 / model.decode_tokens_per_s, rel=0.01
    )
    spread = statistics.stdev(one.decode_s for one in found) / statistics.mean(one.decode_s for one in found)
    assert spread == pytest.approx(model.jitter, rel=0.05)


def test_no_jitter_is_exact(reference: Profile) -> None:
    model = dataclasses.replace(reference.models[LARGE], jitter=0.0)
    one = sample_latency(model, 800, 370, random.Random(1))
    assert one.decode_s == pytest.approx(370 / 1850)
    assert one.prefill_s == pytest.approx(800 / 80_000)
    assert one.network_s == pytest.approx(0.008)


@pytest.mark.parametrize("factor", [0.0, 0.5, 3.0])
def test_speed_factor_multiplies_everything(reference: Profile, factor: float) -> None:
    for plain, scaled in zip(draws(reference, 50), draws(reference, 50, factor), strict=True):
        for name in ("network_s", "queue_s", "prefill_s", "decode_s", "total_s"):
            assert getattr(scaled, name) == pytest.approx(factor * getattr(plain, name))


def times(completion: dict[str, Any]) -> tuple[float, ...]:
    used = completion["usage"]
    return used["queue_time"], used["prompt_time"], used["completion_time"]


def test_answers_follow_from_the_request_and_latencies_from_the_arrival(
    roomy: Profile, exchange: Exchange
) -> None:
    wanted, other = body("triage", CASE), body("cardiology", CASE)
    first, second = exchange(InferenceApp(roomy, seed=5), [wanted, wanted])
    again, third = exchange(InferenceApp(roomy, seed=5), [wanted, other])
    (other_seed,) = exchange(InferenceApp(roomy, seed=6), [wanted])
    assert first["choices"] == second["choices"] == again["choices"] != third["choices"]
    assert times(first) == times(again)
    assert len({times(one) for one in (first, second, other_seed)}) == 3
    # The same place in line has the same luck, whatever was asked before it.
    speeds = [one["usage"]["prompt_time"] / one["usage"]["prompt_tokens"] for one in (second, third)]
    models = [roomy.models[LARGE], roomy.models[SMALL]]
    luck = [speed * model.prefill_tokens_per_s for speed, model in zip(speeds, models, strict=True)]
    assert luck[0] == pytest.approx(luck[1], abs=1e-4)


def test_repeated_requests_are_independent_samples(roomy: Profile, exchange: Exchange) -> None:
    """200 times the same request: the queue keeps the profile's median, and neighbours do not correlate."""
    model = roomy.models[SMALL]
    done = exchange(InferenceApp(roomy, speed_factor=0.01), [body("cardiology", CASE)] * 200)
    queue_ms = [100 * 1000 * one["usage"]["queue_time"] for one in done]
    assert statistics.median(queue_ms) == pytest.approx(model.queue_median_ms, rel=0.3)
    assert abs(statistics.correlation(queue_ms[:-1], queue_ms[1:])) < 0.25


def test_the_seed_never_changes_the_judgement(roomy: Profile, exchange: Exchange) -> None:
    judged = {
        exchange(InferenceApp(roomy, seed=seed, speed_factor=0), [body("cardiology", CASE)])[0]["choices"][0][
            "message"
        ]["content"].partition('"disposition":')[2][:12]
        for seed in range(8)
    }
    assert len(judged) == 1


def test_zero_speed_factor_reports_no_time(roomy: Profile, exchange: Exchange) -> None:
    (done,) = exchange(InferenceApp(roomy, speed_factor=0), [body("cardiology", CASE)])
    assert times(done) == (0, 0, 0)


@pytest.mark.parametrize(
    ("model", "mean_ms", "p95_ms"),
    [
        (SMALL, 50, 80),
        ("llama3-8b-8192", 50, 80),
        (LARGE, 100, 150),
        ("llama3-70b-8192", 100, 150),
        ("mixtral-8x7b-32768", 80, 120),
    ],
)
def test_short_calls_meet_the_component_targets(
    model: str, mean_ms: float, p95_ms: float, roomy: Profile, exchange: Exchange
) -> None:
    """The reference profile keeps the micro-benchmark targets: plain questions, at most 256 tokens."""
    questions = [
        {
            "model": model,
            "max_tokens": 256,
            "messages": [{"role": "user", "content": f"Question {number}: how is a simple cold treated?"}],
        }
        for number in range(100)
    ]
    network_ms = roomy.models[model].network_ms
    total_ms = [1000 * sum(times(done)) + network_ms for done in exchange(InferenceApp(roomy), questions)]
    assert statistics.mean(total_ms) < mean_ms
    assert statistics.quantiles(total_ms, n=20)[-1] < p95_ms
