"""A locustfile for tests: closed-loop users and open-loop arrivals of the inference simulator's chat API.

A user of `EvenCompletions` is worth one arrival per second.
"""

from typing import Any

from locust import task

import harness.plugin  # noqa: F401
from harness.engine import Answer, ArrivalUser, ServiceUser

KEY = {"Authorization": "Bearer any"}

BODY = {
    "model": "llama-3.1-8b-instant",
    "messages": [{"role": "user", "content": "Name the four chambers of the heart."}],
    "max_tokens": 64,
}


def check_completion(response: Any) -> Answer:
    usage = response.json()["usage"]
    return Answer(output_tokens=usage["completion_tokens"])


def complete(user: Any) -> None:
    user.client.post("/openai/v1/chat/completions", json=BODY, name="completion", check=check_completion)


class Completions(ServiceUser):
    headers = KEY

    @task
    def complete(self) -> None:
        complete(self)


class EvenCompletions(ArrivalUser):
    headers = KEY
    arrivals = "constant"

    @task
    def complete(self) -> None:
        complete(self)
