"""The files of a small project: a service that works for as long as it is told, and a load for it."""

SERVICE = """\
import http.server, pathlib, sys, time

# The delay, which is the answer as well: given, or what the file says now.

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        said = (sys.argv[2:] or [pathlib.Path("delay_s").read_text()])[0].strip()
        work_s = float(said)
        time.sleep(work_s + 0.005)
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.send_header("Server-Timing", f"work;dur={1000 * work_s}, rest;dur=5")
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *words):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

LOAD = """\
from locust import constant, task

from harness.engine import ServiceUser
import harness.plugin

class Reader(ServiceUser):
    wait_time = constant(0.02)

    @task
    def read(self):
        self.client.get("/")
"""
