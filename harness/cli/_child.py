"""A child process in the foreground: the terminal is the child's, the parent only waits.

Ctrl-C reaches both, being one process group; the child decides what it means. SIGTERM and SIGHUP
usually reach the parent alone and are handed on.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from harness.errors import UserError

_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True, frozen=True)
class Ended:
    """`code` is negative, as in `subprocess`, when a signal ended the child."""

    code: int
    interrupted: bool


def run_foreground(command: Sequence[str], env: Mapping[str, str]) -> Ended:
    """Run `command` with this process's terminal and wait for it, whatever is pressed.

    Raises UserError when it cannot be started.
    """
    received: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if child is not None and number in _FORWARDED and child.poll() is None:
            child.send_signal(number)

    # A handler, and not SIG_IGN: the child would inherit SIG_IGN and be deaf to Ctrl-C.
    with _handling((signal.SIGINT, *_FORWARDED), note):
        try:
            child = subprocess.Popen(command, env=dict(env))
        except OSError as error:
            raise UserError(f"cannot start {command[0]}: {error.strerror}") from error
        if early := [number for number in received if number in _FORWARDED]:
            child.send_signal(early[0])
        code = child.wait()
    return Ended(code, interrupted=bool(received))


def end_workers_of(master_port: int) -> None:
    """End forked Locust workers whose master is gone; left alone they load the target for a minute.

    They are known by this process's own group and by the port that was picked for their master.
    """
    import psutil

    port = str(master_port)
    for process in psutil.process_iter():
        try:
            ours = process.pid != os.getpid() and os.getpgid(process.pid) == os.getpgrp()
            if ours and {"locust", "--master-port", port} <= set(process.cmdline()):
                process.kill()
        except (psutil.Error, ProcessLookupError):
            continue  # gone already, or not ours to look at


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP end the command as Ctrl-C does, so that every `finally` runs."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    with _handling(_FORWARDED, interrupt):
        yield


@contextmanager
def undisturbed() -> Iterator[list[int]]:
    """Inside, signals are only collected: for a step that is short and has to be finished."""
    received: list[int] = []
    with _handling((signal.SIGINT, *_FORWARDED), lambda number, _frame: received.append(number)):
        yield received


@contextmanager
def _handling(numbers: Sequence[int], handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, signal.SIG_DFL if previous is None else previous)


def exec_foreground(command: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Become `command`: its signals and its exit code are then this process's own.

    Raises UserError when it cannot be started.
    """
    try:
        os.execvpe(command[0], list(command), dict(env))  # noqa: S606 - harness.toml is the user's own
    except OSError as error:
        raise UserError(f"cannot start {command[0]}: {error.strerror}") from error
