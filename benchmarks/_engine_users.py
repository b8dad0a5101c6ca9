"""Locustfile of benchmarks/engine.py: the harness's closed-loop user, recorded as in any test."""

from typing import Any

import harness.plugin  # noqa: F401 - the record
from harness.engine import ServiceUser


def _get(user: Any) -> None:
    user.client.get("/fixed", name="/fixed")


class OurUser(ServiceUser):
    """Sends, waits for the answer, sends again."""

    tasks = [_get]  # noqa: RUF012 - as Locust declares it
