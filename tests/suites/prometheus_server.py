"""A small server of Prometheus' query API over counters with a known increase."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

_QUERY = re.compile(
    r"sum(?: by \((?P<by>\w+)\) )?\(increase\((?P<name>\w+)\{(?P<labels>[^}]*)\}\[(?P<s>\d+)s\]\)\)"
)
_MATCHER = re.compile(r'(\w+)="([^"]*)"')

#: The increase of each series in the range: name, labels, value.
Series = list[tuple[str, Mapping[str, str], float]]


def answer(series: Series, query: str, window_s: int) -> dict[str, object]:
    """What Prometheus answers to `sum [by (label)] (increase(name{matchers}[range]))`."""
    match = _QUERY.fullmatch(query)
    if match is None or int(match["s"]) != window_s:
        return {"status": "error", "errorType": "bad_data", "error": f"cannot evaluate {query}"}
    wanted = dict(_MATCHER.findall(match["labels"]))
    chosen = [
        (labels, value)
        for name, labels, value in series
        if name == match["name"] and all(labels.get(key) == text for key, text in wanted.items())
    ]
    groups: dict[str, float] = {}
    for labels, value in chosen:
        key = labels.get(match["by"], "") if match["by"] else ""
        groups[key] = groups.get(key, 0.0) + value
    result = [
        {"metric": {match["by"]: key} if match["by"] else {}, "value": [1764000000.0, str(total)]}
        for key, total in groups.items()
    ]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@contextmanager
def prometheus(series: Series, window_s: int = 86_400) -> Iterator[str]:
    """The server on a free port; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            found = answer(series, parse_qs(parts.query).get("query", [""])[0], window_s)
            known = parts.path == "/api/v1/query"
            body = json.dumps(found).encode() if known else b"<html>no such page</html>"
            self.send_response((200 if found["status"] == "success" else 400) if known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def histogram(
    name: str, labels: Mapping[str, str], cumulative: Mapping[str, float], total_s: float
) -> Series:
    """The series of a histogram with these counts up to each bound."""
    buckets = [(f"{name}_bucket", {**labels, "le": bound}, count) for bound, count in cumulative.items()]
    n = cumulative["+Inf"]
    return [*buckets, (f"{name}_sum", labels, total_s), (f"{name}_count", labels, n)]
