"""Where a client connects to: the origin in its base URL, and the addresses of that name.

Names are looked up off the loop, by gevent's resolver, and remembered for `CACHE_US`.
Connections are spread over all addresses of a name in turn, as a service behind several
deserves; an address that did not take a connection goes last until the next look-up.
"""

import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import gevent

from harness.engine._clock import now_us
from harness.engine._http._failure import NAME_NOT_FOUND, TIMEOUT_CONNECTING, Failure

CACHE_US = 30_000_000
#: After a failure, the name is looked up again no sooner than this.
RETRY_US = 1_000_000

_PORTS = {"http": 80, "https": 443}

#: Family and socket address, as `socket` wants them.
Address = tuple[int, Any]


@dataclass(slots=True, frozen=True)
class Origin:
    """The parts of a base URL that matter to a connection."""

    tls: bool
    host: str
    port: int
    host_header: bytes
    base_path: str


def parse_origin(base_url: str) -> Origin:
    """The origin of an http or https URL. Raises ValueError of one line.

    >>> parse_origin("http://[::1]:8000/api/").host_header
    b'[::1]:8000'
    """
    if any(letter <= " " or letter == "\x7f" for letter in base_url):
        raise ValueError("the base URL holds a space or a control character")
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"not a URL: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("the base URL must look like http://host:port or https://host:port")
    if "@" in parts.netloc:
        raise ValueError("the base URL holds a user name: send it as an Authorization header instead")
    if parts.query or parts.fragment:
        raise ValueError("the base URL must not hold a query or a fragment")
    if port == 0:
        raise ValueError("the base URL's port must not be 0")
    host = _ascii_host(parts.hostname)
    shown = f"[{host.partition('%')[0]}]" if ":" in host else host
    usual = _PORTS[parts.scheme]
    return Origin(
        tls=parts.scheme == "https",
        host=host,
        port=port or usual,
        host_header=(shown if port in {None, usual} else f"{shown}:{port}").encode(),
        base_path=parts.path.rstrip("/"),
    )


def _ascii_host(host: str) -> str:
    if ":" in host:
        ipaddress.IPv6Address(host)
        return host
    try:
        name = host.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError("the base URL's host is not a valid name") from error
    if not all(letter.isalnum() or letter in "-._" for letter in name):
        raise ValueError("the base URL's host is not a valid name")
    return name


@dataclass(slots=True)
class Resolver:
    """The addresses of one host; look-ups are shared by all who wait for one."""

    host: str
    port: int
    _addresses: list[Address] = field(default_factory=list)
    _avoided: set[Address] = field(default_factory=set)
    _expires_us: int = 0
    _turn: int = 0
    _lookup: Any = None

    def addresses(self, hub: Any, timeout_s: float) -> list[Address] | Failure:
        """All addresses in the order to try them in; waits at most `timeout_s` for a look-up."""
        if now_us() >= self._expires_us:
            if self._lookup is None:
                # A greenlet of its own: whoever asked first may be killed, others wait for it too.
                self._lookup = gevent.spawn(self._look_up, hub)
            lookup = self._lookup
            lookup.join(timeout_s)
            if not lookup.ready():
                return TIMEOUT_CONNECTING
        if not self._addresses:
            return NAME_NOT_FOUND
        return self._in_turn()

    def avoid(self, address: Address) -> None:
        """It took no connection: try it last, and ask for the name's addresses again soon."""
        self._avoided.add(address)
        self._expires_us = min(self._expires_us, now_us() + RETRY_US)

    def _in_turn(self) -> list[Address]:
        if len(self._addresses) == 1:
            return self._addresses
        good = [address for address in self._addresses if address not in self._avoided]
        bad = [address for address in self._addresses if address in self._avoided]
        if good:
            self._turn = (self._turn + 1) % len(good)
        return good[self._turn :] + good[: self._turn] + bad

    def _look_up(self, hub: Any) -> None:
        try:
            found = hub.resolver.getaddrinfo(self.host, self.port, 0, socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        self._addresses = list(dict.fromkeys((int(family), address) for family, _, _, _, address in found))
        self._avoided &= set(self._addresses)
        self._expires_us = now_us() + (CACHE_US if found else RETRY_US)
        self._lookup = None
