"""How long an ending takes, and what it leaves behind: the promise of docs/reliability.md.

Processes are known by their session: Locust's forked workers stay in that of the process that the
test started with `start_new_session=True`.
"""

import os
import time

import psutil

#: No ending takes longer than the drain deadline and this.
GRACE_S = 10.0

#: The drain deadline of tests that set none; users get 30 s.
DEADLINE_S = 5.0


def alive_in(session: int) -> list[str]:
    """Command lines of the processes of a session that still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except (psutil.Error, ProcessLookupError):
            continue  # gone in this moment
    return found


def wait_until_none_is_left(session: int, timeout_s: float) -> None:
    """Return when the last process of a session has ended. AssertionError names those that stay."""
    deadline = time.monotonic() + timeout_s
    while left := alive_in(session):
        assert time.monotonic() < deadline, f"left after {timeout_s:.0f} s: {left}"
        time.sleep(0.1)


def assert_in_time(trigger: float, deadline_s: float = DEADLINE_S) -> None:
    """That what was told to end at `trigger` (as of `time.time()`) has ended in the promised time by now."""
    took_s = time.time() - trigger
    assert took_s <= deadline_s + GRACE_S, (
        f"took {took_s:.1f} s, promised {deadline_s:.0f} s + {GRACE_S:.0f} s"
    )


def deadline_of(arguments: tuple[str, ...]) -> float:
    """The drain deadline that a command line sets, else the default."""
    if "--drain-deadline-s" in arguments:
        return float(arguments[arguments.index("--drain-deadline-s") + 1])
    return DEADLINE_S
