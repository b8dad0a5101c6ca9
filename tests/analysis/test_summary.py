"""The summary of a small run, field by field, against figures counted by hand."""

from pathlib import Path

import pytest

from harness.analysis import Summary, summarise
from harness.runs import TargetRecord
from tests.support.recorded_runs import START_US, Row, health, phase, request, span, write_run

ROWS = [
    request(0.5, 100),  # warm-up
    request(2, 100, case_id="a"),
    request(3, 200, case_id="b"),
    request(4, 900, case_id="c", category="complex", outcome="degraded"),
    request(
        12, 50, category="complex", outcome="server_error", cause="service", error="HTTP 500", status=500
    ),
    request(
        13, 60, category="complex", outcome="server_error", cause="service", error="HTTP 500", status=500
    ),
    request(14, 70, outcome="rejected", cause="provider", error="HTTP 429", status=429),
    request(15, 800, case_id="d"),
    request(19.5, None),
]
SPANS = [
    span(1, "triage", 20, start_ms=0.0),
    span(1, "specialists", 60),
    span(1, "overhead", 20),
    span(1, "total", 100),
    span(1, "specialist-a", 60),
    span(2, "triage", 40),
    span(2, "specialists", 100),
    span(2, "debate", 40),
    span(2, "overhead", 20),
    span(2, "total", 200),
    span(7, "triage", 5),  # tells no total
]
PHASES = [
    phase("2-users", "hold", 2, 0, 10),
    phase("8-users", "hold", 8, 10, 20),
    phase("drain", "drain", 0, 20, 21),
]


@pytest.fixture
def summary(tmp_path: Path) -> Summary:
    target = TargetRecord(provider_mode="simulated", profile="reference")
    generator = [health(3.2, users=1), health(3.9, users=2), health(3.3, users=1, worker=1)]
    run = write_run(
        tmp_path, ROWS, spans=SPANS, generator=generator, phases=PHASES, warm_up_s=1, target=target
    )
    return summarise(run)


def test_head(summary: Summary) -> None:
    assert summary.run_id == "20261124T063300Z-test-000001"
    assert (summary.scenario, summary.source, summary.exact) == ("test", "run folder", True)
    assert summary.provider == "SIMULATED (reference)"
    assert summary.duration_s == 21.0
    assert summary.window.seconds == 19.0


def test_totals_are_of_the_whole_run(summary: Summary) -> None:
    totals = summary.totals
    assert (totals.requests, totals.errors, totals.degraded, totals.incomplete) == (9, 3, 1, 1)
    assert totals.outcomes == {"degraded": 1, "incomplete": 1, "ok": 4, "rejected": 1, "server_error": 2}


def test_overall_group_is_of_the_window(summary: Summary) -> None:
    group = summary.overall
    assert (group.label, group.requests) == ("all", 8)
    assert group.outcomes == {"degraded": 1, "incomplete": 1, "ok": 3, "rejected": 1, "server_error": 2}
    # 100, 200, 900, 800
    assert group.response_time["mean"].value == 500.0
    assert group.response_time["p50"].value == 500.0
    assert group.response_time["max"].value == 900.0
    assert set(group.response_time) == {
        "mean", "min", "p50", "p90", "p95", "p99", "p99.9", "max"
    }  # fmt: skip
    assert group.throughput.value == pytest.approx(4 / 19)
    assert group.error_rate.value == pytest.approx(300 / 7)
    assert group.success_rate.value == pytest.approx(300 / 7)


def test_groups(summary: Summary) -> None:
    assert {label: group.requests for label, group in summary.by_category.items()} == {
        "complex": 3,
        "simple": 5,
    }
    assert summary.by_category["complex"].response_time["mean"].value == 900.0
    assert list(summary.by_name) == ["/api/cases"]


def test_load_steps(summary: Summary) -> None:
    assert [(s.phase, s.users, s.seconds, s.group.requests) for s in summary.steps] == [
        ("2-users", 2, 9.0, 3),
        ("8-users", 8, 10.0, 5),
    ]
    assert summary.steps[1].group.throughput.value == pytest.approx(1 / 10)
    assert summary.steps[1].by_category["complex"].error_rate.value == 100.0


def test_components(summary: Summary) -> None:
    found = {item.component: item for item in summary.components}
    assert list(found) == ["triage", "specialists", "debate", "overhead", "total", "specialist-a"]
    assert {item.category for item in summary.components} == {"simple"}
    shares = {name: item.share_percent for name, item in found.items()}
    # of 100 + 200 ms of total; request 7 has no total and takes no part in shares
    expected = {"triage": 20.0, "specialists": 160 / 3, "debate": 40 / 3, "overhead": 40 / 3}
    assert {name: shares[name] for name in expected} == pytest.approx(expected)
    assert shares["total"] is None
    assert shares["specialist-a"] is None
    assert found["triage"].duration["mean"].value == pytest.approx(65 / 3)
    assert found["debate"].duration["mean"].n == 1


