"""Ports and reachability on the edge: what is free, what answers."""

import http.client
import socket
import ssl
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from harness.errors import PortBusyError

# A proxy set for the whole machine must not stand between the harness and the service it measures.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    """A TCP port of this machine that nothing holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_free_port(port: int, remedy: str) -> None:
    """Raise PortBusyError, ending in `remedy`, when something holds the port."""
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT after an earlier run is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            raise PortBusyError(f"port {port} cannot be used ({error.strerror}); {remedy}") from error


def why_unreachable(url: str, timeout_s: float, *, any_answer: bool = True) -> str | None:
    """None when a GET of `url` is answered, else the reason in a few words.

    `any_answer` accepts every HTTP status: a host's `/` need not exist. Otherwise only a 2xx counts.
    """
    if not urlsplit(url).hostname:
        return "not a URL with a host"
    try:
        with _OPENER.open(url, timeout=timeout_s):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return None if any_answer else f"HTTP {error.code}"
    except urllib.error.URLError as error:
        # The service answered; whether its certificate is trusted is the load client's business.
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            return None
        return _reason(error.reason)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _reason(error)


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
