"""The alarm with and without a timerfd: when it rings is bounded below only, as machines are busy."""

import itertools
from collections.abc import Callable

import gevent
import pytest

from harness.engine._alarm import Alarm
from harness.engine._clock import now_us

BOTH = pytest.mark.parametrize("fine", [pytest.param(True, id="timerfd"), pytest.param(False, id="timer")])


def assert_soon(holds: Callable[[], bool]) -> None:
    with gevent.Timeout(10):
        while not holds():
            gevent.sleep(0.001)


@BOTH
def test_it_rings_once_and_never_early(fine: bool) -> None:
    rung: list[int] = []
    alarm = Alarm(lambda: rung.append(now_us()), fine=fine)
    for delay_us in (0, -5, 300, 20_000):
        rung.clear()
        set_us = now_us()
        alarm.set(delay_us)
        assert_soon(lambda: bool(rung))
        assert rung[0] >= set_us + delay_us - 1
        gevent.sleep(0.005)
        assert len(rung) == 1
    alarm.close()


@BOTH
def test_setting_it_again_replaces_and_cancelling_silences(fine: bool) -> None:
    rung: list[int] = []
    alarm = Alarm(lambda: rung.append(now_us()), fine=fine)
    set_us = now_us()
    alarm.set(5_000)
    alarm.set(30_000)
    assert_soon(lambda: bool(rung))
    assert rung[0] >= set_us + 30_000
    alarm.set(1_000)
    alarm.cancel()
    gevent.sleep(0.02)
    assert len(rung) == 1
    alarm.set(1_000)
    alarm.close()
    gevent.sleep(0.02)
    assert len(rung) == 1


@BOTH
def test_it_may_be_set_while_it_rings(fine: bool) -> None:
    rung: list[int] = []

    def ring() -> None:
        rung.append(now_us())
        if len(rung) < 20:
            alarm.set(100)

    alarm = Alarm(ring, fine=fine)
    alarm.set(0)
    assert_soon(lambda: len(rung) == 20)
    assert all(after - before >= 99 for before, after in itertools.pairwise(rung))
    alarm.close()
