"""`harness capacity`: how much load a service carries within its criteria, and what saturates first."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.cli._options import add_config_option, add_runs_dir_option, refuse_extra, show
from harness.errors import ExitCode, UserError

if TYPE_CHECKING:
    from harness.analysis import Capacity
    from harness.runs import Run
    from harness.verdicts import CapacityVerdict, LevelVerdict, ValidityCheck

_EPILOG = """\
A level is a hold phase with one number of users, or of arrivals/s. It is judged by the targets of the
scenario's rules on response times and failures (`load_criteria`, else its criteria). Levels of several
runs of the same scenario are put together. Six levels or more are needed for the scalability law.
Stock Locust CSVs need P_stats_history.csv; they tell throughput and errors by level, no percentiles,
and not what saturates.

exit codes: 0 shown, 1 below --at-least or not known to reach it, 2 usage or unreadable,
4 a measurement is invalid

examples:
  harness capacity latest
  harness capacity 20261124T063300Z-stress-1a2b3c --at-least 40
  harness capacity RUN RUN RUN --json
  harness capacity results/my_run --scenario cases        stock CSVs, results/my_run_stats.csv, ...
  harness capacity latest | cut -f3,6,11                  piped: a line per level, tab-separated
"""


@dataclass(slots=True, frozen=True)
class _Looked:
    """What one run says of capacity."""

    capacity: "Capacity"
    levels: "list[LevelVerdict]"
    checks: "list[ValidityCheck]"
    notes: tuple[str, ...]
    invalid: str


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "capacity",
        help="tell how much load the criteria allow, and what saturates first",
        description="Tell how much load a service carries within its criteria, and what saturates first.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="a run folder, the id of a run (or a part of it), `latest`, or the prefix P of P_stats.csv",
    )
    parser.add_argument("--scenario", metavar="NAME", help="judge by this scenario's criteria")
    parser.add_argument(
        "--at-least", type=_load, metavar="N", help="exit with 1 unless the capacity is N or more"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print everything as JSON, as in summary.json")
    form.add_argument("--tsv", action="store_true", help="a line per level, tab-separated (so when piped)")
    form.add_argument("--table", action="store_true", help="a table and sentences (so in a terminal)")
    add_runs_dir_option(parser)
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _load(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a load above 0")
    return value


def _command(options: argparse.Namespace) -> int:
    from harness.analysis import merged_capacity
    from harness.cli._run_names import open_named
    from harness.config import load_config
    from harness.verdicts import capacity_verdict

    refuse_extra(options)
    config = load_config(options.config_file)
    runs_dir = config.runs_path(options.runs_dir)
    runs = [open_named(word, runs_dir) for word in options.runs]
    _check_same(runs)
    looked = []
    for run in runs:
        scenario = run.manifest.scenario
        if options.scenario:
            load_criteria, criteria = {}, dict(config.criteria_of(options.scenario))
        else:
            load_criteria, criteria = scenario.load_criteria, scenario.criteria
        looked.append(_look(run, load_criteria, criteria))
    try:
        capacity = merged_capacity([each.capacity for each in looked])
    except ValueError as error:
        raise UserError(f"{error}: name runs of one kind of load") from error
    verdict = capacity_verdict(capacity, [level for each in looked for level in each.levels])
    show(_text(options, capacity, verdict, looked))
    if any(each.invalid for each in looked):
        return ExitCode.INVALID
    low = None if verdict is None else verdict.slo.low
    return (
        ExitCode.CRITERIA
        if options.at_least is not None and (low is None or low < options.at_least)
        else ExitCode.OK
    )


def _check_same(runs: "Sequence[Run]") -> None:
    """Levels of different services or loads are not points of one curve."""
    ids = [run.manifest.run_id for run in runs]
    twice = next((run_id for run_id in ids if ids.count(run_id) > 1), None)
    if twice:
        raise UserError(f"run {twice} is named twice")
    scenarios = sorted({run.manifest.scenario.name for run in runs})
    if len(scenarios) > 1:
        raise UserError(f"runs of different scenarios ({', '.join(scenarios)}) are not levels of one load")


def _look(run: "Run", load_criteria: dict[str, str], criteria: dict[str, str]) -> _Looked:
    from harness.analysis import Dataset, summarise
    from harness.cli._sides import why_invalid
    from harness.verdicts import judge_levels, judge_validity, load_rules

    dataset = Dataset.from_run(run)
    summary = summarise(run, dataset)
    run_id = run.manifest.run_id
    if summary.capacity is None:
        held = len(summary.steps)
        raise UserError(
            f"{run_id}: {held} load level{'' if held == 1 else 's'} measured, two or more are needed; "
            "hold several levels, as with shapes/concurrency_steps.py"
            + ("" if summary.exact else " (and keep P_stats_history.csv beside P_stats.csv)")
        )
    rules = load_rules(load_criteria, criteria)
    notes = []
    if not rules:
        notes.append("No rule on response times or failures: no capacity at the criteria; name a --scenario")
    if not summary.exact:
        notes.append(
            "Stock Locust CSVs: their percentiles are cumulative, so that no level has one of its own; "
            "rules on response times are not judged"
        )
    invalid = why_invalid(run, dataset)
    if invalid:
        notes.append(f"INVALID: {run_id}: {invalid}; these figures decide nothing")
    return _Looked(
        summary.capacity,
        judge_levels(run_id, summary.steps, rules),
        judge_validity(run, dataset),
        tuple(notes),
        invalid,
    )


def _text(
    options: argparse.Namespace,
    capacity: "Capacity",
    verdict: "CapacityVerdict | None",
    looked: Sequence[_Looked],
) -> str:
    from harness.cli._sides import as_json
    from harness.reports import capacity_document, capacity_terminal, capacity_tsv, finite, wants_colour

    notes = list(dict.fromkeys(note for each in looked for note in each.notes))
    if options.json:
        document = capacity_document(capacity, verdict) or {}
        return as_json(
            finite({**document, "valid": not any(each.invalid for each in looked), "notes": notes})
        )
    if options.tsv or not (options.table or sys.stdout.isatty()):
        return capacity_tsv(capacity, verdict)
    checks = [check for each in looked for check in each.checks]
    width = shutil.get_terminal_size().columns
    return capacity_terminal(capacity, verdict, checks, notes, width=width, colour=wants_colour(sys.stdout))
