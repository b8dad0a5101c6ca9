"""Oracle: what a runner tells, in order, and the phases that a person would write down from it."""

from hypothesis import given
from hypothesis import strategies as st

from harness.schedule import Phase, PhaseKind, PhaseTracker


def test_a_run_of_two_levels() -> None:
    tracker = PhaseTracker()
    tracker.ramp(10, at_us=0)
    tracker.hold(10, at_us=1_000)
    tracker.ramp(20, at_us=5_000)
    tracker.hold(20, at_us=6_000)
    tracker.drain(at_us=9_000)
    tracker.end(at_us=9_500)
    assert tracker.phases(now_us=99_999) == (
        Phase("ramp-to-10", PhaseKind.RAMP, 10, 0, 1_000),
        Phase("10-users", PhaseKind.HOLD, 10, 1_000, 5_000),
        Phase("ramp-to-20", PhaseKind.RAMP, 20, 5_000, 6_000),
        Phase("20-users", PhaseKind.HOLD, 20, 6_000, 9_000),
        Phase("drain", PhaseKind.DRAIN, 0, 9_000, 9_500),
    )


def test_a_level_that_comes_again_gets_a_name_of_its_own() -> None:
    tracker = PhaseTracker()
    for at_us in (0, 10, 20):
        tracker.ramp(5, at_us)
        tracker.hold(5, at_us + 5)
    assert [phase.name for phase in tracker.phases(30) if phase.kind is PhaseKind.HOLD] == [
        "5-users",
        "5-users-2",
        "5-users-3",
    ]


def test_a_shape_names_its_steps_and_a_pause_is_no_hold() -> None:
    tracker = PhaseTracker()
    tracker.ramp(5, 0, "alone-simple")
    tracker.hold(5, 10)
    tracker.ramp(0, 20)
    tracker.hold(0, 25)
    tracker.ramp(9, 30, "mixed")
    tracker.hold(9, 40)
    assert tracker.phases(50) == (
        Phase("ramp-to-alone-simple", PhaseKind.RAMP, 5, 0, 10),
        Phase("alone-simple", PhaseKind.HOLD, 5, 10, 20),
        Phase("ramp-to-0", PhaseKind.RAMP, 0, 20, 30),
        Phase("ramp-to-mixed", PhaseKind.RAMP, 9, 30, 40),
        Phase("mixed", PhaseKind.HOLD, 9, 40, 50),
    )


def test_reaching_a_target_twice_does_not_cut_the_hold() -> None:
    tracker = PhaseTracker()
    tracker.ramp(5, 0)
    tracker.hold(5, 1)
    tracker.hold(5, 2)
    assert [phase.name for phase in tracker.phases(3)] == ["ramp-to-5", "5-users"]


def test_nothing_is_held_after_the_drain_began() -> None:
    tracker = PhaseTracker()
    tracker.ramp(5, 0)
    tracker.drain(1)
    tracker.hold(5, 2)
    assert [phase.kind for phase in tracker.phases(3)] == [PhaseKind.RAMP, PhaseKind.DRAIN]


def test_an_ended_run_stays_ended() -> None:
    tracker = PhaseTracker()
    tracker.ramp(5, 0)
    tracker.end(1)
    tracker.drain(2)
    assert tracker.current is None
    assert len(tracker.phases(3)) == 1


@given(st.lists(st.tuples(st.sampled_from(["ramp", "hold", "drain"]), st.integers(0, 50)), min_size=1))
def test_phases_never_overlap_and_leave_no_gap(calls: list[tuple[str, int]]) -> None:
    tracker, now_us = PhaseTracker(), 0
    for call, step in calls:
        now_us += step
        if call == "ramp":
            tracker.ramp(step + 1, now_us)
        elif call == "hold":
            tracker.hold(step + 1, now_us)
        else:
            tracker.drain(now_us)
    phases = tracker.phases(now_us)
    assert [p.end_us for p in phases[:-1]] == [p.start_us for p in phases[1:]]
    assert len({p.name for p in phases}) == len(phases)
