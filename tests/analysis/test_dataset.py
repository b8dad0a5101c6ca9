"""Estimates from a run folder of a few rows, each figure counted by hand."""

from pathlib import Path

import pytest

from harness.analysis import Dataset, NotMeasured, RequestDataset, Selection
from harness.stats import Estimate
from tests.support.recorded_runs import Row, health, one_hold, phase, request, span, write_run

ALL = Selection()


def estimate(data: Dataset, statistic: str, quantity: str, selection: Selection = ALL) -> Estimate:
    found = data.estimate(statistic, quantity, selection)
    assert isinstance(found, Estimate), found
    return found


def refusal(data: Dataset, statistic: str, quantity: str, selection: Selection = ALL) -> NotMeasured:
    found = data.estimate(statistic, quantity, selection)
    assert isinstance(found, NotMeasured), found
    return found


OUTCOMES: list[Row] = [
    request(1, 100),
    request(2, 200),
    request(3, 300, outcome="degraded"),
    request(4, 400, outcome="invalid_answer", answer_valid=False),
    request(5, 5000, outcome="timeout"),
    request(6, 2, outcome="rejected", status=429),
    request(7, 3, outcome="server_error", status=500),
    request(8, 4, outcome="connection_error"),
    request(9, 5, outcome="truncated"),
    request(10, 6, outcome="client_error", status=422),
    request(11, None),
]


@pytest.fixture
def outcomes(tmp_path: Path) -> Dataset:
    return Dataset.from_run(write_run(tmp_path, OUTCOMES, phases=one_hold(20)))


def test_latency_samples_are_answers_and_timeouts(outcomes: Dataset) -> None:
    # 100, 200, 300, 400 and 5000; refusals, errors and what did not end are left out
    assert estimate(outcomes, "count", "response_time").value == 5
    assert estimate(outcomes, "mean", "response_time").value == pytest.approx(1200.0)
    assert estimate(outcomes, "max", "response_time").value == 5000.0
    assert estimate(outcomes, "min", "response_time").value == 100.0
    assert estimate(outcomes, "p50", "response_time").value == 300.0


def test_throughput_counts_answers_over_wall_time(outcomes: Dataset) -> None:
    throughput = estimate(outcomes, "rate", "throughput")
    assert throughput.value == pytest.approx(4 / 20)
    assert throughput.n == 4


def test_goodput_counts_valid_successes(outcomes: Dataset) -> None:
    assert estimate(outcomes, "rate", "goodput").value == pytest.approx(2 / 20)


def test_goodput_counts_what_is_within_its_categorys_limit(tmp_path: Path) -> None:
    rows = [request(1, 100), request(2, 500), request(3, 700), request(4, 700, category="complex")]
    run = write_run(tmp_path, rows, phases=one_hold(10))
    limited = Dataset.from_run(run, {"simple": 500.0, None: 1000.0})
    # 100 and the complex 700; the 500 is not below 500
    assert estimate(limited, "rate", "goodput").value == pytest.approx(2 / 10)


def test_error_and_success_rates_are_of_all_that_ended(outcomes: Dataset) -> None:
    # errors: all but ok (2), degraded (1); the incomplete one was pending to the end, and is unanswered
    assert estimate(outcomes, "rate", "error_rate").value == pytest.approx(800 / 11)
    assert estimate(outcomes, "rate", "success_rate").value == pytest.approx(200 / 11)
    assert estimate(outcomes, "rate", "error_rate").n == 11


def test_response_time_counts_from_the_intended_start_and_service_time_from_sending(tmp_path: Path) -> None:
    rows = [request(1, 300, delay_ms=200), request(2, 100)]
    data = Dataset.from_run(write_run(tmp_path, rows, phases=one_hold()))
    assert estimate(data, "max", "response_time").value == 300.0
    assert estimate(data, "max", "service_time").value == 100.0


def test_a_request_without_an_intended_start_counts_from_sending(tmp_path: Path) -> None:
    rows = [request(1, 300, intended_at=None)]
    data = Dataset.from_run(write_run(tmp_path, rows, phases=one_hold()))
    assert estimate(data, "mean", "response_time").value == 300.0


