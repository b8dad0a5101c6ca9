"""The report of a comparison: verdict, changes, where they come from, and both sides' distributions.

For comparisons made by hand, of any runs; the report of one run has the same section for what it was
compared with.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from plotly.offline import get_plotlyjs

from harness.reports._compared import compared
from harness.reports._comparison_charts import comparison_charts
from harness.reports._format import count, moment, quantity, sentence_case
from harness.reports._html import assets, environment, script_safe
from harness.reports._regression_document import regression_document
from harness.reports._regression_markdown import regression_markdown
from harness.reports._regression_words import explanations, moved_words
from harness.reports._tables import Table, table
from harness.runs import write_text_atomically
from harness.verdicts import MetricChange, Regression, RunReference, difference_words

#: Components that add less than this to a change, in percent of the base, are left out.
_SMALLEST_SHARE = 0.5
_MOST_EXPLAINED = 8


def write_comparison(out_dir: Path, regression: Regression, *, strict: bool = False) -> dict[str, Path]:
    """Write comparison.json, report.html and report.md into `out_dir`; their paths by file name.

    Each is written whole or not at all. Raises OSError.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    document = regression_document(regression, strict=strict)
    texts = {
        "comparison.json": json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "report.html": comparison_html(regression, strict=strict),
        "report.md": "\n".join(regression_markdown(regression)).rstrip() + "\n",
    }
    for name, text in texts.items():
        write_text_atomically(out_dir / name, text)
    return {name: out_dir / name for name in texts}


def comparison_html(regression: Regression, *, strict: bool = False) -> str:
    """report.html of a comparison: one document that fetches nothing; text from outside is escaped."""
    charts = comparison_charts(regression)
    figures = {chart.id: json.loads(chart.figure) for chart in charts.values() if chart.figure}
    explained = explanations(regression, _MOST_EXPLAINED)
    return (
        environment()
        .get_template("compare.html.j2")
        .render(
            compared=compared(regression),
            scenario=regression.scenario,
            provider="" if regression.provider == "unknown" else regression.provider,
            exit_code=int(regression.exit_code(strict=strict)),
            facts=_facts(regression),
            attribution=_attribution_table([row for row, _ in explained]),
            attribution_finding=_attribution_finding(explained),
            charts=charts,
            runs=_runs_table(regression),
            differs=_differs_table(regression),
            figures_json=script_safe(json.dumps(figures, separators=(",", ":"), allow_nan=False)),
            plotly_js=get_plotlyjs() if figures else "",
            assets=assets(),
        )
    )


def _facts(regression: Regression) -> list[tuple[str, str]]:
    """What was compared, for the line under the verdict."""
    sides = (("Base", regression.bases), ("Candidate", regression.candidates))
    return [
        ("Scenario", regression.scenario),
        *((name, _side_words(side)) for name, side in sides if side),
        ("Metrics", f"{len(regression.rows):,}"),
    ]


def _side_words(side: Sequence[RunReference]) -> str:
    last = max(side, key=lambda run: run.started_at)
    commit = "" if last.git_commit == "unknown" else f", commit {last.git_commit[:7]}"
    return f"{last.run_id}{commit}" if len(side) == 1 else f"{count(len(side), 'run')}{commit}"


def _attribution_table(rows: Sequence[MetricChange]) -> Table:
    """One row per explained metric and component, the largest part first."""
    return table(
        ["Metric", "Component"],
        ["Adds, of the base"],
        (
            [row.metric.title, component, f"{'+' if share > 0 else ''}{quantity(share, '%')}"]
            for row in rows
            if row.attribution
            for component, share in sorted(
                row.attribution.share_percent.items(), key=lambda part: -abs(part[1])
            )
            if abs(share) >= _SMALLEST_SHARE
        ),
    )


def _attribution_finding(explained: Sequence[tuple[MetricChange, str]]) -> str:
    found = (f"{row.metric.title} {moved_words(row)}: {text}" for row, text in explained if row.attribution)
    return sentence_case(next(found, ""))


def _runs_table(regression: Regression) -> Table:
    sides = (("base", regression.bases), ("candidate", regression.candidates))
    return table(
        ["Side", "Run", "Started", "Commit"],
        [],
        (
            [name, run.run_id, moment(run.started_at), run.git_commit[:12]]
            for name, side in sides
            for run in side
        ),
    )


def _differs_table(regression: Regression) -> Table:
    return table(
        ["Part", "What differs", "Ignored"],
        [],
        (
            [part, difference_words(part, base, candidate), "yes" if part in regression.ignored else "no"]
            for part, (base, candidate) in regression.differs.items()
        ),
    )
