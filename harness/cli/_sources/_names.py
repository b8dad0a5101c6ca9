"""Names: path templates that keep statistics low in cardinality, and Python and TOML identifiers."""

import keyword
import re
from collections.abc import Iterable, Iterator

#: Attributes of Locust's and our user classes; a task of that name would break the user.
_ATTRIBUTES = """
    abstract access arrivals arrivals_per_user ca_file client client_cert client_key connect context
    counts_tasks environment fixed_count fullname greenlet group headers host insecure json leaving
    max_in_flight max_response_bytes max_wait min_wait on_start on_stop request_timeout_s rest rest_ run
    secret secrets start stop tasks trace wait wait_function wait_time weight"""
RESERVED = frozenset(_ATTRIBUTES.split())

_ID = re.compile(
    r"\d+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?=.*\d)[0-9a-f]{8,}"
    r"|(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_-]{16,}|(?=.*\d)[A-Za-z]{2,8}[_-][A-Za-z0-9]{6,}",
    re.IGNORECASE,
)


def path_template(path: str) -> str:
    """A recorded path with what looks like an id replaced.

    >>> path_template("/v1/chats/7/messages/1b4e28ba-2fa1-11d2-883f-0016d3cca427")
    '/v1/chats/{id}/messages/{id}'
    """
    return "/".join("{id}" if _ID.fullmatch(segment) else segment for segment in path.split("/"))


def path_key(path: str) -> str:
    """A word for a path: its last part that is no id.

    >>> path_key("/v1/chats/7")
    'chats'
    """
    fixed = [part for part in path_template(path).split("/") if part and not part.startswith("{")]
    return identifier(fixed[-1]) if fixed else ""


def identifier(words: str) -> str:
    """Lower-case words joined by `_`, at most 40 characters; empty where there is no letter or digit.

    >>> identifier("createChat (v2)")
    'create_chat_v2'
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", words)
    return "_".join(re.findall(r"[a-z0-9]+", spaced.lower()))[:40].strip("_")


def class_name(name: str) -> str:
    """The user class of a scenario.

    >>> class_name("support_chat")
    'SupportChatUser'
    """
    camel = "".join(word.capitalize() for word in re.split(r"[_-]+", name) if word)
    return f"{camel}User" if camel[:1].isalpha() else f"Service{camel}User"


def unique(names: Iterable[str]) -> Iterator[str]:
    """Each name as a Python identifier of its own.

    >>> list(unique(["ask", "ask", "stop", "2fa", "class", ""]))
    ['ask', 'ask_2', 'stop_task', 'task_2fa', 'class_task', 'task']
    """
    seen: set[str] = set()
    for name in names:
        base = name or "task"
        if base[0].isdigit():
            base = f"task_{base}"
        if base in RESERVED or keyword.iskeyword(base):
            base = f"{base}_task"
        candidate, number = base, 1
        while candidate in seen:
            number += 1
            candidate = f"{base}_{number}"
        seen.add(candidate)
        yield candidate
