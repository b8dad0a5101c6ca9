"""From a run that is on disk to its verdict and its report files, in one call."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from harness.analysis import Dataset, Summary, Trend, summarise, trend, trend_changes, with_run
from harness.reports._regression_record import read_regression, write_regression
from harness.reports._regression_terminal import regression_terminal
from harness.reports._terminal import terminal_report, wants_colour
from harness.reports._words import overall
from harness.reports._write import write_reports
from harness.runs import Manifest, Run, RunSource
from harness.verdicts import (
    Judgement,
    Regression,
    judge,
    load_rules,
    parse_rule,
    with_capacity,
    with_capacity_rules,
    with_course_rules,
    with_regression,
)


@dataclass(slots=True, frozen=True)
class Judged:
    """A judged run, where its reports are, and how it compares where it was compared."""

    summary: Summary
    judgement: Judgement
    manifest: Manifest
    report_path: Path
    regression: Regression | None = None

    @property
    def overall(self) -> str:
        """The one word for the whole run, as in the report's banner."""
        return overall(self.judgement)

    def terminal_text(self, stream: TextIO, *, width: int) -> str:
        """The verdicts, fit for `stream` (colour on a terminal alone), and the path of the report."""
        colour = wants_colour(stream)
        parts = [terminal_report(self.summary, self.judgement, self.manifest, width=width, colour=colour)]
        if self.regression is not None:
            parts += ["", regression_terminal(self.regression, width=width, colour=colour), ""]
        return "\n".join([*parts, f"Report: {self.report_path}"])


def judge_and_report(
    run: Run,
    criteria: Mapping[str, str] | None = None,
    out_dir: Path | None = None,
    regression: Regression | None = None,
    *,
    strict: bool = False,
) -> Judged:
    """Judge a run and write its reports.

    `criteria` maps names to rules; without it, those that the run was started with apply.
    `out_dir` is the run folder itself, or `PREFIX-report` beside stock CSVs, unless given.
    `regression` is how the run compares with others, which is then a part of the reports and of the
    exit code; `strict` as in `judge`. A run folder keeps both (regression.json), and is reported with
    them from then on. Raises ConfigError for a rule that cannot be read, UnreadableFileError for a
    kept comparison that is none, OSError when a report cannot be written.
    """
    manifest = run.manifest
    is_folder = run.source is RunSource.FOLDER
    if out_dir is None:
        out_dir = run.path if is_folder else run.path.with_name(f"{run.path.name}-report")
    texts = manifest.scenario.criteria if criteria is None else criteria
    rules = [parse_rule(name, text) for name, text in texts.items()]
    if is_folder:
        regression, strict = _kept(run.path, regression, strict=strict)
    dataset = Dataset.from_run(run)
    judgement = judge(run, dataset, rules, strict=strict)
    summary = summarise(run, dataset)
    asked = load_rules(manifest.scenario.load_criteria if criteria is None else {}, texts)
    judgement = with_capacity(judgement, manifest.run_id, summary.capacity, summary.steps, asked)
    judgement = with_capacity_rules(judgement, rules, manifest, strict=strict)
    judgement = with_course_rules(judgement, rules, summary, manifest, strict=strict)
    if regression is not None:
        judgement = with_regression(judgement, regression, strict=strict)
    earlier = _earlier_runs(run) if is_folder else Trend()
    notes = (*summary.notes, *([earlier.note] if earlier.note else []))
    changes = trend_changes(with_run(earlier.points, summary, overall(judgement)))
    noted = replace(summary, notes=notes, trend_changes=changes)
    written = write_reports(out_dir, noted, judgement, manifest, earlier.points, regression, strict=strict)
    return Judged(summary, judgement, manifest, written["report.html"], regression)


def _kept(folder: Path, given: Regression | None, *, strict: bool) -> tuple[Regression | None, bool]:
    """The comparison as the folder keeps it, so that reports made later say exactly the same."""
    if given is not None:
        record = write_regression(folder, given, strict=strict)
    elif (found := read_regression(folder)) is not None:
        record = found
    else:
        return None, strict
    return record.regression, record.strict


def _earlier_runs(run: Run) -> Trend:
    """Runs beside this one that started before it and can be compared with it."""
    manifest = run.manifest
    return trend(
        run.path.resolve().parent,
        manifest.scenario.name,
        before=manifest.started_at,
        fingerprint=manifest.fingerprint,
    )
