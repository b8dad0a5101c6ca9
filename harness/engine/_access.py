"""How a user class gets in at its service: headers with secrets from the environment, and TLS.

A value such as `"Bearer ${CHAT_TOKEN}"` is completed from the environment of the process that
sends. What is completed stays in memory: it has no repr and goes into requests alone. Every
mistake is a `UserError` of one line that names variables and files, never a value.
"""

import functools
import os
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UserError

#: Attributes of Locust's own HTTP users that this engine would pass over, and what to set instead.
_INSTEAD = {
    "network_timeout": "request_timeout_s",
    "connection_timeout": "request_timeout_s",
    "default_headers": "headers",
    "ssl_context_factory": "ca_file, client_cert and client_key",
    "max_redirects": "allow_redirects=False of a request",
    "max_retries": None,
    "concurrency": None,
    "client_pool": None,
    "pool_manager": None,
    "proxy_host": None,
    "proxy_port": None,
}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(slots=True, frozen=True)
class Tls:
    """Whom to trust and how to introduce oneself: files in PEM format. None is the system's CAs."""

    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    insecure: bool = False

    def context(self) -> ssl.SSLContext:
        """The one context of this process for these files; loading the CAs takes 35 ms each time.

        Raises UserError.
        """
        return _context(self, self.ca_file)


@dataclass(slots=True, frozen=True)
class Access:
    """What a user class sends with every request to its own host, ready to be sent."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: Tls = field(default_factory=Tls)


_completed: dict[type[object], Access] = {}


def access_of(user_class: type[object]) -> Access:
    """Complete a `ServiceUser`'s headers and load its TLS files, once per process.

    Raises UserError for a variable that is not set and for a file that cannot be used.
    """
    if user_class not in _completed:
        _completed[user_class] = _complete(user_class)
    return _completed[user_class]


def _complete(user_class: type[object]) -> Access:
    owner = user_class.__name__
    for name, instead in _INSTEAD.items():
        if hasattr(user_class, name):
            advice = f"set {instead}" if instead else "remove it, or derive from Locust's FastHttpUser"
            raise UserError(f"{owner}.{name} is of Locust's own users and has no effect here: {advice}")
    declared: Mapping[str, str] = getattr(user_class, "headers", None) or {}
    headers = {name: _header(name, text, owner) for name, text in declared.items()}
    for name in getattr(user_class, "secrets", ()):
        secret(name, owner)
    files = {name: _file(user_class, name) for name in ("ca_file", "client_cert", "client_key")}
    if files["client_key"] and not files["client_cert"]:
        raise UserError(f"{owner}.client_key needs client_cert beside it")
    tls = Tls(**files, insecure=bool(getattr(user_class, "insecure", False)))
    if any(files.values()):
        tls.context()
    return Access(headers, tls)


def access_to_service(user_classes: Iterable[type[object]]) -> Access:
    """The access of the first class that has any, for the question whether the service is up.

    All are completed, so that a variable that is missing anywhere is found before any load.
    """
    found = [access_of(user_class) for user_class in user_classes if hasattr(user_class, "ca_file")]
    return found[0] if found else Access()


def secret(name: str, owner: str) -> str:
    """The value of an environment variable; UserError, naming who needs it, when there is none."""
    value = os.environ.get(name)
    if not value:
        raise UserError(f"{name} is not set, and {owner} needs it: export {name}=...")
    return value


def _header(name: str, text: str, owner: str) -> str:
    whole = _expand(text, f"{owner}.headers[{name!r}]")
    if not (whole.isascii() and whole.isprintable()):
        names = ", ".join(_VARIABLE.findall(text)) or "its text"
        raise UserError(f"{owner}.headers[{name!r}]: {names} holds a line break or a letter beyond ASCII")
    return whole


def _expand(text: str, owner: str) -> str:
    return _VARIABLE.sub(lambda match: secret(match[1], owner), text)


def _file(user_class: type[object], attribute: str) -> str | None:
    """A readable file, named relative to the current folder; None where the class names none."""
    named = getattr(user_class, attribute, None)
    if not named:
        return None
    place = f"{user_class.__name__}.{attribute}"
    path = Path(_expand(str(named), place)).expanduser()
    try:
        path.open("rb").close()
    except OSError as error:
        raise UserError(f"{place}: {path}: {error.strerror}") from error
    return str(path)


@functools.cache
def _context(tls: Tls, ca_file: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise UserError(f"{ca_file}: holds no CA certificate in PEM format") from error
    # Python 3.13 began to refuse CAs that lack extensions which in-house CAs often lack; curl does not.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.client_cert:
        try:
            # Without the password callback, OpenSSL would ask at the terminal.
            context.load_cert_chain(tls.client_cert, tls.client_key, password=lambda: b"")
        except ssl.SSLError as error:
            files = " and ".join(filter(None, (tls.client_cert, tls.client_key)))
            reason = "a certificate and its key, unencrypted, in PEM format"
            raise UserError(f"{files}: not {reason} ({error.reason or 'unreadable'})") from error
    return context
