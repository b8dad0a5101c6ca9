"""What two rows of a stock Locust CSV give a report."""

from dataclasses import replace

from harness.analysis import Totals, Window, WindowPiece
from harness.errors import ExitCode
from harness.runs import Manifest, ScenarioRecord
from harness.stats import Estimate
from harness.verdicts import Criterion, CriterionVerdict, Judgement, Validity
from tests.reports.samples import Sample, full, group


def stock_csv() -> Sample:
    """Two stock CSV rows: no categories, components, histogram, samples; percentiles are rounded."""
    rounded = {
        name: Estimate(
            value, low, high, 812, "Locust's, rounded", "ms", ("percentile rounded to two digits",)
        )
        for name, value, low, high in (
            ("p50", 460.0, 375.0, 565.0),
            ("p95", 1200.0, 1050.0, 1450.0),
            ("p99", 1800.0, 1150.0, None),
        )
    }
    overall = replace(
        group("all", 500, 812, 13.4, errors=4), response_time=rounded, service_time=rounded, per_case={}
    )
    summary = replace(
        full().summary,
        run_id="stats",
        scenario="stats",
        source="stock Locust CSVs",
        exact=False,
        provider="unknown",
        started_at="",
        duration_s=60.0,
        window=Window((WindowPiece("run", 0, 0.0, 60.0),), ()),
        totals=Totals(812, 4, 0, 0, {"ok": 808, "server_error": 4}),
        overall=overall,
        by_category={},
        by_name={"POST /api/cases": overall},
        components=[],
        steps=[],
        errors=[],
        histogram=None,
        series=None,
        slowest=[],
        notes=("Stock CSVs hold no single requests.",),
        resources=(),
    )
    judgement = Judgement(
        validity=Validity.UNCHECKED,
        checks=[],
        criteria=[
            CriterionVerdict(
                "error_rate", "error_rate < 1 %, critical < 5 %", "error rate",
                Criterion.PASS, overall.error_rate,
                "< 1 %", "< 5 %", "error rate 0.493 % [0.296, 0.839] < target 1 %: PASS", "",
            ),
            CriterionVerdict(
                "simple_p95", "p95(response_time){category=simple} < 500 ms, critical < 1000 ms",
            "p95 response time (category simple)",
                Criterion.NOT_APPLICABLE, None, "< 500 ms", "< 1000 ms", "Stock CSVs hold no categories.", "",
            ),
        ],
        exit_code=ExitCode.OK,
        headline="1 of 1 applicable criteria met; the measurement could not be checked",
    )  # fmt: skip
    stock = Manifest(run_id="stats", scenario=ScenarioRecord(name="stats"))
    return Sample(summary, judgement, stock, ())
