"""`harness worker`: a load generator for a master on another machine, or in another container."""

import argparse
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli._locust_line import (
    MASTER_PORT,
    WorkerFiles,
    as_started,
    as_typed,
    scenario_files,
    worker_arguments,
)
from harness.cli._options import add_config_option, port_number, say
from harness.errors import ConfigError, UserError

if TYPE_CHECKING:
    from harness.cli._ask_master import Source
    from harness.config import Config

_EPILOG = """\
Without SCENARIO the master is asked which locustfiles it runs; the worker runs its own copies of them.
The master says how many workers it waits for:
  harness run cases --master --expect-workers 2

examples:
  harness worker --master-host 10.0.0.5
  harness worker cases --master-host 10.0.0.5
  harness worker --master-host 10.0.0.5 -- --processes 4
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "worker",
        help="send the load of a scenario for a master elsewhere",
        description="Join a Locust master as a worker, with the locustfiles of a scenario of harness.toml.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "scenario",
        metavar="SCENARIO",
        nargs="?",
        help="a name under [scenarios] in harness.toml (default: what the master runs)",
    )
    parser.add_argument("--master-host", metavar="HOST", required=True, help="where the master runs")
    parser.add_argument(
        "--master-port",
        type=port_number,
        default=MASTER_PORT,
        metavar="PORT",
        help="where it listens for workers (default: %(default)s)",
    )
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    from harness.cli._child import exec_foreground, interruptible
    from harness.config import load_config

    config = load_config(options.config_file)
    master = (options.master_host, options.master_port)
    if options.scenario:
        files = files_of(config, options.scenario)
    else:
        from harness.cli._ask_master import ask_master

        with interruptible():
            files = own_copies(config, ask_master(*master, say))
    arguments = worker_arguments(files, master, options.extra)
    say(as_typed(arguments))
    exec_foreground(as_started(arguments), os.environ)


def files_of(config: "Config", name: str) -> WorkerFiles:
    """What a worker of a scenario loads. Raises ConfigError if there is none, or a file is missing."""
    scenario = config.scenario(name)
    return WorkerFiles(tuple(scenario_files(config, scenario)), scenario.user_classes, scenario.tags)


def own_copies(config: "Config", sources: Sequence["Source"]) -> WorkerFiles:
    """This machine's copies of the master's files, with the user classes and tags of their scenario.

    A file is known by its name; of several, the one with the master's text. That the text is the same
    is for the master to check, which it does with every worker. Raises UserError for a file that no
    scenario has, and where two scenarios of these files differ in user classes or tags.
    """
    known: dict[str, WorkerFiles] = {}
    for name in config.scenarios:
        with contextlib.suppress(ConfigError):  # a scenario whose file is missing is not the master's
            known[name] = files_of(config, name)
    everywhere = {path: None for each in known.values() for path in each.paths}
    paths = tuple(_own_copy(source, list(everywhere)) for source in sources)
    same = {name: each for name, each in known.items() if set(each.paths) == set(paths)}
    choices = {(each.user_classes, each.tags) for each in same.values()}
    if len(choices) > 1:
        raise UserError(
            f"the scenarios {', '.join(sorted(same))} use what the master runs "
            f"({', '.join(source.name for source in sources)}), with different user classes or tags; "
            "name one: harness worker SCENARIO --master-host ..."
        )
    user_classes, tags = next(iter(choices), ((), ()))
    return WorkerFiles(paths, user_classes, tags)


def _own_copy(source: "Source", paths: Sequence[Path]) -> Path:
    from harness.config import suggest

    named = [path for path in paths if path.name == source.name]
    if not named:
        hint = suggest(source.name, {path.name for path in paths})
        raise UserError(
            f"the master runs {source.name}, which no scenario of harness.toml here has ({hint}); "
            "bring the master's files and harness.toml here, or name the scenario"
        )
    return next((path for path in named if _text(path) == source.text), named[0])


def _text(path: Path) -> str | None:
    """As the master reads it: with the line ends of any system as one."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
