"""`harness run`: one scenario as an ordinary Locust command, checked before and accounted for after."""

import argparse
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli._child import Ended, end_workers_of, run_foreground
from harness.cli._environment import folder_in, run_path_file
from harness.cli._locust_line import (
    MASTER_PORT,
    RunRequest,
    as_started,
    as_typed,
    locust_arguments,
    scenario_files,
)
from harness.cli._net import free_port, require_free_port, why_unreachable
from harness.cli._options import add_config_option, add_runs_dir_option, port_number, say, show, whole_number
from harness.errors import ConfigError, ExitCode, TargetUnreachableError, UserError

if TYPE_CHECKING:
    from harness.config import Config

_REACH_TIMEOUT_S = 5.0
_EPILOG = """\
The line that is run is printed; typed by hand it does the same. What follows `--` goes to Locust.

examples:
  harness run cases
  harness run cases --host http://127.0.0.1:8000 --workers 4
  harness run cases --with-services              start the scenario's services on free ports
  harness run cases --dry-run                    print the line and stop
  harness run cases --master --expect-workers 2  wait for 2 x `harness worker cases --master-host HERE`
  harness run cases -- --levels 10,100 --hold-s 60
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "run",
        help="run a scenario of harness.toml",
        description="Run a scenario of harness.toml with Locust, and end with its verdict's exit code.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", metavar="SCENARIO", help="a name under [scenarios] in harness.toml")
    parser.add_argument("--host", metavar="URL", help="the service to load (default: the scenario's)")
    parser.add_argument(
        "--workers",
        type=whole_number,
        metavar="N",
        help="load-generating processes; 0 for none beside the main one",
    )
    parser.add_argument("--seed", type=whole_number, metavar="N", help="seed of cases and arrivals")
    parser.add_argument(
        "--master-port", type=port_number, metavar="PORT", help="for the workers (default: a free one)"
    )
    parser.add_argument(
        "--master",
        action="store_true",
        help=f"wait for workers on other machines (`harness worker`), on port {MASTER_PORT} unless given",
    )
    parser.add_argument(
        "--expect-workers",
        type=whole_number,
        metavar="N",
        help="with --master: how many (default: the scenario's)",
    )
    parser.add_argument(
        "--with-services", action="store_true", help="start the scenario's services, and stop them after"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the locust line and stop")
    add_runs_dir_option(parser)
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    request = RunRequest(
        scenario=options.scenario,
        host=options.host,
        workers=options.expect_workers if options.master else options.workers,
        seed=options.seed,
        runs_dir=options.runs_dir,
        config_file=options.config_file,
        master_port=options.master_port or (MASTER_PORT if options.master else None),
        remote_workers=options.master,
        with_services=options.with_services,
        extra=tuple(options.extra),
    )
    if options.dry_run:
        return _print_line(request)
    return run_scenario(request)


def _print_line(request: RunRequest) -> int:
    config = _load(request)
    port = request.master_port or free_port()
    show(as_typed(locust_arguments(config, request, _host(config, request, {}), port)))
    return ExitCode.OK


def run_scenario(request: RunRequest) -> int:
    """Check, run and account for one scenario; returns its exit code."""
    config = _load(request)
    if request.master_port:
        require_free_port(request.master_port, "leave --master-port out and a free one is taken")
    with _services(config, request) as ports:
        host = _host(config, request, ports)
        _require_target(config, request, host, ports)
        port = request.master_port or free_port()
        arguments = locust_arguments(config, request, host, port, ports)
        say(as_typed(arguments))
        with run_path_file() as path_file:
            env = {**os.environ, **_metrics_variable(config, host, ports)}
            ended = run_foreground(as_started(arguments), env)
            if ended.code < 0:
                end_workers_of(port)
            return _exit_code(ended, folder_in(path_file))


def _hint_at_the_import(config: "Config", request: RunRequest) -> None:
    """Without the plugin, Locust knows none of the harness's options: a newcomer's likeliest slip."""
    files = scenario_files(config, config.scenario(request.scenario))
    if not any("harness.plugin" in file.read_text(encoding="utf-8", errors="replace") for file in files):
        say(f"harness: {files[0]} does not import the harness; add the line `import harness.plugin` to it")


def _load(request: RunRequest) -> "Config":
    """The configuration, with everything checked that needs no process and no network."""
    from harness.config import load_config

    config = load_config(request.config_file)
    scenario = config.scenario(request.scenario)
    scenario_files(config, scenario)
    if request.with_services and not scenario.services:
        raise ConfigError(f"scenarios.{request.scenario} names no services for --with-services to start")
    return config


@contextmanager
def _services(config: "Config", request: RunRequest) -> Iterator[Mapping[str, int]]:
    """The scenario's services where they were asked for; yields their ports."""
    if not request.with_services:
        yield {}
        return
    from harness.cli._services import running

    runs_dir = config.runs_path(request.runs_dir)
    with running(config, config.scenario(request.scenario).services, runs_dir) as ports:
        yield ports


def _host(config: "Config", request: RunRequest, ports: Mapping[str, int]) -> str:
    host = request.host or config.scenario(request.scenario).host
    if not host:
        raise UserError(f"scenario '{request.scenario}' has no host; give --host http://...")
    if not host.startswith(("http://", "https://")):
        raise UserError(f"--host {host.rpartition('@')[2]}: should start with http:// or https://")
    return config.expand(host, ports=ports).rstrip("/")


def _metrics_variable(config: "Config", host: str, ports: Mapping[str, int]) -> dict[str, str]:
    """Where services on free ports tell of themselves, which the configuration does not know."""
    from harness.config import METRICS_VARIABLE

    urls = config.metrics_urls(host, ports) if ports else {}
    return {METRICS_VARIABLE: " ".join(f"{name}={url}" for name, url in urls.items())} if urls else {}


def _require_target(config: "Config", request: RunRequest, host: str, ports: Mapping[str, int]) -> None:
    """Raise TargetUnreachableError unless the scenario's own service is ready, before any load is made.

    Any other host is for Locust's process to ask, once the locustfile has agreed to be run: an options'
    mistake, or a live provider without its key, is told first.
    """
    from harness.config import hide_credentials

    for name in config.scenario(request.scenario).services:
        ready = config.expand(config.services[name].ready_url, name, ports)
        if not ready.startswith(f"{host}/"):
            continue
        reason = why_unreachable(ready, _REACH_TIMEOUT_S, any_answer=False)
        if reason is not None:
            raise TargetUnreachableError(
                f"the target does not answer at {hide_credentials(ready)} ({reason}); start it with "
                f"`harness serve {name}` or --with-services, or give another --host"
            )
        return


def _exit_code(ended: Ended, folder: Path | None) -> int:
    """The child's own code, unless it left no run, or a run that nothing sealed."""
    state = _state_of(folder)
    if state is None:
        if ended.interrupted:
            return ExitCode.INTERRUPTED
        if ended.code in (ExitCode.USAGE, ExitCode.UNREACHABLE, ExitCode.BUG):  # it has said why
            return ended.code
        say(f"harness: Locust ended with {_ending(ended.code)} before a run began; see its output above")
        return ExitCode.USAGE
    if state != "sealed" or ended.code < 0:
        say(
            f"harness: Locust ended with {_ending(ended.code)} before the run was sealed; what arrived "
            f"until then can be read: harness report {folder}"
        )
        return ExitCode.INVALID
    return ended.code


def _state_of(folder: Path | None) -> str | None:
    if folder is None:
        return None
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(manifest.get("state"))


def _ending(code: int) -> str:
    return f"code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