def test_samples_belong_to_the_window_by_start_and_throughput_by_end(tmp_path: Path) -> None:
    rows = [
        request(0.5, 1000),  # starts in the warm-up, ends inside
        request(5.0, 2000),  # inside
        request(9.5, 3000),  # starts inside, ends after it
        request(10.0, 4000),  # starts at the end, which is outside
    ]
    run = write_run(tmp_path, rows, phases=one_hold(10), warm_up_s=1)
    data = Dataset.from_run(run)
    assert estimate(data, "min", "response_time").value == 2000.0
    assert estimate(data, "max", "response_time").value == 3000.0
    throughput = estimate(data, "rate", "throughput")
    assert throughput.n == 2
    assert throughput.value == pytest.approx(2 / 9)


@pytest.fixture
def mixed(tmp_path: Path) -> Dataset:
    rows = [
        request(1, 10),
        request(2, 20, category="complex"),
        request(3, 30, name="/other"),
        request(4, 40, model="large"),
        request(11, 50),
        request(21, 60),
        request(22, 70, category=None),
    ]
    phases = [
        phase("5-users", "hold", 5, 0, 10),
        phase("9-users", "hold", 9, 10, 20),
        phase("ramp-to-5", "ramp", 5, 20, 21),
        phase("5-users-2", "hold", 5, 21, 31),
    ]
    return Dataset.from_run(write_run(tmp_path, rows, phases=phases))


@pytest.mark.parametrize(
    ("selection", "total"),
    [
        pytest.param(Selection(), 280, id="all"),
        pytest.param(Selection(category="complex"), 20, id="category"),
        pytest.param(Selection(category="simple"), 190, id="a null category is in none"),
        pytest.param(Selection(name="/other"), 30, id="name"),
        pytest.param(Selection(model="large"), 40, id="model"),
        pytest.param(Selection(phase="5-users"), 100, id="phase"),
        pytest.param(Selection(phase="highest"), 50, id="the hold with the most users"),
        pytest.param(Selection(phase="5-users", category="simple"), 80, id="two selectors"),
    ],
)
def test_selections(mixed: Dataset, selection: Selection, total: float) -> None:
    mean, count = (estimate(mixed, statistic, "response_time", selection) for statistic in ("mean", "count"))
    assert mean.value is not None
    assert count.value is not None
    assert mean.value * count.value == pytest.approx(total)


@pytest.mark.parametrize(
    ("selection", "reason"),
    [
        (Selection(category="nope"), "no request with category nope in the measured window"),
        (
            Selection(phase="nope"),
            "no measured hold phase is called nope; measured: 5-users, 9-users, 5-users-2",
        ),
        (Selection(phase="9-users", category="complex"), "no request with category complex, phase 9-users"),
    ],
)
def test_an_empty_selection_says_why_and_stays_applicable(
    mixed: Dataset, selection: Selection, reason: str
) -> None:
    for statistic, quantity in (("p95", "response_time"), ("rate", "throughput"), ("rate", "error_rate")):
        found = refusal(mixed, statistic, quantity, selection)
        assert found.applicable
        assert found.reason.startswith(reason)


def test_throughput_of_one_phase_is_over_that_phase(mixed: Dataset) -> None:
    assert estimate(mixed, "rate", "throughput", Selection(phase="5-users")).value == pytest.approx(4 / 10)


def test_throughput_of_a_steady_hold_has_an_interval_by_batch_means(tmp_path: Path) -> None:
    # 10 batches of 2 s with 8 answers each, so no spread at all
    rows = [request(0.05 + i * 0.25, 100) for i in range(80)]
    data = Dataset.from_run(write_run(tmp_path, rows, phases=one_hold(20)))
    found = estimate(data, "rate", "throughput")
    assert (found.low, found.value, found.high) == (4.0, 4.0, 4.0)
    assert found.method == "count / time; 95 % interval by batch means"


def test_throughput_of_few_answers_has_the_poisson_interval(outcomes: Dataset) -> None:
    assert estimate(outcomes, "rate", "throughput").method == "count / time; exact Poisson 95 % interval"


