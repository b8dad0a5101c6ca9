"""Figures are what Plotly itself would make of them: it checks each property when it loads them."""

import json

import plotly.io
import pytest
from plotly.subplots import make_subplots

from harness.reports._charts import report_charts
from harness.reports._plotly_figure import Figure
from tests.reports.all_samples import all_samples
from tests.reports.samples import Sample


@pytest.mark.parametrize("sample", all_samples().values(), ids=all_samples().keys())
def test_plotly_accepts_every_figure(sample: Sample) -> None:
    charts = report_charts(sample.summary, sample.judgement, sample.manifest, sample.trend)
    figures = [chart.figure for chart in charts.values() if chart.figure]
    for figure in figures:
        expected = json.loads(figure)
        # Plotly leaves out an empty template, and puts its own in place of none at all.
        loaded = json.loads(plotly.io.from_json(figure, skip_invalid=False).to_json())
        assert loaded["data"] == expected["data"]
        assert (
            loaded["layout"].items()
            >= {**expected["layout"], "template": loaded["layout"]["template"]}.items()
        )


def test_rows_are_placed_as_plotly_places_them() -> None:
    theirs = make_subplots(
        rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.07, row_heights=[0.2, 0.36, 0.44]
    )
    theirs.update_layout(template=None)
    theirs.add_scatter(x=[1], y=[2], row=2, col=1)
    ours = Figure((0.2, 0.36, 0.44), 0.07)
    ours.add_scatter(2, x=[1], y=[2])
    expected, found = json.loads(theirs.to_json()), json.loads(ours.to_json())
    assert found["data"] == expected["data"]
    assert found["layout"].keys() == expected["layout"].keys()
    for name, axis in expected["layout"].items():
        domain = axis.pop("domain", [])
        assert found["layout"][name].pop("domain", []) == pytest.approx(domain)
        assert found["layout"][name] == axis


def test_updates_merge_and_what_is_not_finite_is_null() -> None:
    figure = Figure()
    figure.add_bar(x=[float("nan"), 1.0])
    figure.update_layout(legend={"x": 0})
    figure.update_layout(legend={"y": 1})
    figure.update_xaxis(title={"text": "ms"})
    assert json.loads(figure.to_json()) == {
        "data": [{"type": "bar", "x": [None, 1.0]}],
        "layout": {"template": {}, "legend": {"x": 0, "y": 1}, "xaxis": {"title": {"text": "ms"}}},
    }
