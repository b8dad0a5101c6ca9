"""Where a session's requests go: the connections to use, and the head each request is sent with.

Heads are serialised once and kept, since most tasks send to few addresses.
"""

from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from harness.engine._cookies import Cookies
from harness.engine._http import HttpClient, request_head, serialise

Connect = Callable[[str], HttpClient]
#: the client, the head up to Content-Length, and the whole request where it has no body
Route = tuple[HttpClient, bytes, bytes]

_HEADS_KEPT = 1024
_AS_WRITTEN = "!#$%&'()*+,/:;=?@[]~"  # what an address may hold; the rest is percent-encoded


class Outgoing:
    """Routes for one base address; `connect` makes the client of an origin.

    `own_headers` and cookies go to addresses under `base_url` alone; `base_url` has no password
    in it.
    """

    def __init__(self, base_url: str, own_headers: Mapping[str, str], connect: Connect) -> None:
        self.base_url = base_url.rstrip("/")
        self.own_headers = own_headers
        self.cookies = Cookies()
        self._connect = connect
        self._clients = {origin_of(self.base_url): connect(self.base_url)}
        self._routes: dict[tuple[str, str, str | None], Route] = {}

    def route(
        self, method: str, url: str, content_type: str | None, headers: Mapping[str, str] | None
    ) -> Route:
        """Where and with what head to send; headers of the request win over all others.

        Raises ValueError for a header or an address that cannot be sent.
        """
        if headers or self.cookies.kept:
            return self._make(method, url, content_type, headers or {})
        key = (method, url, content_type)
        found = self._routes.get(key)
        if found is None:
            if len(self._routes) >= _HEADS_KEPT:
                self._routes.clear()
            found = self._routes[key] = self._make(method, url, content_type, {})
        return found

    def whole(self, url: str) -> str:
        """An address as a task writes it, made absolute."""
        absolute = url.lower().startswith(("http://", "https://"))
        return url if absolute else f"{self.base_url}/{url.lstrip('/')}"

    def close(self) -> None:
        """Close all connections, those in use at the end of their exchange."""
        for client in self._clients.values():
            client.close()

    def _make(self, method: str, url: str, content_type: str | None, headers: Mapping[str, str]) -> Route:
        whole = self.whole(url)
        client = self._client_of(whole)
        fields = {"Accept": "*/*", "User-Agent": "agent-load-harness"}
        if content_type is not None:
            fields["Content-Type"] = content_type
        parts = urlsplit(whole)
        path = parts.path or "/"
        if f"{whole}/".startswith(f"{self.base_url}/"):
            _override(fields, self.own_headers)
            if cookie := self.cookies.header_for(path):
                fields["Cookie"] = cookie
        _override(fields, headers)
        target = quote(f"{path}?{parts.query}" if parts.query else path, safe=_AS_WRITTEN)
        head = request_head(method, target, client.host_header, fields)
        return client, head, serialise(head, None)

    def _client_of(self, url: str) -> HttpClient:
        origin = origin_of(url)
        client = self._clients.get(origin)
        if client is None:
            client = self._clients[origin] = self._connect(url)
        return client


def origin_of(url: str) -> str:
    """Scheme, host and port as written, in lower case."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _override(fields: dict[str, str], more: Mapping[str, str]) -> None:
    """Set header fields, whatever the case of their names."""
    names = {name.lower(): name for name in fields}
    for name, value in more.items():
        fields.pop(names.get(name.lower(), ""), None)
        fields[name] = value
