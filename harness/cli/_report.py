"""`harness report`: judge a run folder or stock Locust CSVs again, and write the reports."""

import argparse
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli._options import add_config_option, refuse_extra, show
from harness.errors import UnreadableFileError, UserError

if TYPE_CHECKING:
    from harness.runs import Run

_EPILOG = """\
A run folder is judged by the criteria it was run with, unless others are given, and with what
`harness regression` compared it with. Stock CSVs (`locust --csv PREFIX`) carry no criteria: name a
scenario of harness.toml, or rules.

examples:
  harness report benchmarks/results/20261124T063300Z-cases-1a2b3c
  harness report results/my_run --scenario cases           reads results/my_run_stats.csv, ...
  harness report results/my_run --criteria error_rate --criteria 'p95(response_time) < 300 ms'
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "report",
        help="judge a run folder or stock Locust CSVs, and write the reports",
        description="Judge a run, write its reports, and end with its verdict's exit code.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", metavar="PATH", help="a run folder, or the prefix P of P_stats.csv")
    parser.add_argument("--out", metavar="DIR", help="where to write (default: the run folder, or P-report/)")
    parser.add_argument("--scenario", metavar="NAME", help="judge by this scenario's criteria")
    parser.add_argument(
        "--criteria",
        action="append",
        default=[],
        metavar="NAME|RULE",
        help="judge by this criterion of harness.toml, or by this rule; may be repeated",
    )
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    refuse_extra(options)
    run = _open(Path(options.path))
    texts = _criteria(options, run)

    from harness.reports import judge_and_report

    out = Path(options.out) if options.out else None
    try:
        judged = judge_and_report(run, texts, out)
    except OSError as error:
        where = error.filename or options.out or options.path
        raise UserError(
            f"cannot write reports at {where} ({error.strerror}); choose another --out"
        ) from error
    width = shutil.get_terminal_size().columns
    show(judged.terminal_text(sys.stdout, width=width))
    return judged.judgement.exit_code


def _open(path: Path) -> "Run":
    from harness.runs import is_run_folder, open_run, read_locust_csvs

    if not path.is_dir():
        return read_locust_csvs(path)
    csvs = sorted(path.glob("*_stats.csv"))
    if csvs and not is_run_folder(path):
        prefix = path / csvs[0].name.removesuffix("_stats.csv")
        raise UnreadableFileError(
            f"{path}: not a run folder; to read the CSVs in it, give their prefix, such as {prefix}"
        )
    return open_run(path)


def _criteria(options: argparse.Namespace, run: "Run") -> Mapping[str, str]:
    """The rules to judge by: those asked for, else those that the run was started with."""
    if not options.scenario and not options.criteria:
        return run.manifest.scenario.criteria
    from harness.config import load_config

    config = load_config(options.config_file)
    chosen = config.criteria_of(options.scenario) if options.scenario else {}
    # A rule compares, a name does not; a rule that has no name goes by its own text.
    given = {word: word if re.search("[<>]", word) else config.criterion(word) for word in options.criteria}
    return {**chosen, **given}