def test_errors_most_frequent_first(summary: Summary) -> None:
    assert [(e.outcome, e.cause, e.error, e.count) for e in summary.errors] == [
        ("server_error", "service", "HTTP 500", 2),
        ("rejected", "provider", "HTTP 429", 1),
    ]


def test_histogram_holds_every_latency_sample_once(summary: Summary) -> None:
    histogram = summary.histogram
    assert histogram is not None
    assert len(histogram.edges_ms) == 51
    assert (histogram.edges_ms[0], histogram.edges_ms[-1]) == (100.0, 900.0)
    assert {label: sum(counts) for label, counts in histogram.counts.items()} == {"complex": 1, "simple": 3}
    assert histogram.counts["complex"][-1] == 1


def test_series_by_second_of_ending(summary: Summary) -> None:
    series = summary.series
    assert series is not None
    assert list(series.at_s) == [float(second) for second in range(16)]
    answers = {0: 1, 2: 1, 3: 1, 4: 1, 15: 1}
    assert list(series.throughput_per_s) == [float(answers.get(second, 0)) for second in range(16)]
    assert {second: n for second, n in enumerate(series.errors_per_s) if n} == {12: 1.0, 13: 1.0, 14: 1.0}
    assert {second: p50 for second, p50 in enumerate(series.p50_ms) if p50} == {
        0: 100.0, 2: 100.0, 3: 200.0, 4: 900.0, 15: 800.0
    }  # fmt: skip
    # what workers told in second 3 (the later of two, and another worker), else the phase's
    assert [series.users[second] for second in (0, 3, 15)] == [2, 3, 8]


def test_slowest_first_with_components(summary: Summary) -> None:
    assert [(s.case_id, s.response_time_ms, s.phase) for s in summary.slowest] == [
        ("c", 900.0, "2-users"),
        ("d", 800.0, "8-users"),
        ("b", 200.0, "2-users"),
        ("a", 100.0, "2-users"),
    ]
    assert summary.slowest[3].components_ms == {
        "triage": 20.0, "specialists": 60.0, "overhead": 20.0, "total": 100.0, "specialist-a": 60.0
    }  # fmt: skip


def test_timeouts_and_missing_samples_are_noted(tmp_path: Path) -> None:
    run = write_run(tmp_path, [request(1, 3000, outcome="timeout")], phases=PHASES, samples_missing=4)
    assert [note.split(";")[0] for note in summarise(run).notes] == [
        "1 timed-out requests are in the response times with the time after which the client gave up",
        "4 samples are missing",
    ]


def test_a_run_without_categories_has_no_groups_but_all(tmp_path: Path) -> None:
    rows = [request(1, 100, category=None), request(2, 200, category=None)]
    summary = summarise(write_run(tmp_path, rows, spans=[span(0, "total", 90)], phases=PHASES))
    assert summary.by_category == {}
    assert summary.histogram is not None
    assert list(summary.histogram.counts) == ["all"]
    assert [item.category for item in summary.components] == ["all"]
    assert summary.slowest[0].category == ""


def test_a_run_with_nothing_in_it(tmp_path: Path) -> None:
    summary = summarise(write_run(tmp_path))
    assert summary.totals.requests == 0
    assert summary.overall.response_time == {}
    assert summary.overall.throughput.value is None
    assert (summary.histogram, summary.series, list(summary.slowest)) == (None, None, [])
    assert summary.notes == (
        "the measured window is empty: the run is shorter than its warm-up and settling",
    )


def test_samples_all_alike_and_times_of_zero(tmp_path: Path) -> None:
    summary = summarise(write_run(tmp_path, [request(1, 0), request(2, 0)], phases=PHASES))
    assert summary.histogram is not None
    assert sum(summary.histogram.counts["simple"]) == 2
    assert summary.overall.response_time["mean"].value == 0.0


def test_a_worker_clock_ahead_of_the_run_is_counted_in_its_first_second(tmp_path: Path) -> None:
    run = write_run(tmp_path, [request(-0.5, 100), request(1, 100)], phases=PHASES)
    series = summarise(run).series
    assert series is not None
    assert list(series.throughput_per_s) == [1.0, 1.0]
    assert run.manifest.phases[0].start_us == START_US


PENDING = "still unanswered when the run ended, the longest after"
ERRORS = "pending for 5 s or longer, count as errors"
IN_NONE = "they are in no percentile"


