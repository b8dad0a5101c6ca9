"""The scenario's rules, evaluated every few seconds while a run lasts, on its last seconds.

Only the requests of hold phases count, and only once the grace time is over. The figures are made by
the code that judges finished runs, in a thread, so that the event loop goes on meanwhile.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gevent
import pyarrow as pa

from harness.analysis import Selection, recent_dataset
from harness.engine import now_us
from harness.monitoring import (
    LiveJudge,
    LivePhase,
    LiveVerdicts,
    clock,
    in_rule_order,
    in_the_last,
    on_a_window,
    undecided,
)
from harness.plugin._live import LiveRun, in_thread
from harness.runs import (
    REQUEST_SCHEMA,
    HeldTables,
    Manifest,
    Outcome,
    PhaseRecord,
    Run,
    RunSource,
    ScenarioRecord,
    StopRecord,
)
from harness.schedule import Phase, PhaseKind
from harness.verdicts import CriterionVerdict, Rule, judge_criteria, parse_rule, response_time_limits

EVERY_S = 3.0

#: At how many places of a plan its most users are looked for.
_PLACES = 1000


@dataclass(slots=True, frozen=True)
class _Window:
    """What one evaluation looks at; moments in µs."""

    start_us: int
    end_us: int
    at_s: float
    phase: LivePhase


class LiveCriteria:
    """Judges the rules of one run while it lasts."""

    def __init__(
        self, live: LiveRun, manifest: Callable[[], Manifest], most_users: Callable[[], int | None]
    ) -> None:
        """`manifest` is that of now; `most_users` the most that the plan has, None where not known."""
        self._live = live
        self._manifest = manifest
        self._most_users = most_users
        self._judge = LiveJudge(live.rules)

    @property
    def now(self) -> LiveVerdicts:
        """The latest evaluation; without rules before the first."""
        return self._judge.now

    def follow(self, tell: Callable[[str], None], stop: Callable[[StopRecord], None]) -> None:
        """Evaluate until killed; `tell` is given a line for each rule that turned.

        `stop` is called where the scenario asks for it, once a rule has been critical for long enough.
        """
        while self._live.rules:
            gevent.sleep(EVERY_S)
            for line in self.evaluate(now_us()):
                tell(line)
            if self._manifest().scenario.abort_on_critical and (record := self.stop_record()) is not None:
                stop(record)
                return

    def evaluate(self, at_us: int) -> list[str]:
        """One evaluation; lines about the rules that turned. Nothing in a ramp or in the grace time."""
        manifest = self._manifest()
        window = self._window(manifest, at_us)
        if window is None:
            return []
        tables = self._live.tables()
        found, covered_s = in_thread(lambda: self._verdicts(manifest, tables, window))
        return self._judge.take(found, window.at_s, covered_s) if found else []

    def stop_record(self) -> StopRecord | None:
        """Which rule ends the run now, if it asked for that."""
        now = self._judge.now
        verdict = now.critical
        if verdict is None or verdict.estimate is None:
            return None
        measured = verdict.estimate
        return StopRecord(
            criterion=verdict.name,
            at_s=now.at_s,
            window_s=now.window_s,
            value=measured.value,
            low=measured.low,
            high=measured.high,
            n=measured.n,
            unit=measured.unit,
            reason=in_the_last(verdict, now.window_s),
        )

    def _window(self, manifest: Manifest, at_us: int) -> _Window | None:
        phase: Phase | None = self._live.phase
        if phase is None or phase.kind is not PhaseKind.HOLD:
            return None
        scenario, began_us = manifest.scenario, manifest.phases[0].start_us
        at_s = (at_us - began_us) / 1e6
        if at_s < grace_s(scenario):
            return None
        end_us = self._live.reported_us(at_us)
        start_us = max(end_us - round(scenario.live_window_s * 1e6), self._live.whole_since_us or 0)
        most = self._most_users()
        is_highest = most is not None and phase.users >= most
        return _Window(start_us, end_us, at_s, LivePhase(phase.name, is_highest, start_us >= phase.start_us))

    def _verdicts(
        self, manifest: Manifest, tables: HeldTables, window: _Window
    ) -> tuple[list[CriterionVerdict], float]:
        """A verdict per rule, and how many seconds they are on; none before a hold has settled."""
        run = self._live.run_of(tables, manifest)
        dataset = recent_dataset(run, window.start_us, window.end_us, self._live.limits_ms)
        pieces = dataset.measured.pieces
        if not pieces:
            return [], 0.0
        rules = self._live.rules
        chosen = {rule.name: on_a_window(rule, window.phase) for rule in rules}
        judged = judge_criteria([rule for rule in chosen.values() if isinstance(rule, Rule)], dataset)
        left = [undecided(rule, why) for rule in rules if isinstance(why := chosen[rule.name], str)]
        return in_rule_order(rules, [*judged, *left]), (window.end_us - pieces[0].start_us) / 1e6


def grace_s(scenario: ScenarioRecord) -> float:
    """How long after the start of the load nothing is evaluated."""
    if scenario.live_grace_s is not None:
        return scenario.live_grace_s
    return scenario.warm_up_s + scenario.live_window_s


def stop_words(stop: StopRecord) -> str:
    """The stop reason of a run that a rule ended."""
    return f"criterion {stop.criterion} was critical at {clock(stop.at_s)}: {stop.reason}"


def most_planned_users(shape: Any) -> int | None:
    """The most users that a shape's plan has; None for a shape that does not know its plan."""
    schedule = getattr(shape, "schedule", None)
    if schedule is None:
        return None
    plan = schedule()
    if not math.isfinite(plan.duration_s):
        return None
    targets = (plan.target_at(plan.duration_s * place / _PLACES) for place in range(_PLACES))
    return max((target.users for target in targets if target is not None), default=None)


def rehearse(criteria: dict[str, str]) -> None:
    """Judge a few made-up rows, so that everything which is imported on first use is there.

    An import takes the interpreter for itself for up to a second: the load would stand still.
    """
    rules = [parse_rule(name, text) for name, text in criteria.items()]
    if not rules:
        return
    manifest = Manifest(
        run_id="rehearsal",
        scenario=ScenarioRecord(name="rehearsal", warm_up_s=0, settle_s=0),
        phases=[PhaseRecord(name="hold", kind="hold", users=1, start_us=0, end_us=60_000_000)],
    )
    run = Run(Path(), RunSource.FOLDER, manifest, _tables=HeldTables({"requests": [_made_up_rows()]}))
    dataset = recent_dataset(run, 0, 60_000_000, response_time_limits(rules))
    whole = Selection()
    judge_criteria([replace(rule, selection=whole) for rule in rules], dataset)


def _made_up_rows() -> pa.RecordBatch:
    """One request a second, of different lengths."""
    rows = [
        {
            "request_id": second,
            "worker": 0,
            "intended_at": second * 1_000_000,
            "sent_at": second * 1_000_000,
            "done_at": second * 1_000_000 + 10_000 * (1 + second % 7),
            "outcome": Outcome.OK.value,
        }
        for second in range(50)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=REQUEST_SCHEMA)
