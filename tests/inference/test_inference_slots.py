"""Decode slots are finite: who finds none free waits its turn, and the wait shows in queue_time."""

import asyncio
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from target_app.inference import InferenceApp, Profile
from target_app.inference._slots import Slots
from tests.inference.contract import SMALL, body, render

CASE = render({"chief_complaint": "cough"})
Exchange = Callable[[InferenceApp, list[dict[str, Any]]], list[dict[str, Any]]]


def narrow(profile: Profile, slots: int) -> Profile:
    """The small model alone, without jitter or network, at 5000 tokens/s."""
    model = dataclasses.replace(
        profile.models[SMALL],
        decode_slots=slots,
        jitter=0.0,
        network_ms=0.0,
        queue_median_ms=0.001,
        queue_p95_ms=0.001,
    )
    return dataclasses.replace(profile, models={SMALL: model})


@pytest.mark.parametrize("slots", [1, 2])
def test_waiting_adds_to_queue_time(reference: Profile, exchange: Exchange, slots: int) -> None:
    bodies = [body("pulmonology", CASE) for _ in range(6)]
    start_s = time.monotonic()
    done = exchange(InferenceApp(narrow(reference, slots), speed_factor=4), bodies)
    wall_s = time.monotonic() - start_s
    service_s = done[0]["usage"]["total_time"]
    assert service_s > 0.05
    # A busy machine can only make this longer.
    assert wall_s >= 6 / slots * service_s * 0.99
    waits = sorted(one["usage"]["queue_time"] for one in done)
    # The last in line waits for all rounds but its own, less what it came later than the first.
    assert waits[-1] > 0.5 * (6 / slots - 1) * service_s
    assert waits[slots - 1] < waits[slots]


def test_enough_slots_nobody_waits(reference: Profile, exchange: Exchange) -> None:
    done = exchange(InferenceApp(narrow(reference, 6)), [body("pulmonology", CASE) for _ in range(6)])
    assert {one["usage"]["queue_time"] for one in done} == {1e-6}


def test_metrics_show_who_holds_and_who_waits(reference: Profile) -> None:
    async def run() -> dict[str, float]:
        app = InferenceApp(narrow(reference, 2), speed_factor=20)
        transport = httpx.ASGITransport(app=app)
        headers = {"authorization": "Bearer x"}
        async with httpx.AsyncClient(transport=transport, base_url="http://s", headers=headers) as client:
            ask = [
                asyncio.create_task(
                    client.post("/openai/v1/chat/completions", json=body("pulmonology", CASE))
                )
                for _ in range(5)
            ]
            await asyncio.sleep(0.15)
            text = (await client.get("/metrics")).text
            for task in ask:
                task.cancel()
            await asyncio.gather(*ask, return_exceptions=True)
            after = (await client.get("/metrics")).text
        return {
            f"{moment} {name}": float(line.split()[-1])
            for moment, page in (("during", text), ("after", after))
            for line in page.splitlines()
            for name in ("in_use", "waiting")
            if line.startswith(f"inference_decode_slots_{name}{{")
        }

    assert asyncio.run(run()) == {
        "during in_use": 2,
        "during waiting": 3,
        "after in_use": 0,
        "after waiting": 0,
    }


def test_slots_are_given_in_order_of_arrival() -> None:
    async def run() -> list[int]:
        slots = Slots(1)
        served: list[int] = []

        async def one(number: int) -> None:
            await slots.acquire()
            served.append(number)
            await asyncio.sleep(0)
            slots.release()

        await asyncio.gather(*(one(number) for number in range(20)))
        assert (slots.in_use, slots.waiting) == (0, 0)
        return served

    assert asyncio.run(run()) == list(range(20))


def test_a_cancelled_wait_takes_no_slot() -> None:
    async def run() -> tuple[int, int, float]:
        slots = Slots(1)
        await slots.acquire()
        waiting = asyncio.create_task(slots.acquire())
        await asyncio.sleep(0)
        assert slots.waiting == 1
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        slots.release()
        return slots.in_use, slots.waiting, await slots.acquire()

    assert asyncio.run(run()) == (0, 0, 0.0)
