"""The request path on a worker: a request row written down, its columns encoded, the case dealt."""

from pathlib import Path

import pytest

from benchmarks.micro.conftest import CPU_TIME, Measure
from harness.engine import (
    Answer,
    CaseDeck,
    Recorder,
    Request,
    Response,
    RunTicket,
    Shipment,
    Span,
    classify,
    load_corpus,
)

ROWS = 100
CORPUS = Path(__file__).parents[2] / "locustfiles" / "data" / "cases.jsonl"
START_US = 1_764_000_000_000_000

pytestmark = CPU_TIME


def _exchange(spans: int) -> tuple[Request, Response]:
    request = Request(
        "POST", "/api/cases", "SimpleCaseUser", "simple", "simple-001.0.0", START_US, START_US, 300
    )
    timed = [Span(f"component-{number}", 100.0, 1.0) for number in range(spans)]
    return request, Response(
        classify(200, None, Answer(llm_calls=3)), START_US + 400_000, 200, 2_000, timed, Answer()
    )


def _recorder() -> Recorder:
    recorder = Recorder()
    recorder.begin(RunTicket("bench"))
    return recorder


@pytest.mark.parametrize("components", [0, 6])
def test_record_and_ship_1000_requests(measure: Measure, components: int) -> None:
    """As a worker does until its next report; without shipping, rows would pile up from round to round."""
    recorder, (request, response) = _recorder(), _exchange(components)

    def work() -> Shipment:
        for _ in range(1000):
            recorder.sent(request)
            recorder.record(request, response)
        return recorder.ship()

    assert measure(work, calls=1)


def test_classify_100_answers(measure: Measure) -> None:
    answer = Answer(llm_calls=3)

    def work() -> object:
        return [classify(200, None, answer) for _ in range(ROWS)][-1]

    assert measure(work, calls=20)


def test_deal_100_cases(measure: Measure) -> None:
    recorder = _recorder()
    deck = CaseDeck(load_corpus(CORPUS), recorder)

    def work() -> object:
        return [deck.draw("simple", "circular") for _ in range(ROWS)][-1]

    assert measure(work, calls=5) is not None
