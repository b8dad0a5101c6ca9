"""The command line: `python -m target_app.inference --port 9101 --profile reference`.

A wrong option, an unusable profile or a busy port is one line on stderr and exit code 2.
"""

import argparse
import gc
import math
import socket
import sys
from typing import Literal, NoReturn

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from target_app.inference._app import CLOSE_EXTENSION, InferenceApp
from target_app.inference._faults import FaultError
from target_app.inference._limits import LimitsError, tier_names
from target_app.inference._profile import Profile, ProfileError, load_profile, profile_names

EXIT_USAGE = 2
# Longer than any client's own idle limit, so that the client closes first and no request meets a closed
# socket.
_KEEP_ALIVE_S = 120
_BACKLOG = 2048


class Protocol(HttpToolsProtocol):
    """uvicorn's, which also hands the application a function that closes the connection.

    Cutting a connection is a fault that the simulator can inject, and ASGI has no message for it.
    """

    def on_message_begin(self) -> None:
        """Start a request's scope."""
        super().on_message_begin()
        self.scope["extensions"] = {CLOSE_EXTENSION: self.transport.close}  # type: ignore[dict-item]  # a private one


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _fail(f"{message} (see --help)")


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code."""
    options = _parser().parse_args(argv)
    try:
        profile = load_profile(options.profile)
        app = InferenceApp(
            profile,
            seed=options.seed,
            speed_factor=options.speed_factor,
            faults=options.fault,
            rate_limits=options.rate_limits,
        )
    except (ProfileError, FaultError, LimitsError) as error:
        _fail(str(error))
    with _listen(options.host, options.port) as sock:
        host, port = sock.getsockname()[:2]
        print(_banner(profile, options, f"http://{host}:{port}"), flush=True)
        config = server_config(app)
        # What is loaded by now lives as long as the process: spare the collector from walking it.
        gc.freeze()
        try:
            uvicorn.Server(config).run(sockets=[sock])
        except KeyboardInterrupt:
            return 0
    return 0


def server_config(app: InferenceApp, *, loop: Literal["auto", "asyncio"] = "auto") -> uvicorn.Config:
    """uvicorn as the simulator needs it."""
    return uvicorn.Config(
        app,
        loop=loop,
        http=Protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=2,
        backlog=_BACKLOG,
        server_header=False,
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m target_app.inference",
        description="Serve simulated Groq chat completions.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=9101, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--profile",
        default="reference",
        help=f"{', '.join(profile_names())}, or a path to a .toml file (default: %(default)s)",
    )
    parser.add_argument(
        "--speed-factor",
        type=_factor,
        default=1.0,
        help="multiplies every simulated time; 0 answers at once (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of wordings and latencies (default: %(default)s)"
    )
    parser.add_argument(
        "--rate-limits",
        default="off",
        metavar="LIMITS",
        help=f"{', '.join(tier_names())}, or numbers for every model: rpm=30,tpm=8000 (default: %(default)s)",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help='inject a fault, as in "status=500:0.02" or "stall:0.01@cardiology"; may be repeated',
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _factor(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return value


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            # Listening at once makes a second simulator fail here and not inside the server.
            sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        _fail(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port or --host")
    return sock


def _banner(profile: Profile, options: argparse.Namespace, url: str) -> str:
    text = (
        f"SIMULATED inference on {url}: profile {profile.name}, {len(profile.models)} models, "
        f"seed {options.seed}, speed factor {options.speed_factor:g}"
    )
    if options.rate_limits != "off":
        text += f", rate limits {options.rate_limits}"
    return text + "".join(f", fault {fault}" for fault in options.fault)


def _fail(message: str) -> NoReturn:
    print(f"target_app.inference: {message}", file=sys.stderr)
    raise SystemExit(EXIT_USAGE)
