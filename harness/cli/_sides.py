"""Runs and baselines read for a comparison, and what keeps one of them from being compared."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli._run_names import open_named
from harness.errors import UnreadableFileError, UserError

if TYPE_CHECKING:
    from harness.analysis import Dataset, Points, RunSeries
    from harness.config import Config
    from harness.runs import BaselineEntry, Run
    from harness.verdicts import Regression


@dataclass(slots=True, frozen=True)
class Side:
    """The runs of one side. `invalid` gives the reason of those that decide nothing, by run id."""

    runs: tuple["RunSeries", ...]
    invalid: Mapping[str, str] = field(default_factory=dict)
    criteria: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_runs(words: Iterable[str], runs_dir: Path, points: "Points | None" = None) -> Side:
    """The runs that words mean, each as often as it is named. Raises UserError for one named twice."""
    from harness.analysis import benchmark_series
    from harness.runs import is_benchmark_file, read_benchmarks

    series: list[RunSeries] = []
    invalid: dict[str, str] = {}
    criteria: dict[str, str] = {}
    for word in words:
        if is_benchmark_file(Path(word)):
            found, reason, own = benchmark_series(read_benchmarks(Path(word))), "", {}
        else:
            run = open_named(word, runs_dir)
            found, reason = read_run(run, points)
            own = run.manifest.scenario.criteria
        if any(found.run_id == other.run_id for other in series):
            raise UserError(f"run {found.run_id} is named twice; several runs of a side are different ones")
        series.append(found)
        criteria |= own
        if reason:
            invalid[found.run_id] = reason
    return Side(tuple(series), invalid, criteria)


def read_run(run: "Run", points: "Points | None" = None) -> "tuple[RunSeries, str]":
    """A run's samples, and why it decides nothing; empty where it does."""
    from harness.analysis import FULL, Dataset, run_series

    dataset = Dataset.from_run(run)
    return run_series(run, dataset, points or FULL), why_invalid(run, dataset)


def why_invalid(run: "Run", dataset: "Dataset") -> str:
    """What keeps a run from being compared, in a few words; empty where nothing does."""
    from harness.runs import RunSource, RunState
    from harness.verdicts import Validity, judge_validity

    if run.source is RunSource.FOLDER and run.manifest.state is not RunState.SEALED:
        return "it has not ended, or crashed before it was sealed"
    if run.manifest.interrupted:
        return "it was interrupted"
    broken = [check for check in judge_validity(run, dataset) if check.verdict is Validity.INVALID]
    return f"{broken[0].name}: {broken[0].reason}" if broken else ""


def is_baseline_file(word: str) -> bool:
    """Whether a word names a file with baselines rather than a run or microbenchmarks."""
    from harness.runs import is_benchmark_file

    path = Path(word)
    return word.endswith(".json") and path.is_file() and not is_benchmark_file(path)


def read_baseline(path: Path, scenario: str, config: "Config", *, now: datetime | None = None) -> Side | None:
    """The baseline of a scenario; None where the file has none. Notes its age where it is old.

    Raises UnreadableFileError for a file that is not a baseline.
    """
    from harness.runs import read_baselines

    entry = read_baselines(path).get(scenario)
    if entry is None:
        return None
    runs = entry_runs(path, entry)
    days = age_days(entry.saved_at, now)
    old = config.regression.old_after_days
    if days is None or days <= old:
        return Side(runs)
    return Side(
        runs, notes=(f"the baseline is {days:.0f} days old: `harness baseline promote RUN` renews it",)
    )


def entry_runs(path: Path, entry: "BaselineEntry") -> "tuple[RunSeries, ...]":
    """The runs of a baseline. Raises UnreadableFileError where a record is not one."""
    from harness.analysis import run_from_json

    try:
        runs = tuple(run_from_json(record) for record in entry.runs)
    except ValueError as error:
        raise UnreadableFileError(f"{path}: scenario {entry.scenario}: {error}") from error
    if not runs:
        raise UnreadableFileError(f"{path}: scenario {entry.scenario}: no run in it")
    return runs


def age_days(saved_at: str, now: datetime | None = None) -> float | None:
    """Days since a moment (ISO 8601); None where it is not one."""
    try:
        saved = datetime.fromisoformat(saved_at)
    except ValueError:
        return None
    saved = saved if saved.tzinfo else saved.replace(tzinfo=UTC)
    return ((now or datetime.now(UTC)) - saved).total_seconds() / 86_400


def baseline_path(config: "Config", explicit: str | None) -> Path:
    """The file with the baselines: what was given, else what harness.toml says."""
    return Path(explicit) if explicit else config.path(config.regression.baseline)


def judge_sides(config: "Config", base: Side, candidate: Side, ignored: Sequence[str]) -> "Regression":
    """The comparison judged by the rules of harness.toml and the targets of the candidate's criteria."""
    from dataclasses import replace

    from harness.verdicts import RegressionRules, judge_regression

    both = {run.run_id for run in base.runs} & {run.run_id for run in candidate.runs}
    if both:
        raise UserError(f"run {both.pop()} stands on both sides; compare it with another run")
    rules = RegressionRules(config.regression, {**base.criteria, **candidate.criteria})
    found = judge_regression(
        base.runs, candidate.runs, rules, ignored_parts=ignored, invalid={**base.invalid, **candidate.invalid}
    )
    return replace(found, notes=(*base.notes, *candidate.notes, *found.notes))


def ignored_parts(words: Iterable[str]) -> list[str]:
    """`--ignore-fingerprint a,b --ignore-fingerprint c` as a list."""
    return [part.strip() for word in words for part in word.split(",") if part.strip()]


def as_json(document: object) -> str:
    """A document as it is printed."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
