"""A curl command line, as typed or as a browser's "Copy as cURL (bash)" gives it, read into one operation."""

import argparse
import re
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, quote_plus, unquote, urlsplit

from harness.cli._sources._bodies import FORM, as_json, flat, form, without_client_headers
from harness.cli._sources._model import Operation, Source, SourceError
from harness.cli._sources._names import path_key, path_template
from harness.cli._sources._shell import shell_words

_NO_MATTER = """-s --silent -S --show-error -i --include -v --verbose -L --location -N --no-buffer -f --fail
-g --globoff --fail-with-body --compressed --http1.0 --http1.1 --http2 --http3 -4 -6 --ipv4 --ipv6
--progress-bar --no-progress-meter --path-as-is --tlsv1.2 --tlsv1.3 --tcp-nodelay"""
_NO_MATTER_WITH_VALUE = """-o --output -m --max-time --connect-timeout -w --write-out --retry --retry-delay
--retry-max-time -x --proxy -c --cookie-jar -D --dump-header --max-redirs --resolve"""
_UNSUPPORTED = {
    "-F": "a multipart form",
    "--form": "a multipart form",
    "-T": "a file upload",
    "--upload-file": "a file upload",
    "-K": "a file of options",
    "--config": "a file of options",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse repeats what it was given, which may be a header's value.
        words = re.sub(r"(unrecognized arguments:) (--?[\w-]*).*", r"\1 \2", message, flags=re.DOTALL)
        raise SourceError(f"--curl: {words}; leave out what the request works without")


class _Data(argparse.Action):
    """Bodies in the order given, each with the option that says how to read it."""

    def __call__(self, _parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        namespace.data = [*namespace.data, (option_string, values)]


def _parser() -> _Parser:
    parser = _Parser(prog="curl", add_help=False, allow_abbrev=False)
    parser.add_argument("urls", nargs="*")
    parser.add_argument("--url", action="append", default=[])
    parser.add_argument("-X", "--request")
    parser.add_argument("-I", "--head", action="store_true")
    parser.add_argument("-G", "--get", action="store_true")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("-A", "--user-agent")
    parser.add_argument("-e", "--referer")
    parser.add_argument("-u", "--user")
    parser.add_argument("--oauth2-bearer")
    parser.add_argument("-b", "--cookie")
    parser.add_argument(
        "-d",
        "--data",
        "--data-ascii",
        "--data-binary",
        "--data-raw",
        "--data-urlencode",
        "--json",
        action=_Data,
        default=[],
    )
    parser.add_argument("-k", "--insecure", action="store_true")
    parser.add_argument("--cacert")
    parser.add_argument("-E", "--cert")
    parser.add_argument("--key")
    for option in _NO_MATTER.split():
        parser.add_argument(option, action="count", dest="ignored")
    for option in (*_NO_MATTER_WITH_VALUE.split(), *_UNSUPPORTED):
        parser.add_argument(option, action="append", dest=option)
    return parser


def read_curl(command: str, folder: Path) -> Source:
    """Read the line; `@file` is looked for in `folder`. Raises SourceError."""
    words = shell_words(command)
    if not words or Path(words[0]).name != "curl":
        raise SourceError("--curl: not a curl command line: it should begin with `curl `")
    line = _parser().parse_intermixed_args(words[1:])
    for option, what in _UNSUPPORTED.items():
        if getattr(line, option):
            raise SourceError(f"--curl: {option}: {what} is not supported; write that task by hand")
    urls = [*line.urls, *line.url]
    if len(urls) != 1:
        found = "more than one URL, or a word without quotes" if urls else "no URL"
        raise SourceError(f"--curl: {found} in the line; give one request")
    address = urls[0] if "://" in urls[0] else f"http://{urls[0]}"
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SourceError("--curl: the URL should start with http:// or https:// and name a host")
    credentials, _, host = parts.netloc.rpartition("@")
    tls, notes = _tls(line)
    return Source(
        title=parts.hostname,
        origin="a curl line",
        host=f"{parts.scheme}://{host}",
        operations=(_operation(line, parts.path or "/", parts.query, unquote(credentials), folder),),
        notes=notes,
        tls=tls,
    )


def _operation(line: Any, path: str, query_text: str, credentials: str, folder: Path) -> Operation:
    headers = _headers(line, credentials)
    body = "&".join(_data(option, text, folder) for option, text in line.data)
    if line.get and body:
        query_text, body = f"{query_text}&{body}", ""
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    document = as_json(body) if "json" in kind or not kind else None
    if document is not None:
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    elif body and not kind:
        headers["Content-Type"] = kind = FORM
    method = line.request or ("HEAD" if line.head else "POST" if body else "GET")
    return Operation(
        method=method.upper(),
        path=path,
        name=path_template(path),
        key=path_key(path) or method.lower(),
        headers=headers,
        query=flat(parse_qs(query_text, keep_blank_values=True)),
        json=document,
        data=None if document is not None else form(body, kind),
        answer="none" if line.head else "any",
    )


def _headers(line: Any, credentials: str) -> dict[str, str]:
    headers = {}
    if credentials or line.user:
        headers["Authorization"] = f"Basic {b64encode((line.user or credentials).encode()).decode()}"
    if line.oauth2_bearer:
        headers["Authorization"] = f"Bearer {line.oauth2_bearer}"
    if line.cookie:
        if "=" not in line.cookie:
            raise SourceError("--curl: -b names a cookie file; give the cookies themselves")
        headers["Cookie"] = line.cookie
    headers |= {
        name: value
        for name, value in (("User-Agent", line.user_agent), ("Referer", line.referer))
        if value is not None
    }
    if any(option == "--json" for option, _ in line.data):
        headers |= {"Content-Type": "application/json", "Accept": "application/json"}
    return headers | without_client_headers(_split_headers(line.header))


def _split_headers(lines: Iterable[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): text.strip() for name, colon, text in pairs if colon and text.strip()}


def _tls(line: Any) -> tuple[dict[str, str | bool], tuple[str, ...]]:
    tls: dict[str, str | bool] = {}
    notes: tuple[str, ...] = ()
    if line.insecure:
        tls["insecure"] = True
    if line.cacert:
        tls["ca_file"] = line.cacert
    if line.cert:
        tls["client_cert"], colon, _ = line.cert.partition(":")
        if colon:
            notes = ("The client certificate's passphrase was left out: its key has to be unencrypted",)
    if line.key:
        tls["client_key"] = line.key
    return tls, notes


def _data(option: str, text: str, folder: Path) -> str:
    if option == "--data-urlencode":
        name, equals, rest = text.partition("=")
        return f"{name}={quote_plus(rest)}" if equals and name else quote_plus(rest if equals else text)
    if option == "--data-raw" or not text.startswith("@"):
        return text
    path = folder / text[1:]
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SourceError(f"--curl: the body's file {path}: {reason}") from error
    return content if option in {"--data-binary", "--json"} else re.sub(r"[\r\n]", "", content)
