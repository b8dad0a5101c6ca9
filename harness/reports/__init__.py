"""What a run looks like to people and programs: terminal, Markdown, HTML, summary.json.

Presents what analysis and verdicts hand over; computes no statistic and decides nothing.
"""

from harness.reports._capacity import capacity_document, capacity_terminal, capacity_tsv
from harness.reports._comparison_report import comparison_html, write_comparison
from harness.reports._document import finite, summary_document
from harness.reports._format import duration, figure
from harness.reports._history import history_table, history_tsv
from harness.reports._html import html_report
from harness.reports._judged import Judged, judge_and_report
from harness.reports._junit import junit_report
from harness.reports._markdown import markdown_report
from harness.reports._otlp import otlp_messages
from harness.reports._plan_picture import plan_lines, plan_svg
from harness.reports._regression_document import regression_document, regression_tsv
from harness.reports._regression_markdown import regression_markdown
from harness.reports._regression_terminal import regression_terminal
from harness.reports._suite import sign_off_html, suite_html, suite_junit, suite_markdown, suite_terminal
from harness.reports._suite_model import SuiteRule, SuiteStep, SuiteTable, SuiteView
from harness.reports._terminal import terminal_report, wants_colour
from harness.reports._write import write_reports

__all__ = [
    "Judged",
    "SuiteRule",
    "SuiteStep",
    "SuiteTable",
    "SuiteView",
    "capacity_document",
    "capacity_terminal",
    "capacity_tsv",
    "comparison_html",
    "duration",
    "figure",
    "finite",
    "history_table",
    "history_tsv",
    "html_report",
    "judge_and_report",
    "junit_report",
    "markdown_report",
    "otlp_messages",
    "plan_lines",
    "plan_svg",
    "regression_document",
    "regression_markdown",
    "regression_terminal",
    "regression_tsv",
    "sign_off_html",
    "suite_html",
    "suite_junit",
    "suite_markdown",
    "suite_terminal",
    "summary_document",
    "terminal_report",
    "wants_colour",
    "write_comparison",
    "write_reports",
]
