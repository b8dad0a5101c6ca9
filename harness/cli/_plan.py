"""`harness plan`: what a wanted rate of cases needs, from what a run measured and a provider's limits."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli._options import add_config_option, add_runs_dir_option, refuse_extra, show
from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.config import PlanConfig
    from harness.runs import Run
    from harness.suites import CapacityPlan

_EPILOG = """\
The capacity of one process is the throughput of the highest load level of RUN that met the scenario's
criteria; a run with several levels up to one that fails (a stress run, a breakpoint search) tells most.
Calls, tokens and cost of a case are those of the run. Limits are the published ones, or your own account's.

exit codes: 0 shown, 2 usage, or a run that does not tell, 4 the run's measurement is invalid

examples:
  harness plan --cases-per-s 40
  harness plan 20261124T063300Z-stress-1a2b3c --cases-per-s 40 --processes 2
  harness plan --cases-per-s 40 --limits my_limits.toml --json
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "plan",
        help="what a wanted rate of cases needs",
        description="Plan capacity for a rate of cases: processes, the provider's tier, and cost.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", nargs="?", default="latest", metavar="RUN", help="default: the latest run")
    parser.add_argument("--cases-per-s", type=_above_zero, required=True, metavar="N", help="the wanted rate")
    parser.add_argument(
        "--processes", type=_processes, metavar="N", help="processes of the service that the run loaded"
    )
    parser.add_argument("--limits", metavar="FILE", help="the provider's limits (default: Groq's, published)")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    add_runs_dir_option(parser)
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _above_zero(text: str) -> float:
    with suppress(ValueError):
        if 0 < (number := float(text)) < float("inf"):
            return number
    raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")


def _processes(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of processes from 1")
    return int(text)


def _command(options: argparse.Namespace) -> int:
    from harness.cli._run_names import open_named
    from harness.config import load_config
    from harness.suites import plan_table

    refuse_extra(options)
    config = load_config(options.config_file)
    run = open_named(options.run, config.runs_path(options.runs_dir))
    settings = config.plan
    if options.processes:
        settings = settings.model_copy(update={"processes": options.processes})
    limits = Path(options.limits) if options.limits else None
    plan, invalid = plan_of_run(run, options.cases_per_s, settings, limits)
    code = ExitCode.INVALID if invalid else ExitCode.OK
    if options.json:
        show(json.dumps(asdict(plan), indent=2, ensure_ascii=False))
        return code
    table = plan_table(plan)
    show(f"{plan.sentence[:1].upper()}{plan.sentence[1:]}.")
    show(f"From run {plan.carried.run} ({plan.carried.how}).\n")
    show(_lines(table.rows, piped=not sys.stdout.isatty()))
    for note in table.notes:
        show(f"Note: {note}")
    return code


def _lines(rows: Sequence[Sequence[str]], *, piped: bool) -> str:
    """Rows in columns; tab-separated for a program."""
    if piped:
        return "\n".join("\t".join(row) for row in rows)
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]}" for row in rows)


def plan_of_run(
    run: "Run", cases_per_s: float, settings: "PlanConfig", limits_file: Path | None = None
) -> "tuple[CapacityPlan, str]":
    """The plan from one run, and why the run decides nothing; empty where it does.

    Raises UserError where the run does not tell what a process carries.
    """
    from harness.analysis import Dataset
    from harness.cli._sides import why_invalid
    from harness.suites import carried_by, model_shares, plan_capacity, read_limits

    dataset = Dataset.from_run(run)
    carried, per_case = carried_by(run, dataset, settings.processes)
    shares, note = model_shares(run, settings.calls)
    limits = read_limits(limits_file)
    plan = plan_capacity(cases_per_s, carried, per_case, shares, limits, settings.headroom_percent / 100)
    invalid = why_invalid(run, dataset)
    broken = f"INVALID: {run.manifest.run_id}: {invalid}; these figures decide nothing" if invalid else ""
    return replace(plan, notes=tuple(filter(None, (broken, *plan.notes, note)))), invalid
