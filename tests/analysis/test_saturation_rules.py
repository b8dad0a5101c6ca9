"""What saturates first, from what was seen at each level: a table of cases with their answer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.analysis import Resource
from harness.analysis._saturation import Evidence, ServiceLevels, what_saturates

LOADS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
CALM = ServiceLevels(cpu_percent=20.0, in_flight=2.0, queue=0.0)


def levels(**series: Sequence[Any]) -> list[Evidence]:
    """Six calm levels whose throughput follows the load, with a series of each field that is named."""
    calm = [
        Evidence(load, load, 100.0, 30.0, {"target": CALM}, {"inference": CALM}, provider_queue_ms=2.0)
        for load in LOADS
    ]
    return [
        replace(level, **{name: values[place] for name, values in series.items()})
        for place, level in enumerate(calm)
    ]


def told(*queues: float, cpu: float = 20.0, in_flight: float = 4.0) -> list[dict[str, ServiceLevels]]:
    return [{"target": ServiceLevels(cpu, in_flight, queue)} for queue in queues]


QUEUED = told(0, 0, 0, 3, 9, 30)
LATE_QUEUE = told(0, 0, 0, 0, 9, 30)
WAITS = [2.0, 2.0, 3.0, 40.0, 90.0, 300.0]
SLOW = [100.0, 100.0, 110.0, 150.0, 300.0, 900.0]


@pytest.mark.parametrize(
    ("seen", "resource", "load"),
    [
        pytest.param(levels(), None, None, id="nothing"),
        pytest.param(
            levels(provider_queue_ms=WAITS, response_ms=SLOW), Resource.PROVIDER_SLOTS, 16, id="calls wait"
        ),
        pytest.param(
            levels(providers=[{"vllm": each["target"]} for each in QUEUED]),
            Resource.PROVIDER_SLOTS,
            16,
            id="calls in line",
        ),
        pytest.param(levels(targets=QUEUED), Resource.TARGET_CONCURRENCY, 16, id="requests in line"),
        pytest.param(
            levels(service_wait_ms=[0.0, 0.0, 5.0, 90.0, 200.0, 700.0], response_ms=SLOW),
            Resource.TARGET_CONCURRENCY,
            16,
            id="requests wait, no /metrics",
        ),
        pytest.param(
            levels(refused_by_service=[0.0, 0.0, 0.0, 0.0, 0.2, 0.6]),
            Resource.TARGET_CONCURRENCY,
            32,
            id="refused",
        ),
        pytest.param(
            levels(targets=told(0, 0, 0, 3, 9, 30, cpu=97.0)),
            Resource.TARGET_CPU,
            2,
            id="CPU, so not the limit",
        ),
        pytest.param(
            levels(refused_by_provider=[0.0, 0.0, 0.05, 0.3, 0.6, 0.8]),
            Resource.PROVIDER_RATE_LIMIT,
            8,
            id="429 of the provider",
        ),
        pytest.param(
            levels(generator_busy=[40.0, 60.0, 80.0, 95.0, 100.0, 100.0], targets=LATE_QUEUE),
            Resource.GENERATOR_CPU,
            16,
            id="generator first",
        ),
        pytest.param(
            levels(generator_busy=[40.0, 60.0, 80.0, 85.0, 88.0, 100.0], targets=QUEUED),
            Resource.TARGET_CONCURRENCY,
            16,
            id="generator later",
        ),
        pytest.param(
            levels(targets=QUEUED, provider_queue_ms=WAITS, response_ms=SLOW),
            Resource.PROVIDER_SLOTS,
            16,
            id="both at once: what waits at the provider fills the target",
        ),
        pytest.param(levels(targets=told(0, 30, 0, 0, 0, 0)), None, None, id="one odd level is no limit"),
        pytest.param(
            levels(targets=told(0, 0, 3, 9, 0, 30)), Resource.TARGET_CONCURRENCY, 8, id="one gap is none"
        ),
    ],
)
def test_the_resource_that_is_full_at_the_least_load_is_named(
    seen: list[Evidence], resource: Resource | None, load: float | None
) -> None:
    found = what_saturates(seen)
    assert (found.resource, found.from_load) == (resource, load)
    assert what_saturates(seen[::-1]) == found
    assert bool(found.evidence) is (resource is not None)


def test_what_comes_later_is_told_too() -> None:
    found = what_saturates(levels(generator_busy=[9.0, 9.0, 9.0, 9.0, 9.0, 99.0], targets=QUEUED))
    assert found.also == ("generator CPU from 64 users",)


def test_a_bend_without_a_cause_says_what_was_not_recorded() -> None:
    blind = [
        Evidence(load, rate, 100.0) for load, rate in zip(LOADS, (2.0, 4.0, 8.0, 9.0, 9.1, 9.1), strict=True)
    ]
    found = what_saturates(blind)
    assert found.resource is None
    assert found.words == (
        "not known: throughput stopped growing at 64 users, and nothing that was recorded was full"
    )
    assert found.evidence[0] == (
        "not recorded: the services' CPU and queues (no /metrics was read), "
        "waiting at the provider (no `queue` in Server-Timing), the generator's CPU"
    )


def test_without_levels_there_is_nothing_to_say() -> None:
    assert what_saturates([]).words == "no load level was measured"