@pytest.mark.parametrize(
    ("rows", "notes"),
    [
        pytest.param(
            [request(1, 100), request(3, None), request(17, None)],
            [f"2 requests were {PENDING} 18 s: {IN_NONE}; 1 of them, {ERRORS}"],
            id="one for long",
        ),
        pytest.param(
            [request(1, 100), request(20, 900, outcome="incomplete")],
            [f"1 request was {PENDING} 0.9 s: {IN_NONE}"],
            id="cut short",
        ),
        pytest.param(
            [request(1, None), request(3, None)],
            [
                "the service answered none of the 2 requests of the measured window",
                f"2 requests were {PENDING} 20 s: {IN_NONE}; 2 of them, {ERRORS}",
            ],
            id="nothing answered",
        ),
    ],
)
def test_unanswered_requests_are_noted(tmp_path: Path, rows: list[Row], notes: list[str]) -> None:
    summary = summarise(write_run(tmp_path, rows, phases=PHASES))
    assert list(summary.notes) == notes


def test_an_unanswered_request_is_an_error_of_the_service(tmp_path: Path) -> None:
    rows = [request(1, 100), request(2, 9000, outcome="incomplete", cause="generator")]
    summary = summarise(write_run(tmp_path, rows, phases=PHASES))
    assert [(e.outcome, e.cause, e.error, e.count) for e in summary.errors] == [
        ("incomplete", "service", "unanswered", 1)
    ]
    assert (summary.totals.errors, summary.totals.incomplete) == (1, 1)
    assert summary.overall.error_rate.value == 50.0
    assert summary.overall.response_time["max"].value == 100.0


EXCEPTIONS = "Count,Message,Traceback,Nodes\r\n"


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        pytest.param(EXCEPTIONS, (), id="none"),
        pytest.param(
            EXCEPTIONS + '3,no case,there,local\r\n110,"boom\nand more",here,local\r\n3,boom,x,w\r\n',
            ("116 exceptions in users' tasks, most often 'boom': see locust_exceptions.csv",),
            id="some",
        ),
        pytest.param(
            EXCEPTIONS + "1,,here,local\r\n",
            ("1 exception in users' tasks: see locust_exceptions.csv",),
            id="without a message",
        ),
        pytest.param(
            "", ("exceptions in users' tasks are not known: locust_exceptions.csv is unreadable",), id="empty"
        ),
    ],
)
def test_exceptions_in_tasks_are_noted(tmp_path: Path, text: str, notes: tuple[str, ...]) -> None:
    run = write_run(tmp_path, [request(1, 100)], phases=PHASES)
    (run.path / "locust_exceptions.csv").write_text(text, newline="")
    assert summarise(run).notes == notes


def two_requests(tmp_path: Path, *spans: tuple[int, str, float]) -> dict[str, float | None]:
    """Shares of the additive components of two requests of 100 and 200 ms."""
    rows = [request(2, 100), request(3, 200)]
    summary = summarise(write_run(tmp_path, rows, spans=[span(*item) for item in spans], phases=PHASES))
    assert {item.component for item in summary.components} == {name for _, name, _ in spans}
    return {item.component: item.share_percent for item in summary.components if item.additive}


@pytest.mark.parametrize(
    ("spans", "shares"),
    [
        pytest.param(
            [(0, "llm", 60), (0, "db", 20), (0, "total", 90), (1, "llm", 120), (1, "total", 110)],
            {"db": 10.0, "llm": 90.0},
            id="within the totals together",
        ),
        pytest.param(
            [(0, "llm", 60), (0, "app", 90), (0, "total", 90)], {}, id="nested: more than the total"
        ),
        pytest.param([(0, "llm", 91.5), (0, "total", 90)], {"llm": 100 * 91.5 / 90}, id="rounding"),
        pytest.param(
            [(0, "llm", 30), (1, "db", 150)], {"db": 50.0, "llm": 10.0}, id="no total: service time"
        ),
        pytest.param([(0, "llm", 90), (0, "app", 100)], {}, id="no total: more than the service time"),
        pytest.param(
            [(0, "overhead", 9), (0, "llm", 81), (0, "total", 90)],
            {"overhead": 10.0, "llm": 90.0},
            id="overhead alone is any service's",
        ),
        pytest.param([(0, "total", 90)], {}, id="a total alone"),
        pytest.param([(0, "triage", 45), (0, "queue", 9), (0, "total", 90)], {"triage": 50.0}, id="bundled"),
    ],
)
def test_components_of_any_service(
    tmp_path: Path, spans: list[tuple[int, str, float]], shares: dict[str, float]
) -> None:
    assert two_requests(tmp_path, *spans) == pytest.approx(shares)


def test_components_that_overlap_in_one_category_are_additive_in_none(tmp_path: Path) -> None:
    rows = [request(2, 100), request(3, 200, category="complex")]
    spans = [span(0, "llm", 50), span(0, "total", 100), span(1, "llm", 250), span(1, "total", 200)]
    summary = summarise(write_run(tmp_path, rows, spans=spans, phases=PHASES))
    assert not any(item.additive for item in summary.components)
