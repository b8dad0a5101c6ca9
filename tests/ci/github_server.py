"""A server on loopback that speaks the part of GitHub's REST API that deploy/ci/github.py uses."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

BOT = "github-actions[bot]"
COMMENTS = "/repos/octo/service/issues/12/comments"


@dataclass
class GitHub:
    """Comments of pull request 12 and issues, in lists; `trouble` are answers to give instead, in order.

    A trouble is (method, status, headers); status 0 does what was asked and loses the answer.
    """

    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    trouble: list[tuple[str, int, dict[str, str]]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    most_per_page: int = 100
    url: str = ""

    def changes(self) -> list[tuple[str, str]]:
        return [request for request in self.requests if request[0] != "GET"]

    def make(self, items: list[dict[str, Any]], document: dict[str, Any]) -> dict[str, Any]:
        number = 1000 + len(items)
        made = {"id": number, "number": number, "state": "open", "user": {"login": BOT}, **document}
        items.append(made)
        return made


class Handler(BaseHTTPRequestHandler):
    """One request at a time."""

    github: ClassVar[GitHub]

    def do_GET(self) -> None:
        if self._in_trouble():
            return
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        items = self.github.comments if parts.path == COMMENTS else self.github.issues
        if parts.path != COMMENTS:
            items = [item for item in items if item["state"] == query["state"][0]]
        size = min(int(query["per_page"][0]), self.github.most_per_page)
        page = int(query.get("page", ["1"])[0])
        rest = parts.query.replace(f"&page={page}", "")
        headers = {}
        if page * size < len(items):
            url = f"{self.github.url}{parts.path}?{rest}&page="
            headers["Link"] = f'<{url}{page + 1}>; rel="next", <{url}99>; rel="last"'
        self._answer(200, items[(page - 1) * size : page * size], headers)

    def do_POST(self) -> None:
        document = self._document()
        if self._in_trouble(
            lambda: self.github.make(self._items(), document)  # GitHub did it, and its answer is lost
        ):
            return
        self._answer(201, self.github.make(self._items(), document))

    def do_PATCH(self) -> None:
        document = self._document()
        if self._in_trouble():
            return
        number = int(self.path.rpartition("/")[2])
        found = next(item for item in self._items() if item["id"] == number)
        found.update(document)
        self._answer(200, found)

    def _items(self) -> list[dict[str, Any]]:
        return self.github.comments if "comments" in self.path else self.github.issues

    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return document

    def _in_trouble(self, lost: Callable[[], object] | None = None) -> bool:
        self.github.requests.append((self.command, urlsplit(self.path).path))
        self.github.tokens.add(self.headers["Authorization"])
        if not self.github.trouble or self.github.trouble[0][0] != self.command:
            return False
        _, status, headers = self.github.trouble.pop(0)
        if status == 0 and lost:
            lost()
            self.close_connection = True
            self.connection.shutdown(2)
        else:
            self._answer(status, {"message": "Resource not accessible by integration"}, headers)
        return True

    def _answer(self, status: int, document: Any, headers: Mapping[str, str] | None = None) -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def github_server() -> Iterator[GitHub]:
    """A server with nothing in it, until the end of the block."""
    found = GitHub()
    handler = type("ThisHandler", (Handler,), {"github": found})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
