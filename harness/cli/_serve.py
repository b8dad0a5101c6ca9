"""`harness serve`: one service of harness.toml in this terminal, until it is told to stop."""

import argparse
import os
import shlex
from collections.abc import Mapping

from harness.cli._child import exec_foreground
from harness.cli._net import require_free_port, why_unreachable
from harness.cli._options import add_config_option, port_number, refuse_extra, say
from harness.errors import UserError

_EPILOG = """\
examples:
  harness serve inference
  harness serve target --port 8010
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "serve",
        help="start a service of harness.toml",
        description="Run the command that harness.toml gives under [services.NAME], in the foreground.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="a name under [services] in harness.toml")
    parser.add_argument("--port", type=port_number, help="listen here instead of the port in harness.toml")
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    from harness.cli._services import ready_url, service_command
    from harness.config import load_config

    refuse_extra(options)
    config = load_config(options.config_file)
    service = config.service(options.name)
    port = options.port or service.port
    if options.port and service.port is None:
        raise UserError(f"services.{options.name} has no port in harness.toml for --port to replace")
    if port:
        require_free_port(port, "stop what holds it, or give another --port")
    for needed in service.after:
        if reason := why_unreachable(ready_url(config, needed), timeout_s=2, any_answer=False):
            say(f"{options.name} needs {needed}, which is not ready ({reason}): harness serve {needed}")
    command, extra = service_command(config, options.name, {options.name: port} if port else {})
    _announce(command, extra)
    exec_foreground(command, {**os.environ, **extra})


def _announce(command: list[str], extra: Mapping[str, str]) -> None:
    for name, value in extra.items():
        own = os.environ.get(name)
        if own is not None and own != value:
            say(f"{name}={own} of your environment is replaced by {value}, as harness.toml says")
    say(" ".join([*(f"{name}={shlex.quote(value)}" for name, value in extra.items()), shlex.join(command)]))
