"""A shape for tests that steers by feedback: it holds 6 users until it has seen enough of them.

Every outcome that it is given is appended to feedback.jsonl in the working folder.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from locust import LoadTestShape

SETTLE_S = 1.0
ENOUGH = 60


class FeedbackShape(LoadTestShape):
    stop_reason = ""

    def tick(self) -> tuple[int, float] | None:
        runner: Any = self.runner
        outcome = runner.environment.feedback.step(SETTLE_S)
        with Path("feedback.jsonl").open("a") as file:
            file.write(json.dumps(outcome and dataclasses.asdict(outcome)) + "\n")
        if outcome is not None and outcome.requests >= ENOUGH:
            self.stop_reason = f"error rate {100 * outcome.errors / outcome.requests:.0f} %"
            return None
        run_s: float = self.get_run_time()  # type: ignore[no-untyped-call]  # Locust has no hint there
        return (6, 6) if run_s < 40 else None
