"""A run's life on the master or the local runner: begin, follow, drain, seal, judge.

`finish` is the one way a run ends. Locust's own `start`, `stop` and `quit` are wrapped on the
runner, so every ending (a shape that is over, the run time, the web UI's button, Ctrl-C, SIGTERM,
the last worker gone) passes through it before Locust stops anything.
"""

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from gevent.lock import RLock
from locust.env import Environment
from locust.runners import STATE_RUNNING, LocalRunner, MasterRunner

from harness.engine import (
    RunTicket,
    abandon_arrivals,
    access_to_service,
    now_us,
    planned_arrivals_per_s,
    recorder,
)
from harness.errors import ExitCode, HarnessError, UserError
from harness.monitoring import LiveVerdicts, ProgressPrinter
from harness.plugin._crew import HELLO_S, Crew, awaited
from harness.plugin._exporter import Exporter
from harness.plugin._forked import dismiss_forked_workers
from harness.plugin._generator import FINAL, Generator
from harness.plugin._intake import RowCounter
from harness.plugin._live import CurrentFeedback
from harness.plugin._live_criteria import most_planned_users, rehearse, stop_words
from harness.plugin._quota import QuotaDesk
from harness.plugin._ramps import Ramps
from harness.plugin._results import Results
from harness.plugin._run import ActiveRun
from harness.plugin._settings import Settings, ask_target, host_of, public_url, resolve_settings
from harness.plugin._told import with_what_users_tell
from harness.runs import StopRecord, TargetRecord

logger = logging.getLogger(__name__)

RUN_PATH_VARIABLE = "HARNESS_RUN_PATH_FILE"
LOCAL = "local"

#: Beyond the drain deadline, how long the master waits for the workers' last word.
FINAL_GRACE_S = 5.0

