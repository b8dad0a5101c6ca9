"""Ports and reachability on the edge: what is free, what answers."""

import http.client
import socket
import ssl
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from harness.errors import PortBusyError, UnreadableFileError

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
    from harness.config import split_credentials

    address, authorization = split_credentials(url)
    if not urlsplit(address).hostname:
        return "not a URL with a host"
    headers = {"Authorization": authorization} if authorization else {}
    try:
        with _OPENER.open(urllib.request.Request(address, headers=headers), timeout=timeout_s):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return None if any_answer else f"HTTP {error.code}"
    except urllib.error.URLError as error:
        return _reason(error.reason, tls=address.startswith("https://"))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _reason(error, tls=address.startswith("https://"))


def fetch_text(url: str, timeout_s: float) -> str:
    """The text at an address. Raises UserError in one line, without user and password."""
    from harness.config import hide_credentials, split_credentials

    address, authorization = split_credentials(url)
    headers = {"Authorization": authorization} if authorization else {}
    local = (urlsplit(address).hostname or "") in {"127.0.0.1", "localhost", "::1"}
    opener = _OPENER if local else urllib.request.build_opener()
    try:
        with opener.open(urllib.request.Request(address, headers=headers), timeout=timeout_s) as response:  # noqa: S310
            return str(response.read().decode("utf-8-sig"))
    except urllib.error.HTTPError as error:
        error.close()
        reason: object = f"HTTP {error.code}"
    except urllib.error.URLError as error:
        reason = _in_words(error.reason)
    except UnicodeDecodeError:
        reason = "not UTF-8 text"
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = _in_words(error)
    raise UnreadableFileError(
        f"{hide_credentials(url)}: cannot be read ({reason}); save it and give the file"
    )


def _reason(error: object, *, tls: bool) -> str | None:
    """In a few words; None for a service that wants another certificate, or one of ours.

    It answered, and the certificates are the load client's business. A server may cut the connection
    of a client that has none, which then shows as a reset.
    """
    if isinstance(error, ssl.SSLError) and error.reason != "WRONG_VERSION_NUMBER":
        return None
    if tls and isinstance(error, ConnectionResetError | http.client.RemoteDisconnected):
        return None
    return _in_words(error)


def _in_words(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
