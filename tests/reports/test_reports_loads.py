"""Reports of runs that counted their requests out, and of runs that searched for the highest load."""

from dataclasses import replace

from harness.reports._loads import load_rows, load_tables
from harness.reports._terminal import terminal_report
from harness.runs import Manifest, ProbeRecord, SearchRecord
from tests.reports.samples import Sample, full

SEARCH = SearchRecord(
    unit="users",
    met=20,
    missed=30,
    words="highest load that met the criteria: 20 users (next tried 30: simple_p95 FAIL)",
    probes=[
        ProbeRecord(load=20, measured_s=10.2, meets=True, criteria={"simple_p95": "PASS"}),
        ProbeRecord(load=30, measured_s=20, meets=None, criteria={"simple_p95": "WARN", "errors": "PASS"}),
        ProbeRecord(load=30, measured_s=5, meets=False, criteria={"simple_p95": "FAIL", "errors": "PASS"}),
    ],
)


def counted() -> tuple[Sample, Manifest]:
    sample = full()
    scenario = sample.manifest.scenario.model_copy(update={"load": {"shape_class": "RequestCount"}})
    return sample, sample.manifest.model_copy(update={"scenario": scenario})


def test_other_runs_have_no_such_table() -> None:
    sample = full()
    assert load_rows(sample.summary, sample.manifest) == []
    assert load_tables(sample.summary, sample.manifest) == []


def test_a_level_has_all_nine_figures() -> None:
    sample, manifest = counted()
    head, first, *_ = load_rows(sample.summary, manifest)
    step = sample.summary.steps[0]
    assert head == ("Level", "Total", "OK", "OK, %", "Users", "Mean", "p95", "p99", "req/s")
    assert first[:3] == (step.phase, f"{step.group.requests:,}", f"{step.group.outcomes['ok']:,}")
    assert first[4] == str(step.users)
    ((_, table),) = load_tables(sample.summary, manifest)
    assert [column.title for column in table.columns] == [
        *("Level", "Total", "Successful", "Success rate", "Concurrency"),
        *("Mean", "p95", "p99", "Throughput"),
    ]
    assert len(table.rows) == len(sample.summary.steps)


def test_probes_in_the_order_they_were_tried_and_what_kept_each_from_it() -> None:
    sample = full()
    manifest = sample.manifest.model_copy(update={"search": SEARCH})
    assert load_rows(sample.summary, manifest)[1:] == [
        ("20 users", "10.2 s", "yes", ""),
        ("30 users", "20 s", "undecided", "simple_p95 WARN"),
        ("30 users", "5 s", "no", "simple_p95 FAIL"),
    ]


def test_the_terminal_says_what_was_found() -> None:
    sample = full()
    manifest = sample.manifest.model_copy(update={"search": SEARCH})
    text = terminal_report(sample.summary, sample.judgement, manifest, width=200)
    assert f"Search: {SEARCH.words}." in text.splitlines()


def test_a_level_without_an_answer_has_no_figures() -> None:
    sample, manifest = counted()
    step = sample.summary.steps[0]
    silent = replace(step, group=replace(step.group, response_time={}, outcomes={}))
    _, row = load_rows(replace(sample.summary, steps=[silent]), manifest)
    assert (row[2], row[5:8]) == ("0", ("–", "–", "–"))  # noqa: RUF001 - as in all tables
