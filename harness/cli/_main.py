"""Parses the command line, runs one sub-command, and turns every ending into an exit code.

Imports the standard library alone, so that `harness --help` answers at once: each sub-command
imports what it needs when it runs.
"""

import argparse
import io
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from harness import __version__
from harness.cli import (
    _baseline,
    _capacity,
    _compare,
    _demo,
    _export,
    _history,
    _init,
    _open,
    _plan,
    _prune,
    _regression,
    _report,
    _run,
    _serve,
    _shapes,
    _suite,
    _worker,
)
from harness.errors import ExitCode, HarnessError, UserError

_COMMANDS = (
    _demo,
    _init,
    _run,
    _worker,
    _report,
    _open,
    _compare,
    _regression,
    _baseline,
    _capacity,
    _history,
    _suite,
    _plan,
    _prune,
    _export,
    _serve,
    _shapes,
)

_EPILOG = """\
examples:
  harness demo                      start the bundled service, load it, show the report
  harness init --curl 'curl ...'    make a load test of a service of your own
  harness run cases                 run a scenario of harness.toml against a service that is up
  harness regression cases          run a scenario and compare it with its baseline
  harness suite daily               several tests with one verdict
  harness compare BASE CANDIDATE    tell whether one run is slower than another
  harness capacity latest           tell how much load the criteria allow, and what saturates first
  harness report results/my_run     judge stock Locust CSVs (my_run_stats.csv, ...)
  harness serve target              start a service of harness.toml in this terminal

exit codes: 0 passed, 1 a criterion failed or had no data, 2 usage or configuration,
3 regression, 4 measurement invalid, 5 target not reachable, 70 a bug here, 130 interrupted
"""


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line like every other mistake of a user: in one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see `{self.prog} --help`")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command, with a `command` function set by each sub-command."""
    parser = _Parser(
        prog="harness",
        description="Load tests and benchmarks for LLM-agent services.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"harness {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in _COMMANDS:
        module.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the process's exit code.

    What follows `--` is kept for Locust. Raises SystemExit for --help and --version only.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no ✓ must not cost the verdict
    words = list(sys.argv[1:] if argv is None else argv)
    end = words.index("--") if "--" in words else len(words)
    try:
        options = build_parser().parse_args(words[:end])
        options.extra = words[end + 1 :]
        return int(options.command(options))
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("harness: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except Exception:
        traceback.print_exc()
        print("harness: this is a bug in the harness, not in your set-up", file=sys.stderr)
        return ExitCode.BUG
