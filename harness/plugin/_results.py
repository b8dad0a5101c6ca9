"""What has come of the tests of this Locust process: verdicts, reports, the exit code."""

import logging
import os
import shutil
import sys
from typing import TYPE_CHECKING

from locust.env import Environment

from harness.errors import PRECEDENCE, ExitCode
from harness.plugin._run import ActiveRun
from harness.runs import Manifest, open_run

if TYPE_CHECKING:
    from harness.reports import Judged

logger = logging.getLogger(__name__)


class Results:
    """One per Locust process; `finished` holds every judged test, the latest last."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._unsaid: Judged | None = None
        self.finished: list[tuple[Manifest, Judged]] = []

    def judge(self, run: ActiveRun) -> None:
        """Judge and report a sealed run. Raises HarnessError and OSError."""
        from harness.reports import judge_and_report  # after the load: it takes a while to import

        judged = judge_and_report(open_run(run.folder.path))
        self.worsen_exit_code(judged.judgement.exit_code)
        self._unsaid = judged
        self.finished.append((run.folder.manifest, judged))

    def worsen_exit_code(self, code: ExitCode) -> None:
        """In the web UI the process exits with the code of its worst run."""
        before = self._environment.process_exit_code
        known = [code] if before is None else [code, ExitCode(before)]
        self._environment.process_exit_code = int(min(known, key=PRECEDENCE.index))

    def print_verdict(self) -> None:
        """Print the verdict of the latest run, once."""
        if self._unsaid is None:
            return
        judged, self._unsaid = self._unsaid, None
        text = judged.terminal_text(sys.stdout, width=shutil.get_terminal_size().columns)
        try:
            print(text, flush=True)
        except OSError as error:  # a closed or a full stdout takes nothing from the exit code
            logger.error(
                "cannot print the verdict (%s); the report is %s", error.strerror, judged.report_path
            )

    def cannot_write(self, run: ActiveRun, error: OSError) -> None:
        """Rows no longer fit on the disk: say what to do. A run like this decides nothing."""
        logger.error(
            "cannot write %s (%s): the run ends, and what was written until now is kept; "
            "free some space, then: harness report %s",
            run.folder.path,
            os.strerror(error.errno) if error.errno else error,
            run.folder.path,
        )
        self.worsen_exit_code(ExitCode.INVALID)
