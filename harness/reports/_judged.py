"""From a run that is on disk to its verdict and its report files, in one call."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from harness.analysis import Dataset, Summary, Trend, summarise, trend
from harness.reports._component_steps import component_steps
from harness.reports._terminal import terminal_report, wants_colour
from harness.reports._words import overall
from harness.reports._write import write_reports
from harness.runs import Manifest, Run, RunSource
from harness.verdicts import Judgement, Regression, judge, parse_rule, with_regression


@dataclass(slots=True, frozen=True)
class Judged:
    """A judged run and where its reports are."""

    summary: Summary
    judgement: Judgement
    manifest: Manifest
    report_path: Path

    @property
    def overall(self) -> str:
        """The one word for the whole run, as in the report's banner."""
        return overall(self.judgement)

    def terminal_text(self, stream: TextIO, *, width: int) -> str:
        """The verdicts, fit for `stream` (colour on a terminal alone), and the path of the report."""
        colour = wants_colour(stream)
        text = terminal_report(self.summary, self.judgement, self.manifest, width=width, colour=colour)
        return f"{text}\nReport: {self.report_path}"


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
    exit code; `strict` as in `judge`. Raises ConfigError for a rule that cannot be read, OSError
    when a report cannot be written.
    """
    manifest = run.manifest
    is_folder = run.source is RunSource.FOLDER
    if out_dir is None:
        out_dir = run.path if is_folder else run.path.with_name(f"{run.path.name}-report")
    texts = manifest.scenario.criteria if criteria is None else criteria
    rules = [parse_rule(name, text) for name, text in texts.items()]
    dataset = Dataset.from_run(run)
    judgement = judge(run, dataset, rules, strict=strict)
    if regression is not None:
        judgement = with_regression(judgement, regression, strict=strict)
    summary = summarise(run, dataset)
    earlier = _earlier_runs(run) if is_folder else Trend()
    noted = replace(summary, notes=(*summary.notes, earlier.note)) if earlier.note else summary
    shifts = component_steps(dataset, summary.components)
    written = write_reports(
        out_dir, noted, judgement, manifest, earlier.points, regression, shifts=shifts, strict=strict
    )
    return Judged(summary, judgement, manifest, written["report.html"])


def _earlier_runs(run: Run) -> Trend:
    """Runs beside this one that started before it and can be compared with it."""
    manifest = run.manifest
    return trend(
        run.path.resolve().parent,
        manifest.scenario.name,
        before=manifest.started_at,
        fingerprint=manifest.fingerprint,
    )
