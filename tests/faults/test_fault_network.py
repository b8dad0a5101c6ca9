"""The network between master and workers cut and healed, and one that is slow and loses packets.

One worker is on the master's host, the other on a host of its own: network namespaces. The service
is on the loopback of each host, so that only what master and worker say to each other is hindered.
"""

import signal
import subprocess
import time

import pytest

from tests.plugin.conftest import Ended, LocustRunner
from tests.support.endings import DEADLINE_S, GRACE_S
from tests.support.networks import MASTER_ADDRESS, TwoHosts, two_hosts, two_hosts_with_a_bad_link, why_not
from tests.support.starter import Starter
from tests.support.witness import USERS, Witness, assert_invalid, witness_on_loopback

reason = why_not()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(reason is not None, reason=reason or ""),
]

PORT = "5557"

#: A worker leaves a master of which it heard nothing for so long, and looks every other second.
MASTER_GONE_S, LOOK_S = 38, 2


class Crew:
    """A master and two workers on two hosts, the second worker beyond the link."""

    def __init__(self, hosts: TwoHosts, witness: Witness, start: Starter, run_locust: LocustRunner) -> None:
        self._hosts, self._witness, self._run = hosts, witness, run_locust
        worker = ("-f", USERS, "--worker", "--master-port", PORT, "--master-host")
        self.near = start(*worker, "127.0.0.1", "PoissonArrivals", prefix=hosts.on_master())
        self.far = start(*worker, MASTER_ADDRESS, "PoissonArrivals", prefix=hosts.on_worker())
        self.cut_at_s = 0.0

    def run(
        self, run_s: int, *, cut_after_s: float | None = None, heal_after_s: float | None = None
    ) -> Ended:
        def cut() -> bool:
            if cut_after_s is None or not self._witness.have_loaded(2, cut_after_s):
                return False
            self._hosts.cut()
            self.cut_at_s = time.time()
            if heal_after_s is not None:
                time.sleep(heal_after_s)
                self._hosts.heal()
            return True

        ended: Ended = self._run(
            *("-H", self._witness.url, "--master", "--master-bind-port", PORT, "--expect-workers", "2"),
            *("-u", "4", "-r", "4", "-t", f"{run_s}s", "PoissonArrivals"),
            when=cut,
            send=signal.SIGCONT,  # nothing to a process that runs
            locustfile=USERS,
            prefix=self._hosts.on_master(),
        )
        return ended


def assert_left(worker: subprocess.Popen[str], timeout_s: float) -> str:
    output, _ = worker.communicate(timeout=timeout_s)
    return output


def test_cut_and_healed(run_locust: LocustRunner, start: Starter) -> None:
    """What the worker had to report waits for the link, and nothing is lost; INVALID, with how long."""
    with two_hosts() as hosts, witness_on_loopback((hosts.on_master(), hosts.on_worker())) as witness:
        crew = Crew(hosts, witness, start, run_locust)
        ended = crew.run(24, cut_after_s=4, heal_after_s=8)
        for worker in (crew.near, crew.far):
            assert_left(worker, timeout_s=20)
        stamps = witness.stamps()
    assert ended.code == 4, ended.err
    rows = ended.requests
    assert len(rows) == ended.locust_count == sum(map(len, stamps.values()))
    assert sorted(rows.groupby("worker").size()) == sorted(map(len, stamps.values()))
    assert rows["request_id"].is_unique
    assert_invalid(ended.summary, "workers", "out of reach, and then back")
    _, away = sorted(ended.manifest["workers"], key=lambda record: record["away_s"])
    assert 7 <= away["away_s"] <= 18  # TCP tries again after twice the time each time
    assert not any(record["lost"] for record in ended.manifest["workers"])


def test_cut_for_good(run_locust: LocustRunner, start: Starter) -> None:
    """The run ends in time, INVALID, with what had come; the worker beyond the cut leaves by itself."""
    with two_hosts() as hosts, witness_on_loopback((hosts.on_master(), hosts.on_worker())) as witness:
        crew = Crew(hosts, witness, start, run_locust)
        ended = crew.run(12, cut_after_s=5)
        assert_left(crew.near, timeout_s=20)
        near = len(witness.stamps()[crew.near.pid])
        assert_left(crew.far, crew.cut_at_s + MASTER_GONE_S + LOOK_S + GRACE_S - time.time())
        far = [stamp for stamp in witness.stamps()[crew.far.pid] if stamp <= crew.cut_at_s]
    assert ended.code == 4, ended.err
    assert_invalid(ended.summary, "workers", "lost during the run", "3 s")
    start_s, drain_s = (ended.manifest["phases"][index]["start_us"] / 1e6 for index in (0, -1))
    assert drain_s - start_s < 12 + DEADLINE_S
    state = {record["index"]: record["lost"] for record in ended.manifest["workers"]}
    rows = ended.requests.groupby(ended.requests["worker"].map(state)).size()
    assert rows[False] == near
    lost = len(far) - rows[True]
    assert 0 <= lost <= sum(stamp > crew.cut_at_s - 3.5 for stamp in far)


def test_200_ms_late_and_5_percent_lost(run_locust: LocustRunner, start: Starter) -> None:
    """A bad link between master and worker changes no figure: nothing is lost, and the times are right."""
    with (
        two_hosts_with_a_bad_link(delay_ms=200, loss=0.05) as hosts,
        witness_on_loopback((hosts.on_master(), hosts.on_worker())) as witness,
    ):
        crew = Crew(hosts, witness, start, run_locust)
        ended = crew.run(16)
        for worker in (crew.near, crew.far):
            assert_left(worker, timeout_s=20)
        stamps = witness.stamps()
    rows = ended.requests
    assert len(rows) == ended.locust_count == sum(map(len, stamps.values()))
    assert sorted(rows.groupby("worker").size()) == sorted(map(len, stamps.values()))
    assert not any(record["lost"] or record["away_s"] for record in ended.manifest["workers"])
    checks = {check["name"]: check["verdict"] for check in ended.summary["verdicts"]["checks"]}
    assert (checks["workers"], checks["samples"]) == ("VALID", "VALID")
    near, far = sorted(ended.manifest["workers"], key=lambda record: record["clock_uncertainty_us"])
    assert abs(far["clock_offset_us"]) <= far["clock_uncertainty_us"]
    assert 190_000 < far["clock_uncertainty_us"] < 2_000_000 > near["clock_uncertainty_us"]
    done_s = rows["done_at"].astype("int64") / 1e6
    answered = [stamp for own in stamps.values() for stamp in own]
    assert abs(done_s.max() - max(answered)) < 0.5
    assert abs(done_s.min() - min(answered)) < 0.5
