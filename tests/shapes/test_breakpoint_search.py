"""The search for the highest load: what it tries, how it ends, how it says so."""

import itertools

import pytest

from harness.schedule import BREAKPOINT, Probe, Search, search_plan
from harness.schedule._breakpoint import drawn_search


def tried(load: int, *verdicts: str) -> Probe:
    """A probe that is over, with criteria a, b, ... that said so."""
    return Probe(load, 10, 30, seconds=10, criteria=dict(zip("abc", verdicts, strict=False)))


def run(search: Search, limit: float) -> Search:
    """A service that carries every load up to `limit`."""
    for _ in range(100):
        if (load := search.next) is None:
            return search
        search.tell(tried(load, "PASS" if load <= limit else "FAIL"))
    raise AssertionError("the search does not end")


@pytest.mark.parametrize(
    ("start", "maximum", "limit", "loads"),
    [
        pytest.param(10, 1000, 66, [10, 20, 40, 80, 60, 70, 65, 67, 67], id="doubles, then halves the gap"),
        pytest.param(10, 1000, 10, [10, 20, 15, 12, 11, 11], id="the start is all it carries"),
        pytest.param(64, 1000, 5, [64, 32, 16, 8, 4, 6, 5, 6], id="the start is far too much"),
        pytest.param(4, 1000, 0, [4, 2, 1, 1], id="it carries nothing"),
        pytest.param(10, 50, 500, [10, 20, 40, 50], id="more than is allowed"),
        pytest.param(100, 50, 500, [50], id="starts at the top"),
    ],
)
def test_what_is_tried(start: int, maximum: int, limit: int, loads: list[int]) -> None:
    search = run(Search(start, maximum, resolution_percent=5), limit)
    assert [probe.load for probe in search.probes] == loads


def test_every_limit_is_found_within_the_resolution_and_in_few_probes() -> None:
    for start, limit in itertools.product((1, 7, 10, 300), range(1, 700, 3)):
        search = run(Search(start, 10_000, resolution_percent=5), limit)
        assert search.met is not None
        assert search.missed is not None
        assert search.met <= limit < search.missed
        assert search.missed - search.met <= max(1, 0.05 * search.met)
        assert len(search.probes) <= 19


def test_a_load_that_stays_undecided_counts_as_missed() -> None:
    search = Search(10, 1000, 5, [tried(10, "PASS"), tried(20, "WARN")])
    assert (search.met, search.missed, search.next) == (10, 20, 15)


def test_a_miss_that_is_not_repeated_ends_nothing() -> None:
    """20 missed by a moment's trouble: tried again near the end, it meets, and the search goes on."""
    search = Search(10, 1000, 10, [tried(10, "PASS"), tried(20, "FAIL"), tried(15, "PASS")])
    for load in (17, 18, 19):
        assert search.next == load
        search.tell(tried(load, "PASS"))
    assert search.next == 20
    search.tell(tried(20, "PASS"))
    assert (search.met, search.missed, search.next) == (20, None, 40)


def test_a_load_is_tried_again_where_the_generator_was_late_but_not_for_ever() -> None:
    """Neither its PASS nor its FAIL counts; the third does: the generator cannot send that load."""
    search = Search(10, 1000, 5)
    for verdict, found in (("PASS", (None, None)), ("FAIL", (None, None)), ("FAIL", (None, 10))):
        assert search.next == 10
        probe = tried(10, verdict)
        probe.trouble = "worker 1: event loop late"
        search.tell(probe)
        assert (search.met, search.missed) == found
    assert [probe.counts for probe in search.probes] == [False, False, True]
    assert search.next == 5


def test_trouble_that_passes_leaves_no_trace() -> None:
    search = Search(10, 20, 5)
    spoiled = tried(10, "FAIL")
    spoiled.trouble = "worker 1: event loop late"
    search.tell(spoiled)
    assert run(search, limit=14).met == 14
    assert len([probe for probe in search.probes if not probe.counts]) == 1


def test_a_pass_above_a_miss_is_not_believed() -> None:
    search = Search(10, 1000, 5, [tried(10, "PASS"), tried(20, "FAIL"), tried(40, "PASS")])
    assert (search.met, search.missed) == (10, 20)


def test_too_few_requests_to_judge_end_the_search_with_the_cure() -> None:
    search = Search(1, 1000, 5, [tried(1, "PASS", "NO DATA")])
    assert search.next == 1
    search.tell(tried(1, "PASS", "NO DATA"))
    assert search.next is None
    assert search.words("users") == (
        "no load met the criteria; the smallest tried was 1 user: b NO DATA; "
        "a longer hold or a higher start gives more requests to judge"
    )


