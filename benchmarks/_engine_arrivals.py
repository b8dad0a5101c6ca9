"""Locustfile of benchmarks/engine.py: the harness's open loop; rate and kind come from the environment."""

import os
from typing import Any

import harness.plugin  # noqa: F401 - the record
from harness.engine import ArrivalUser


def _get(user: Any) -> None:
    user.client.get("/fixed", name="/fixed")


class OurArrivals(ArrivalUser):
    """A token worth BENCH_ARRIVALS_PER_USER arrivals a second."""

    arrivals_per_user = float(os.environ["BENCH_ARRIVALS_PER_USER"])
    arrivals = "constant" if os.environ["BENCH_ARRIVALS"] == "constant" else "poisson"
    max_in_flight = 20_000
    tasks = [_get]  # noqa: RUF012 - as Locust declares it
