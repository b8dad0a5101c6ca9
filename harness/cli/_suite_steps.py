"""What each kind of step does: one command of the harness, another program, or a look at what is there."""

import contextlib
import io
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli._child import run_foreground
from harness.cli._environment import folder_in, run_path_file
from harness.cli._locust_line import load_words
from harness.cli._options import say
from harness.errors import ExitCode, HarnessError, NothingCarriedError

if TYPE_CHECKING:
    from harness.config import Config, StepConfig
    from harness.suites import StepRecord, StepResult, SuiteRecord


class Steps:
    """Carries out one step after the other; `folder` is the suite's own."""

    def __init__(self, config: "Config", folder: Path, runs_dir: str | None, config_file: str | None) -> None:
        self._config = config
        self._folder = folder
        self._runs_dir = runs_dir
        self._config_file = config_file

    def words(self, step: "StepConfig", run: str = "RUN") -> list[str]:
        """The command of a step as it would be typed; `run` is the folder that it looks at, if it does."""
        match step.kind:
            case "run":
                return ["harness", *self._run_words(step)]
            case "regression":
                more = ["--runs", str(step.runs)] if step.runs > 1 else []
                more += ["--confirm", str(step.confirm)] if step.confirm else []
                return ["harness", *self._run_words(step, *more)]
            case "capacity":
                return ["harness", "capacity", run]
            case "plan":
                return ["harness", "plan", run, "--cases-per-s", f"{step.cases_per_s:g}"]
            case "command":
                return [self._filled(word) for word in step.command or ()]
            case _:
                return []  # a suite alone does these

    def __call__(self, step: "StepConfig", record: "SuiteRecord") -> "StepResult":
        """Do the step. A deliberate error of the harness becomes the step's result."""
        from harness.suites import StepResult

        say(f"\n--- {record.suite}: {step.label} ---")
        try:
            return self._do(step, record)
        except HarnessError as error:
            say(f"harness: {error}")
            return StepResult(error.exit_code, headline=str(error), command=tuple(self.words(step)))

    def _do(self, step: "StepConfig", record: "SuiteRecord") -> "StepResult":
        match step.kind:
            case "run" | "regression":
                return self._load(step)
            case "capacity":
                return self._capacity(step, record.step(step.capacity or ""))
            case "plan":
                return self._plan(step, record.step(step.plan or ""))
            case "review":
                return self._review(step)
            case "prometheus":
                return self._prometheus(step)
            case _:
                return self._program(step)

    def _run_words(self, step: "StepConfig", *more: str) -> list[str]:
        words = [step.kind, step.scenario or "", *more]
        if step.fresh_services:
            words.append("--with-services")
        for option, value in (
            ("--workers", step.workers),
            ("--runs-dir", self._runs_dir),
            ("--config-file", self._config_file),
        ):
            if value is not None:
                words += [option, str(value)]
        options = load_words(step.options)
        return [*words, "--", *options] if options else words

    def _load(self, step: "StepConfig") -> "StepResult":
        from harness.cli._main import main
        from harness.suites import result_of_run

        words = self.words(step)
        # Of this step's own, whatever the suite itself was given.
        with run_path_file(own=True) as path:
            code = main(words[1:])
            folder = folder_in(path)
        return result_of_run(code, folder, words)

    def _looked_at(self, of: "StepRecord") -> Path | None:
        """The folder of the run of an earlier step; None where it has none."""
        return None if of.run is None else self._folder / of.run

    def _capacity(self, step: "StepConfig", of: "StepRecord") -> "StepResult":
        from harness.cli._main import main
        from harness.suites import StepResult, as_details, capacity_table

        run = self._looked_at(of)
        if run is None:
            return _nothing_to_look_at(of)
        words = self.words(step, os.path.relpath(run))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = main([*words[1:], "--json"])
        try:
            document: dict[str, Any] = json.loads(printed.getvalue())
        except ValueError:
            return StepResult(code or ExitCode.BUG, headline="it told no capacity", command=tuple(words))
        table = capacity_table(document)
        return StepResult(
            code,
            word="PASS" if not code else "",
            headline=table.finding,
            command=tuple(words),
            details={**as_details(table), "data": document},
        )

    def _plan(self, step: "StepConfig", of: "StepRecord") -> "StepResult":
        from harness.cli._plan import plan_of_run
        from harness.runs import open_run
        from harness.suites import StepResult, as_details, plan_table

        run = self._looked_at(of)
        if run is None:
            return _nothing_to_look_at(of)
        words = tuple(self.words(step, os.path.relpath(run)))
        try:
            plan, invalid = plan_of_run(open_run(run), step.cases_per_s, self._config.plan)
        except NothingCarriedError as error:  # a result of the service's, not a mistake of the suite's
            return StepResult(ExitCode.CRITERIA, word="NO DATA", headline=str(error), command=words)
        table = plan_table(plan)
        return StepResult(
            ExitCode.INVALID if invalid else ExitCode.OK,
            headline=plan.sentence,
            command=words,
            details=as_details(table, plan),
        )

    def _review(self, step: "StepConfig") -> "StepResult":
        from harness.cli._review import review_of
        from harness.suites import StepResult, as_details, review_table

        review = review_of(self._config.runs_path(self._runs_dir), step.review or "")
        table = review_table(review)
        return StepResult(ExitCode.OK, headline=table.finding, details=as_details(table, review))

    def _prometheus(self, step: "StepConfig") -> "StepResult":
        from harness.config import PROMETHEUS_VARIABLE, hide_credentials
        from harness.suites import (
            NOT_CONFIGURED,
            PrometheusApi,
            PrometheusMeasurements,
            StepResult,
            result_of_criteria,
        )
        from harness.verdicts import judge_criteria, parse_rule

        settings = self._config.prometheus
        url = os.environ.get(PROMETHEUS_VARIABLE) or settings.url
        if not url:
            how = f"set `url` under [prometheus] in harness.toml, or ${PROMETHEUS_VARIABLE}"
            return StepResult(ExitCode.OK, word=NOT_CONFIGURED, headline=f"no Prometheus to ask: {how}")
        rules = [parse_rule(name, self._config.criterion(name)) for name in step.prometheus or ()]
        measured = PrometheusMeasurements(PrometheusApi(url, _fetch), settings)
        verdicts = judge_criteria(rules, measured)
        note = (
            f"{measured.requests():,} requests of the last {settings.window_h:g} h, as the service counted "
            f"them; asked at {hide_credentials(url)}"
        )
        return result_of_criteria(verdicts, "DEPLOYED", (), note)

    def _program(self, step: "StepConfig") -> "StepResult":
        from harness.suites import StepResult

        words = self.words(step)
        started = [sys.executable, *words[1:]] if words[0] == "python" else words
        ended = run_foreground(started, {**os.environ, "HARNESS_SUITE_DIR": str(self._folder)})
        if ended.interrupted:
            return StepResult(ExitCode.INTERRUPTED, headline="interrupted", command=tuple(words))
        if ended.code:
            said = f"ended with code {ended.code}" if ended.code > 0 else f"ended by signal {-ended.code}"
            return StepResult(ExitCode.CRITERIA, headline=f"{words[0]} {said}", command=tuple(words))
        return StepResult(ExitCode.OK, headline="ended with code 0", command=tuple(words))

    def _filled(self, word: str) -> str:
        return word.replace("{suite}", str(self._folder))


def _nothing_to_look_at(of: "StepRecord") -> "StepResult":
    from harness.suites import StepResult

    return StepResult(ExitCode.CRITERIA, word="NO DATA", headline=f"step {of.name} left no run to look at")


def _fetch(url: str, timeout_s: float) -> bytes:
    """GET, without a machine-wide proxy; an error's body is an answer too. Raises OSError."""
    from harness.config import split_credentials

    address, authorization = split_credentials(url)
    headers = {"Authorization": authorization} if authorization else {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(address, headers=headers), timeout=timeout_s) as answer:  # noqa: S310
            body: bytes = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
    return body
