"""Secrets taken out: what a source holds of them is replaced by the name of an environment variable.

Recognised by where they stand (a header, a parameter or a JSON key that is named for it) and by the
known shapes of keys and tokens; a value once recognised is replaced wherever it occurs again.
"""

import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from harness.cli._sources._model import Operation, Secret, Source, Text

_HEADER = re.compile(
    r"auth|cookie|token|secret|api-?key|access-?key|session|csrf|xsrf|password|passwd|signature|credential",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"(^|_)(password|passwd|pwd|passphrase|secret|api_?key|access_?key|private_?key|auth|authorization"
    r"|credentials?|signature|jwt|bearer|otp|pin|token|csrf|xsrf)$",
)
_SHAPE = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"  # JSON web token
    r"|\b(?:sk|pk|rk|gsk|xai|hf|glpat|ghp|gho|ghs|npm|pypi|xox[abeprs])[-_][\w-]{16,}"
    r"|\bgithub_pat_\w{20,}|\bA(?:KIA|SIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*",
)
_SCHEME = re.compile(r"(?i)(bearer|basic|token|apikey|digest)\s+(.+)", re.DOTALL)
#: Shorter values are too common to be looked for elsewhere.
_FINDABLE = 6


class SecretKeeper:
    """Gives each secret value of one source its variable, `prefix` first; the values stay in here."""

    def __init__(self, prefix: str) -> None:
        self._prefix = re.sub(r"\W+", "_", prefix).upper()
        self._variables: dict[str, str] = {}
        self.purposes: dict[str, str] = {}

    def named(self, words: str, value: str | None, purpose: str) -> Secret:
        """The secret for a value; for None (an OpenAPI scheme has no value) that for the words."""
        name = f"{self._prefix}_{re.sub(r'[^A-Za-z0-9]+', '_', words).strip('_').upper() or 'SECRET'}"
        if value is None:
            self.purposes.setdefault(name, purpose)
            return Secret(name)
        if value not in self._variables:
            variable, number = name, 1
            while variable in self._variables.values():
                number += 1
                variable = f"{name}_{number}"
            self._variables[value] = variable
            self.purposes[variable] = purpose
        return Secret(self._variables[value])

    def cleaned(self, source: Source) -> Source:
        """The source without a secret in it.

        Twice over, since a value that a later request shows to be one may stand in an earlier.
        """
        first = [self._protected(operation) for operation in source.operations]
        return replace(source, operations=tuple(self._swept(operation) for operation in first))

    def _protected(self, operation: Operation) -> Operation:
        headers = {name: self._header(name, value) for name, value in operation.headers.items()}
        query = {name: self._named_value(name, value, "parameter") for name, value in operation.query.items()}
        return replace(
            operation,
            headers=headers,
            query=query,
            json=self._walk(operation.json),
            data=self._walk(operation.data),
        )

    def _swept(self, operation: Operation) -> Operation:
        """With all values known by now replaced wherever they stand."""
        return replace(
            operation,
            headers={name: self._text(value) for name, value in operation.headers.items()},
            query={name: self._walk(value) for name, value in operation.query.items()},
            path=self._path(operation.path),
            name=self._blank(operation.name, "{secret}"),
            json=self._walk(operation.json),
            data=self._walk(operation.data),
            summary=self._blank(operation.summary),
        )

    def _header(self, name: str, value: Any) -> Any:
        if not isinstance(value, str) or not _HEADER.search(name):
            return self._text(value)
        scheme = _SCHEME.fullmatch(value.strip())
        if scheme and name.lower().endswith("authorization"):
            words = {"bearer": "token", "basic": "basic_auth"}.get(scheme[1].lower(), "authorization")
            purpose = f"header {name}, after `{scheme[1]} `"
            if words == "basic_auth":
                purpose += ": `printf %s 'user:password' | base64`"
            return Text((f"{scheme[1]} ", self.named(words, scheme[2], purpose)))
        return Text((self.named(name, value, f"header {name}"),))

    def _named_value(self, key: str, value: Any, kind: str) -> Any:
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).replace("-", "_").lower()
        if isinstance(value, str) and value and _KEY.search(snake):
            return Text((self.named(snake, value, f"{kind} {key}"),))
        return self._walk(value)

    def _walk(self, value: Any) -> Any:
        match value:
            case dict():
                return {key: self._named_value(key, each, "body field") for key, each in value.items()}
            case list():
                return [self._walk(each) for each in value]
            case _:
                return self._text(value)

    def _text(self, value: Any) -> Any:
        """A string with each secret in it replaced; anything else as it is."""
        if isinstance(value, Text):
            return value
        if not isinstance(value, str):
            return value
        for match in _SHAPE.finditer(value):
            self.named("key", match[0], "a key or token")
        known = sorted((each for each in self._variables if len(each) >= _FINDABLE), key=len, reverse=True)
        if not any(each in value for each in known):
            return value
        pieces = re.split(f"({'|'.join(map(re.escape, known))})", value)
        return Text(tuple(Secret(self._variables[p]) if p in known else p for p in pieces if p))

    def _path(self, path: str | Text) -> str | Text:
        """A path is searched decoded; one with a secret in it becomes `Text`."""
        found = self._text(unquote(path)) if isinstance(path, str) else path
        return found if isinstance(found, Text) else path

    def _blank(self, words: str, mark: str = "...") -> str:
        found = self._text(words)
        if not isinstance(found, Text):
            return words
        return "".join(part if isinstance(part, str) else mark for part in found.parts)
