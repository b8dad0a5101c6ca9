"""A locustfile for tests: one user who reads streamed answers of the simulator at INFERENCE_URL."""

import json
import os
from typing import Any

from locust import constant, task

import harness.plugin  # noqa: F401
from harness.engine import Answer, ServiceUser, SseReader

MODEL = "openai/gpt-oss-20b"
ADDRESS = f"{os.environ.get('INFERENCE_URL', '')}/openai/v1/chat/completions"
BODY = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "Name the four chambers of the heart."}],
    "max_tokens": 64,
    "stream": True,
}


def is_token(data: str) -> bool:
    return any(choice["delta"].get("content") for choice in json.loads(data)["choices"])


class StreamedCompletions(ServiceUser):
    fixed_count = 1
    wait_time = constant(0.2)

    @task
    def complete(self) -> None:
        def check(_: Any) -> Answer:
            return Answer(model=MODEL)

        self.client.post(
            ADDRESS,
            json=BODY,
            headers={"Authorization": "Bearer any"},
            events=SseReader(is_content=is_token),
            check=check,
            name="stream",
            category="streamed",
        )
