"""An OpenAPI 3 document read into one operation per method and path, with a sample of everything sent."""

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from harness.cli._sources._bodies import FORM
from harness.cli._sources._model import Operation, Secret, Source, SourceError, Text
from harness.cli._sources._names import identifier, path_key
from harness.cli._sources._samples import Samples
from harness.cli._sources._secrets import SecretKeeper

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_PROBE = re.compile(
    r"/(health|healthz|healthcheck|livez?|livez|liveness|readyz?|readiness|metrics|ping|status|version|info"
    r"|openapi\.(json|yaml)|docs|redoc|favicon\.ico)/?$",
    re.IGNORECASE,
)


@dataclass(slots=True, frozen=True)
class _Body:
    json: Any = None
    data: Any = None
    headers: tuple[tuple[str, str], ...] = ()


def read_openapi(text: str, label: str, url: str | None, host: str | None, keeper: SecretKeeper) -> Source:
    """Read the text of a document. `url` is where it was fetched from; `host` wins over its servers.

    Raises SourceError.
    """
    document = _document(text, label)
    samples = Samples(document, label)
    address, prefix = _address(document, label, url, host)
    operations: list[Operation] = []
    probes: list[Operation] = []
    notes: list[str] = []
    for path, method, item, details in _operations(document, samples):
        try:
            operation = _operation(samples, f"{prefix}{path}", method, item, details)
            if operation is None:
                notes.append(f"Left out: {method.upper()} {path} (its body is neither JSON, a form nor text)")
                continue
            secured = _with_security(operation, document, details, samples, keeper)
        except (AttributeError, TypeError, ValueError) as error:
            place = f"paths.{path}.{method}"
            raise SourceError(
                f"{label}: {place}: not as OpenAPI 3 has it ({error}); mend it or delete it"
            ) from error
        (probes if method == "get" and _PROBE.search(path) else operations).append(secured)
    if not operations and not probes:
        raise SourceError(f"{label}: describes no operation that can be sent")
    if operations and probes:
        notes.append(f"Left out, being probes: {', '.join(each.label for each in probes)}")
    return Source(
        title=str((document.get("info") or {}).get("title") or "Service"),
        origin=label,
        host=address,
        operations=tuple(operations or probes),
        notes=tuple(notes),
    )


def _document(text: str, label: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = _yaml(text, label)
    if not isinstance(document, dict):
        raise SourceError(f"{label}: not an OpenAPI document")
    if "swagger" in document:
        raise SourceError(f"{label}: Swagger {document['swagger']}; convert it to OpenAPI 3 first")
    if not str(document.get("openapi", "")).startswith("3.") or not isinstance(document.get("paths"), dict):
        raise SourceError(f"{label}: not an OpenAPI 3 document (needs `openapi: 3.x` and `paths`)")
    return document


def _yaml(text: str, label: str) -> Any:
    if text.lstrip()[:1] in {"{", "[", "<", ""}:
        raise SourceError(f"{label}: not an OpenAPI document (not JSON that can be read)")
    try:
        yaml = importlib.import_module("yaml")
    except ImportError as error:
        raise SourceError(f"{label}: YAML needs PyYAML: pip install pyyaml, or give the JSON") from error
    try:
        # Through JSON: dates become text, and keys such as 200 become strings.
        return json.loads(json.dumps(yaml.safe_load(text), default=str))
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise SourceError(f"{label}: not an OpenAPI document (neither JSON nor YAML)") from error


def _address(document: Mapping[str, Any], label: str, url: str | None, host: str | None) -> tuple[str, str]:
    """Host and path prefix: of `host`, of the first server, of the place the document came from."""
    servers = document.get("servers")
    server = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], dict) else {}
    named = str(server.get("url") or "")
    for key, variable in (server.get("variables") or {}).items():
        named = named.replace(f"{{{key}}}", str((variable or {}).get("default", "")))
    whole = urljoin(url, named) if url and named else named or url or ""
    parts = urlsplit(whole)
    prefix = parts.path.rstrip("/") if named else ""
    if host:
        return host, "" if urlsplit(host).path.strip("/") else prefix
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise SourceError(f"{label}: names no server; give --host http://...")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", prefix


def _operations(
    document: Mapping[str, Any], samples: Samples
) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    for path, described in document["paths"].items():
        item = samples.resolve(described)
        for method in _METHODS:
            details = item.get(method)
            if isinstance(details, dict) and not details.get("deprecated"):
                yield str(path), method, item, details


def _operation(
    samples: Samples, path: str, method: str, item: Mapping[str, Any], details: Mapping[str, Any]
) -> Operation | None:
    """None where its body cannot be written down here."""
    body = _body(samples, details)
    if body is None:
        return None
    by_place: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
    parameters = [
        samples.resolve(each)
        for each in (*(item.get("parameters") or ()), *(details.get("parameters") or ()))
    ]
    for parameter in parameters:
        place, name = str(parameter.get("in")), str(parameter.get("name"))
        value = _parameter(samples, parameter)
        if place in by_place and value is not None and name.lower() not in {"accept", "content-type"}:
            by_place[place][name] = value
    concrete = re.sub(
        r"\{([^{}/]+)\}", lambda match: quote(str(by_place["path"].get(match[1], 1)), safe=""), path
    )
    answer, fields = _answer(samples, details, method)
    headers = {name: str(value) for name, value in by_place["header"].items()} | dict(body.headers)
    if by_place["cookie"]:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in by_place["cookie"].items())
    return Operation(
        method=method.upper(),
        path=concrete,
        name=path,
        key=_key(path, method, details),
        summary=" ".join(str(details.get("summary") or "").split())[:80].rstrip(". "),
        headers=headers,
        query={name: _query_value(value) for name, value in by_place["query"].items()},
        json=body.json,
        data=body.data,
        answer=answer,
        fields=fields,
        weight=0 if method == "delete" else 1,
    )


