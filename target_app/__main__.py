"""`python -m target_app --port 8000 [--host H] [--workers N]`: run the service.

A wrong option or setting, or a busy port, is one line on stderr and exit code 2, before anything heavy is
imported.
"""

import argparse
import math
import os
import signal
import socket
import sys
import tempfile
from typing import NoReturn

import uvicorn
from uvicorn.supervisors import Multiprocess

from target_app.errors import SettingsError
from target_app.settings import Settings

EXIT_USAGE = 2
KEEP_ALIVE_S = 75
SHUTDOWN_MARGIN_S = 5
"""After SIGTERM a case in work has its whole deadline, and this much more for its answer to be read."""
BACKLOG = 2048

LOG_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"}
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"uvicorn": {"level": "INFO"}, "target_app": {"level": "INFO"}},
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _fail(f"{message} (see --help)")


def _fail(message: str) -> NoReturn:
    print(f"target_app: {message}", file=sys.stderr)
    raise SystemExit(EXIT_USAGE)


class _Supervisor(Multiprocess):
    """uvicorn's, which keeps its own copy of the socket open until the last worker has finished.

    New connections would be taken in by the kernel meanwhile and never be answered.
    """

    def terminate_all(self) -> None:
        for sock in self.sockets:
            sock.close()
        super().terminate_all()


def main(argv: list[str] | None = None) -> None:
    """Parse, check, bind, serve."""
    options = _parse(argv)
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        _fail(str(error))
    sock = _bind(options.host, options.port)
    shutdown_s = math.ceil(settings.case_deadline_s) + SHUTDOWN_MARGIN_S
    if options.workers == 1:
        _serve(sock, workers=1, shutdown_s=shutdown_s)
        return
    with tempfile.TemporaryDirectory(prefix="target-metrics-") as directory:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
        _serve(sock, workers=options.workers, shutdown_s=shutdown_s)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="python -m target_app", description="Run the medical-case assistant.", allow_abbrev=False
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on (default: %(default)s)")
    parser.add_argument("--workers", type=_workers, default=1, help="processes (default: %(default)s)")
    return parser.parse_args(argv)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give 0 to 65535")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers: give 1 to 64")
    return int(text)


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, proto)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        # Listening now makes a second service fail here instead of later, in uvicorn.
        sock.listen(BACKLOG)
    except OSError as error:
        _fail(f"cannot listen on {host}:{port}: {error.strerror}; give another --port or --host")
    sock.set_inheritable(True)
    return sock


def _serve(sock: socket.socket, *, workers: int, shutdown_s: int) -> None:
    config = uvicorn.Config(
        "target_app.app:create_app",
        factory=True,
        loop="auto",  # uvloop where it is installed
        http="httptools",
        workers=workers,
        log_config=LOG_CONFIG,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=shutdown_s,
        backlog=BACKLOG,
    )
    server = uvicorn.Server(config)
    host, port = sock.getsockname()[:2]
    print(f"target_app: listening on http://{host}:{port}", file=sys.stderr, flush=True)
    if workers > 1:
        _Supervisor(config, sockets=[sock]).run()
        return
    # Having shut down, uvicorn raises the signal again; whoever asked for the end wants an exit code of 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[sock])
    if not server.started:
        raise SystemExit(3)


if __name__ == "__main__":
    main()
