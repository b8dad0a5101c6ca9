"""The reader of stock Locust CSVs, on files that Locust wrote and on damaged copies of them."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import ExitCode, UnreadableFileError
from harness.runs import LocustTables, RunSource
from harness.runs._locust_csv import read_locust_csvs

DATA = Path(__file__).parent / "data"
ALL = {
    ("POST", "/flaky"),
    ("DELETE", "/home"),
    ("GET", "/home"),
    ("GET", '/search, "quoted"'),
    ("GET", "N/A"),
    ("POST", "query {\n  cases\n}"),
    ("", "Aggregated"),
}
HEADER_ONLY = (DATA / "stock_stats.csv").read_text().splitlines()[0] + "\r\n"


def tables(prefix: Path) -> LocustTables:
    read = read_locust_csvs(prefix).locust
    assert read is not None
    return read


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    """A private copy of the four files; returns their prefix."""
    for path in DATA.glob("stock_*.csv"):
        shutil.copy(path, tmp_path)
    return tmp_path / "stock"


def test_endpoints_and_their_figures_are_those_of_the_file() -> None:
    stats = tables(DATA / "stock").stats
    assert list(zip(stats["Type"], stats["Name"], stats["Request Count"], stats["95%"], strict=True)) == [
        ("POST", "/flaky", 20, 2.0),
        ("DELETE", "/home", 29, 2.0),
        ("GET", "/home", 122, 2.0),
        ("GET", '/search, "quoted"', 54, 2.0),
        ("GET", "N/A", 19, 2.0),
        ("POST", "query {\n  cases\n}", 29, 2.0),
        ("", "Aggregated", 273, 2.0),
    ]
    assert stats["Request Count"].iloc[:-1].sum() == stats["Request Count"].iloc[-1]


def test_failures_and_multi_line_exceptions() -> None:
    read = tables(DATA / "stock")
    assert read.failures is not None
    assert read.exceptions is not None
    failure = read.failures.iloc[0]
    assert (failure["Method"], failure["Name"], failure["Occurrences"]) == ("POST", "/flaky", 5)
    assert read.exceptions["Message"].iloc[0] == 'two lines,\nwith a "quote"'
    assert read.exceptions["Count"].iloc[0] == 23


@pytest.mark.parametrize(("prefix", "names"), [("stock", {("", "Aggregated")}), ("full", ALL)])
def test_history_with_and_without_full_history(prefix: str, names: set[tuple[str, str]]) -> None:
    history = tables(DATA / prefix).history
    assert history is not None
    assert set(zip(history["Type"], history["Name"], strict=True)) == names
    assert history["Timestamp"].dtype == "int64"
    first = history.iloc[0]
    assert (first["User Count"], first["Total Request Count"]) == (0, 0)
    assert math.isnan(first["95%"]), "N/A before the first request"
    assert history["95%"].iloc[-1] > 0


@pytest.mark.parametrize(
    "given",
    ["stock", "stock_stats.csv", "stock_stats_history.csv", "stock_failures.csv", "stock_exceptions.csv"],
)
def test_any_of_the_files_stands_for_the_prefix(given: str) -> None:
    run = read_locust_csvs(DATA / given)
    assert run.path == DATA / "stock"
    assert run.source is RunSource.LOCUST_CSV


def test_manifest_is_made_up_from_prefix_and_history() -> None:
    manifest = read_locust_csvs(DATA / "stock").manifest
    assert (manifest.run_id, manifest.scenario.name) == ("stock", "stock")
    assert manifest.started_at == "2026-11-24T07:31:21+00:00"
    assert manifest.ended_at == "2026-11-24T07:31:32+00:00"
    assert manifest.target.provider_mode == "unknown"


def test_samples_are_empty_tables() -> None:
    run = read_locust_csvs(DATA / "stock")
    assert run.requests().empty
    assert run.generator().empty


def test_stats_alone_are_enough(stock: Path) -> None:
    for ending in ("_stats_history.csv", "_failures.csv", "_exceptions.csv"):
        stock.with_name("stock" + ending).unlink()
    run = read_locust_csvs(stock)
    assert run.locust is not None
    assert (run.locust.history, run.locust.failures, run.locust.exceptions) == (None, None, None)
    assert (run.manifest.started_at, run.manifest.ended_at) == ("", None)


def test_blank_lines_of_windows_change_nothing(stock: Path) -> None:
    """Locust opens its files without newline='', so each line of a Windows run ends in CR CR LF."""
    expected = tables(stock)
    for path in stock.parent.glob("*.csv"):
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\r\r\n"))
    read = tables(stock)
    assert read.stats.equals(expected.stats)
    assert read.history is not None
    assert expected.history is not None
    assert read.history.equals(expected.history)


def test_a_byte_order_mark_changes_nothing(stock: Path) -> None:
    expected = tables(stock).stats
    path = stock.with_name("stock_stats.csv")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert tables(stock).stats.equals(expected)


def test_own_percentiles_are_numbers_too(stock: Path) -> None:
    path = stock.with_name("stock_stats.csv")
    path.write_text(path.read_text().replace(",99.9%,", ",97.5%,"))
    assert tables(stock).stats["97.5%"].iloc[-1] == 18.0


def _cut(keep: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(keep(path.read_bytes()))


def _write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: list[tuple[str, str, Callable[[Path], object], str]] = [
    ("missing", "stock_stats.csv", Path.unlink, "no such file"),
    ("empty", "stock_stats.csv", _write(b""), "is empty"),
    ("blank", "stock_stats.csv", _write(b"\r\n\r\n"), "blank lines only"),
    ("header only", "stock_stats.csv", _write(HEADER_ONLY.encode()), "no rows"),
    ("cut in a cell", "stock_stats.csv", _cut(lambda raw: raw[:-30]), "cells, as if cut off"),
    ("cut in the last number", "stock_stats.csv", _cut(lambda raw: raw[:-3]), "no line end"),
    (
        "cut between rows",
        "stock_stats.csv",
        _cut(lambda raw: raw[: raw.rindex(b",Agg")]),
        "no Aggregated row",
    ),
    ("cut in quotes", "stock_stats.csv", _cut(lambda raw: raw[: raw.index(b"  cases")]), "end of data"),
    ("foreign columns", "stock_stats.csv", _write(b"a,b\n1,2\n"), "has no column 'Type'"),
    ("a page", "stock_stats.csv", _write(b"<!DOCTYPE html>\n<p>404</p>\n"), "has no column 'Type'"),
    ("binary", "stock_stats.csv", _write(b"PAR1\x00\x01\n"), "is binary"),
    ("not UTF-8", "stock_stats.csv", _write(b"\xff\xfe\x00"), "is not UTF-8 text"),
    ("a word for a number", "stock_stats.csv", _cut(lambda raw: raw.replace(b"273", b"many")), "'many'"),
    (
        "more failures than requests",
        "stock_stats.csv",
        _cut(lambda raw: raw.replace(b"/flaky,20,5", b"/flaky,20,21")),
        "'/flaky': Failure Count 21 is above Request Count 20",
    ),
    (
        "failures of no requests",
        "stock_stats.csv",
        _cut(lambda raw: raw.replace(b"/flaky,20,5", b"/flaky,N/A,5")),
        "is above",
    ),
    (
        "negative",
        "stock_stats.csv",
        _cut(lambda raw: raw.replace(b",20,5,", b",-20,-50,")),
        "'-20' is not a count",
    ),
    (
        "endless",
        "stock_stats.csv",
        _cut(lambda raw: raw.replace(b",20,5,", b",inf,5,")),
        "'inf' is not a count",
    ),
    ("a folder", "stock_stats.csv", _replace_by_folder, "cannot be read"),
    ("history cut", "stock_stats_history.csv", _cut(lambda raw: raw[:-9]), "history.csv: line 13"),
    (
        "history of no time",
        "stock_stats_history.csv",
        _cut(lambda raw: raw.replace(b"1795", b"9" * 20)),
        "not a",
    ),
    ("failures empty", "stock_failures.csv", _write(b""), "failures.csv: is empty"),
    ("exceptions cut", "stock_exceptions.csv", _cut(lambda raw: raw[:200]), "exceptions.csv: line"),
]


@pytest.mark.parametrize(
    ("file", "damage", "says"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE]
)
def test_damage_is_one_line_that_names_the_file(
    stock: Path, file: str, damage: Callable[[Path], object], says: str
) -> None:
    damage(stock.with_name(file))
    with pytest.raises(UnreadableFileError) as caught:
        read_locust_csvs(stock)
    message = str(caught.value)
    assert str(stock.with_name(file)) in message
    assert says in message
    assert "\n" not in message
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_header_without_failures_is_an_empty_table(stock: Path) -> None:
    path = stock.with_name("stock_failures.csv")
    path.write_text(path.read_text().splitlines()[0] + "\n")
    failures = tables(stock).failures
    assert failures is not None
    assert failures.empty


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("stok", "did you mean"),
        ("nothing_like_it", "give a run folder or the prefix"),
        ("no/such/folder/stock", "nor its folder"),
        ("stock_stats.csv.bak", "no such file"),
    ],
)
def test_a_wrong_prefix_is_told_what_to_give(stock: Path, given: str, says: str) -> None:
    with pytest.raises(UnreadableFileError, match=says):
        read_locust_csvs(stock.parent / given)


def test_another_csv_is_told_from_a_prefix(tmp_path: Path) -> None:
    other = tmp_path / "prices.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(UnreadableFileError, match="is not one of Locust's CSV files"):
        read_locust_csvs(other)
