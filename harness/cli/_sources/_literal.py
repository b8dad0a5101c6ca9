"""Values as Python source, as a formatter leaves it: on one line where it fits, else one item a line."""

from typing import Any

from harness.cli._sources._model import Secret, Text

WIDTH = 88


def literal(value: Any, indent: int, before: str = "") -> str:
    """The source of a value that follows `before` at column `indent`, and a comma.

    >>> print("body = " + literal({"q": ["a", 1, None], "deep": {"text": "x" * 60}}, 0, "body = "))
    body = {
        "q": ["a", 1, None],
        "deep": {"text": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
    }
    """
    line = _one_line(value)
    if (
        indent + len(before) + len(line) + 1 <= WIDTH
        or not isinstance(value, dict | list | tuple)
        or not value
    ):
        return line
    inner = " " * (indent + 4)
    if isinstance(value, dict):
        keys = {key: f"{quoted(str(key))}: " for key in value}
        items = [f"{key}{literal(value[name], indent + 4, key)}" for name, key in keys.items()]
        opened, closed = "{", "}"
    else:
        items = [literal(each, indent + 4) for each in value]
        opened, closed = ("(", ")") if isinstance(value, tuple) else ("[", "]")
    return "\n".join([opened, *(f"{inner}{item}," for item in items), " " * indent + closed])


def placeholder(value: Any) -> Any:
    """A header's text with `${VARIABLE}` for each secret, as `ServiceUser.headers` takes it."""
    if not isinstance(value, Text):
        return value
    return "".join(f"${{{part.variable}}}" if isinstance(part, Secret) else part for part in value.parts)


def quoted(text: str) -> str:
    """A string in double quotes, or in single ones where that saves backslashes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return f"{quote}{''.join(_escaped(character, quote) for character in text)}{quote}"


def _escaped(character: str, quote: str) -> str:
    if character in {quote, "\\"}:
        return f"\\{character}"
    return character if character in "'\"" else repr(character)[1:-1]


def _one_line(value: Any) -> str:
    match value:
        case dict():
            return (
                "{" + ", ".join(f"{quoted(str(key))}: {_one_line(each)}" for key, each in value.items()) + "}"
            )
        case list():
            return "[" + ", ".join(map(_one_line, value)) + "]"
        case tuple():
            return f"({', '.join(map(_one_line, value))}{',' if len(value) == 1 else ''})"
        case Text():
            return _expression(value)
        case str():
            return quoted(value)
        case _:
            return repr(value)


def _expression(text: Text) -> str:
    """`self.secret("NAME")`, or an f-string around it."""
    if len(text.parts) == 1 and isinstance(text.parts[0], Secret):
        return f'self.secret("{text.parts[0].variable}")'
    # Python before 3.12 wants other quotes inside an f-string than around it.
    parts = [
        f"{{self.secret('{part.variable}')}}"
        if isinstance(part, Secret)
        else "".join(_escaped(character, '"') for character in part).replace("{", "{{").replace("}", "}}")
        for part in text.parts
    ]
    return f'f"{"".join(parts)}"'
