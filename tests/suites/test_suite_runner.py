"""The order of steps, what is repeated, what is not, and what the record says at each moment."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness.config import StepConfig, SuiteConfig
from harness.errors import ExitCode, UnreadableFileError
from harness.suites import (
    StepResult,
    StepState,
    SuiteRecord,
    SuiteState,
    make_folder,
    new_record,
    read_record,
    run_steps,
    save,
    suite_folders,
)

SUITE = SuiteConfig.model_validate(
    {"repeat_invalid": 1, "steps": [{"run": "a"}, {"run": "b"}, {"plan": "a", "name": "p"}]}
)


class Script:
    """Carries out steps by a script: for each step the codes of its attempts, in order."""

    def __init__(self, codes: dict[str, list[Any]]) -> None:
        self.codes = {name: iter(given) for name, given in codes.items()}
        self.done: list[str] = []

    def __call__(self, step: StepConfig, record: SuiteRecord) -> StepResult:
        assert record.step(step.label).state is StepState.RUNNING, "a reader sees what runs now"
        self.done.append(step.label)
        code = next(self.codes[step.label])
        if isinstance(code, type):
            raise code
        run = Path(f"results/{step.label}{len(self.done)}") if step.scenario else None
        return StepResult(code, run, headline=f"said {code}")


def clock() -> Iterator[datetime]:
    start = datetime(2026, 11, 24, tzinfo=UTC)
    return (start + timedelta(seconds=10 * tick) for tick in count())


def carry_out(script: Script, record: SuiteRecord | None = None) -> tuple[SuiteRecord, list[SuiteRecord]]:
    saved: list[SuiteRecord] = []
    ticks = clock()
    begun = record or new_record("nightly", SUITE)
    return run_steps(SUITE, begun, script, saved.append, lambda: next(ticks)), saved


def test_all_steps_in_order_whatever_fails() -> None:
    script = Script({"a": [1], "b": [3], "p": [0]})
    record, saved = carry_out(script)
    assert script.done == ["a", "b", "p"]
    assert [step.code for step in record.steps] == [1, 3, 0]
    assert (record.exit_code, record.state) == (1, SuiteState.FINISHED)
    assert [step.seconds for step in record.steps] == [10.0, 10.0, 10.0]
    assert len(saved) == 6, "before and after each step"


def test_an_invalid_run_is_repeated_once() -> None:
    script = Script({"a": [4, 0], "b": [4, 4], "p": [4]})
    record, _ = carry_out(script)
    assert script.done == ["a", "a", "b", "b", "p"], "a step without a run is not repeated"
    assert [step.code for step in record.steps] == [0, 4, 4]
    a = record.step("a")
    assert (a.run, a.attempts) == ("../a2", ["../a1", "../a2"])
    assert a.notes == ["../a1 was invalid (said 4) and repeated"]


@pytest.mark.parametrize("ending", [ExitCode.INTERRUPTED, KeyboardInterrupt])
def test_an_interruption_ends_it_and_resuming_repeats_nothing_finished(ending: Any) -> None:
    first, _ = carry_out(Script({"a": [0], "b": [ending]}))
    assert (first.exit_code, first.word, first.state) == (130, "INTERRUPTED", SuiteState.INTERRUPTED)
    assert first.step("p").word == "NOT RUN"

    again = Script({"b": [0], "p": [0]})
    second, _ = carry_out(again, first)
    assert again.done == ["b", "p"]
    assert (second.exit_code, second.state) == (0, SuiteState.FINISHED)
    assert second.seconds > first.seconds, "the length is that of all parts together"


@pytest.mark.parametrize(
    ("code", "again"), [(0, False), (1, False), (3, False), (4, False), (2, True), (5, True), (70, True)]
)
def test_what_has_no_result_is_done_again(code: int, again: bool) -> None:
    codes = [code, code] if code == 4 else [code]
    first, _ = carry_out(Script({"a": codes, "b": [0], "p": [0]}))
    script = Script({"a": [0], "b": [0], "p": [0]})
    carry_out(script, first)
    assert script.done == (["a"] if again else [])


def test_the_folder_keeps_the_record(tmp_path: Path) -> None:
    record = new_record("nightly", SUITE)
    folder = make_folder(tmp_path, record)
    assert read_record(folder) == record
    done, _ = carry_out(Script({"a": [0], "b": [0], "p": [0]}), record)
    save(folder, done)
    assert read_record(folder) == done


def test_folders_of_a_suite_are_told_from_others(tmp_path: Path) -> None:
    ours = make_folder(tmp_path, new_record("nightly", SUITE, datetime(2026, 1, 2, tzinfo=UTC)))
    older = make_folder(tmp_path, new_record("nightly", SUITE, datetime(2026, 1, 1, tzinfo=UTC)))
    make_folder(tmp_path, new_record("nightly-live", SUITE))
    broken = tmp_path / "20260103T000000Z-suite-nightly-abc"
    broken.mkdir()
    (broken / "suite.json").write_text("{}")
    assert suite_folders(tmp_path, "nightly") == [older, ours]
    with pytest.raises(UnreadableFileError, match=r"suite_id: Field required"):
        read_record(broken)
