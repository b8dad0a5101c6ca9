"""What the generators of benchmarks/engine.py are pointed at, as processes pinned to a core of their own."""

import http.client
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

try:
    import resource
except ImportError:  # not to be had on Windows
    resource = None  # type: ignore[assignment]  # every use asks first

RESPONDER = str(Path(__file__).with_name("_engine_responder.py"))
START_S = 30.0

# One process, no log, connections that never end: the fixed answer at the least cost nginx knows. What else
# is asked (the plugin looks for /info, say) is logged, so that it can be told from the load.
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /fixed {{ return 200 '{{"status":"ok","answer":"fixed"}}'; }}
        location = /counts {{ stub_status; }}
        location / {{ access_log {folder}/others.log; return 404; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core the generator gets and which the server gets; None where nothing can be pinned."""

    generator: int | None
    server: int | None

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The first two cores this process may use. With one core nothing is pinned."""
        allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        return cls(allowed[0], allowed[1]) if len(allowed) > 1 else cls(None, None)


def pinned(argv: Sequence[str], core: int | None) -> list[str]:
    """The command line that runs `argv` on one core, all of its threads."""
    if core is None:
        return list(argv)
    code = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.execvp(sys.argv[2], sys.argv[2:])"
    return [sys.executable, "-S", "-c", code, str(core), *argv]


@dataclass(slots=True)
class Server:
    """A running server. `log` is where it keeps what was not of the load, if its counts hold that too."""

    name: str
    url: str
    process: psutil.Process
    log: Path | None = None
    _asked: int = 0

    def requests(self) -> int:
        """Requests for /fixed that came in so far."""
        self._asked += 1
        page = self._get("/counts")
        if self.log is None:
            return int(json.loads(page)["requests"])
        others = self.log.read_bytes().count(b"\n") if self.log.exists() else 0
        return _all_requests(page) - self._asked - others

    def peak_in_flight(self) -> int:
        """The most requests that were open at once."""
        return int(json.loads(self._get("/counts"))["peak_in_flight"])

    def samples(self) -> dict[str, list[int]]:
        """When each answered request came (`at_us`) and how long it took (`service_us`)."""
        document: dict[str, list[int]] = json.loads(self._get("/samples"))
        return document

    def cpu_s(self) -> float:
        """CPU seconds so far, user and system."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def wait_until_up(self, child: subprocess.Popen[bytes]) -> None:
        """Return when it answers; SystemExit when it never does."""
        deadline_s = time.monotonic() + START_S
        while True:
            try:
                self.requests()
                return
            except OSError:
                self._asked -= 1  # it never came in
                if child.poll() is not None or time.monotonic() > deadline_s:
                    raise SystemExit(f"{self.name} did not start") from None
                time.sleep(0.02)

    def _get(self, path: str) -> str:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()


@contextmanager
def fixed_answers(core: int | None) -> Iterator[Server]:
    """nginx with one fixed answer, or the responder where there is no nginx."""
    nginx = nginx_path()
    if nginx is None:
        with responder(0.0, core) as server:
            yield server
        return
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        config = Path(folder) / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=port), encoding="utf-8")
        argv = [nginx, "-p", folder, "-e", f"{folder}/error.log", "-c", str(config)]
        with _process(pinned(argv, core)) as child:
            process = psutil.Process(child.pid)
            url, log = f"http://127.0.0.1:{port}", Path(folder) / "others.log"
            server = Server(_nginx_name(nginx), url, process, log)
            server.wait_until_up(child)
            yield server


@contextmanager
def responder(delay_ms: float, core: int | None) -> Iterator[Server]:
    """A server that answers after a fixed delay and stamps its own service times."""
    with _process(pinned([sys.executable, RESPONDER, "--delay-ms", str(delay_ms)], core)) as child:
        assert child.stdout is not None
        url = child.stdout.readline().decode().strip()
        if not url:
            raise SystemExit("the responder did not start")
        name = "asyncio responder" if delay_ms == 0 else f"responder, {delay_ms:g} ms"
        yield Server(name, url, psutil.Process(child.pid))


def nginx_path() -> str | None:
    """Where nginx is; distributions keep it out of the path of ordinary users."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _nginx_name(nginx: str) -> str:
    done = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition(" ")[2].replace("/", " ") or "nginx"


def _all_requests(page: str) -> int:
    """The third number of stub_status's third line: requests since the start, this one included."""
    found = re.search(r"\n\s*\d+\s+\d+\s+(\d+)", page)
    assert found, page
    return int(found[1])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _process(argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as child:
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()


def raise_open_files() -> None:
    """Let this process and its children open as many files as the system allows them."""
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def open_files_allowed() -> float:
    """How many files this process may open."""
    if resource is None:
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else soft


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": ".".join(map(str, sys.version_info[:3])),
        "load_average_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "unknown"
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found[1].strip() if found else "unknown"
