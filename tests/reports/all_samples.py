"""Every sample by its name: what the tests of each kind of report run over."""

from tests.reports.carried_sample import carried
from tests.reports.samples import Sample, full, invalid, passing
from tests.reports.stock_csv_sample import stock_csv

NAMES = ("full", "passing", "invalid", "stock_csv", "carried")


def all_samples() -> dict[str, Sample]:
    made = (full, passing, invalid, stock_csv, carried)
    return {name: make() for name, make in zip(NAMES, made, strict=True)}
