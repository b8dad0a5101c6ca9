"""A run's life on the master or the local runner: begin, follow, drain, seal, judge.

`finish` is the one way a run ends. Locust's own `start`, `stop` and `quit` are wrapped on the
runner, so every ending (a shape that is over, the run time, the web UI's button, Ctrl-C, SIGTERM,
the last worker gone) passes through it before Locust stops anything.
"""

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import RLock
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner

from harness.config import RUN_PATH_VARIABLE
from harness.engine import access_to_service, now_us, planned_arrivals_per_s
from harness.errors import ExitCode, HarnessError, UserError
from harness.monitoring import LiveVerdicts, ProgressPrinter
from harness.plugin._before_run import BeforeRun, is_headless
from harness.plugin._crew import Crew
from harness.plugin._crew_load import CrewLoad
from harness.plugin._exporter import Exporter
from harness.plugin._intake import RowCounter
from harness.plugin._interrupts import Interrupts
from harness.plugin._live import CurrentFeedback
from harness.plugin._live_criteria import most_planned_users, rehearse, stop_words
from harness.plugin._own_load import OwnLoad
from harness.plugin._quota import QuotaDesk
from harness.plugin._ramps import Ramps
from harness.plugin._results import Results
from harness.plugin._run import ActiveRun
from harness.plugin._settings import Settings, resolve_settings
from harness.plugin._target import ask_target, host_of, public_url
from harness.plugin._told import with_what_users_tell
from harness.runs import StopRecord, TargetRecord

logger = logging.getLogger(__name__)

#: How long a stop waits for the workers to be ready for the next test.
READY_AGAIN_S = 10.0

#: After so long, a master that reads reports without a pause lets its other greenlets run.
MOST_READING_S = 0.02


