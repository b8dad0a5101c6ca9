"""Users and passwords that stand in addresses: split off to be sent, hidden where text is shown or kept."""

import base64
import re
from urllib.parse import unquote

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