#: How long a stop waits for the workers to be ready for the next test.
READY_AGAIN_S = 10.0


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
        self._all_final = Event()
        self._hurry = False
        self._ending = False
        self._interrupted = False
        self._planned_users = 0
        self._began = False
        self._settled = False
        self._target = TargetRecord()
        self.results = Results(environment)
        self._counts: list[RowCounter] = []
        if exporter is not None:
            self.count_rows(exporter.counts)
            exporter.follow(lambda: self.active, self.results)
        self._crew = Crew(environment, runner, self._on_joined)
        self._generator = Generator(environment, runner) if isinstance(runner, LocalRunner) else None
        self._ramps = Ramps(runner) if isinstance(runner, MasterRunner) else None
        self._start, self._stop, self._quit = runner.start, runner.stop, runner.quit
        # What shapes read, see harness.schedule.Feedback; Locust knows of no such attribute.
        feedback = CurrentFeedback(lambda: self.active.live if self.active is not None else None)
        vars(environment)["feedback"] = feedback
        self._attach()
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
            runner.register_message(FINAL, self._on_final)
        signal.signal(signal.SIGINT, self._on_signal)
        # While a headless run follows a shape, Locust has no handler for SIGTERM yet.
        signal.signal(signal.SIGTERM, self._on_signal)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # which is what nohup sets
            signal.signal(signal.SIGHUP, self._on_hangup)

    def _on_start_shape(self) -> None:
        self._await_crew()
        with self._lock:  # a run that is ending ends first
            if self.active is not None or self._prepare():
                # In the web UI the shape of the test before has said why that one ended.
                vars(self.environment.shape_class).pop("stop_reason", None)
                self._start_shape()

    def _await_crew(self) -> None:
        """Before a headless run begins: enough workers that are not refused, or the end of the process."""
        options: Any = self.environment.parsed_options
        if self._began or not self._headless or not isinstance(self.runner, MasterRunner):
            return
        if not self._crew.await_enough(options.expect_workers, options.expect_workers_max_wait or None):
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
        abandoned = self.active is not None and not self._generator and not workers
        self.finish(self._reason())
        self._stop(*args, **kwargs)
        if kwargs.get("send_stop_to_client", True):  # a master that quits never tells its workers to stop
            self._crew.await_ready(workers, READY_AGAIN_S)
        if abandoned and self._headless:
            gevent.spawn(self._quit)

    def _on_quit(self) -> None:
        self.finish(self._reason())
        self._quit()
        if self._gave_up_waiting():
            options: Any = self.environment.parsed_options
            print(
                f"harness: no run began: {len(self._crew.ready())} of {options.expect_workers} workers "
                f"came within {options.expect_workers_max_wait} s; start them with --worker",
                file=sys.stderr,
                flush=True,
            )
            sys.exit(ExitCode.USAGE)

    def _gave_up_waiting(self) -> bool:
        """Locust would exit with 1, which means a failed criterion here."""
        options: Any = self.environment.parsed_options
        waiting = self._headless and options.expect_workers_max_wait and not self._interrupted
        return bool(
            waiting and not self._began and len(self._crew.ready()) < options.expect_workers
        ) and isinstance(self.runner, MasterRunner)

    def _on_quitting(self) -> None:
        """Fired before Locust exits: a run that still lasts now was cut short by a signal."""
        if self._interrupted and self._headless:
            self.results.worsen_exit_code(ExitCode.INTERRUPTED)
        elif self._headless and not self._began and self.environment.process_exit_code is None:
            print(
                "harness: no run began within the run time; nothing was measured", file=sys.stderr, flush=True
            )
            self.results.worsen_exit_code(ExitCode.USAGE)
        if self.active is not None:
            self._interrupted = True
            self.finish("interrupted")

    def _on_signal(self, *_: Any) -> None:
        """The first Ctrl-C or SIGTERM ends the run in order; another, or one while it ends: do not wait."""
        if self._interrupted or self._ending:
            self._hurry = True
            self._all_final.set()
            return
        self._interrupted = True
        if self._headless and not self._began and isinstance(self.runner, MasterRunner):
            gevent.spawn(self._leave_without_a_run)
            return
        # As Python's own handler does, but where Locust catches it, whichever greenlet ran just now.
        gevent.get_hub().handle_system_error(KeyboardInterrupt, KeyboardInterrupt())

    def _on_hangup(self, *_: Any) -> None:
        """The terminal is gone: the first Ctrl-C, if there was none. `harness run` hands it on once more."""
        if not self._interrupted and not self._ending:
            self._on_signal()

    def _leave_without_a_run(self) -> None:
        """While it waits for workers, Locust would die of a Ctrl-C and leave those that came behind."""
        print("harness: interrupted before a run began", file=sys.stderr, flush=True)
        self._quit()
        dismiss_forked_workers()
        gevent.get_hub().handle_system_error(SystemExit, SystemExit(int(ExitCode.INTERRUPTED)))

    def _reason(self) -> str:
        if self._interrupted:
            return "interrupted"
        if self.active is not None and self.active.stopped_by is not None:
            return stop_words(self.active.stopped_by)
        if self.runner.shape_greenlet is not None and gevent.getcurrent() is self.runner.shape_greenlet:
            why = getattr(self.environment.shape_class, "stop_reason", None)
            return f"the shape ended: {why}" if why else "the shape ended"
        if not self._generator and not self._crew.live():
            return "the last worker was lost"
        options: Any = self.environment.parsed_options
        return "the run time was reached" if self._headless and options.run_time else "stopped"

    @property
    def _headless(self) -> bool:
        return bool(getattr(self.environment.parsed_options, "headless", False))

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
        mode = "local" if self._generator else "distributed"
        self._hurry = False
        self._all_final.clear()
        try:
            access = access_to_service(self.environment.user_classes)
            run = ActiveRun(
                self.environment, self.settings, self._target, mode, access, self._most_users, self._counts
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
        self._began = True
        self._quota.begin(run.token)
        run.tracker.ramp(self._planned_users, now_us(), self._step_name)
        print(f"Run folder: {run.folder.path}", file=sys.stderr, flush=True)
        if self._generator:
            run.intake.expect(LOCAL, 0)
            ticket = RunTicket(run.token, self.settings.seed, counted=run.counted, traced=run.traced)
            self._generator.begin(ticket)
            self._helpers = [gevent.spawn(self._ship_local)]
        elif isinstance(self.runner, MasterRunner):
            for position, client_id in enumerate(self._crew.await_hellos(HELLO_S)):
                self._crew.send_ticket(client_id, position, run, self.settings.seed)
            self._helpers = [gevent.spawn(self._watch_workers)]
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

    def _ship_local(self) -> None:
        while True:
            gevent.sleep(1)
            self._take_local()

    def _take_local(self) -> None:
        shipment = recorder.ship()
        document = {name: getattr(shipment, name) for name in shipment.__slots__}
        self._take(self._run(), LOCAL, document)

    def _watch_workers(self) -> None:
        while True:
            gevent.sleep(1)
            self._crew.note_lost(self._run())
            self._crew.sync_clocks(self._run())
            self._employ_idle_workers()

    def _employ_idle_workers(self) -> None:
        """Locust gives users to a worker that joins, unless it is still spreading them for another."""
        runner, run = self.runner, self._run()
        if not isinstance(runner, MasterRunner) or self._ending or runner.state != STATE_RUNNING:
            return
        idle = self._crew.ready() & run.intake.workers.keys()
        if idle and runner.spawning_completed and runner.target_user_count >= len(self._crew.live()):
            runner.start(runner.target_user_count, runner.spawn_rate)

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
                self._drain(run)
                gevent.killall(self._helpers)
                run.resources.stop()
                self._printer.clear()
                if not run.cannot_write:
                    run.seal(reason, interrupted=self._interrupted)
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

    def _drain(self, run: ActiveRun) -> None:
        run.tracker.drain(self._quota.load_ended_us())
        deadline_s = self.settings.drain_deadline_s
        if self._generator:
            draining = gevent.spawn(self._generator.drain, deadline_s)
            while not draining.ready():
                if self._hurry:
                    self.runner.user_greenlets.kill(block=False)
                    abandon_arrivals()
                draining.join(timeout=0.2)
            self._take_local()
            run.intake.finish(LOCAL, recorder.next_sequence)
            recorder.close()
            return
        self._crew.note_lost(run)
        if not awaited(run):
            return
        self._crew.tell_to_drain(run, deadline_s)
        self._await_finals(run, deadline_s + FINAL_GRACE_S, lambda: self._hurry)
        if awaited(run) and self._hurry:
            self._all_final.clear()
            self._crew.tell_to_hurry(run)
            self._await_finals(run, FINAL_GRACE_S, lambda: False)
        for worker in awaited(run):
            worker.lost = True
            logger.warning("Worker %s (index %d) did not end in time", worker.id, worker.index)

    def _await_finals(self, run: ActiveRun, timeout_s: float, given_up: Callable[[], bool]) -> None:
        """Until every worker has said its last word or is lost."""
        with gevent.Timeout(timeout_s, False):
            while awaited(run) and not given_up():
                self._all_final.wait(timeout=1)
                self._crew.note_lost(run)

    def _on_final(self, msg: Any, **_: Any) -> None:
        run = self.active
        if run is not None and msg.data["token"] == run.token:
            run.intake.finish(msg.node_id, msg.data["next_sequence"])
            if not awaited(run):
                self._all_final.set()

    def _run(self) -> ActiveRun:
        assert self.active is not None, "only called while a run is active"  # noqa: S101
        return self.active


def _write_path(path_file: Path, run_path: Path) -> None:
    try:
        path_file.write_text(f"{run_path}\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{RUN_PATH_VARIABLE}: cannot write {path_file} ({error.strerror})") from error
