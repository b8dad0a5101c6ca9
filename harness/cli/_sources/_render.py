"""From operations to the two files of a project: NAME.py for Locust and harness.toml."""

import json
from dataclasses import dataclass
from typing import Any

import jinja2

from harness.cli._sources._literal import literal, placeholder, quoted
from harness.cli._sources._model import Operation, Source, Text
from harness.cli._sources._names import class_name, unique

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("harness.cli._sources"),
    undefined=jinja2.StrictUndefined,
    autoescape=jinja2.select_autoescape(),  # for HTML alone: what is written here is Python and TOML
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


@dataclass(slots=True, frozen=True)
class _Task:
    """A task as the template shows it: its call's arguments one a line."""

    function: str
    decorator: str
    words: str
    method: str
    arguments: tuple[str, ...]


def render_locustfile(source: Source, name: str) -> str:
    """NAME.py: one user class with a task per operation."""
    names = list(unique(operation.key for operation in source.operations))
    shared = _shared_headers(source.operations)
    tasks = [
        _task(operation, function, shared)
        for operation, function in zip(source.operations, names, strict=True)
    ]
    kinds = {operation.answer for operation in source.operations}
    attributes: dict[str, Any] = {}
    if shared:
        attributes["headers"] = {key: placeholder(value) for key, value in shared.items()}
    if used := sorted(_variables(source.operations, shared)):
        attributes["secrets"] = tuple(used)
    attributes |= source.tls
    return _ENVIRONMENT.get_template("locustfile.py.j2").render(
        name=name,
        origin=_plain(source.origin),
        title=_plain(source.title),
        class_name=class_name(name),
        host=quoted(source.host),
        attributes=[f"{key} = {literal(value, 4, f'{key} = ')}" for key, value in attributes.items()],
        tasks=tasks,
        kinds=kinds,
    )


def render_config(source: Source, name: str) -> str:
    """harness.toml: the scenario NAME with criteria and a small load, to be edited."""
    category = next(unique(operation.key for operation in source.operations))
    return _ENVIRONMENT.get_template("harness.toml.j2").render(
        name=name,
        origin=_plain(source.origin),
        description=json.dumps(_plain(source.title), ensure_ascii=False),
        host=json.dumps(source.host, ensure_ascii=False),
        category=category,
    )


def _task(operation: Operation, function: str, shared: dict[str, Any]) -> _Task:
    own = {key: value for key, value in operation.headers.items() if shared.get(key) != value}
    arguments = [literal(operation.path, 12)]
    if operation.method not in _METHODS:
        arguments.insert(0, quoted(operation.method))
    for key, value in (
        ("name", operation.name),
        ("category", function),
        ("params", operation.query or None),
        ("headers", own or None),
        ("json", operation.json),
        ("data", operation.data),
    ):
        if value is not None:
            arguments.append(f"{key}={literal(value, 12, f'{key}=')}")
    arguments += _check(operation)
    return _Task(
        function=function,
        decorator="@task" if operation.weight == 1 else f"@task({operation.weight})",
        words=_plain(operation.summary or operation.label),
        method=operation.method.lower() if operation.method in _METHODS else "request",
        arguments=tuple(arguments),
    )


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


def _check(operation: Operation) -> list[str]:
    match operation.answer:
        case "json":
            fields = [quoted(each) for each in operation.fields]
            line = f"check=expect_json({', '.join(fields)})"
            if 12 + len(line) + 1 > 88:
                line = "\n".join(
                    ["check=expect_json(", *(f"{' ' * 16}{each}," for each in fields), f"{' ' * 12})"]
                )
            return [line]
        case "any":
            return ["check=expect_content"]
        case _:
            return []


def _shared_headers(operations: tuple[Operation, ...]) -> dict[str, Any]:
    """The headers that every operation sends with the same value."""
    first, *others = [operation.headers for operation in operations]
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def _variables(operations: tuple[Operation, ...], shared: dict[str, Any]) -> set[str]:
    """The secrets that tasks read for themselves, beside those in the class's headers."""
    found: set[str] = set()

    def visit(value: Any) -> None:
        match value:
            case Text():
                found.update(value.variables)
            case dict():
                for each in value.values():
                    visit(each)
            case list():
                for each in value:
                    visit(each)

    for operation in operations:
        own = {key: value for key, value in operation.headers.items() if shared.get(key) != value}
        for part in (own, operation.query, operation.json, operation.data, operation.path):
            visit(part)
    return found


def _plain(words: str) -> str:
    """Words that fit on a line of a docstring or a comment, whatever a document's author wrote."""
    printable = "".join(each if each.isprintable() else " " for each in words)
    return " ".join(printable.replace("\\", "/").replace('"', "'").split())[:70].rstrip(" .")
