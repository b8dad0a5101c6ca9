"""report.html as text: sections, escaping, no foreign address, size, and what a source cannot hold."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from plotly.offline import get_plotlyjs

from harness.reports import html_report
from tests.reports.all_samples import NAMES

SECTIONS = [
    "Success Criteria",
    "Measurement Validity",
    "Key Figures",
    "Latency Distribution",
    "Component Breakdown",
    "Load Test Results",
    "Over Time",
    "Errors by Cause",
    "Regression Trend",
    "Slowest Requests",
    "Resources of the Service",
    "Method and Environment",
]
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Reads a page strictly: ids, headings, attributes, and whether every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.headings: list[str] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside == "h2":
            self.headings.append(data)
        if inside == "script":
            self.scripts.append(data)
        elif inside != "style":
            self.text.append(data)


def without_plotly(page: str) -> str:
    return page.replace(get_plotlyjs(), "")


@pytest.fixture(scope="module")
def bundle() -> str:
    return str(get_plotlyjs())


@pytest.mark.parametrize("name", NAMES)
def test_well_formed_with_sections_in_order_and_unique_ids(samples: dict[str, Any], name: str) -> None:
    page = Page(without_plotly(html_report(*samples[name])))
    assert page.open == []
    told = bool(samples[name].summary.resources)
    assert page.headings == [title for title in SECTIONS if told or title != "Resources of the Service"]
    assert len(page.ids) == len(set(page.ids))
    assert ("html", "lang", "en") in page.attributes


@pytest.mark.parametrize("name", NAMES)
def test_no_foreign_address_and_no_inline_handler(samples: dict[str, Any], name: str) -> None:
    sample = samples[name]
    target = sample.manifest.target.url
    text = without_plotly(html_report(*sample))
    addresses = set(re.findall(r"https?://[^\s\"'<]*", text))
    assert addresses <= {target}
    page = Page(text)
    fetching = {"src", "href", "action", "data", "srcset", "poster"}
    links = {value for _, attribute, value in page.attributes if attribute in fetching}
    assert links <= {"#criteria", "data:,"}
    assert not [attribute for _, attribute, _ in page.attributes if attribute.startswith("on")]
    assert "@import" not in text
    assert "url(" not in text


def test_text_from_outside_is_escaped_everywhere(samples: dict[str, Any], hostile: str) -> None:
    sample = samples["full"]
    by_category = {**sample.summary.by_category, hostile: sample.summary.by_category["simple"]}
    histogram = sample.summary.histogram
    counts = {**histogram.counts, hostile: histogram.counts["simple"]}
    summary = replace(
        sample.summary,
        run_id=hostile,
        scenario=hostile,
        by_category=by_category,
        by_name={hostile: sample.summary.overall},
        histogram=replace(histogram, counts=counts),
        notes=(hostile,),
    )
    manifest = sample.manifest.model_copy(update={"command": [hostile], "stop_reason": hostile})
    judgement = replace(sample.judgement, headline=hostile)
    text = without_plotly(html_report(summary, judgement, manifest, sample.trend))
    assert "<script>alert" not in text
    page = Page(text)
    assert page.headings == SECTIONS
    assert "".join(page.text).count("alert('x')") > 10
    # Plotly reads a few tags in labels, so they must arrive there escaped.
    figures = json.loads(next(script for script in page.scripts if script.startswith("{")))
    names = [trace["name"] for trace in figures["histogram"]["data"]]
    assert sorted(name[:12] for name in names) == ["&lt;script&g", "complex", "moderate", "simple"]


def test_every_chart_has_a_finding_a_label_and_a_table(samples: dict[str, Any]) -> None:
    page = Page(without_plotly(html_report(*samples["full"])))
    charts = [value for _, name, value in page.attributes if name == "data-figure"]
    assert charts == [
        "histogram",
        "cumulative",
        "components",
        "load",
        "series",
        "trend",
    ]
    labels = [value for tag, name, value in page.attributes if tag == "div" and name == "aria-label"]
    text = "".join(page.text)
    assert sum("data table below" in label for label in labels) == len(charts)
    assert text.count("Data table") == len(charts)
    for finding in (
        "Complex cases take 4.1x as long as simple ones at the median",
        "62 % of the time of a complex case goes into specialists",
        "Throughput grows: 12.1 req/s at 5 users, 58.3 at 40",
        "25 of 5,012 requests failed (0.499 %); most often rejected, cause provider",
        "The slowest request took 3100 ms, 61 % of it in specialists",
    ):
        assert finding in text


def test_says_that_there_is_no_earlier_run(samples: dict[str, Any]) -> None:
    text = without_plotly(html_report(*samples["passing"]))
    assert "No earlier run to compare with; the trend begins with the next" in text
    assert 'data-figure="trend"' not in text


def test_this_run_is_in_the_trend_once_even_if_the_trend_has_it(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    again = (*sample.trend, replace(sample.trend[-1], run_id=sample.summary.run_id))
    page = Page(without_plotly(html_report(*sample._replace(trend=again))))
    figures = json.loads(next(script for script in page.scripts if script.startswith("{")))
    xs = figures["trend"]["data"][0]["x"]
    assert xs.count(sample.summary.run_id) == 1
    assert xs[-1] == sample.summary.run_id


def test_an_unbounded_estimate_is_hollow_and_says_so(samples: dict[str, Any]) -> None:
    page = Page(without_plotly(html_report(*samples["full"])))
    figures = json.loads(next(script for script in page.scripts if script.startswith("{")))
    symbols = figures["trend"]["data"][0]["marker"]["symbol"]
    assert symbols.count("circle-open") == 1
    assert "n too small" in "".join(page.text)


def test_stock_csvs_need_no_plotly_and_say_what_they_cannot_hold(
    samples: dict[str, Any], bundle: str
) -> None:
    text = html_report(*samples["stock_csv"])
    assert bundle not in text
    assert "Not in this source" in text
    assert "rounded to two significant digits" in text
    assert "UNKNOWN provider" in text


def test_an_invalid_run_says_that_its_verdicts_decide_nothing(samples: dict[str, Any]) -> None:
    text = without_plotly(html_report(*samples["invalid"]))
    assert "so the verdicts below decide nothing" in text
    assert "Add workers: --processes 4" in text


def test_plotly_is_there_once_and_a_long_run_stays_under_six_megabytes(
    samples: dict[str, Any], bundle: str
) -> None:
    sample = samples["full"]
    series = sample.summary.series
    repeats = 200  # 34 000 seconds: nine and a half hours
    long = replace(
        series,
        at_s=[float(at) for at in range(len(series.at_s) * repeats)],
        users=list(series.users) * repeats,
        throughput_per_s=list(series.throughput_per_s) * repeats,
        errors_per_s=list(series.errors_per_s) * repeats,
        p50_ms=list(series.p50_ms) * repeats,
        p95_ms=list(series.p95_ms) * repeats,
    )
    errors = [replace(sample.summary.errors[0], error=f"error {i}") for i in range(500)]
    names = {f"GET /{i}": sample.summary.overall for i in range(500)}
    summary = replace(sample.summary, series=long, errors=errors, by_name=names)
    text = html_report(*sample._replace(summary=summary))
    assert text.count(bundle) == 1
    assert len(text.encode()) < 6_000_000
    assert "440 more rows in summary.json" in text


def test_plotly_draws_percentiles_of_a_thinned_series_as_maxima_never_means(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    n = 1200
    series = replace(
        sample.summary.series,
        at_s=[float(at) for at in range(n)],
        users=[1] * n,
        throughput_per_s=[float(at % 2) for at in range(n)],
        errors_per_s=[None] * n,
        p50_ms=[10.0, 30.0] * (n // 2),
        p95_ms=[None, 50.0] * (n // 2),
    )
    text = without_plotly(html_report(*sample._replace(summary=replace(sample.summary, series=series))))
    figures = json.loads(next(script for script in Page(text).scripts if script.startswith("{")))
    by_name = {trace["name"]: trace["y"] for trace in figures["series"]["data"]}
    assert set(by_name["throughput"]) == {0.5}
    assert set(by_name["p50"]) == {30.0}
    assert set(by_name["p95"]) == {50.0}
    assert set(by_name["errors"]) == {None}
    assert "Each point stands for 2 s" in text


def test_an_invalid_run_is_not_on_the_trends_line(samples: dict[str, Any]) -> None:
    sample = samples["invalid"]
    text = without_plotly(html_report(*sample))
    assert "This run is INVALID, so it is not compared with earlier ones" in text
    figures = json.loads(next(script for script in Page(text).scripts if script.startswith("{")))
    assert sample.summary.run_id not in figures["trend"]["data"][0]["x"]


def test_stock_csvs_state_nothing_that_nobody_recorded(samples: dict[str, Any]) -> None:
    text = without_plotly(html_report(*samples["stock_csv"]))
    for claim in ("Seed", ">Mode<", "from when a request was due", "hold phases", "still in flight"):
        assert claim not in text
    assert "harness report PREFIX" in text


def test_the_command_names_no_path_that_a_report_cannot_know(samples: dict[str, Any]) -> None:
    assert "harness report RUN_FOLDER<" in without_plotly(html_report(*samples["full"]))


def test_components_that_do_not_add_up_are_a_table_only(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    overlapping = [replace(item, additive=False, share_percent=None) for item in sample.summary.components]
    summary = replace(sample.summary, components=overlapping)
    text = without_plotly(html_report(*sample._replace(summary=summary)))
    assert "The service sent no component times" not in text
    assert "The component times do not add up to the service&#39;s time" in text
    assert 'data-figure="components"' not in text
    assert "specialist-cardiology" in text
