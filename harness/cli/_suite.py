"""`harness suite`: several tests, one after the other, with one report and one verdict."""

import argparse
import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli._child import interruptible
from harness.cli._environment import leave_path
from harness.cli._options import add_config_option, add_runs_dir_option, refuse_extra, say, show
from harness.errors import ExitCode, UserError

if TYPE_CHECKING:
    from harness.config import Config, SuiteConfig
    from harness.suites import SuiteRecord

_EPILOG = """\
A suite is a list of steps under [suites.NAME] in harness.toml. Each run goes into a folder of its own, as
with `harness run`; the combined report goes into a folder beside them. Services are started once, on free
ports, and stopped at the end. Ctrl-C leaves the combined report with what ran; --resume goes on from there.

examples:
  harness suite                      the suites there are
  harness suite daily --estimate     how long it takes and what it may cost
  harness suite daily
  harness suite weekly --resume      go on with the last one, without repeating finished steps
  harness suite pr --no-services     against services that are up (`harness serve`)
  harness suite nightly --dry-run    the commands of its steps

exit codes: those of `harness run`; of several steps the first of 70, 2, 5, 130, 4, 1, 3, 0
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "suite",
        help="run several tests with one verdict",
        description="Run the steps of a suite of harness.toml, with one report and one verdict.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="default: list the suites")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--estimate", action="store_true", help="tell length and cost, and stop")
    what.add_argument("--dry-run", action="store_true", help="print the steps' commands, and stop")
    parser.add_argument("--resume", action="store_true", help="go on with the last one that was not finished")
    parser.add_argument(
        "--no-services", action="store_true", help="start none: use those at the ports of harness.toml"
    )
    parser.add_argument("--json", action="store_true", help="with a list or --estimate: as JSON")
    add_runs_dir_option(parser)
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    from harness.config import load_config

    refuse_extra(options)
    config = load_config(options.config_file)
    if options.name is None:
        return _list(config, as_json=options.json)
    suite = config.suite(options.name)
    _check(config, suite)
    if options.dry_run:
        return _print_commands(options, config, suite)
    runs_dir = config.runs_path(options.runs_dir)
    found = _resumed(runs_dir, options.name, suite) if options.resume else None
    if _tell_estimate(options, config, suite, found[1] if found else None):
        return ExitCode.OK
    return _run(options, config, suite, runs_dir, found)


def _list(config: "Config", *, as_json: bool) -> int:
    if as_json:
        listed = {
            name: {"description": suite.description, "steps": [step.label for step in suite.steps]}
            for name, suite in config.suites.items()
        }
        show(json.dumps(listed, indent=2, ensure_ascii=False))
        return ExitCode.OK
    if not config.suites:
        raise UserError("harness.toml has no suites; add one under [suites.NAME], see docs/suites.md")
    for name, suite in config.suites.items():
        show(f"{name}\t{len(suite.steps)} steps\t{suite.description}")
    return ExitCode.OK


def _check(config: "Config", suite: "SuiteConfig") -> None:
    """Find before the first step what would stop a later one. Raises ConfigError."""
    from harness.cli._locust_line import scenario_files
    from harness.verdicts import parse_rule

    for step in suite.steps:
        if step.scenario is not None:
            scenario_files(config, config.scenario(step.scenario))
            names = config.scenario(step.scenario).criteria
        else:
            names = step.prometheus or ()
        for name in names:
            parse_rule(name, config.criterion(name))


def _print_commands(options: argparse.Namespace, config: "Config", suite: "SuiteConfig") -> int:
    from harness.cli._suite_steps import Steps

    steps = Steps(config, Path("SUITE"), options.runs_dir, options.config_file)
    for step in suite.steps:
        show(f"{step.label}\t{shlex.join(steps.words(step)) or f'({step.kind}: no command of its own)'}")
    return ExitCode.OK


def _resumed(runs_dir: Path, name: str, suite: "SuiteConfig") -> "tuple[Path, SuiteRecord]":
    """The last unfinished folder of a suite. Raises UserError where there is nothing to go on with."""
    from harness.suites import digest_of, read_record, suite_folders

    folders = suite_folders(runs_dir, name)
    if not folders:
        raise UserError(f"no suite {name} in {runs_dir} to go on with; leave --resume out")
    record = read_record(folders[-1])
    if record.is_finished:
        raise UserError(f"the last suite {name} is finished ({folders[-1].name}); leave --resume out")
    if record.plan != digest_of(suite):
        raise UserError(f"the steps of {name} in harness.toml have changed since; leave --resume out")
    return folders[-1], record


def _tell_estimate(
    options: argparse.Namespace, config: "Config", suite: "SuiteConfig", record: "SuiteRecord | None"
) -> bool:
    """Say how long the suite takes; True where that is all that was asked for."""
    from harness.cli._suite_estimate import estimate_document, estimate_lines, estimate_of

    finished = [step.name for step in record.steps if step.is_finished] if record else []
    found = estimate_of(config, suite, finished)
    if options.estimate and options.json:
        show(json.dumps(estimate_document(options.name, found), indent=2))
        return True
    for line in estimate_lines(options.name, found):
        (show if options.estimate else say)(line)
    return bool(options.estimate)


def _run(
    options: argparse.Namespace,
    config: "Config",
    suite: "SuiteConfig",
    runs_dir: Path,
    found: "tuple[Path, SuiteRecord] | None",
) -> int:
    from harness.suites import make_folder, new_record

    with interruptible(), _services(config, suite, runs_dir, found, start=not options.no_services):
        if found is None:
            _offer_to_resume(runs_dir, options.name, suite)
            record = new_record(options.name, suite)
            folder = make_folder(runs_dir, record)
        else:
            folder, record = found[0], _taken_up(found[1])
        say(f"Suite folder: {folder}")
        record = _carry_out(options, config, suite, folder, record)
    return _conclude(folder, record)


def _offer_to_resume(runs_dir: Path, name: str, suite: "SuiteConfig") -> None:
    from harness.suites import digest_of, read_record, suite_folders

    folders = suite_folders(runs_dir, name)
    if not folders:
        return
    last = read_record(folders[-1])
    done = sum(step.is_finished for step in last.steps)
    if not last.is_finished and done and last.plan == digest_of(suite):
        say(
            f"{folders[-1].name} has {done} of {len(last.steps)} steps finished; this begins anew "
            f"(`harness suite {name} --resume` would go on with it)"
        )


def _taken_up(record: "SuiteRecord") -> "SuiteRecord":
    """The record of a suite that goes on; says so where other code is measured from now on."""
    from harness.suites import git_commit

    done = [step.name for step in record.steps if step.is_finished]
    say(f"Goes on after {', '.join(done) or 'nothing'}")
    now = git_commit()
    note = f"resumed {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    if now != record.git_commit:
        note += f" at commit {now}; {', '.join(done) or 'no step'} ran at {record.git_commit}"
    return record.model_copy(update={"notes": [*record.notes, note], "pid": os.getpid()})


def _carry_out(
    options: argparse.Namespace, config: "Config", suite: "SuiteConfig", folder: Path, record: "SuiteRecord"
) -> "SuiteRecord":
    from harness.cli._suite_steps import Steps
    from harness.suites import concluded, read_record, run_steps, save

    steps = Steps(config, folder, options.runs_dir, options.config_file)
    try:
        return run_steps(
            suite, record, steps, lambda current: save(folder, current), lambda: datetime.now(UTC)
        )
    except KeyboardInterrupt:  # between two steps
        return concluded(read_record(folder))


@contextmanager
def _services(
    config: "Config",
    suite: "SuiteConfig",
    runs_dir: Path,
    found: "tuple[Path, SuiteRecord] | None",
    *,
    start: bool,
) -> Iterator[None]:
    """The services of the steps that are left, started once; commands find them by $HARNESS_PORTS."""
    from harness.cli._services import running
    from harness.config import PORTS_VARIABLE

    done = {step.name for step in found[1].steps if step.is_finished} if found else set()
    left = [step for step in suite.steps if step.label not in done and not step.fresh_services]
    scenarios = [config.scenario(step.scenario) for step in left if step.scenario is not None]
    names = tuple(dict.fromkeys(name for scenario in scenarios for name in scenario.services))
    if not start or not names:
        yield
        return
    before = os.environ.get(PORTS_VARIABLE)
    with running(config, names, runs_dir) as ports:
        os.environ[PORTS_VARIABLE] = " ".join(f"{name}={port}" for name, port in ports.items())
        try:
            yield
        finally:
            if before is None:
                del os.environ[PORTS_VARIABLE]
            else:
                os.environ[PORTS_VARIABLE] = before


def _conclude(folder: Path, record: "SuiteRecord") -> int:
    """Write the combined report, show the verdict, leave the path to whoever asked for it."""
    from harness.reports import suite_terminal, wants_colour
    from harness.suites import save, suite_view, write_suite_reports

    try:
        save(folder, record)
        written = write_suite_reports(folder, record)
    except OSError as error:
        raise UserError(f"cannot write the report into {folder} ({error.strerror})") from error
    leave_path(folder)
    width = shutil.get_terminal_size().columns
    show("")
    show(suite_terminal(suite_view(record), width=width, colour=wants_colour(sys.stdout)))
    show(f"Report: {written['report.html']}")
    if record.sign_off:
        show(f"To sign: {written['sign-off.html']}")
    if record.exit_code == ExitCode.INTERRUPTED:
        say(f"`harness suite {record.suite} --resume` goes on from here")
    return int(record.exit_code or 0)