class Coordinator:
    """One per Locust process that is not a worker; it sees one run after another."""

    def __init__(
        self,
        environment: Environment,
        runner: MasterRunner | LocalRunner,
        settings: Settings,
        exporter: Exporter | None = None,
    ) -> None:
        self.environment = environment
        self.runner = runner
        self.settings = settings
        self.active: ActiveRun | None = None
        self._printer = ProgressPrinter()
        self._helpers: list[gevent.Greenlet] = []
        self._lock = RLock()
        self._ending = False
        self._planned_users = 0
        self._settled = False
        self._let_others_s = 0.0
        self._target = TargetRecord()
        self.results = Results(environment)
        self._counts: list[RowCounter] = []
        if exporter is not None:
            self.count_rows(exporter.counts)
            exporter.follow(lambda: self.active, self.results)
        self._crew = Crew(environment, runner, self._on_joined)
        self._load: CrewLoad | OwnLoad
        self._ramps: Ramps | None = None
        if isinstance(runner, MasterRunner):
            self._load = CrewLoad(runner, self._crew, lambda: self.active)
            self._ramps = Ramps(runner)
        else:
            self._load = OwnLoad(environment, runner, self._take)
        self._start, self._stop, self._quit = runner.start, runner.stop, runner.quit
        self._before_run = BeforeRun(environment, runner, self._crew, self._quit)
        # What shapes read, see harness.schedule.Feedback; Locust knows of no such attribute.
        vars(environment)["feedback"] = CurrentFeedback(lambda: self.active.live if self.active else None)
        self._attach()
        self._interrupts = Interrupts(
            lambda: self._ending, self._load.hurry, self._before_run.leave_if_waiting
        )
        self._quota = QuotaDesk(environment, runner, self._lost_generators)

    def count_rows(self, counter: RowCounter) -> None:
        """Have the rows of the runs that begin from now on counted."""
        self._counts.append(counter)

    # --- the runner's own calls, wrapped ---------------------------------------------------

    def _attach(self) -> None:
        runner, events = self.runner, self.environment.events
        self._start_shape = runner.start_shape
        runner.start_shape = self._on_start_shape  # type: ignore[method-assign]
        runner.start = self._on_start  # type: ignore[method-assign]
        runner.stop = self._on_stop  # type: ignore[method-assign]
        runner.quit = self._on_quit  # type: ignore[method-assign]
        events.test_start.add_listener(lambda **_: self._begin())
        events.spawning_complete.add_listener(self._on_spawning_complete)
        events.quitting.add_listener(lambda **_: self._on_quitting())
        events.quit.add_listener(lambda **_: self.results.print_verdict())
        if isinstance(runner, MasterRunner):
            events.worker_report.add_listener(self._on_worker_report)

    def _on_start_shape(self) -> None:
        self._await_crew()
        with self._lock:  # a run that is ending ends first
            if self.active is not None or self._prepare():
                # In the web UI the shape of the test before has said why that one ended.
                vars(self.environment.shape_class).pop("stop_reason", None)
                self._start_shape()

    def _await_crew(self) -> None:
        """Before a headless run begins: enough workers that are not refused, or the end of the process."""
        if not self._before_run.enough_workers():
            self._on_quit()

    def _on_start(self, user_count: int, *args: Any, **kwargs: Any) -> None:
        if self._ending and gevent.getcurrent() in self.runner.greenlet:
            return  # Locust spreads users anew when a worker joins; the drain needs that greenlet free
        self._await_crew()
        with self._lock:  # a run that is ending ends first
            if self.active is None and not self._prepare():
                return
        self._planned_users = user_count
        if self.active is not None:
            self.active.tracker.ramp(user_count, self._quota.load_ended_us(), self._step_name)
        if self._ramps is not None and gevent.getcurrent() is self.runner.shape_greenlet:
            self._ramps.begin(partial(self._start, user_count, *args, **kwargs))
        else:
            self._start(user_count, *args, **kwargs)

    def _on_stop(self, *args: Any, **kwargs: Any) -> None:
        """Locust stops a run whose last worker is gone, but a headless master would sit on."""
        workers = self._crew.live()
        abandoned = self.active is not None and self._is_deserted
        self.finish(self._reason())
        self._stop(*args, **kwargs)
        if kwargs.get("send_stop_to_client", True):  # a master that quits never tells its workers to stop
            self._crew.await_ready(workers, READY_AGAIN_S)
        if abandoned and self._headless:
            gevent.spawn(self._quit)

    def _on_quit(self) -> None:
        self.finish(self._reason())
        self._quit()
        if not self._interrupts.interrupted:
            self._before_run.exit_if_too_few()

    def _on_quitting(self) -> None:
        """Fired before Locust exits: a run that still lasts now was cut short by a signal."""
        if self._interrupts.interrupted and self._headless:
            self.results.worsen_exit_code(ExitCode.INTERRUPTED)
        elif self._before_run.nothing_was_measured():
            self.results.worsen_exit_code(ExitCode.USAGE)
        if self.active is not None:
            self._interrupts.interrupted = True
            self.finish("interrupted")

    def _reason(self) -> str:
        if self._interrupts.interrupted:
            return "interrupted"
        if self.active is not None and self.active.stopped_by is not None:
            return stop_words(self.active.stopped_by)
        if self.runner.shape_greenlet is not None and gevent.getcurrent() is self.runner.shape_greenlet:
            why = getattr(self.environment.shape_class, "stop_reason", None)
            return f"the shape ended: {why}" if why else "the shape ended"
        if self._is_deserted:
            return "the last worker was lost"
        options: Any = self.environment.parsed_options
        return "the run time was reached" if self._headless and options.run_time else "stopped"

    @property
    def _headless(self) -> bool:
        return is_headless(self.environment)

    @property
    def _is_deserted(self) -> bool:
        """Whether no worker of a master is left."""
        return isinstance(self.runner, MasterRunner) and not self._crew.live()

    # --- beginning -------------------------------------------------------------------------

    def settle(self) -> None:
        """Settle what the next run is to be, with the options as they are now. Raises HarnessError."""
        self.settings = resolve_settings(self.environment)
        url = host_of(self.environment)
        if url and self.settings.check_target:
            self._target = ask_target(url, access_to_service(self.environment.user_classes))
        else:
            self._target = TargetRecord(url=public_url(url))
        self._target = with_what_users_tell(self.environment, self._target)
        rehearse(self.settings.scenario.criteria)
        self._settled = True

    def _prepare(self) -> bool:
        """Settle the next run, unless that was just done; False if it cannot be."""
        try:
            if not self._settled:
                self.settle()
        except HarnessError as error:
            self._refuse(error)
            return False
        self._settled = False
        return True

    def _refuse(self, error: HarnessError) -> None:
        """The web UI stays up and says why; a headless run has nothing left to do."""
        logger.error("%s", error)
        self.results.worsen_exit_code(error.exit_code)
        if self._headless:
            self._quit()

    def _begin(self) -> None:
        """`test_start`: make the folder, tell the generators, follow the run."""
        self._load.reset()
        try:
            access = access_to_service(self.environment.user_classes)
            run = ActiveRun(
                self.environment,
                self.settings,
                self._target,
                self._load.mode,
                access,
                self._most_users,
                self._counts,
            )
            if path_file := os.environ.get(RUN_PATH_VARIABLE):
                _write_path(Path(path_file), run.folder.path)
        except HarnessError as error:
            self._refuse(error)
            return
        except Exception:  # Locust would log it and send the load all the same
            traceback.print_exc()
            self._refuse(HarnessError("this is a bug in the harness; no load is sent"))
            return
        self.active = run
        self._before_run.began = True
        self._quota.begin(run.token)
        run.tracker.ramp(self._planned_users, now_us(), self._step_name)
        print(f"Run folder: {run.folder.path}", file=sys.stderr, flush=True)
        self._load.begin(run, self.settings.seed)
        self._helpers = [gevent.spawn(self._load.follow, run)]
        self._helpers.append(gevent.spawn(run.show_progress, self._printer, self.planned_s))
        self._helpers.append(gevent.spawn(self._follow_criteria, run))
        run.note_progress()

    @property
    def _step_name(self) -> str | None:
        """What the shape calls its present step, where it has names for them."""
        return getattr(self.environment.shape_class, "step_name", None)

    def planned_s(self) -> float | None:
        """How long the run is meant to last, where that is known."""
        shape = self.environment.shape_class
        if shape is not None:
            schedule: Callable[[], Any] | None = getattr(shape, "schedule", None)
            return float(schedule().duration_s) if schedule else None
        return getattr(self.environment.parsed_options, "run_time", None)

    def _most_users(self) -> int | None:
        shape = self.environment.shape_class
        return self._planned_users if shape is None else most_planned_users(shape)

    # --- while it runs ---------------------------------------------------------------------

    @property
    def live_verdicts(self) -> LiveVerdicts | None:
        """What each rule says of the last seconds; None while no run is active."""
        return self.active.criteria.now if self.active is not None else None

    def _follow_criteria(self, run: ActiveRun) -> None:
        """Tell of rules that turn critical; end the run by one where the scenario asks for it."""

        def stop(record: StopRecord) -> None:
            if not self._ending:
                run.stopped_by = record
                gevent.spawn(self.runner.quit if self._headless else self.runner.stop)

        try:
            run.criteria.follow(self._printer.warn, stop)
        except Exception:  # the load goes on, and the run can be judged at its end
            traceback.print_exc()
            self.results.worsen_exit_code(ExitCode.BUG)

    def _on_spawning_complete(self, user_count: int, **_: Any) -> None:
        if self.active is not None:
            planned = planned_arrivals_per_s(
                self.environment.user_classes, self.runner.target_user_classes_count
            )
            self.active.tracker.hold(user_count, now_us(), planned)

    def _on_joined(self, client_id: str) -> None:
        """A worker that joins a run gets a stream of its own, after those already dealt."""
        run = self.active
        if run is not None and not self._ending and client_id not in run.intake.workers:
            self._crew.send_ticket(client_id, len(run.intake.workers), run, self.settings.seed)

    def _on_worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        shipment = data.get("harness")
        if self.active is not None and shipment is not None:
            self._take(self.active, client_id, shipment)
        if time.monotonic() - self._let_others_s > MOST_READING_S:
            # While a message waits, Locust's receiver lets nobody else run: not a heartbeat, not a Ctrl-C.
            gevent.sleep(0.0001)
            self._let_others_s = time.monotonic()

    def _take(self, run: ActiveRun, client_id: str, shipment: dict[str, Any]) -> None:
        """Put rows on disk. Where they no longer fit there is nothing left to measure for."""
        try:
            run.intake.take(client_id, shipment, now_us())
        except OSError as error:
            if not run.cannot_write:
                run.cannot_write = True
                self.results.cannot_write(run, error)
                gevent.spawn(self.runner.quit if self._headless else self.runner.stop)

    def _lost_generators(self) -> list[str]:
        workers = self.active.intake.workers.values() if self.active is not None else ()
        return [worker.id for worker in workers if worker.lost]

    # --- ending ----------------------------------------------------------------------------

    def finish(self, reason: str) -> None:
        """End the active run: drain, seal, judge, report. Safe to call from anywhere, any number of times."""
        if self._ramps is not None:
            self._ramps.end()
        with self._lock:
            run = self.active
            if run is None:
                return
            self._ending = True
            try:
                run.tracker.drain(self._quota.load_ended_us())
                try:
                    self._load.drain(run, self.settings.drain_deadline_s)
                finally:
                    gevent.killall(self._helpers)
                run.resources.stop()
                self._printer.clear()
                if not run.cannot_write:
                    run.seal(reason, interrupted=self._interrupts.interrupted)
                    self.results.judge(run)
                    if not self._headless:
                        self.results.print_verdict()
            except HarnessError as error:
                logger.error("%s", error)
                self.results.worsen_exit_code(error.exit_code)
            except OSError as error:
                self.results.cannot_write(run, error)
            except Exception:
                traceback.print_exc()
                self.results.worsen_exit_code(ExitCode.BUG)
            finally:
                self.active = None
                self._ending = False


def _write_path(path_file: Path, run_path: Path) -> None:
    try:
        path_file.write_text(f"{run_path}\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{RUN_PATH_VARIABLE}: cannot write {path_file} ({error.strerror})") from error
