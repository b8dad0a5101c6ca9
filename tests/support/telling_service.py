"""A real HTTP service for tests, run as a process, that tells its resources at /metrics, or does not.

    python tests/support/telling_service.py --port 8123 --metrics good

POST /work answers {"ok": true}. GET /count tells how often /metrics was asked. `--metrics` is `good`
(Prometheus text), `none` (404), `page` (a web page for every address) or `hangs` (no answer).
"""

import argparse
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = """\
# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total {cpu_s}
process_resident_memory_bytes 1.048576e+08
inference_decode_slots_in_use{{model="a"}} 2.0
inference_decode_slots_in_use{{model="b"}} 3.0
target_cases_queued 4.0
target_cases_queued_more 99
"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    metrics = "good"
    asked = 0
    lock = threading.Lock()
    began = time.monotonic()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, json.dumps({"ok": True}))

    def do_GET(self) -> None:
        if self.path == "/count":
            self._answer(200, json.dumps({"metrics": Handler.asked}))
        elif self.path == "/metrics":
            with Handler.lock:
                Handler.asked += 1
            if self.metrics == "hangs":
                time.sleep(30)
            # Half of a CPU, all the time.
            told = {
                "good": TEXT.format(cpu_s=(time.monotonic() - self.began) / 2),
                "page": "<html>welcome</html>",
            }
            self._answer(200 if self.metrics in told else 404, told.get(self.metrics, "{}"))
        else:
            self._answer(404, "{}")

    def log_message(self, *_: object) -> None:
        """Be quiet."""

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--metrics", choices=["good", "none", "page", "hangs"], default="good")
    options = parser.parse_args()
    Handler.metrics = options.metrics
    ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()
