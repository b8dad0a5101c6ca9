"""What a run looks like to people and programs: terminal, Markdown, HTML, summary.json.

Presents what analysis and verdicts hand over; computes no statistic and decides nothing.
"""

from harness.reports._document import summary_document
from harness.reports._history import history_table, history_tsv
from harness.reports._html import html_report
from harness.reports._judged import Judged, judge_and_report
from harness.reports._junit import junit_report
from harness.reports._markdown import markdown_report
from harness.reports._regression_document import regression_document, regression_tsv
from harness.reports._regression_markdown import regression_markdown
from harness.reports._regression_terminal import regression_terminal
from harness.reports._terminal import terminal_report, wants_colour
from harness.reports._write import write_reports

__all__ = [
    "Judged",
    "history_table",
    "history_tsv",
    "html_report",
    "judge_and_report",
    "junit_report",
    "markdown_report",
    "regression_document",
    "regression_markdown",
    "regression_terminal",
    "regression_tsv",
    "summary_document",
    "terminal_report",
    "wants_colour",
    "write_reports",
]
