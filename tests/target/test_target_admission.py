"""The limit on concurrent cases, without a service around it."""

import asyncio
import contextlib
import math

import pytest

from target_app.api import Admission
from target_app.errors import DeadlineExceededError, OverloadedError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def hold(admission: Admission, order: list[int], number: int, release: asyncio.Event) -> bool:
    async with admission.place(math.inf) as waited:
        order.append(number)
        await release.wait()
        return waited


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_places_then_queue_in_order_then_refusal() -> None:
    admission, order, release = Admission(2, 2), list[int](), asyncio.Event()
    tasks = [asyncio.create_task(hold(admission, order, number, release)) for number in range(5)]
    await settle()

    assert (admission.active, admission.queued, order) == (2, 2, [0, 1])
    with pytest.raises(OverloadedError, match=r"^2 cases in work and 2 waiting$"):
        await tasks[4]
    release.set()
    assert await asyncio.gather(*tasks[:4]) == [False, False, True, True]
    assert order == [0, 1, 2, 3]
    assert (admission.active, admission.queued) == (0, 0)


async def test_no_queue_at_all() -> None:
    admission, release = Admission(1, 0), asyncio.Event()
    task = asyncio.create_task(hold(admission, [], 0, release))
    await settle()

    with pytest.raises(OverloadedError):
        await hold(admission, [], 1, release)
    release.set()
    assert await task is False


async def test_the_deadline_ends_the_wait() -> None:
    admission, release = Admission(1, 5), asyncio.Event()
    task = asyncio.create_task(hold(admission, [], 0, release))
    await settle()

    with pytest.raises(DeadlineExceededError):
        async with admission.place(asyncio.get_running_loop().time() + 0.01):
            pytest.fail("there is no place")
    assert (admission.active, admission.queued) == (1, 0)
    release.set()
    await task


@pytest.mark.parametrize("released_first", [False, True])
async def test_a_waiter_that_is_cancelled_loses_no_place(released_first: bool) -> None:
    admission, order, release = Admission(1, 5), list[int](), asyncio.Event()
    first, second, third = (asyncio.create_task(hold(admission, order, n, release)) for n in range(3))
    await settle()
    if released_first:
        # The place is on its way to the second waiter in the moment it gives up.
        release.set()
        await first
    second.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await second
    release.set()
    await asyncio.gather(first, third)

    assert third.result() is True
    assert (admission.active, admission.queued) == (0, 0)
    async with admission.place(math.inf) as waited:
        assert waited is False


async def test_an_error_inside_frees_the_place() -> None:
    admission = Admission(1, 0)
    with pytest.raises(ZeroDivisionError):
        async with admission.place(math.inf):
            raise ZeroDivisionError
    async with admission.place(math.inf):
        assert admission.active == 1