@pytest.mark.parametrize(
    ("probes", "cut_short", "words"),
    [
        pytest.param(
            [tried(42, "PASS"), tried(45, "PASS", "FAIL", "WARN")],
            "",
            "highest load that met the criteria: 42 users (next tried 45: b FAIL)",
            id="found",
        ),
        pytest.param(
            [tried(40, "PASS"), tried(80, "FAIL")],
            "the time limit of 5 min was reached",
            "highest load that met the criteria: 40 users (next tried 80: a FAIL); "
            "the time limit of 5 min was reached",
            id="cut short",
        ),
        pytest.param(
            [tried(50, "PASS")],
            "",
            "highest load that met the criteria: 50 users, the largest that was allowed; none missed them",
            id="the top",
        ),
        pytest.param(
            [tried(1, "WARN")],
            "",
            "no load met the criteria; the smallest tried was 1 user: a WARN",
            id="nothing",
        ),
        pytest.param([], "interrupted", "no load was tried to the end; interrupted", id="at once"),
    ],
)
def test_words(probes: list[Probe], cut_short: str, words: str) -> None:
    search = Search(1, 50, 10, probes)
    assert search.words("users", cut_short=cut_short) == words


def test_words_in_arrivals() -> None:
    search = Search(1, 50, 10, [tried(10, "PASS"), tried(11, "FAIL")])
    assert search.words("arrivals/s", worth=5) == (
        "highest load that met the criteria: 50 arrivals/s (next tried 55: a FAIL)"
    )


@pytest.mark.parametrize(
    ("looks", "over_at_s", "meets"),
    [
        pytest.param(["PASS"] * 40, 10, True, id="decided at the end of the hold"),
        pytest.param(["WARN"] * 14 + ["PASS"] * 10, 15, True, id="undecided, held longer"),
        pytest.param(["WARN"] * 40, 30, None, id="undecided to the last"),
        pytest.param(["FAIL"] * 40, 5, False, id="failing all along ends at half"),
        pytest.param(["PASS"] * 6 + ["FAIL"] * 9, 9, False, id="three looks in a row"),
        pytest.param(
            (["FAIL"] * 2 + ["PASS"]) * 10, 10, False, id="a wavering criterion gets the whole hold"
        ),
    ],
)
def test_how_long_a_probe_lasts(looks: list[str], over_at_s: int, meets: bool | None) -> None:
    probe = Probe(20, hold_s=10, longest_s=30)
    over = [second for second, look in enumerate(looks, 1) if probe.look({"a": look}, second)]
    first = Probe(20, hold_s=10, longest_s=30)
    for second, look in enumerate(looks[: over[0]], 1):
        first.look({"a": look}, second)
    assert (over[0], first.meets) == (over_at_s, meets)


@pytest.mark.parametrize(
    ("met", "load", "pause_s"),
    [
        pytest.param(40, 80, 12.0, id="twice the capacity for 12 s piles up 12 s of work"),
        pytest.param(40, 50, 3.0, id="a quarter too much"),
        pytest.param(None, 80, 12.0, id="capacity unknown"),
    ],
)
def test_a_pause_after_too_much(met: int | None, load: int, pause_s: float) -> None:
    search = Search(10, 100, 5, [tried(met, "PASS")] if met else [])
    assert search.recovery_s(tried(load, "FAIL"), loaded_s=12) == pytest.approx(pause_s)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"breakpoint_start": 0}, "breakpoint_start must be at least 1, not 0", id="no load"),
        pytest.param(
            {"breakpoint_max": 5}, "at least breakpoint_start \\(10\\), not 5", id="max below start"
        ),
        pytest.param({"breakpoint_resolution_percent": 0}, "above 0 and at most 50", id="no resolution"),
        pytest.param({"breakpoint_hold_s": 0}, "breakpoint_hold_s must be above 0", id="no hold"),
        pytest.param({"breakpoint_settle_s": -1}, "at least 0, not -1", id="negative settling"),
        pytest.param({"breakpoint_max_minutes": 0}, "breakpoint_max_minutes must be above 0", id="no time"),
    ],
)
def test_options_that_cannot_be_run(changed: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search_plan({**BREAKPOINT.defaults(), **changed})


def test_arrivals_must_be_whole_users() -> None:
    options = BREAKPOINT.defaults()
    assert search_plan(options, worth=5).start == 2
    with pytest.raises(ValueError, match="a multiple of arrivals_per_user, which is 3"):
        search_plan(options, worth=3)


def test_the_longest_hold_is_never_shorter_than_the_hold() -> None:
    plan = search_plan({**BREAKPOINT.defaults(), "breakpoint_hold_s": 100.0})
    assert plan.longest_hold_s == 100


def test_every_change_of_load_takes_as_long() -> None:
    plan = search_plan(BREAKPOINT.defaults())
    assert [plan.spawn_rate_per_s(0, 100), plan.spawn_rate_per_s(100, 96)] == [50.0, 2.0]


def test_the_drawn_search_is_one_that_ends() -> None:
    stages = drawn_search(BREAKPOINT.defaults()).stages
    assert [stage.users for stage in stages][:7] == [10, 20, 40, 80, 160, 320, 640]
    assert abs(stages[-1].users - 450) <= 0.05 * 450
