"""Services of harness.toml: their commands, and a set of them started, awaited and stopped.

Each service runs in a session of its own, so that a Ctrl-C meant for the load test does not take
the target away in the middle of the drain, and so that its helper processes end with it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.cli._child import interruptible, undisturbed
from harness.cli._net import free_port, why_unreachable
from harness.cli._options import say
from harness.config import Config
from harness.errors import ConfigError, TargetUnreachableError, UserError

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
_POLL_S = 0.1


@dataclass(slots=True, frozen=True)
class Launch:
    """How a service is started: `env` goes over this process's own, `folder` is where it runs."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    ready_url: str
    folder: Path | None = None


@dataclass(slots=True, frozen=True)
class Started:
    """A service's process, and the file that holds what it printed."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


def service_command(
    config: Config, name: str, ports: Mapping[str, int] | None = None
) -> tuple[list[str], dict[str, str]]:
    """A service's command and the environment of its table, with ports filled in."""
    service = config.service(name)
    command = [config.expand(word, name, ports) for word in service.command]
    if command[0] == "python":
        command[0] = sys.executable
    return command, {key: config.expand(value, name, ports) for key, value in service.env.items()}


def ready_url(config: Config, name: str, ports: Mapping[str, int] | None = None) -> str:
    return config.expand(config.service(name).ready_url, name, ports)


@contextmanager
def running(config: Config, names: tuple[str, ...], runs_dir: Path) -> Iterator[dict[str, int]]:
    """Start services on free ports, yield the ports once all are ready, and stop them whatever happens.

    Raises TargetUnreachableError when one dies or is not ready in time, with the end of its log.
    """
    order = config.start_order(names)
    ports = {name: free_port() for name in order if config.services[name].port is not None}
    launches = [
        Launch(name, *service_command(config, name, ports), ready_url(config, name, ports)) for name in order
    ]
    with launched(launches, runs_dir):
        yield ports


@contextmanager
def launched(launches: Sequence[Launch], runs_dir: Path) -> Iterator[None]:
    """Start services in this order, each when the one before it is ready, and stop them whatever happens.

    Raises TargetUnreachableError when one dies or is not ready in time, with the end of its log.
    """
    logs = _make_log_folder(runs_dir)
    started: list[Started] = []
    with interruptible():
        try:
            for launch in launches:
                # Nothing may come between the start and its record, or the process would be left over.
                with undisturbed() as received:
                    started.append(_start(launch, logs))
                if received:
                    raise KeyboardInterrupt
                _wait_until_ready(started[-1], launch.ready_url)
            yield
        finally:
            with undisturbed():
                for service in reversed(started):
                    _stop(service)


def _make_log_folder(runs_dir: Path) -> Path:
    logs = runs_dir / "service-logs" / datetime.now(UTC).strftime(f"%Y%m%dT%H%M%SZ-{os.getpid()}")
    try:
        logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {logs}: {error.strerror}; choose another --runs-dir") from error
    return logs


def _start(launch: Launch, logs: Path) -> Started:
    log = logs / f"{launch.name}.log"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                launch.command,
                cwd=launch.folder,
                env={**os.environ, **launch.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise ConfigError(
                f"services.{launch.name}: cannot start {launch.command[0]}: {error.strerror}"
            ) from error
    return Started(launch.name, process, log)


def _wait_until_ready(service: Started, url: str) -> None:
    began = time.monotonic()
    while (waited := time.monotonic() - began) < READY_TIMEOUT_S:
        if service.process.poll() is not None:
            raise TargetUnreachableError(
                f"{service.name} ended with {_ending(service.process.returncode)} before it was ready"
                f"{_last_words(service.log)}"
            )
        reason = why_unreachable(url, timeout_s=2, any_answer=False)
        if reason is None:
            say(f"{service.name}: ready at {url} after {waited:.1f} s, log {service.log}")
            return
        time.sleep(_POLL_S)
    raise TargetUnreachableError(
        f"{service.name} was not ready at {url} within {READY_TIMEOUT_S:.0f} s ({reason})"
        f"{_last_words(service.log)}"
    )


def _ending(code: int) -> str:
    return f"code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"; the end of {log}: {' | '.join(lines[-3:])[-400:]}" if lines else f"; {log} is empty"


def _stop(service: Started) -> None:
    """Ask the service's whole session to end, then end what is left of it."""
    _signal_group(service.process.pid, signal.SIGTERM)
    try:
        service.process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        say(f"{service.name}: still there {STOP_TIMEOUT_S:.0f} s after SIGTERM, killed")
    _signal_group(service.process.pid, signal.SIGKILL)
    service.process.wait()


def _signal_group(leader: int, number: int) -> None:
    with suppress(ProcessLookupError):  # all of them are gone
        os.killpg(leader, number)
