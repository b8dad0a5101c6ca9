"""Secrets that stand in what is shown or kept: users and passwords in addresses, options named as one.

Better is what never stands there: an environment variable. This is for what was typed all the same.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

#: What is kept in place of a secret.
HIDDEN = "***"

#: Words of an option's name that say that its value is one; `max_tokens` is not among them.
_SECRET = re.compile(
    r"(?:^|[-_])(?:(?:api|access|private|secret)?key|token|secret|password|passwd|passphrase|credentials?)"
    r"(?:$|[-_])",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")


def split_credentials(url: str) -> tuple[str, str | None]:
    """An address without the user and password in it, and those two as an Authorization header.

    >>> split_credentials("https://ada:pa%24s@chat.example/v1")
    ('https://chat.example/v1', 'Basic YWRhOnBhJHM=')
    """
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    credentials, at, host = authority.rpartition("@")
    if not separator or not at:
        return url, None
    encoded = base64.b64encode(unquote(credentials).encode()).decode()
    return f"{scheme}://{host}{slash}{path}", f"Basic {encoded}"


def hide_credentials(text: str) -> str:
    """Text that will be printed or kept, with the user and password of every address left out.

    >>> hide_credentials("https://ada:secret@chat.example/v1")
    'https://***@chat.example/v1'
    """
    return _CREDENTIALS.sub("***@", text)


def is_secret(option: str) -> bool:
    """Whether an option's name says that its value is a secret.

    >>> [is_secret(name) for name in ("--api-key", "hf_token", "db_password", "max_tokens", "keyboard")]
    [True, True, True, False, False]
    """
    return _SECRET.search(option) is not None


def hide_secrets(words: Sequence[str]) -> list[str]:
    """The words of a command line, to be printed or kept, without the value of `--api-key abc`.

    >>> hide_secrets(["locust", "--api-key", "abc", "--hf-token=d", "--max-tokens", "5", "http://a:b@c"])
    ['locust', '--api-key', '***', '--hf-token=***', '--max-tokens', '5', 'http://***@c']
    """
    return list(_hidden(words))


def _hidden(words: Sequence[str]) -> Iterator[str]:
    is_value = False
    for word in words:
        name, equals, _ = word.partition("=")
        named = word.startswith("--") and is_secret(name)
        if is_value and not word.startswith("--"):
            yield HIDDEN
        else:
            yield f"{name}={HIDDEN}" if named and equals else hide_credentials(word)
        is_value = named and not equals
