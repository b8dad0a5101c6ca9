"""What every source is read into: operations with sample values, and secrets as names alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import UserError


class SourceError(UserError):
    """An OpenAPI document, a HAR file or a curl line that cannot be used: what, and what to do."""


@dataclass(slots=True, frozen=True)
class Secret:
    """Stands where a secret stood: the environment variable that will hold it."""

    variable: str


@dataclass(slots=True, frozen=True)
class Text:
    """Text with secrets in it: `Text(("Bearer ", Secret("CHAT_TOKEN")))`."""

    parts: tuple[str | Secret, ...]

    @property
    def variables(self) -> list[str]:
        return [part.variable for part in self.parts if isinstance(part, Secret)]


@dataclass(slots=True, frozen=True)
class Operation:
    """One kind of request. `path` is what is sent, `name` what it is counted under (low in cardinality),
    `key` a word for the task.

    `json` and `data` are the body, at most one of them; values anywhere may be `Text`. `answer` says
    what a 2xx must be: "json", "any" (JSON where the answer says so, else not empty), "none".
    `fields` are top-level names that its JSON must have. `weight` 0 switches the task off.
    """

    method: str
    path: str | Text
    name: str
    key: str
    summary: str = ""
    headers: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    json: Any = None
    data: Any = None
    answer: str = "any"
    fields: Sequence[str] = ()
    weight: int = 1

    @property
    def label(self) -> str:
        return f"{self.method} {self.name}"


@dataclass(slots=True, frozen=True)
class Source:
    """Everything that one source gave. `notes` are lines for the user; `tls` class attributes to set."""

    title: str
    origin: str
    host: str
    operations: tuple[Operation, ...]
    notes: tuple[str, ...] = ()
    tls: dict[str, str | bool] = field(default_factory=dict)
