"""The report files of a run, each written whole or not at all."""

import json
from collections.abc import Sequence
from pathlib import Path

from harness.analysis import Summary, TrendPoint
from harness.reports._document import summary_document
from harness.reports._html import html_report
from harness.reports._junit import junit_report
from harness.reports._markdown import markdown_report
from harness.reports._regression_document import regression_document
from harness.runs import Manifest, write_text_atomically
from harness.verdicts import Judgement, Regression


def write_reports(
    out_dir: Path,
    summary: Summary,
    judgement: Judgement,
    manifest: Manifest,
    trend: Sequence[TrendPoint] = (),
    regression: Regression | None = None,
    *,
    strict: bool = False,
) -> dict[str, Path]:
    """Write summary.json, report.html, report.md and junit.xml into `out_dir`; their paths by file name.

    A reader sees the old file or the new one, never half of one. summary.json comes first: the
    figures are kept even where a presentation cannot be made. Raises OSError.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    document = summary_document(summary, judgement, manifest)
    if regression is not None:
        document["regression"] = regression_document(regression)
    as_json = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return {
        "summary.json": _write(out_dir / "summary.json", as_json),
        "report.html": _write(
            out_dir / "report.html", html_report(summary, judgement, manifest, trend, regression)
        ),
        "report.md": _write(
            out_dir / "report.md", markdown_report(summary, judgement, manifest, trend, regression)
        ),
        "junit.xml": _write(
            out_dir / "junit.xml", junit_report(summary, judgement, manifest, regression, strict=strict)
        ),
    }


def _write(path: Path, text: str) -> Path:
    """A lone surrogate, as from a command line that is not UTF-8, must not cost the report."""
    write_text_atomically(path, text.encode("utf-8", "replace").decode("utf-8"))
    return path
