"""Real processes on loopback for tests: free ports, services that are waited for and ended."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
READY_S = 60

#: A program that prints the text at an address.
GET = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"


def free_port() -> int:
    """A port of 127.0.0.1 that nothing holds just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(url: str, prefix: Sequence[str] = ()) -> str:
    """The text at an address; with a prefix, as a command that begins with it is told."""
    if prefix:
        command = [*prefix, sys.executable, "-c", GET, url]
        try:
            return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout
        except subprocess.CalledProcessError as error:
            raise OSError(error.stderr) from error
    with urllib.request.urlopen(url, timeout=5) as response:
        text: str = response.read().decode()
        return text


@contextmanager
def running(
    arguments: list[str], ready_url: str, env: dict[str, str] | None = None, prefix: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process, from the moment it answers at `ready_url` until the block ends.

    `prefix` is the beginning of its command, as `ip netns exec NAME`.
    """
    process = subprocess.Popen(
        [*prefix, sys.executable, *arguments], cwd=ROOT, env={**os.environ, **(env or {})}
    )
    try:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                get(ready_url, prefix)
                break
            except OSError:
                assert process.poll() is None, f"{arguments} died"
                assert time.monotonic() < deadline, f"{arguments} did not come up"
                time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def simulated_target(speed_factor: float, env: dict[str, str] | None = None) -> Iterator[tuple[str, str]]:
    """A simulator at a speed factor and a target on it: their addresses, simulator first."""
    ports = [free_port(), free_port()]
    inference, target = (f"http://127.0.0.1:{port}" for port in ports)
    simulator = ["-m", "target_app.inference", "--port", str(ports[0]), "--speed-factor", str(speed_factor)]
    app = ["-m", "target_app", "--port", str(ports[1])]
    with running(simulator, f"{inference}/healthz"):
        variables = {"INFERENCE_URL": inference, "PROVIDER": "simulated", **(env or {})}
        with running(app, f"{target}/readyz", variables):
            yield inference, target
