"""A session whose requests leave no trace for a while: neither rows nor Locust's statistics."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.engine._recorder import RunTicket
from harness.engine._session import ServiceSession


class _Nowhere:
    """Stands for the recorder and for the statistics' feed; takes everything and keeps nothing."""

    active = True
    ticket = RunTicket(token="")
    wanted_per_request = False

    def _ignore(self, *_: Any) -> None:
        pass

    sent = settled = abandon = record = note = text_of = _ignore


_NOWHERE: Any = _Nowhere()


@contextmanager
def unrecorded(session: ServiceSession) -> Iterator[None]:
    """Nothing that the session sends in the block is recorded."""
    kept = session._recorder, session._feed
    session._recorder, session._feed = _NOWHERE, _NOWHERE
    try:
        yield
    finally:
        session._recorder, session._feed = kept
