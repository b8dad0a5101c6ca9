"""Which locustfiles does a master run? Asked once, in Locust's own words, before a worker starts.

Locust's `-f -` asks the same question, and runs the text that comes back. Here the text is only
compared: code that a network sends is never run, a worker uses the files that it has.
"""

import contextlib
import importlib.metadata
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from harness.errors import UserError

if TYPE_CHECKING:
    import zmq

#: How often the question is put; when the first word of waiting appears, and how often another.
ASK_EVERY_MS = 1000
FIRST_NOTICE_S = 5.0
NOTICE_EVERY_S = 60.0

#: As long as a Locust worker tries to reach its master.
PATIENCE_S = 300.0


@dataclass(slots=True, frozen=True)
class Source:
    """A locustfile of the master: its name without a folder, and its text where the master sent it."""

    name: str
    text: str | None


def ask_master(
    host: str, port: int, say: Callable[[str], None], patience_s: float = PATIENCE_S
) -> list[Source]:
    """The master's locustfiles, in the order of its `-f`. Waits for a master that is not there yet.

    `say` gets a line while it waits. Raises UserError when the address is none, when nothing answers
    for `patience_s` seconds, and when what answers is no master that can tell.
    """
    import msgpack
    import zmq

    client_id = f"{socket.gethostname()}_harness_worker_{uuid4().hex}"
    question = msgpack.packb(("locustfile", {"version": importlib.metadata.version("locust")}, client_id))
    with zmq.Context() as context, _dealer(context, host, port, client_id) as dealer:
        started = time.monotonic()
        notice_s = FIRST_NOTICE_S
        while (waited_s := time.monotonic() - started) < patience_s:
            if waited_s >= notice_s:
                notice_s += NOTICE_EVERY_S
                say(f"waiting for a master at {host}:{port}")
            with contextlib.suppress(zmq.Again):
                dealer.send(question, zmq.NOBLOCK)
            if dealer.poll(ASK_EVERY_MS) and (sources := _sources(dealer.recv(), host, port)) is not None:
                return sources
    raise UserError(
        f"no master answered at {host}:{port} within {patience_s:.0f} s; start it with "
        "`harness run SCENARIO --master`, or give another --master-host or --master-port"
    )


def _dealer(
    context: "zmq.Context[zmq.Socket[bytes]]", host: str, port: int, client_id: str
) -> "zmq.Socket[bytes]":
    import zmq

    dealer = context.socket(zmq.DEALER)
    # Nothing piles up for a master that is not there, nor keeps the process when it is to end.
    dealer.setsockopt(zmq.IMMEDIATE, 1)
    dealer.setsockopt(zmq.LINGER, 0)
    dealer.setsockopt(zmq.IDENTITY, client_id.encode())
    dealer.setsockopt(zmq.IPV6, _has_ipv6(host, port))
    try:
        dealer.connect(f"tcp://{host}:{port}")
    except zmq.ZMQError as error:
        dealer.close()
        raise UserError(f"--master-host {host}: not an address ({error.strerror})") from error
    return dealer


def _sources(answer: bytes, host: str, port: int) -> list[Source] | None:
    """What the master said; None for a message about something else."""
    import msgpack

    try:
        kind, data, _ = msgpack.unpackb(answer, strict_map_key=False)
        if kind != "locustfile":
            return None
        if error := data.get("error"):
            raise UserError(f"the master at {host}:{port} cannot tell its locustfiles ({error})")
        return [_source(each) for each in data["locustfiles"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"what answers at {host}:{port} is not a Locust master; "
            "give another --master-host or --master-port"
        ) from error


def _source(entry: Any) -> Source:
    """A file with its text, or the address that a master was given instead of one."""
    if isinstance(entry, str):
        return Source(entry.rpartition("/")[2], None)
    return Source(entry["filename"], entry["contents"])


def _has_ipv6(host: str, port: int) -> bool:
    """Whether the name leads to an IPv6 address; one that leads nowhere yet does not."""
    try:
        found = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        return False
    return any(family == socket.AF_INET6 for family, *_ in found)