def _key(path: str, method: str, details: Mapping[str, Any]) -> str:
    """The operation's id, without the path and method that FastAPI appends to it."""
    named = identifier(str(details.get("operationId") or ""))
    appended = identifier(f"{path} {method}")
    word = named.removesuffix(appended).strip("_") or named
    return word or "_".join(filter(None, (method, path_key(path))))


def _parameter(samples: Samples, parameter: Mapping[str, Any]) -> Any:
    """A value for what is required or has an example; None for the rest."""
    examples = parameter.get("examples")
    if "example" in parameter:
        return parameter["example"]
    if isinstance(examples, dict) and examples:
        return samples.resolve(next(iter(examples.values()))).get("value")
    schema = samples.resolve(parameter.get("schema"))
    if parameter.get("required") or "example" in schema or "examples" in schema:
        return samples.of(schema, str(parameter.get("name")))
    return None


def _query_value(value: Any) -> Any:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return [_query_value(each) for each in value]
        case dict():
            return json.dumps(value)
        case _:
            return str(value)


def _body(samples: Samples, details: Mapping[str, Any]) -> _Body | None:
    request = samples.resolve(details.get("requestBody"))
    content = request.get("content")
    if not isinstance(content, dict) or not content:
        return _Body()
    kinds = {kind.split(";")[0].strip().lower(): media for kind, media in content.items()}
    for kind, media in kinds.items():
        if kind == "application/json" or kind.endswith("+json") or kind == "*/*":
            value = _media_sample(samples, media)
            headers = () if kind in {"application/json", "*/*"} else (("Content-Type", kind),)
            return _Body(json={} if value is None else value, headers=headers)
    if FORM in kinds:
        value = _media_sample(samples, kinds[FORM])
        fields = value if isinstance(value, dict) else {}
        return _Body(data={key: _query_value(each) for key, each in fields.items()})
    for kind, media in kinds.items():
        if kind.startswith("text/"):
            return _Body(data=str(_media_sample(samples, media) or ""), headers=(("Content-Type", kind),))
    return _Body() if not request.get("required") else None


def _media_sample(samples: Samples, media: Any) -> Any:
    media = samples.resolve(media)
    if "example" in media:
        return media["example"]
    examples = media.get("examples")
    if isinstance(examples, dict) and examples:
        return samples.resolve(next(iter(examples.values()))).get("value")
    return samples.of(media.get("schema"))


def _answer(samples: Samples, details: Mapping[str, Any], method: str) -> tuple[str, tuple[str, ...]]:
    """What a good answer is, and the top-level fields that its schema requires."""
    responses = details.get("responses") or {}
    good = [samples.resolve(each) for code, each in responses.items() if str(code).startswith("2")]
    content = next((each.get("content") for each in good if each.get("content")), None)
    if method == "head" or not isinstance(content, dict):
        return "none", ()
    for kind, media in content.items():
        if "json" in kind and "seq" not in kind and "ndjson" not in kind:
            schema = samples.merged(samples.resolve(media).get("schema"))
            return "json", tuple(str(each) for each in schema.get("required") or ())
    return "any", ()


def _with_security(
    operation: Operation,
    document: Mapping[str, Any],
    details: Mapping[str, Any],
    samples: Samples,
    keeper: SecretKeeper,
) -> Operation:
    """With what the first security requirement asks for, every value a variable of the environment."""
    needs = details.get("security", document.get("security"))
    first: Mapping[str, Any] = next((each for each in needs if each), {}) if isinstance(needs, list) else {}
    schemes = (document.get("components") or {}).get("securitySchemes") or {}
    for name in first:
        scheme = samples.resolve(schemes.get(name))
        place, key, value = _credential(scheme, str(name), keeper)
        if place == "query":
            operation.query[key] = value
        elif place:
            operation.headers[key] = value
    return operation


def _credential(scheme: Mapping[str, Any], name: str, keeper: SecretKeeper) -> tuple[str, str, Text]:
    """Where a scheme's credential goes, under which name, and the placeholder."""
    kind, key = scheme.get("type"), str(scheme.get("name") or name)
    if kind == "apiKey":
        held: Secret = keeper.named(key, None, f"{scheme.get('in')} parameter {key}")
        if scheme.get("in") == "cookie":
            return "header", "Cookie", Text((f"{key}=", held))
        return ("query" if scheme.get("in") == "query" else "header"), key, Text((held,))
    if kind == "http" and str(scheme.get("scheme")).lower() == "basic":
        purpose = "header Authorization, after `Basic `: `printf %s 'user:password' | base64`"
        return "header", "Authorization", Text(("Basic ", keeper.named("basic_auth", None, purpose)))
    if kind in {"http", "oauth2", "openIdConnect"}:
        held = keeper.named("token", None, "header Authorization, after `Bearer `")
        return "header", "Authorization", Text(("Bearer ", held))
    return "", "", Text(())
