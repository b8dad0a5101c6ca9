"""Oracle: cards dealt in turn. Two workers share nothing until the deck is through."""

import itertools
from pathlib import Path

import pytest

from harness.engine import Case, CaseDeck, Recorder, RunTicket, case_stream, load_corpus
from harness.errors import UserError

CASES = [Case(f"c{number}", "simple", {}, {}) for number in range(10)]


def _ids(ticket: RunTicket, count: int, order: str = "circular") -> list[str]:
    return [case.case_id for _, case in itertools.islice(case_stream(CASES, ticket, order=order), count)]


def test_workers_are_dealt_disjoint_cases() -> None:
    hands = [_ids(RunTicket("t", seed=1, worker=w, position=w, workers=2), 5) for w in range(2)]
    assert sorted(hands[0] + hands[1]) == sorted(case.case_id for case in CASES)


def test_the_seed_decides_the_order() -> None:
    ticket = RunTicket("t", seed=1)
    assert _ids(ticket, 10) == _ids(ticket, 10)
    assert _ids(ticket, 10) != _ids(RunTicket("t", seed=2), 10)


def test_circular_starts_over_and_once_ends() -> None:
    ticket = RunTicket("t", seed=1)
    assert _ids(ticket, 25)[:10] == _ids(ticket, 25)[10:20]
    assert len(_ids(ticket, 25, order="once")) == 10


def test_random_streams_differ_by_worker() -> None:
    assert _ids(RunTicket("t", worker=0), 20, "random") != _ids(RunTicket("t", worker=1), 20, "random")


def test_case_ids_are_unique_in_the_run() -> None:
    drawn = [
        case_id
        for worker in range(3)
        for case_id, _ in itertools.islice(
            case_stream(CASES, RunTicket("t", worker=worker, position=worker, workers=3)), 50
        )
    ]
    assert len(set(drawn)) == 150


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(UserError, match="circular, random or once, not 'sorted'"):
        next(case_stream(CASES, RunTicket("t"), order="sorted"))


def test_a_new_run_deals_anew(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"case_id": "a", "category": "simple", "request": {}}\n' * 1)
    recorder = Recorder()
    deck = CaseDeck(load_corpus(path), recorder)
    recorder.begin(RunTicket("first"))
    assert deck.draw("simple", "once") is not None
    assert deck.draw("simple", "once") is None
    recorder.begin(RunTicket("second"))
    assert deck.draw("simple", "once") is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "holds no case", id="empty"),
        pytest.param('{"case_id": "a"', ":1: not a case", id="cut short"),
        pytest.param('{"case_id": "a"}\n', "needs case_id, category and request", id="a field missing"),
    ],
)
def test_a_bad_corpus_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match=says):
        load_corpus(path)


def test_a_category_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"case_id": "a", "category": "simple", "request": {}}\n')
    with pytest.raises(UserError, match="no case of category 'complex'; it has simple"):
        load_corpus(path).of_category("complex")
