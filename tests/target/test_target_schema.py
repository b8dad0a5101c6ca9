"""Requests made up from the OpenAPI document, good and bad, under every check that schemathesis has.

No answer may be a 500, break its schema, or repeat what must stay inside: traces, prompts, keys.
"""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig

from target_app.app import create_app
from target_app.settings import Settings

if TYPE_CHECKING:
    from tests.target.conftest import Call, StandIn, Target

from tests.target.conftest import run_target

Reply = dict[str, Any]
KEY = "key-of-the-service"
PROVIDER_TEXT = "text-of-the-provider"
INSIDE = ("Traceback", 'File "', "You are ", "site-packages", KEY, PROVIDER_TEXT)
BOUNDED = settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# From the document and not over HTTP: tests are collected before any server runs.
SCHEMA = schemathesis.openapi.from_dict(
    create_app(Settings(api_key=KEY)).openapi(),
    config=SchemathesisConfig.from_dict(
        {
            "generation": {"mode": "all"},
            "checks": {"enabled": True},
            "cache": {"enabled": False},
            "auth": {"openapi": {"key": {"bearer": KEY}}},
        }
    ),
)


@pytest.fixture(scope="module")
def guarded(_provider: "StandIn") -> Iterator["Target"]:
    """A service that asks for a key."""
    with run_target(_provider.url, api_key=KEY) as target:
        yield target


def keeps_inside(response: schemathesis.Response) -> bool:
    """Whether nothing from inside is in a header or the body."""
    text = response.text + str(response.headers)
    return not any(words in text for words in INSIDE)


@SCHEMA.parametrize()
@BOUNDED
def test_every_request_is_answered_as_documented(
    provider: "StandIn", guarded: "Target", case: "schemathesis.Case[Any]"
) -> None:
    response = case.call_and_validate(guarded.url)

    assert keeps_inside(response)


@SCHEMA.include(path="/api/cases").parametrize()
@BOUNDED
def test_every_failure_is_answered_as_documented(
    provider: "StandIn", guarded: "Target", case: "schemathesis.Case[Any]"
) -> None:
    text = PROVIDER_TEXT.encode()
    ways = itertools.cycle(
        [
            Reply(status=429, raw=text, headers={"retry-after": "3"}),
            Reply(status=500, raw=text),
            Reply(status=401, raw=text),
            Reply(raw=text),
            Reply(content=PROVIDER_TEXT),
            Reply(content={"complexity": PROVIDER_TEXT}),
            Reply(content=None),
        ]
    )

    def script(_call: "Call") -> Reply:
        return next(ways)

    provider.script = script
    response = case.call_and_validate(guarded.url, excluded_checks=[not_a_server_error])

    assert keeps_inside(response)
    assert response.status_code not in {200, 500}
