"""Reads and checks a chat completion request.

Looks at what changes an answer or its length. `stop`, tools, log-probabilities and sampling parameters are
accepted and have no effect.
"""

import dataclasses
import hashlib
from typing import Any

import orjson

from target_app.inference._errors import bad_request

_EFFORTS = {"none": "none", "default": "medium", "low": "low", "medium": "medium", "high": "high"}
# Template tokens around each message.
_TOKENS_PER_MESSAGE = 4


@dataclasses.dataclass(frozen=True, slots=True)
class ChatRequest:
    """A checked request.

    `schema` is the response schema as JSON bytes; `key` hashes what the answer depends on.
    """

    model: str
    system: str
    user: str
    schema: bytes | None
    json_object: bool
    stream: bool
    include_usage: bool
    max_tokens: int | None
    effort: str
    include_reasoning: bool
    service_tier: str
    seed: int | None
    prompt_tokens: int
    key: bytes

    @property
    def wanted_tokens(self) -> int:
        """What a rate limit reserves: the prompt and the most that may be written, as far as is known."""
        return self.prompt_tokens + (self.max_tokens or 0)


def count_tokens(text: str | bytes) -> int:
    """Tokens of a text: one per four characters (or UTF-8 bytes), rounded up; an estimate."""
    return (len(text) + 3) // 4


def parse_request(body: bytes) -> ChatRequest:
    """Check a request body. Raises `WireError` with status 400."""
    data = _object(body)
    model = data.get("model")
    if not isinstance(model, str) or not model:
        raise bad_request("property 'model' is missing", "model")
    system, user, count = _messages(data.get("messages"))
    schema, json_object = _response_format(data.get("response_format"))
    if json_object and "json" not in f"{system} {user}".lower():
        raise bad_request(
            "'messages' must contain the word 'json' in some form, "
            "to use 'response_format' of type 'json_object'.",
            "messages",
        )
    seed = _integer(data, "seed", minimum=None)
    tokens = (
        count_tokens(system) + count_tokens(user) + _TOKENS_PER_MESSAGE * count + count_tokens(schema or b"")
    )
    parts = (
        model.encode(),
        system.encode(),
        user.encode(),
        schema or str(json_object).encode(),
        str(seed).encode(),
    )
    return ChatRequest(
        model=model,
        system=system,
        user=user,
        schema=schema,
        json_object=json_object,
        stream=_flag(data, "stream", default=False),
        include_usage=_include_usage(data.get("stream_options")),
        max_tokens=_max_tokens(data),
        effort=_effort(data.get("reasoning_effort")),
        include_reasoning=_flag(data, "include_reasoning", default=True)
        and data.get("reasoning_format") != "hidden",
        service_tier=_tier(data.get("service_tier")),
        seed=seed,
        prompt_tokens=tokens,
        key=hashlib.blake2b(b"\0".join(parts), digest_size=16).digest(),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise bad_request("request body is not valid JSON") from None
    if not isinstance(data, dict):
        raise bad_request("request body has to be a JSON object")
    return data


def _messages(messages: Any) -> tuple[str, str, int]:
    """The system texts joined, everything else joined, and how many messages there were."""
    if messages is None:
        raise bad_request("property 'messages' is missing", "messages")
    if not isinstance(messages, list) or not messages:
        raise bad_request("'messages' : minimum number of items is 1", "messages")
    system: list[str] = []
    other: list[str] = []
    for place, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise bad_request(
                f"'messages.{place}' : discriminator property 'role' has invalid value", "messages"
            )
        text = _text(message.get("content"), place)
        (system if message["role"] in {"system", "developer"} else other).append(text)
    return "\n".join(system), "\n".join(other), len(messages)


_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def _text(content: Any, place: int) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return "\n".join(str(part.get("text", "")) for part in content)
    raise bad_request(f"'messages.{place}.content' : value must be a string or a list of parts", "messages")


def _response_format(wanted: Any) -> tuple[bytes | None, bool]:
    if wanted is None:
        return None, False
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "json_schema":
        holder = wanted.get("json_schema")
        schema = holder.get("schema") if isinstance(holder, dict) else None
        if not isinstance(schema, dict):
            raise bad_request(
                "'response_format' : property 'json_schema.schema' is missing", "response_format"
            )
        return orjson.dumps(schema), False
    if kind in {"json_object", "text"}:
        return None, kind == "json_object"
    raise bad_request(
        "'response_format.type' : value must be json_schema, json_object or text", "response_format"
    )


def _max_tokens(data: dict[str, Any]) -> int | None:
    newer = _integer(data, "max_completion_tokens", minimum=1)
    return newer if newer is not None else _integer(data, "max_tokens", minimum=1)


def _integer(data: dict[str, Any], name: str, *, minimum: int | None) -> int | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request(f"'{name}' : value must be an integer", name)
    if minimum is not None and value < minimum:
        raise bad_request(f"'{name}' : number must be at least {minimum}", name)
    return value


def _flag(data: dict[str, Any], name: str, *, default: bool) -> bool:
    value = data.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise bad_request(f"'{name}' : value must be a boolean", name)
    return value


def _include_usage(options: Any) -> bool:
    if options is None:
        return False
    if not isinstance(options, dict):
        raise bad_request("'stream_options' : value must be an object", "stream_options")
    return options.get("include_usage") is True


def _effort(value: Any) -> str:
    if value is None:
        return "medium"
    if not isinstance(value, str) or value not in _EFFORTS:
        raise bad_request(
            f"'reasoning_effort' : value must be one of {', '.join(_EFFORTS)}", "reasoning_effort"
        )
    return _EFFORTS[value]


def _tier(value: Any) -> str:
    return value if value in {"flex", "performance"} else "on_demand"
