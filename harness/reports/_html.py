"""report.html: one file that works offline, with and without JavaScript.

The page is complete without its charts: each has a data table. Plotly is inlined once, after
the content, so that a reader sees the verdict before the browser has parsed it.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from harness.analysis import Summary, TrendPoint, warm_up_note
from harness.reports._charts import report_charts
from harness.reports._compared import compared
from harness.reports._derived import derived_table
from harness.reports._endurance import drift_table, recovery_lines
from harness.reports._findings import slowest_finding
from harness.reports._format import (
    count,
    digits_apart,
    duration,
    figure,
    interval,
    is_hollow,
    moment,
    quantity,
    sentence_case,
    unit_word,
)
from harness.reports._limits import levels
from harness.reports._loads import load_tables
from harness.reports._models import models_table, streams_table
from harness.reports._order import additive_order, fastest_first
from harness.reports._page import (
    bar_parts,
    cause_parts,
    environment_facts,
    header_facts,
    method_notes,
    tiles,
)
from harness.reports._resources import resources_finding, resources_table
from harness.reports._tables import groups_table
from harness.reports._words import given, headline, icon, overall, provider, tone
from harness.runs import Manifest
from harness.verdicts import Judgement, Regression

#: Names of the files in templates/ that are inlined as they are.
_ASSETS = ("report.css", "theme.js", "report.js")


def html_report(
    summary: Summary,
    judgement: Judgement,
    manifest: Manifest,
    trend: Sequence[TrendPoint],
    regression: Regression | None = None,
) -> str:
    """The report as one HTML document; text from outside is escaped, nothing is fetched.

    `regression` adds its section where given.
    """
    summary = fastest_first(summary)
    charts = report_charts(summary, judgement, manifest, trend, regression)
    additive = additive_order(summary.components)
    figures = {chart.id: json.loads(chart.figure) for chart in charts.values() if chart.figure}
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            _first_screen(summary, judgement, manifest),
            compared=None if regression is None else compared(regression),
            causes=cause_parts(summary.errors),
            categories=groups_table("Category", summary.by_category),
            names=groups_table("Request", summary.by_name),
            derived=derived_table(summary.derived),
            models=models_table(summary.models),
            streams=streams_table(summary.models),
            drifts=drift_table(summary.drifts),
            over_time=[*map(sentence_case, warm_up_note(summary.warm_up)), *recovery_lines(summary.recovery)],
            loads=load_tables(summary, manifest),
            charts=charts,
            resources=resources_table(summary.resources),
            resources_finding=resources_finding(summary.resources),
            slowest_finding=slowest_finding(summary.slowest, additive),
            bars=[bar_parts(slow, additive, summary.slowest[0].response_time_ms) for slow in summary.slowest],
            method=method_notes(summary),
            environment=environment_facts(summary, manifest),
            figures_json=script_safe(json.dumps(figures, separators=(",", ":"), allow_nan=False)),
            plotly_js=get_plotlyjs() if figures else "",
            assets=assets(),
        )
    )


def _first_screen(summary: Summary, judgement: Judgement, manifest: Manifest) -> dict[str, Any]:
    return {
        "summary": summary,
        "judgement": judgement,
        "headline": headline(summary, judgement),
        "overall": overall(judgement),
        "provider": provider(summary),
        "given": given(summary),
        "facts": header_facts(summary, manifest),
        "tiles": tiles(summary),
    }


def script_safe(text: str) -> str:
    """JSON that cannot end the script element it stands in: `<` occurs only inside its strings.

    >>> script_safe('{"a": "</script>"}')
    '{"a": "\\\\u003c/script>"}'
    """
    return text.replace("<", "\\u003c")


@cache
def assets() -> dict[str, str]:
    """The texts that every page inlines, by file name."""
    folder = files("harness.reports") / "templates"
    return {name: (folder / name).read_text(encoding="utf-8") for name in _ASSETS}


@cache
def environment() -> Environment:
    """Templates that escape what they are given, with the filters that they use."""
    environment = Environment(
        loader=PackageLoader("harness.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": count,
        "digits_apart": digits_apart,
        "duration": duration,
        "figure": figure,
        "icon": icon,
        "interval": interval,
        "is_hollow": is_hollow,
        "levels": levels,
        "moment": moment,
        "quantity": quantity,
        "sentence_case": sentence_case,
        "tone": tone,
        "unit_word": unit_word,
    }
    return environment
