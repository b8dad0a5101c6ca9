"""One verdict from many: which step decides, and what the sentence says."""

import pytest

from harness.suites import StepRecord, StepState, SuiteRecord, SuiteState, concluded


def record(*steps: tuple[str, str, int | None]) -> SuiteRecord:
    """A suite of (name, word, code); a step without a code has not ended."""
    return SuiteRecord(
        suite_id="s",
        suite="nightly",
        steps=[
            StepRecord(
                name=name,
                kind="run",
                word=word,
                code=code,
                state=StepState.PENDING if code is None else StepState.ENDED,
            )
            for name, word, code in steps
        ],
    )


CASES = [
    ("all pass", [("a", "PASS", 0), ("b", "PASS", 0)], 0, "PASS", "All 2 steps passed"),
    ("one step", [("a", "PASS", 0)], 0, "PASS", "The one step passed"),
    (
        "a warning passes",
        [("a", "PASS", 0), ("b", "WARN", 0)],
        0,
        "WARN",
        "All 2 steps passed, b with a warning",
    ),
    (
        "invalid goes before failed",
        [("a", "FAIL", 1), ("b", "INVALID", 4)],
        4,
        "INVALID",
        "2 of 2 steps did not pass: a (FAIL), b (INVALID)",
    ),
    (
        "failed goes before regression",
        [("a", "REGRESSION", 3), ("b", "NO DATA", 1)],
        1,
        "NO DATA",
        "2 of 2 steps did not pass: a (REGRESSION), b (NO DATA)",
    ),
    (
        "not configured is neutral and named",
        [("a", "PASS", 0), ("p", "NOT CONFIGURED", 0)],
        0,
        "PASS",
        "The one step passed; not configured: p",
    ),
    (
        "nothing judged",
        [("p", "NOT CONFIGURED", 0)],
        0,
        "NOT JUDGED",
        "No step judged anything; not configured: p",
    ),
    (
        "what did not run did not pass",
        [("a", "PASS", 0), ("b", "NOT RUN", None)],
        130,
        "INTERRUPTED",
        "What ended passed; 1 of 2 not run",
    ),
    (
        "unreachable goes before interrupted",
        [("a", "ERROR", 5), ("b", "NOT RUN", None)],
        5,
        "ERROR",
        "1 of 2 steps did not pass: a (ERROR); 1 of 2 not run",
    ),
    (
        "a long list is cut",
        [(name, "FAIL", 1) for name in "abcdefg"],
        1,
        "FAIL",
        "7 of 7 steps did not pass: a (FAIL), b (FAIL), c (FAIL), d (FAIL), e (FAIL) and 2 more",
    ),
    (
        "a signal's code goes before all",
        [("a", "ERROR", -9), ("b", "ERROR", 70)],
        -9,
        "ERROR",
        "2 of 2 steps did not pass: a (ERROR), b (ERROR)",
    ),
]


@pytest.mark.parametrize(
    ("steps", "code", "word", "headline"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_the_verdict(steps: list[tuple[str, str, int | None]], code: int, word: str, headline: str) -> None:
    found = concluded(record(*steps))
    assert (found.exit_code, found.word, found.headline) == (code, word, headline)
    unfinished = any(step.code is None for step in found.steps)
    assert found.state == (SuiteState.INTERRUPTED if unfinished else SuiteState.FINISHED)
