"""Clients of raw servers, closed again after each test."""

from collections.abc import Callable, Iterator

import pytest

from harness.engine._http import HttpClient, request_head, serialise

MakeClient = Callable[..., HttpClient]


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    made: list[HttpClient] = []

    def make(url: str, **options: object) -> HttpClient:
        made.append(HttpClient(url, **options))  # type: ignore[arg-type]  # its own options, passed through
        return made[-1]

    yield make
    for client in made:
        client.close()


def get(client: HttpClient, method: str = "GET", body: bytes | None = None) -> bytes:
    """A whole request to `/` of a client's host."""
    return serialise(request_head(method, "/", client.host_header, {}), body)
