"""The service's side of a run: what the target and its services tell at `/metrics`, once a second.

Reads the Prometheus text format. A service that does not tell anything is asked once and then
left alone; one that did is asked until the end, since it is the overloaded one that fails to
answer. Nothing here can fail a run or hold it up: every try has its own greenlet and time limit.
"""

import http.client
import logging
import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gevent
import pyarrow as pa

from harness.config import split_credentials
from harness.engine import Access, now_us
from harness.plugin._target import NoRedirect
from harness.runs import RESOURCE_SCHEMA, RunFolder

logger = logging.getLogger(__name__)

EVERY_S = 1.0
TIMEOUT_S = 1.0
_MOST_BYTES = 4 << 20
#: Rows that are written together: a batch costs the file as much as ten rows.
_BATCH_ROWS = 10

#: The first name of each list that a service exports counts, added up over its labels: the bundled
#: services' own, then those of vLLM, TGI and common middleware.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "cpu_s": ("process_cpu_seconds_total",),
    "memory_bytes": ("process_resident_memory_bytes",),
    "in_flight": (
        "target_cases_in_flight",
        "inference_decode_slots_in_use",
        "vllm:num_requests_running",
        "tgi_batch_current_size",
        "http_requests_in_progress",
        "http_requests_inprogress",
        "http_server_active_requests",
    ),
    "queue": (
        "target_cases_queued",
        "inference_decode_slots_waiting",
        "vllm:num_requests_waiting",
        "tgi_queue_size",
    ),
}
_SAMPLE = re.compile(
    rb"^(" + b"|".join(re.escape(n.encode()) for names in _NAMES.values() for n in names) + rb")"
    rb"(?:\{[^\n]*\})?[ \t]+([^\s]+)",
    re.MULTILINE,
)


@dataclass(slots=True, frozen=True)
class Levels:
    """What one answer tells; None for what it does not."""

    cpu_s: float | None = None
    memory_bytes: float | None = None
    in_flight: float | None = None
    queue: float | None = None


def read_levels(text: bytes) -> Levels:
    r"""Pick the known figures out of a Prometheus text exposition.

    >>> read_levels(b'# HELP target_cases_queued x\ntarget_cases_queued 3.0\n')
    Levels(cpu_s=None, memory_bytes=None, in_flight=None, queue=3.0)
    >>> read_levels(b'tgi_queue_size{model="a"} 1\ntgi_queue_size{model="b"} 4').queue
    5.0
    """
    sums: dict[str, float] = {}
    for name, value in _SAMPLE.findall(text):
        try:
            number = float(value)
        except ValueError:
            continue
        if number >= 0:  # neither NaN nor nonsense
            sums[name.decode()] = sums.get(name.decode(), 0.0) + number
    return Levels(
        **{field: next((sums[n] for n in names if n in sums), None) for field, names in _NAMES.items()}
    )


class ResourcePoller:
    """Asks services once a second, and appends what they tell to the table `resources`.

    `urls` are addresses by the service's name. `access` holds the headers and TLS files of the
    load, for addresses of `host` alone.
    """

    def __init__(self, urls: Mapping[str, str], folder: RunFolder, host: str, access: Access) -> None:
        self._folder = folder
        self._rows: list[dict[str, Any]] = []
        self._asking = [
            gevent.spawn(
                self._watch, name, _Endpoint(url, access if _origin(url) == _origin(host) else Access())
            )
            for name, url in urls.items()
        ]

    def stop(self) -> None:
        """Ask no more, and write what was not written yet."""
        gevent.killall(self._asking)
        self._flush()

    def _watch(self, name: str, endpoint: "_Endpoint") -> None:
        before: tuple[int, float] | None = None
        answered = False
        while True:
            asked_us = now_us()
            levels = endpoint.ask()
            if levels is None and not answered:
                return
            if levels is not None:
                answered = True
                self._note(name, asked_us, levels, before)
                before = (asked_us, levels.cpu_s) if levels.cpu_s is not None else None
            gevent.sleep(max(EVERY_S - (now_us() - asked_us) / 1e6, 0.0))

    def _note(self, name: str, at_us: int, levels: Levels, before: tuple[int, float] | None) -> None:
        cpu_percent = None
        if before is not None and levels.cpu_s is not None and levels.cpu_s >= before[1]:
            cpu_percent = 100 * (levels.cpu_s - before[1]) / ((at_us - before[0]) / 1e6)
        self._rows.append(
            {
                "service": name,
                "at": at_us,
                "cpu_percent": cpu_percent,
                "memory_bytes": _whole(levels.memory_bytes),
                "in_flight": _whole(levels.in_flight),
                "queue": _whole(levels.queue),
            }
        )
        if len(self._rows) >= _BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            try:
                self._folder.append("resources", pa.RecordBatch.from_pylist(rows, schema=RESOURCE_SCHEMA))
            except OSError as error:  # the rows of requests meet a full disk, too, and end the run
                logger.debug("%d rows of resources are not kept: %s", len(rows), error)


class _Endpoint:
    """One address; `ask` never raises and takes at most `TIMEOUT_S`."""

    def __init__(self, url: str, access: Access) -> None:
        address, authorization = split_credentials(url)
        headers = {**({"Authorization": authorization} if authorization else {}), **access.headers}
        self._request = urllib.request.Request(address, headers=headers)  # noqa: S310 - http(s) alone
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), NoRedirect()]
        if address.startswith("https://"):
            handlers.append(urllib.request.HTTPSHandler(context=access.tls.context()))
        self._opener = urllib.request.build_opener(*handlers)

    def ask(self) -> Levels | None:
        """What the service tells now; None where it does not answer, or tells nothing that is known."""
        try:
            with (
                gevent.Timeout(TIMEOUT_S),
                self._opener.open(self._request, timeout=TIMEOUT_S) as response,
            ):
                levels = read_levels(response.read(_MOST_BYTES))
        except (OSError, ValueError, http.client.HTTPException, gevent.Timeout):
            return None
        return levels if levels != Levels() else None


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
