"""The simulator for its tests: called in this process, or as a real server on a free port."""

import asyncio
import contextlib
import dataclasses
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from target_app.inference import InferenceApp, Profile, load_profile, server_config
from tests.inference.contract import Call, Course, corpus, follow

Exchange = Callable[[InferenceApp, list[dict[str, Any]]], list[dict[str, Any]]]
KEY = {"authorization": "Bearer gsk_test"}


def caller(client: httpx.AsyncClient) -> Call:
    """Sends one completion request and returns its body, which has to be a 200."""

    async def call(body: dict[str, Any]) -> dict[str, Any]:
        response = await client.post("/openai/v1/chat/completions", json=body)
        assert response.status_code == 200, response.text
        answered: dict[str, Any] = response.json()
        return answered

    return call


def in_process(app: InferenceApp) -> httpx.AsyncClient:
    """A client whose requests go to the ASGI application without a socket."""
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://simulator", headers=KEY, timeout=60)


@pytest.fixture(scope="session")
def reference() -> Profile:
    return load_profile("reference")


@pytest.fixture(scope="session")
def roomy(reference: Profile) -> Profile:
    """The reference profile with so many decode slots that nobody waits for one."""
    models = {
        name: dataclasses.replace(model, decode_slots=100_000) for name, model in reference.models.items()
    }
    return dataclasses.replace(reference, models=models)


@pytest.fixture(scope="session")
def exchange() -> Exchange:
    """Sends requests at the same time to an application and returns the completions in their order."""

    def run(app: InferenceApp, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
        async def all_of_them() -> list[dict[str, Any]]:
            async with in_process(app) as client:
                return await asyncio.gather(*map(caller(client), bodies))

        return asyncio.run(all_of_them())

    return run


@pytest.fixture(scope="session")
def courses(roomy: Profile) -> dict[str, Course]:
    """Every case of the corpus taken through all stages, at the reference speed, by case id."""

    async def all_cases() -> dict[str, Course]:
        rows = corpus()
        async with in_process(InferenceApp(roomy)) as client:
            call = caller(client)
            done = await asyncio.gather(*(follow(call, row["request"]) for row in rows))
        return dict(zip((row["case_id"] for row in rows), done, strict=True))

    return asyncio.run(all_cases())


@contextlib.contextmanager
def serving(app: InferenceApp) -> Iterator[str]:
    """URL of a real server of the application, in a thread of this process."""
    instance = uvicorn.Server(server_config(app, loop="asyncio"))
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=instance.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not instance.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        instance.should_exit = True
        thread.join(timeout=20)


@pytest.fixture(scope="session")
def server(reference: Profile) -> Iterator[str]:
    """URL of a real server without delays."""
    with serving(InferenceApp(reference, speed_factor=0)) as url:
        yield url


@pytest.fixture(scope="session")
def http(server: str) -> Iterator[httpx.Client]:
    """One client for all plain requests: a new one each time would cost more than the answer."""
    with httpx.Client(base_url=server, timeout=30) as client:
        yield client
