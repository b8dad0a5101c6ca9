"""What can go wrong with an exchange, told apart by kind, each in a few fixed words.

    no connection            NAME_NOT_FOUND  NO_SOCKET  REFUSED  UNREACHABLE  TLS
    connection, no response  RESET  CLOSED  PROTOCOL
    response cut or unusable TRUNCATED  STALLED  TOO_LARGE  UNDECODABLE
    at any stage             TIMEOUT

Texts never hold an address, a port, an id or anything else that the other side chose.
"""

import enum
import errno
import ssl
from dataclasses import dataclass


class FailureKind(enum.StrEnum):
    """Why an exchange has no complete, readable response."""

    NAME_NOT_FOUND = "name_not_found"
    NO_SOCKET = "no_socket"  # this machine's own fault: no descriptor or no port left
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    RESET = "reset"
    CLOSED = "closed"  # in order, but before any byte of the response
    TIMEOUT = "timeout"  # the total deadline, or the one for connecting
    STALLED = "stalled"  # no byte for the idle timeout, in the middle of a response
    TRUNCATED = "truncated"  # the response began and was cut
    PROTOCOL = "protocol"
    TOO_LARGE = "too_large"
    UNDECODABLE = "undecodable"  # the content encoding


@dataclass(slots=True, frozen=True)
class Failure:
    """A kind for programs and a text of few fixed words for people."""

    kind: FailureKind
    text: str


NAME_NOT_FOUND = Failure(FailureKind.NAME_NOT_FOUND, "host name not found")
NO_FILES = Failure(FailureKind.NO_SOCKET, "no file descriptor left for a connection")
NO_PORTS = Failure(FailureKind.NO_SOCKET, "no local port left for a connection")
NO_MEMORY = Failure(FailureKind.NO_SOCKET, "no memory left for a connection")
REFUSED = Failure(FailureKind.REFUSED, "connection refused")
UNREACHABLE = Failure(FailureKind.UNREACHABLE, "host unreachable")
RESET = Failure(FailureKind.RESET, "connection reset")
CLOSED = Failure(FailureKind.CLOSED, "connection closed before the response")
TIMEOUT = Failure(FailureKind.TIMEOUT, "timed out")
TIMEOUT_CONNECTING = Failure(FailureKind.TIMEOUT, "timed out while connecting")
TIMEOUT_IN_BODY = Failure(FailureKind.TIMEOUT, "timed out in the body")
STALLED = Failure(FailureKind.STALLED, "response stalled")
TRUNCATED_HEAD = Failure(FailureKind.TRUNCATED, "response head cut short")
TRUNCATED = Failure(FailureKind.TRUNCATED, "body cut short")
NOT_HTTP = Failure(FailureKind.PROTOCOL, "not HTTP")
BAD_BODY = Failure(FailureKind.PROTOCOL, "body framing broken")
UPGRADE = Failure(FailureKind.PROTOCOL, "switched to another protocol")
HEAD_TOO_LARGE = Failure(FailureKind.TOO_LARGE, "response head too large")
TOO_LARGE = Failure(FailureKind.TOO_LARGE, "response too large")
UNDECODABLE = Failure(FailureKind.UNDECODABLE, "content encoding broken")
UNKNOWN_ENCODING = Failure(FailureKind.UNDECODABLE, "content encoding not supported")
TLS_CLOSED = Failure(FailureKind.TLS, "TLS: connection closed in the handshake")

_BY_ERRNO = {
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: RESET,
    errno.EPIPE: RESET,
    errno.ECONNABORTED: RESET,
    errno.ETIMEDOUT: TIMEOUT,
    errno.EMFILE: NO_FILES,
    errno.ENFILE: NO_FILES,
    errno.ENOBUFS: NO_MEMORY,
    errno.ENOMEM: NO_MEMORY,
    errno.EADDRNOTAVAIL: NO_PORTS,
    errno.EADDRINUSE: NO_PORTS,
}

# X509_V_ERR_* of OpenSSL's x509_vfy.h; its own texts name the host.
_BY_VERIFY_CODE = {
    9: "certificate not valid yet",
    10: "certificate expired",
    18: "certificate self-signed",
    19: "certificate of an unknown issuer",
    20: "certificate of an unknown issuer",
    21: "certificate of an unknown issuer",
    23: "certificate revoked",
    62: "certificate for another host",
    64: "certificate for another address",
}


def failure_of_os_error(number: int | None) -> Failure:
    """The failure that an `errno` of connect, send or receive stands for."""
    if number in _BY_ERRNO:
        return _BY_ERRNO[number]
    return UNREACHABLE


def failure_of_tls_error(error: OSError) -> Failure:
    """The failure that an exception of `ssl` stands for."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words = _BY_VERIFY_CODE.get(error.verify_code, "certificate not trusted")
        return Failure(FailureKind.TLS, f"TLS: {words}")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return TLS_CLOSED
    reason = getattr(error, "reason", None)
    words = reason.replace("_", " ").lower() if isinstance(reason, str) else "handshake failed"
    return Failure(FailureKind.TLS, f"TLS: {words}")
