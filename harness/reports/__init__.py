"""What a run looks like to people and programs: terminal, Markdown, HTML, summary.json.

Presents what analysis and verdicts hand over; computes no statistic and decides nothing.
"""

from harness.reports._document import summary_document
from harness.reports._html import html_report
from harness.reports._judged import Judged, judge_and_report
from harness.reports._markdown import markdown_report
from harness.reports._terminal import terminal_report
from harness.reports._write import write_reports

__all__ = [
    "Judged",
    "html_report",
    "judge_and_report",
    "markdown_report",
    "summary_document",
    "terminal_report",
    "write_reports",
]
