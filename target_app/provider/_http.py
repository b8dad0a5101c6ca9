"""The HTTP client under the groq SDK: httpx's face, one aiohttp connection pool behind it.

httpx's own pool searches all connections for every request, so that its cost grows with the calls in flight
(encode/httpcore#1035): from about a hundred on it is the bottleneck. aiohttp's does not. The SDK's own bridge
to aiohttp (httpx-aiohttp) runs every call through httpx's redirects, cookies and authentication, which a
model call never uses and which cost a third of it, and reports refused and cut connections as timeouts.

Redirects are not followed: the key would go with them.
"""

import socket
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import httpx
import yarl

CONNECT_TIMEOUT_S = 5.0
_UNPACKED = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class PooledClient(httpx.AsyncClient):
    """Build inside a running event loop, and `await aclose()` in the same one.

    Limits on time are the caller's, except for connecting (5 s). httpx's timeouts, cookies, authentication,
    redirects and default headers have no effect.
    """

    def __init__(self, *, max_connections: int, keepalive_s: float, trust_env: bool) -> None:
        super().__init__(transport=httpx.AsyncBaseTransport(), trust_env=False)
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.opened = 0
        """Connections opened so far."""
        self.in_use = 0
        """Requests that are waiting for their answer or for the rest of it."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=max_connections,
                keepalive_timeout=keepalive_s,
                ssl=httpx.create_ssl_context(),
                socket_factory=self._socket,
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=trust_env,
        )
        self._urls: dict[str, yarl.URL] = {}

    @property
    def open(self) -> int:
        """Connections that are open now, busy or idle."""
        return sum(sock.fileno() >= 0 for sock in self._sockets)

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol = address[:3]
        sock = socket.socket(family, kind, protocol)
        self._sockets.add(sock)
        self.opened += 1
        return sock

    def build_request(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        content: Any = None,
        headers: Any = None,
        **_unused: Any,
    ) -> httpx.Request:
        """The request as the SDK wants it sent; what `**_unused` holds has no effect here."""
        return httpx.Request(method, url, headers=headers, content=content)

    async def send(self, request: httpx.Request, *, stream: bool = False, **_unused: Any) -> httpx.Response:
        """One exchange; unless `stream`, the response's body is complete."""
        self.in_use += 1
        try:
            with _as_httpx_errors():
                answer = await self._session.request(
                    request.method,
                    self._url(request.url),
                    # A plain dict: aiohttp would look each name up in httpx's case-insensitive list.
                    headers={
                        key.decode("ascii"): value.decode("latin-1") for key, value in request.headers.raw
                    },
                    data=request.content or None,
                    allow_redirects=False,
                )
                body = None if stream else await answer.read()
        except BaseException:
            self.in_use -= 1
            raise
        # aiohttp has unpacked the body, so the headers that describe the packing are no longer true.
        headers = [(name, value) for name, value in answer.raw_headers if name.lower() not in _UNPACKED]
        if body is None:
            rest = _Stream(answer, self)
            return httpx.Response(answer.status, headers=headers, stream=rest, request=request)
        self.in_use -= 1
        return httpx.Response(answer.status, headers=headers, content=body, request=request)

    def _url(self, url: httpx.URL) -> yarl.URL:
        text = str(url)
        known = self._urls.get(text)
        if known is None:
            known = self._urls[text] = yarl.URL(text, encoded=True)
        return known

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()
        await super().aclose()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, answer: aiohttp.ClientResponse, client: PooledClient) -> None:
        self._answer = answer
        self._client: PooledClient | None = client

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx_errors():
            async for chunk in self._answer.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        # Drops the connection when the body has not been read to its end.
        self._answer.release()
        if self._client is not None:
            self._client.in_use -= 1
            self._client = None


@contextmanager
def _as_httpx_errors() -> Iterator[None]:
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout(str(error)) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(str(error)) from error
    except (aiohttp.ServerConnectionError, aiohttp.ClientOSError, aiohttp.ClientPayloadError) as error:
        raise httpx.ReadError(str(error)) from error
    except aiohttp.ClientError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
