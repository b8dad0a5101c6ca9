"""`harness open`: the report of a run or a suite in a browser, served on this machine alone."""

import argparse
import functools
import http.server
from pathlib import Path
from typing import Any

from harness.cli._options import (
    add_config_option,
    add_runs_dir_option,
    port_number,
    refuse_extra,
    say,
    show,
)
from harness.errors import ExitCode, PortBusyError, UnreadableFileError

REPORT = "report.html"
_LOOPBACK = "127.0.0.1"
_EPILOG = """\
examples:
  harness open                       the latest run
  harness open 20261124T063300Z-cases-1a2b3c
  harness open 20261124T063300Z-suite-daily-1a2b3c      with the reports of its runs
  harness open RUN --port 8100
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "open",
        help="serve a run's report locally",
        description="Serve a run's report on 127.0.0.1 until Ctrl-C, and print the address.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", nargs="?", default="latest", metavar="RUN", help="default: the latest run")
    parser.add_argument("--port", type=port_number, metavar="PORT", help="default: a free one")
    add_runs_dir_option(parser)
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    from harness.cli._run_names import find_run
    from harness.config import load_config

    refuse_extra(options)
    runs_dir = load_config(options.config_file).runs_path(options.runs_dir)
    suite = _suite(options.run, runs_dir)
    if suite is not None:  # its report leads to those of the runs beside it
        folder, page = suite.resolve().parent, f"{suite.resolve().name}/{REPORT}"
    else:
        path = find_run(options.run, runs_dir)
        folder, page = path if path.is_dir() else path.with_name(f"{path.name}-report"), REPORT
    if not (folder / page).is_file():
        raise UnreadableFileError(f"{folder}: no {page} in it; `harness report {options.run}` writes it")
    with _server(folder, page, options.port) as server:
        show(f"http://{_LOOPBACK}:{server.server_address[1]}/{page}")
        say("Ctrl-C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("")
    return ExitCode.OK


def _suite(word: str, runs_dir: Path) -> Path | None:
    """The folder of a suite that a word means; None where it means none."""
    return next((path for path in (Path(word), runs_dir / word) if (path / "suite.json").is_file()), None)


def _server(folder: Path, page: str, port: int | None) -> http.server.ThreadingHTTPServer:
    handler = functools.partial(_Files, page, directory=str(folder))
    try:
        return http.server.ThreadingHTTPServer((_LOOPBACK, port or 0), handler)
    except OSError as error:
        raise PortBusyError(f"port {port} is not free ({error.strerror}); give another --port") from error


class _Files(http.server.SimpleHTTPRequestHandler):
    """The files of one folder, `page` first; no listing, and nothing is logged."""

    def __init__(self, page: str, *args: Any, **options: Any) -> None:
        self._page = page
        super().__init__(*args, **options)

    def do_GET(self) -> None:
        if self.path.partition("?")[0] == "/":
            self.send_response(302)
            self.send_header("Location", f"/{self._page}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def list_directory(self, path: object) -> None:  # noqa: ARG002 - the base class's signature
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass
