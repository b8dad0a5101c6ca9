"""`/metrics` for Prometheus, on the master or the local runner.

Read-only, and on this machine alone unless `--metrics-host` says otherwise. A scrape copies the counts
on the event loop, which takes well under a millisecond, and makes the text in a thread.
"""

import errno
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import prometheus_client
from gevent.pywsgi import WSGIServer

from harness.engine import now_us
from harness.errors import UserError
from harness.monitoring import LoadCounts, LoadNow, RunNow, WorkerNow, exposition
from harness.plugin._live import in_thread
from harness.plugin._results import Results
from harness.plugin._run import ActiveRun

logger = logging.getLogger(__name__)

DEFAULT_PORT = 9646


class Exporter:
    """Listens from the start; says something once it follows the runs."""

    def __init__(self, host: str, port: int) -> None:
        """Raises OSError when it cannot listen there."""
        self.counts = LoadCounts()
        self._run: Callable[[], ActiveRun | None] = lambda: None
        self._results: Results | None = None
        self._process = prometheus_client.ProcessCollector(registry=None)
        self._server = WSGIServer((host, port), self._answer, log=None)
        self._server.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    def follow(self, run: Callable[[], ActiveRun | None], results: Results) -> None:
        """Export the run that lasts, and how many have ended."""
        self._run, self._results = run, results

    def stop(self) -> None:
        """Listen no more."""
        self._server.stop(timeout=1)

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/metrics":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"the metrics are at /metrics\n"]
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            start_response("405 Method Not Allowed", [("Allow", "GET, HEAD")])
            return []
        now = self._now()
        body = in_thread(lambda: exposition(now, self._process))
        start_response("200 OK", [("Content-Type", prometheus_client.CONTENT_TYPE_LATEST)])
        return [body]

    def _now(self) -> LoadNow:
        run, at_us = self._run(), now_us()
        finished = self._results.finished if self._results is not None else []
        return LoadNow(
            at_us=at_us,
            counts=self.counts.now(),
            run=None if run is None else _run_now(run),
            ended=Counter(int(judged.judgement.exit_code) for _, judged in finished),
        )


def open_exporter(host: str, port: int | None) -> Exporter | None:
    """The exporter, or None where it is off (port 0).

    None takes the default port, and goes without where that is busy: another run may have it. A port
    that was asked for must be free: raises UserError.
    """
    if port == 0:
        return None
    try:
        return Exporter(host, DEFAULT_PORT if port is None else port)
    except OSError as error:
        busy = error.errno == errno.EADDRINUSE
        reason = "is in use" if busy else f"cannot be listened on ({error.strerror or error})"
        where = f"{host}:{DEFAULT_PORT if port is None else port}"
        if port is not None:
            raise UserError(f"--metrics-port: {where} {reason}; give another port, or 0 for none") from error
        logger.warning("no metrics for Prometheus: %s %s; --metrics-port gives another port", where, reason)
        return None


def _run_now(run: ActiveRun) -> RunNow:
    manifest = run.folder.manifest
    workers = [
        WorkerNow(worker.index, worker.lost, measured.offset_us / 1e6 if measured else None)
        for worker in run.intake.workers.values()
        for measured in [worker.clock.measured]
    ]
    return RunNow(
        described={
            "run_id": manifest.run_id,
            "scenario": manifest.scenario.name,
            "mode": manifest.mode,
            "provider": manifest.target.provider_mode,
            "profile": manifest.target.profile or "",
        },
        users=run.users,
        phase=run.tracker.current,
        samples_missing=run.intake.samples_missing,
        workers=workers,
        rules=run.live.rules,
        verdicts=run.criteria.now,
    )
