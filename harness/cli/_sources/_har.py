"""A HAR file, a browser's record of requests, read into the distinct requests to one host."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from harness.cli._sources._bodies import as_json, flat, form, without_browser_headers
from harness.cli._sources._model import Operation, Source, SourceError
from harness.cli._sources._names import identifier, path_key, path_template

_STATIC_TYPE = re.compile(
    r"^(image|font|video|audio)/|javascript|text/css|wasm|manifest\+json|font", re.IGNORECASE
)
_STATIC_PATH = re.compile(
    r"\.(css|js|mjs|map|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|otf|eot|mp[34]|webm|wasm)$", re.IGNORECASE
)
_STATIC_RESOURCE = {"image", "font", "stylesheet", "script", "media", "manifest", "websocket", "preflight"}


@dataclass(slots=True, frozen=True)
class _Entry:
    method: str
    origin: str
    path: str
    query: dict[str, Any]
    headers: dict[str, str]
    body: str
    answer_type: str
    kind: str

    @property
    def static(self) -> bool:
        by_type = self.answer_type and _STATIC_TYPE.search(self.answer_type)
        return bool(self.kind in _STATIC_RESOURCE or by_type or _STATIC_PATH.search(self.path))


def read_har(text: str, path: Path, host: str | None) -> Source:
    """Read the text of a HAR file. Requests to `host` are kept, without one those to the busiest.

    Raises SourceError.
    """
    entries = [entry for entry in map(_entry, _entries(text, path)) if entry is not None]
    dynamic = [entry for entry in entries if not entry.static and entry.method != "OPTIONS"]
    if not dynamic:
        what = "only static files and preflights" if entries else "no request"
        raise SourceError(f"{path}: holds {what}; record the requests to the service itself")
    origin = _origin(dynamic, path, host)
    kept = [entry for entry in dynamic if entry.origin == origin]
    operations: dict[tuple[str, ...], Operation] = {}
    for entry in kept:
        operation = _operation(entry)
        operations.setdefault((operation.method, operation.name, *sorted(operation.query)), operation)
    return Source(
        title=urlsplit(origin).hostname or "service",
        origin=path.name,
        host=origin,
        operations=tuple(operations.values()),
        notes=_notes(entries, dynamic, kept, len(operations)),
    )


def _entries(text: str, path: Path) -> Sequence[Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: not a HAR file (not JSON)") from error
    log = document.get("log") if isinstance(document, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise SourceError(f"{path}: not a HAR file (no log.entries)")
    return entries


def _entry(document: Any) -> _Entry | None:
    """One record; None for a broken one and for what is no HTTP request."""
    try:
        request = document["request"]
        parts = urlsplit(request["url"])
        body = (request.get("postData") or {}).get("text") or ""
        headers = {str(each["name"]): str(each["value"]) for each in request.get("headers") or ()}
        answer = (document.get("response") or {}).get("content") or {}
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return None
        return _Entry(
            method=str(request["method"]).upper(),
            origin=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
            path=parts.path or "/",
            query=flat(parse_qs(parts.query, keep_blank_values=True)),
            headers=without_browser_headers(headers),
            body=str(body),
            answer_type=str(answer.get("mimeType") or ""),
            kind=str(document.get("_resourceType") or "").lower(),
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        return None


def _origin(entries: Sequence[_Entry], path: Path, host: str | None) -> str:
    """The host asked for, else the one with most calls that answered JSON, else with most requests."""
    counts = Counter(entry.origin for entry in entries)
    if host:
        if host not in counts:
            known = ", ".join(origin for origin, _ in counts.most_common(5))
            raise SourceError(f"{path}: holds no request to {host}; it has {known}")
        return host
    calls = Counter(
        entry.origin for entry in entries if "json" in entry.answer_type or entry.kind in {"xhr", "fetch"}
    )
    return (calls or counts).most_common(1)[0][0]


def _operation(entry: _Entry) -> Operation:
    kind = next((text for name, text in entry.headers.items() if name.lower() == "content-type"), "")
    document = as_json(entry.body) if "json" in kind else None
    headers = entry.headers
    if document is not None:
        headers = {name: text for name, text in headers.items() if name.lower() != "content-type"}
    # Every GraphQL call has the same path; what it asks for is the operation.
    asked = document.get("operationName") if isinstance(document, dict) else None
    name = path_template(entry.path)
    return Operation(
        method=entry.method,
        path=entry.path,
        name=f"{name} {asked}" if isinstance(asked, str) and asked else name,
        key=identifier(str(asked or "")) or path_key(entry.path) or entry.method.lower(),
        headers=headers,
        query=entry.query,
        json=document,
        data=None if document is not None else form(entry.body, kind),
        answer=_answer(entry),
        weight=0 if entry.method == "DELETE" else 1,
    )


def _answer(entry: _Entry) -> str:
    if entry.method == "HEAD" or not entry.answer_type:
        return "none"
    return "json" if "json" in entry.answer_type else "any"


def _notes(
    entries: Sequence[_Entry], dynamic: Sequence[_Entry], kept: Sequence[_Entry], distinct: int
) -> tuple[str, ...]:
    others = Counter(urlsplit(entry.origin).netloc for entry in dynamic if entry not in kept)
    left_out: Mapping[str, int] = {
        "static files and preflights": len(entries) - len(dynamic),
        f"requests to other hosts: {', '.join(host for host, _ in others.most_common(3))}": others.total(),
        "repeats": len(kept) - distinct,
    }
    words = [f"{what} ({count})" for what, count in left_out.items() if count]
    return (f"Left out: {', '.join(words)}",) if words else ()
