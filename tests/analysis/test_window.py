"""Which seconds of a run are measured: phases in, pieces out, counted by hand."""

import numpy as np
import pytest

from harness.analysis._window import MeasuredWindow, measured_window
from harness.runs import Manifest, PhaseRecord, ProbeRecord, ScenarioRecord, SearchRecord
from tests.support.recorded_runs import START, START_US, phase

STEPS = [
    phase("ramp-to-10", "ramp", 10, 0, 2),
    phase("10-users", "hold", 10, 2, 32),
    phase("ramp-to-50", "ramp", 50, 32, 36),
    phase("50-users", "hold", 50, 36, 126),
    phase("drain", "drain", 0, 126, 128.5),
]


def window_of(
    phases: list[PhaseRecord],
    *,
    warm_up_s: float = 0.0,
    settle_s: float | None = 0.0,
    first_s: float | None = 0.0,
    last_s: float | None = 60.0,
    users: int = 0,
) -> MeasuredWindow:
    manifest = Manifest(
        run_id="r",
        scenario=ScenarioRecord(name="s", warm_up_s=warm_up_s, settle_s=settle_s),
        started_at=START.isoformat(),
        phases=phases,
    )
    first, last = (None if at is None else START_US + round(at * 1e6) for at in (first_s, last_s))
    return measured_window(manifest, first, last, users)


def pieces(window: MeasuredWindow) -> list[tuple[str, int, float, float]]:
    return [(p.phase, p.users, p.start_s, p.end_s) for p in window.to_window().pieces]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, [("10-users", 10, 2, 32), ("50-users", 50, 36, 126)], id="holds alone"),
        pytest.param(
            {"settle_s": None},
            [("10-users", 10, 8, 32), ("50-users", 50, 46, 126)],
            id="a fifth of each step, at most 10 s",
        ),
        pytest.param(
            {"settle_s": 3.0},
            [("10-users", 10, 5, 32), ("50-users", 50, 39, 126)],
            id="settling as the scenario says",
        ),
        pytest.param(
            {"warm_up_s": 5.0},
            [("10-users", 10, 5, 32), ("50-users", 50, 36, 126)],
            id="warm-up from the start of the run",
        ),
        pytest.param(
            {"warm_up_s": 40.0}, [("50-users", 50, 40, 126)], id="a hold within the warm-up is left out"
        ),
        pytest.param({"settle_s": 90.0}, [], id="nothing is left"),
    ],
)
def test_pieces(options: dict[str, float], expected: list[tuple[str, int, float, float]]) -> None:
    assert pieces(window_of(STEPS, **options)) == expected  # type: ignore[arg-type] # one dict, three options


def test_what_was_left_out_is_said() -> None:
    assert window_of(STEPS, warm_up_s=5.0, settle_s=None).excluded == (
        "warm-up: the first 5 s",
        "settling: a fifth, at most 10 s, at the start of each load step",
        "ramps: 6.0 s",
        "drain: 2.5 s",
    )
    assert "10-users: no longer than its settling and the warm-up" in window_of(STEPS, warm_up_s=40).excluded


@pytest.mark.parametrize(
    ("phases", "users", "expected"),
    [
        pytest.param([], 7, [("run", 7, 5, 60.000001)], id="no shape: to the last request"),
        pytest.param(
            [phase("drain", "drain", 0, 50, 52)],
            7,
            [("run", 7, 5, 50)],
            id="a drain and nothing else",
        ),
        pytest.param(
            [phase("ramp-to-9", "ramp", 9, 0, 50), phase("drain", "drain", 0, 50, 52)],
            3,
            [("run", 9, 5, 50)],
            id="killed in the ramp: to the drain",
        ),
    ],
)
def test_without_a_hold_phase_the_run_is_one_hold(
    phases: list[PhaseRecord], users: int, expected: list[tuple[str, int, float, float]]
) -> None:
    window = window_of(phases, warm_up_s=5.0, users=users)
    assert pieces(window) == expected
    assert any("no hold phase" in reason for reason in window.excluded)


def test_a_run_without_requests_has_an_empty_window() -> None:
    assert window_of([], first_s=None, last_s=None).pieces == ()


def test_locate_is_half_open() -> None:
    window = window_of(STEPS)
    seconds = np.array([1.999999, 2.0, 31.999999, 32.0, 36.0, 125.999999, 126.0])
    moments = START_US + np.round(seconds * 1e6).astype(np.int64)
    assert window.locate(moments).tolist() == [-1, 0, 0, -1, 1, 1, -1]


def test_the_highest_holds_are_all_those_with_the_most_users() -> None:
    phases = [
        phase(name, "hold", users, i * 10, i * 10 + 10)
        for i, (name, users) in enumerate([("a", 5), ("b", 50), ("c", 5), ("d", 50)])
    ]
    assert window_of(phases).highest() == (1, 3)


@pytest.mark.parametrize(
    ("spoiled", "measured"),
    [
        pytest.param([], ["10-users", "50-users"], id="none"),
        pytest.param(["50-users"], ["10-users"], id="one"),
        pytest.param(["10-users", "50-users"], [], id="all, which makes the ramps no hold"),
    ],
)
def test_holds_of_a_search_that_were_tried_again_are_left_out(
    spoiled: list[str], measured: list[str]
) -> None:
    probes = [
        ProbeRecord(
            load=1,
            measured_s=9,
            meets=True,
            criteria={},
            phase=name,
            counts=name not in spoiled,
            trouble="late",
        )
        for name in ("10-users", "50-users")
    ]
    manifest = Manifest(
        run_id="r",
        scenario=ScenarioRecord(name="s", warm_up_s=0, settle_s=0),
        phases=STEPS,
        search=SearchRecord(unit="users", met=None, missed=None, words="", probes=probes),
    )
    window = measured_window(manifest, START_US, START_US + 60_000_000)
    assert [piece.phase for piece in window.pieces] == measured
    told = [words for words in window.excluded if "tried again" in words]
    assert told == [f"{name}: tried again, as the load generator was late (late)" for name in spoiled]
