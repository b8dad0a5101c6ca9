"""What a locustfile says of a service that does not tell: it fills gaps and contradicts nothing."""

from types import SimpleNamespace
from typing import Any

import pytest

from harness.plugin._target import target_record
from harness.plugin._told import with_what_users_tell
from harness.runs import TargetRecord

URL = "http://127.0.0.1:1"
TOLD = {"provider": {"mode": "live", "models": {"small": "m"}}, "prompts_hash": "abc"}


class Telling:
    @staticmethod
    def target_info(options: Any) -> dict[str, Any]:
        return TOLD


@pytest.mark.parametrize(
    ("of_service", "users", "expected"),
    [
        pytest.param(
            None, [object, Telling], ("live", None, {"small": "m"}, "abc"), id="a service that says nothing"
        ),
        pytest.param(
            {"mode": "simulated", "profile": "reference"}, [Telling],
            ("simulated", "reference", {"small": "m"}, "abc"), id="a provider that knows no models",
        ),
        pytest.param(
            {"provider": {"mode": "simulated", "models": {"large": "n"}}, "prompts_hash": "xyz"}, [Telling],
            ("simulated", None, {"large": "n"}, "xyz"), id="a service that knows better",
        ),
        pytest.param(None, [object], ("unknown", None, {}, "unknown"), id="nobody says anything"),
    ],
)  # fmt: skip
def test_who_is_believed(
    of_service: Any, users: list[type[object]], expected: tuple[str, str | None, dict[str, str], str]
) -> None:
    environment: Any = SimpleNamespace(user_classes=users, parsed_options=SimpleNamespace())
    found = with_what_users_tell(environment, target_record(URL, of_service))
    assert isinstance(found, TargetRecord)
    assert found.url == URL
    assert (found.provider_mode, found.profile, found.models, found.prompts_hash) == expected
