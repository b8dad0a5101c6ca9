"""The words of a command line as bash splits them, with nothing expanded."""

import re

from harness.cli._sources._model import SourceError

_TOKEN = re.compile(
    r"(?P<goes_on>\\\r?\n)|(?P<space>\s+)|(?P<ansi>\$'(?:[^'\\]|\\[\s\S])*')|(?P<single>'[^']*')"
    r'|(?P<double>"(?:[^"\\]|\\[\s\S])*")|(?P<escaped>\\[\s\S])|(?P<bare>[^\s\'"\\$]+|\$)',
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b"}


def shell_words(line: str) -> list[str]:
    r"""The words of a line: '...', "...", $'...' (as browsers write it), \x, and a line that goes on.

    Raises SourceError where a quote stays open.

    >>> shell_words("curl -H 'A: b' \\\n  --data-raw $'it\\'s' \"x y\"")
    ['curl', '-H', 'A: b', '--data-raw', "it's", 'x y']
    """
    words: list[str] = []
    current: str | None = None
    at = 0
    while at < len(line):
        match = _TOKEN.match(line, at)
        if match is None:
            raise SourceError("--curl: a quote is not closed")
        at = match.end()
        if match.lastgroup == "space":
            words += [] if current is None else [current]
            current = None
        elif match.lastgroup != "goes_on":
            current = (current or "") + _plain(match.lastgroup or "", match[0])
    return words if current is None else [*words, current]


def _plain(kind: str, text: str) -> str:
    match kind:
        case "ansi":
            return re.sub(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[\s\S])", _ansi, text[2:-1])
        case "single":
            return text[1:-1]
        case "double":
            return re.sub(r'\\([\\"$`]|\n)', lambda match: match[1].strip("\n"), text[1:-1])
        case "escaped":
            return text[1]
        case _:
            return text


def _ansi(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, f"\\{code}")
