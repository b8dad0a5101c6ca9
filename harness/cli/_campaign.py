"""The runs that `harness regression` makes: of the candidate alone, or of base and candidate in turns."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli._environment import environment, folder_in, leave_path, run_path_file
from harness.cli._locust_line import RunRequest
from harness.cli._options import say
from harness.cli._turns import Place, Start, order
from harness.errors import PRECEDENCE, ExitCode

if TYPE_CHECKING:
    from harness.cli._sides import Side
    from harness.config import Config
    from harness.reports import Judged
    from harness.verdicts import Regression

#: Codes after which there is nothing more to measure.
GIVE_UP = frozenset({ExitCode.USAGE, ExitCode.UNREACHABLE, ExitCode.BUG, ExitCode.INTERRUPTED})


class Campaign:
    """The runs so far of both sides, and the first of the candidate's exit codes that wins.

    With `start_base` every round has a run of each side, with the same seed, each with its services
    started anew; a run that the machine made invalid is repeated once. A missed criterion is the
    candidate's own: the base's is not counted.
    """

    def __init__(
        self, config: "Config", request: RunRequest, start_base: Start | None, *, ignore_criteria: bool
    ) -> None:
        self._config = config
        self._request = request
        self._start_base = start_base
        self._ignored = ExitCode.CRITERIA if ignore_criteria else None
        self._began_s = time.monotonic()
        self._longest_s = 0.0
        self._rounds = 0
        self.folders: dict[str, list[Path]] = {"base": [], "candidate": []}
        self.code: int = ExitCode.OK

    @property
    def candidates(self) -> list[Path]:
        """The complete runs of the candidate."""
        return self.folders["candidate"]

    def run(self, rounds: int) -> int:
        """So many rounds more; stops at an ending after which nothing can be measured."""
        turns: Iterator[tuple[int, str]]
        if self._start_base is None:
            turns = ((number, "candidate") for number in range(self._rounds, self._rounds + rounds))
        else:
            turns = order(rounds, self._rounds)
        began_s, before = time.monotonic(), self._rounds
        for number, side in turns:
            if number != before:
                self._longest_s = max(self._longest_s, time.monotonic() - began_s)
                began_s, before = time.monotonic(), number
            if rounds > 1 or self._start_base is not None:
                of = "" if self._start_base is None else f", {side}"
                say(f"Round {number - self._rounds + 1} of {rounds}{of}")
            if not self._measure(number, side):
                return self.code
        self._longest_s = max(self._longest_s, time.monotonic() - began_s)
        self._rounds += rounds
        return self.code

    def fits(self, minutes: float) -> bool:
        """Whether one round more would end within so many minutes of the first one's start."""
        return time.monotonic() - self._began_s + self._longest_s <= 60 * minutes

    def _measure(self, number: int, side: str) -> bool:
        """One run of one side, kept where it is complete; returns whether another is worth while."""
        attempts = 1 if self._start_base is None else 2
        for left in range(attempts - 1, -1, -1):
            code, folder = self._one_run(number, side)
            if code != ExitCode.INVALID or not left:
                break
            say(f"harness: the run of the {side} is invalid, see above: once more")
        if folder is None or code in GIVE_UP:
            self.code = first_code(self.code, code)
            return False
        self.folders[side].append(folder)
        if code != self._ignored and not (side == "base" and code == ExitCode.CRITERIA):
            self.code = first_code(self.code, code)
        return self._start_base is None or code != ExitCode.INVALID

    def _one_run(self, number: int, side: str) -> tuple[int, Path | None]:
        if self._start_base is None:
            return _run_once(self._request)
        seed = self._request.seed
        if seed is None:
            seed = self._config.scenario(self._request.scenario).seed
        request = replace(self._request, seed=seed + number, with_services=True)
        if side == "candidate":
            return _run_once(request)
        try:
            with self._start_base() as place:
                return _run_at(place, request)
        except KeyboardInterrupt:
            return ExitCode.INTERRUPTED, None

    @property
    def in_turns(self) -> bool:
        """Whether the base is measured too."""
        return self._start_base is not None

    def candidate_side(self) -> "Side":
        """All complete runs of the candidate."""
        return self._side("candidate")

    def judge(self, base: "Side | None", ignored: Sequence[str]) -> "Regression":
        """The runs so far against the base: that of a baseline, else the runs made in turns."""
        from harness.cli._sides import judge_sides

        return judge_sides(self._config, base or self._side("base"), self._side("candidate"), ignored)

    def _side(self, name: str) -> "Side":
        from harness.cli._sides import read_runs

        runs_dir = self._config.runs_path(self._request.runs_dir)
        return read_runs([str(folder) for folder in self.folders[name]], runs_dir)

    def report(self, regression: "Regression", *, strict: bool) -> "Judged":
        """Write the last candidate's reports again, with the comparison; takes its code into account."""
        from harness.reports import judge_and_report
        from harness.runs import open_run

        folder = self.candidates[-1]
        judged = judge_and_report(open_run(folder), regression=regression, strict=strict)
        if judged.judgement.exit_code != self._ignored:
            self.code = first_code(self.code, judged.judgement.exit_code)
        leave_path(folder)
        return judged


def _run_at(place: Place, request: RunRequest) -> tuple[int, Path | None]:
    with environment(place.environment):
        return _run_once(replace(request, host=place.host, with_services=False))


def _run_once(request: RunRequest) -> tuple[int, Path | None]:
    """Run the scenario as `harness run` does; its code and its folder, if it came to have one."""
    from harness.cli._run import run_scenario

    with run_path_file() as path:
        try:
            code = run_scenario(request)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        return code, folder_in(path)


def first_code(*codes: int) -> int:
    """The code that wins; one that the harness does not know, as after a signal, goes before all."""
    known = [int(code) for code in PRECEDENCE]
    return min(codes, key=lambda code: known.index(code) if code in known else -1)
