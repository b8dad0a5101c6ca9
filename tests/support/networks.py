"""Two hosts and the link between them, of network namespaces, for tests that cut it or make it bad.

Needs root on Linux, and tells why not where it cannot be had. All addresses are of 192.0.2.0/24 (RFC
5737), inside the namespaces; each host has a loopback of its own. A bad link is two TUN devices
whose packets a process of ours carries: bad_link.py. That is what `tc ... netem` does in kernels
that have it: packets come late or not at all, and the kernels' TCP deals with it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from uuid import uuid4

from tests.support.processes import ROOT

MASTER_ADDRESS, WORKER_ADDRESS = "192.0.2.1", "192.0.2.2"
BAD_LINK = str(ROOT / "tests" / "support" / "bad_link.py")


@dataclass(slots=True, frozen=True)
class TwoHosts:
    """Names of namespaces, and of the device by which each reaches the other."""

    master: str
    worker: str
    device: str

    def on_master(self) -> Sequence[str]:
        """The beginning of a command that runs on the host of the master."""
        return ("ip", "netns", "exec", self.master)

    def on_worker(self) -> Sequence[str]:
        return ("ip", "netns", "exec", self.worker)

    def cut(self) -> None:
        """Pull the cable out: what is sent from now on arrives nowhere, and nobody is told."""
        ip("-n", self.worker, "link", "set", self.device, "down")

    def heal(self) -> None:
        ip("-n", self.worker, "link", "set", self.device, "up")


def ip(*words: str) -> None:
    """Run `ip`. Raises CalledProcessError with what it said."""
    subprocess.run(
        [shutil.which("ip") or "ip", *words], check=True, capture_output=True, text=True, timeout=20
    )


def why_not() -> str | None:
    """Why this machine cannot have namespaces; None where it can."""
    if shutil.which("ip") is None:
        return "needs `ip` of iproute2"
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    name = f"probe-{uuid4().hex[:8]}"
    try:
        ip("netns", "add", name)
        ip("netns", "del", name)
    except subprocess.CalledProcessError as error:
        return f"needs network namespaces: {error.stderr.strip()}"
    return None


@contextmanager
def two_hosts() -> Iterator[TwoHosts]:
    """Two hosts with a good link, which can be cut and healed, until the block ends."""
    with _two_namespaces() as hosts:
        ends = ("type", "veth", "peer", "name", hosts.device, "netns", hosts.worker)
        ip("link", "add", hosts.device, "netns", hosts.master, *ends)
        _address(hosts)
        yield hosts


@contextmanager
def two_hosts_with_a_bad_link(delay_ms: float, loss: float) -> Iterator[TwoHosts]:
    """Each packet, in both directions, comes `delay_ms` late, or not at all with the probability `loss`."""
    with _two_namespaces() as hosts:
        names = ["--devices", f"{hosts.device}a", f"{hosts.device}b"]
        link = ["--delay-ms", str(delay_ms), "--loss", str(loss)]
        command = [sys.executable, BAD_LINK, *names, *link]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                for suffix, host in zip("ab", (hosts.master, hosts.worker), strict=True):
                    ip("link", "set", f"{hosts.device}{suffix}", "netns", host, "name", hosts.device)
                _address(hosts)
                yield hosts
            finally:
                process.terminate()
                said, _ = process.communicate(timeout=20)
            print(f"the link from {hosts.master} to {hosts.worker}: {said}")
            assert not loss or " dropped 0\n" not in said


@contextmanager
def _two_namespaces() -> Iterator[TwoHosts]:
    own = uuid4().hex[:6]
    hosts = TwoHosts(f"master-{own}", f"worker-{own}", f"lnk{own}")
    with ExitStack() as stack:
        for name in (hosts.master, hosts.worker):
            ip("netns", "add", name)
            stack.callback(ip, "netns", "del", name)
            ip("-n", name, "link", "set", "lo", "up")
        yield hosts


def _address(hosts: TwoHosts) -> None:
    for host, address in ((hosts.master, MASTER_ADDRESS), (hosts.worker, WORKER_ADDRESS)):
        ip("-n", host, "addr", "add", f"{address}/24", "dev", hosts.device)
        ip("-n", host, "link", "set", hosts.device, "up")