@pytest.fixture
def with_spans(tmp_path: Path) -> Dataset:
    rows = [request(1, 100), request(2, 200), request(3, 300, outcome="server_error"), request(90, 1)]
    spans = [
        span(0, "triage", 10, model="large"),
        span(0, "specialist-a", 5, model="small"),
        span(0, "specialist-a", 7, model="small"),
        span(1, "triage", 30, model="large"),
        span(2, "triage", 1000),  # of an error
        span(3, "triage", 2000),  # outside of the window
        span(77, "triage", 3000),  # of no request
    ]
    return Dataset.from_run(write_run(tmp_path, rows, spans=spans, phases=one_hold()))


@pytest.mark.parametrize(
    ("selection", "mean", "n"),
    [
        pytest.param(Selection(component="triage"), 20.0, 2, id="successful requests of the window"),
        pytest.param(Selection(component="specialist-a"), 12.0, 1, id="spans of one request add up"),
        pytest.param(Selection(component="triage", model="large"), 20.0, 2, id="the model is the span's"),
    ],
)
def test_component_times(with_spans: Dataset, selection: Selection, mean: float, n: int) -> None:
    found = estimate(with_spans, "mean", "component_time", selection)
    assert (found.value, found.n) == (mean, n)


def test_a_component_that_did_not_occur(with_spans: Dataset) -> None:
    found = refusal(with_spans, "p95", "component_time", Selection(component="debate"))
    assert (found.applicable, found.reason) == (True, "no sample of time in component in the measured window")


@pytest.mark.parametrize(
    ("quantity", "mean"),
    [("cost", 0.02), ("input_tokens", 150.0), ("output_tokens", 30.0), ("llm_calls", 4.0)],
)
def test_figures_per_case_are_of_all_that_ended(tmp_path: Path, quantity: str, mean: float) -> None:
    per_case = {"input_tokens": 100, "output_tokens": 20, "llm_calls": 3, "cost_usd": 0.01}
    twice = {"input_tokens": 200, "output_tokens": 40, "llm_calls": 5, "cost_usd": 0.03}
    rows = [request(1, **per_case), request(2, **twice, outcome="server_error"), request(3), request(4, None)]
    data = Dataset.from_run(write_run(tmp_path, rows, phases=one_hold()))
    found = estimate(data, "mean", quantity)
    assert found.n == 2
    assert found.value == pytest.approx(mean)


def test_times_to_first_byte_and_token_count_from_sending(tmp_path: Path) -> None:
    row = request(1, 500, delay_ms=100)
    row |= {"first_byte_at": request(1, 150)["done_at"], "first_token_at": request(1, 180)["done_at"]}
    data = Dataset.from_run(write_run(tmp_path, [row, request(2)], phases=one_hold()))
    assert estimate(data, "mean", "time_to_first_byte").value == 50.0
    assert estimate(data, "mean", "time_to_first_token").value == 80.0


def test_a_run_with_nothing_in_it(tmp_path: Path) -> None:
    data = Dataset.from_run(write_run(tmp_path))
    for statistic, quantity in (("p95", "response_time"), ("rate", "throughput"), ("rate", "error_rate")):
        assert refusal(data, statistic, quantity).reason == "no request in the measured window"


def test_users_of_a_run_without_phases_are_what_the_workers_told(tmp_path: Path) -> None:
    rows = [request(1), request(9)]
    generator = [health(2.1, users=3), health(2.2, users=4, worker=1), health(3.1, users=2)]
    data = Dataset.from_run(write_run(tmp_path, rows, generator=generator))
    assert isinstance(data, RequestDataset)
    assert [(piece.phase, piece.users) for piece in data.window.pieces] == [("run", 7)]


def test_an_unsealed_run_is_read_alike(tmp_path: Path) -> None:
    run = write_run(tmp_path, OUTCOMES, phases=one_hold(20), sealed=False)
    assert (run.path / "requests.arrows").exists()
    assert estimate(Dataset.from_run(run), "count", "response_time").value == 5
