"""The narrow columns that a run is kept in while it is analysed: nothing is lost or mixed up."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harness.analysis._row_index import RowIndex
from harness.analysis._sorted import Sorted
from harness.analysis._table import RequestColumns
from harness.analysis._words import WordsBuilder
from harness.runs import REQUEST_ID_BITS
from tests.support.recorded_runs import one_hold, request, span, write_run

W1 = 1 << REQUEST_ID_BITS


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param([0, 1, 2, 3], id="one worker"),
        pytest.param([W1, 0, W1 + 1, 1], id="two workers, mixed"),
        pytest.param([5, 2, W1 + 7, W1], id="gaps, not in order"),
        pytest.param([0, 10_000_000, W1 + 20_000_000], id="far apart: searched"),
        pytest.param([], id="no request"),
    ],
)
def test_rows_of_ids(ids: list[int]) -> None:
    index = RowIndex(np.array(ids, dtype=np.uint64))
    unknown = [3 * W1, 4, 9_999_999, W1 + 3]
    asked = [*ids, *(other for other in unknown if other not in ids)]
    expected = [*range(len(ids)), *(-1 for other in unknown if other not in ids)]
    assert index(np.array(asked, dtype=np.uint64)).tolist() == expected
    for id_, row in zip(asked, expected, strict=True):
        assert index(np.array([id_], dtype=np.uint64)).tolist() == [row]


def test_an_id_that_occurs_twice_is_its_first_rows() -> None:
    assert RowIndex(np.array([7, 7, 8], dtype=np.uint64))(np.array([7, 8], dtype=np.uint64)).tolist() == [
        0,
        2,
    ]


def test_words_of_pieces_with_other_dictionaries() -> None:
    columns: list[list[str | None]] = [["a", None, "b"], ["c", "a"], [f"w{i}" for i in range(300)]]
    words = [word for column in columns for word in column]
    builder, first = WordsBuilder(len(words)), 0
    for column in columns:
        encoded = pa.chunked_array([pa.array(column, pa.string()).dictionary_encode()])
        builder.fill(slice(first, first + len(column)), encoded)
        first += len(column)
    built = builder.build(len(words))
    assert [built.labels[code] if code >= 0 else None for code in built.codes.tolist()] == words
    assert built.codes.dtype == np.int16


@pytest.mark.parametrize("top", [100, 2**40, 2**62], ids=["narrow", "wide", "too wide for one number"])
def test_numbers_sorted_within_groups(top: int) -> None:
    rng = np.random.default_rng(3)
    numbers, groups = rng.integers(-50, top, 1000), rng.integers(0, 7, 1000)
    expected = [np.sort(numbers[groups == group]).tolist() for group in range(8)]
    assert [part.tolist() for part in Sorted.whole(numbers, groups, 8).parts] == expected


@pytest.mark.parametrize(
    ("spans", "ms"),
    [
        pytest.param([(0, 1.5), (1, 2.25)], {0: 1.5, 1: 2.25}, id="whole microseconds"),
        pytest.param([(0, 1.5), (1, 2.2512345)], {0: 1.5, 1: 2.2512345}, id="one that is not"),
        pytest.param([(1, 4.0), (0, 1.0), (1, 0.5)], {0: 1.0, 1: 4.5}, id="added up, in any order"),
        pytest.param([(0, 2e6), (0, 2e6)], {0: 4e6}, id="together beyond 32 bits"),
        pytest.param([(0, 5e6), (1, 1.0)], {0: 5e6, 1: 1.0}, id="alone beyond 32 bits"),
        pytest.param([(0, -1.0), (1, None)], {0: -1.0}, id="negative and missing"),
        pytest.param([(0, 0.0)], {0: 0.0}, id="zero is a time"),
    ],
)
@pytest.mark.parametrize("requests", [2, 40], ids=["of many requests", "of few"])
def test_times_per_request(
    tmp_path: Path, requests: int, spans: list[tuple[int, float]], ms: dict[int, float]
) -> None:
    rows = [request(1) for _ in range(requests)]
    run = write_run(tmp_path, rows, spans=[span(row, "x", each) for row, each in spans], phases=one_hold())
    columns = RequestColumns(run)
    found = columns.spans.of("x", np.ones(requests, dtype=bool))
    assert dict(zip(found.rows.tolist(), found.ms.tolist(), strict=True)) == ms
    cut, sums = columns.spans.cut("x", np.zeros(requests, np.int8), np.ones(requests, dtype=bool), 1)
    assert cut.of((0,)).samples().tolist() == sorted(ms.values())
    assert sums[0] == pytest.approx(sum(ms.values()))


def test_numbers_are_narrow_and_exact(tmp_path: Path) -> None:
    rows = [request(1, input_tokens=70_000, output_tokens=5), request(2, input_tokens=1)]
    columns = RequestColumns(write_run(tmp_path, rows, phases=one_hold()))
    assert columns.number("input_tokens").tolist() == [70_000, 1]
    assert columns.number("input_tokens").dtype == np.int32
    assert columns.number("output_tokens").tolist() == [5.0, pytest.approx(float("nan"), nan_ok=True)]
