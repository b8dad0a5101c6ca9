"""Streamed calls: the same answers, and the time to the first token of the answer proper."""

from typing import TYPE_CHECKING, Any

import pytest

from target_app.provider import Completion
from target_app.provider._wire import StreamError, StreamReader, UnreadableError

if TYPE_CHECKING:
    from tests.target.conftest import Simulator, StandIn, Target, TargetFactory

from tests.target.conftest import ordinary, stream_of

Reply = dict[str, Any]
EVENTS = stream_of(
    {
        "choices": [{"message": {"content": "Zürich, 7 °C"}, "finish_reason": "stop"}],
        "x_groq": {"id": "req_9"},
        "usage": {"completion_tokens": 5},
    }
)


def wire(*events: bytes) -> bytes:
    return b"".join(b"data: %b\n\n" % event for event in events)


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_a_stream_is_put_together_however_it_is_cut(size: int) -> None:
    data = b": a comment\n\n" + wire(*EVENTS)
    reader = StreamReader()
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])

    assert reader.done
    assert reader.completion() == Completion("Zürich, 7 °C", "stop", "req_9", {"completion_tokens": 5})


def test_only_content_counts_as_the_first_token() -> None:
    reader = StreamReader()
    started = []
    for event in EVENTS[:3]:
        reader.feed(wire(event))
        started.append(reader.started)

    assert started == [False, False, True], "role, reasoning, content"


@pytest.mark.parametrize(
    ("event", "error"),
    [
        pytest.param(b'{"choices":[', UnreadableError, id="half an event"),
        pytest.param(b"[]", UnreadableError, id="a list"),
        pytest.param(b'{"choices":[{}]}', UnreadableError, id="no delta"),
        pytest.param(b"{}", UnreadableError, id="no choices"),
        pytest.param(b'{"error":{"message":"out of memory"}}', StreamError, id="an error"),
    ],
)
def test_a_broken_event_breaks_the_stream(event: bytes, error: type[Exception]) -> None:
    reader = StreamReader()
    reader.feed(wire(*EVENTS[:2]))

    with pytest.raises(error):
        reader.feed(wire(event))


def test_a_stream_that_only_ends_is_not_done() -> None:
    reader = StreamReader()
    reader.feed(wire(*EVENTS[:-1]))

    assert not reader.done


def test_a_streamed_case_is_the_same_case(
    simulator: "Simulator", provider: "StandIn", start_target: "TargetFactory"
) -> None:
    answers = []
    for streaming in (False, True):
        with start_target(simulator.url, model_streaming=streaming) as target:
            body = target.post(labs={"troponin": 0.09}).json()
            counted = target.metrics()
        first_tokens = counted.sum("target_model_first_token_seconds_count")
        assert first_tokens == (body["usage"]["llm_calls"] if streaming else 0)
        del body["timings"]
        answers.append(body)

    assert answers[0] == answers[1]


def test_the_first_token_is_timed_where_it_arrives(
    provider: "StandIn", start_target: "TargetFactory"
) -> None:
    """Four calls, each with 0.1 s before its first token and 0.2 s after it."""
    provider.script = lambda call: Reply(content=ordinary(call), delay_s=0.1, pause_s=0.2)
    with start_target(provider.url, model_streaming=True) as target:
        response = target.post()
        counted = target.metrics()

    assert response.status_code == 200
    assert all(call.body["stream"] is True for call in provider.calls)
    first_token_s = counted.sum("target_model_first_token_seconds_sum")
    duration_s = counted.sum("target_model_call_duration_seconds_sum")
    assert counted.sum("target_model_first_token_seconds_count") == 4
    assert first_token_s >= 4 * 0.1
    # The loop's clock is coarser than the one that measures.
    assert duration_s - first_token_s >= 4 * 0.19


def test_what_the_provider_reports_is_kept_per_call(target: "Target", provider: "StandIn") -> None:
    before = target.metrics()
    target.post()
    after = target.metrics()

    # The stand-in reports 1, 2 and 3 ms for each call.
    for phase, seconds in (("queue", 0.001), ("prefill", 0.002), ("decode", 0.003)):
        name = "target_model_phase_seconds_sum"
        assert after.sum(name, phase=phase) - before.sum(name, phase=phase) == pytest.approx(4 * seconds)
