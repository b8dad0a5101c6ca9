"""Tasks that a load generator may begin: taken one by one, asked for in time, given back by the last user."""

from dataclasses import dataclass, field

import gevent
import pytest
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_WAITING

from harness.engine import QuotaReport, TaskQuota


@dataclass
class Token:
    """What a quota knows of a user."""

    _state: str = LOCUST_STATE_RUNNING
    leaving: bool = False


@dataclass
class Desk:
    """Keeps what it was told."""

    told: list[QuotaReport] = field(default_factory=list)


def counting(users: int) -> tuple[TaskQuota, Desk]:
    quota, desk = TaskQuota(), Desk()
    quota.begin(desk.told.append)
    for _ in range(users):
        quota.join()
    return quota, desk


def test_without_a_desk_nothing_is_counted() -> None:
    quota = TaskQuota()
    quota.begin(None)
    quota.join()
    quota.leave()
    assert not quota.counted


def test_more_is_asked_for_when_fewer_tasks_are_left_than_users() -> None:
    quota, desk = counting(users=2)
    quota.grant(4)
    for _ in range(2):
        quota.take(Token())
    assert desk.told == []
    quota.take(Token())
    assert desk.told == [QuotaReport(users=2, ended=0, returned=0)]
    quota.take(Token())  # it has asked already
    assert len(desk.told) == 1


def test_the_end_of_the_last_task_is_told() -> None:
    quota, desk = counting(users=1)
    quota.grant(1)
    quota.take(Token())
    quota.end()
    assert desk.told[-1] == QuotaReport(users=1, ended=1, returned=0)


def test_a_user_waits_until_there_is_something_to_do() -> None:
    quota, _ = counting(users=2)
    token = Token()
    waiting = gevent.spawn(quota.take, token)
    gevent.sleep(0)
    assert token._state == LOCUST_STATE_WAITING
    quota.grant(1)
    waiting.join(timeout=1)
    assert waiting.successful()
    assert token._state == LOCUST_STATE_RUNNING


def test_of_users_that_wait_only_as_many_go_on_as_there_are_tasks() -> None:
    quota, _ = counting(users=5)
    waiting = [gevent.spawn(quota.take, Token()) for _ in range(5)]
    gevent.sleep(0)
    quota.grant(3)
    gevent.joinall(waiting, timeout=0.1)
    assert sum(greenlet.ready() for greenlet in waiting) == 3
    gevent.killall(waiting)


def test_a_user_that_is_to_stop_takes_nothing() -> None:
    quota, _ = counting(users=1)
    token = Token()
    waiting = gevent.spawn(quota.take, token)
    gevent.sleep(0)
    token.leaving = True
    quota.grant(1)
    with pytest.raises(StopUser):
        waiting.get(timeout=1)
    quota.take(Token())  # its task is still there


def test_the_last_user_gives_back_what_it_will_not_begin() -> None:
    quota, desk = counting(users=2)
    quota.grant(5)
    quota.take(Token())
    quota.end()
    quota.leave()
    assert desk.told == []
    quota.leave()
    assert desk.told == [QuotaReport(users=0, ended=1, returned=4)]


def test_a_user_more_or_less_is_told_while_an_answer_is_awaited() -> None:
    """The share that is given depends on it."""
    quota, desk = counting(users=1)
    waiting = gevent.spawn(quota.take, Token())
    gevent.sleep(0)
    quota.join()
    quota.leave()
    assert [report.users for report in desk.told] == [1, 2, 1]
    waiting.kill()


def test_the_next_run_begins_with_nothing() -> None:
    quota, desk = counting(users=1)
    quota.grant(10)
    quota.begin(desk.told.append)
    quota.join()
    waiting = gevent.spawn(quota.take, Token())
    gevent.sleep(0)
    assert not waiting.ready()
    assert desk.told == [QuotaReport(users=1, ended=0, returned=0)]
    waiting.kill()
