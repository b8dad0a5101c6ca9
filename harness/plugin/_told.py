"""What a locustfile knows of the service that the service itself does not tell.

A model provider has no `GET /info`. A user class can then say what the manifest, the fingerprint and
every first screen need, in the fields of that document:

    class ChatUser(AsyncUser):
        @staticmethod
        def target_info(options):
            return {"provider": {"mode": "live", "models": {"small": options.model}}}
"""

from typing import Any

from locust.env import Environment

from harness.plugin._target import target_record
from harness.runs import TargetRecord


def with_what_users_tell(environment: Environment, target: TargetRecord) -> TargetRecord:
    """The record with what it lacks filled in by the first user class that has a `target_info`."""
    for user_class in environment.user_classes:
        tell: Any = getattr(user_class, "target_info", None)
        if tell is not None:
            told = target_record(target.url, tell(environment.parsed_options))
            blank = TargetRecord(url=target.url)
            lacking = {
                name for name in TargetRecord.model_fields if getattr(target, name) == getattr(blank, name)
            }
            return target.model_copy(update={name: getattr(told, name) for name in lacking - {"url"}})
    return target
