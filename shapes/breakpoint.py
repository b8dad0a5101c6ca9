"""Breakpoint search: the highest load that meets the scenario's criteria, and the first that does not.

    locust -f locustfiles/cases.py,shapes/breakpoint.py --headless --scenario breakpoint

The load doubles until a criterion fails, then the gap is halved until it is no wider than the
resolution. A load whose criteria are undecided is held longer. With `--load-unit arrivals_per_s` and
an ArrivalUser the loads are arrivals per second; then a load that failed is followed by a pause, in
which the service works off what has piled up.
"""

from typing import Any

from locust.runners import STATE_INIT

from harness.schedule import ARRIVALS_PER_S, BREAKPOINT, Probe, Search, SearchPlan, search_plan
from shapes._base import HarnessShape, Tick, add_options

add_options(BREAKPOINT)

#: Beyond twice its ramp: how long the users of a probe may take to be there.
_GRACE_S = 30.0


class Breakpoint(HarnessShape):
    """From 10 users up to 1000, each load for 20 s, to within 5 %, by default."""

    spec = BREAKPOINT
    load_options = BREAKPOINT.option_names
    _plan: SearchPlan
    _search: Search | None = None
    _probe: Probe | None = None
    _before = 0
    _changed_s = 0.0
    _pause_until_s: float | None = None

    def check_options(self) -> None:
        """Raises ValueError on options that cannot be run."""
        self._settle()

    @property
    def search_record(self) -> dict[str, Any] | None:
        """What was tried and found, for the manifest."""
        search = self._search
        if search is None:
            return None
        worth, unit = self._unit()
        return {
            "unit": unit,
            "met": None if search.met is None else search.met * worth,
            "missed": None if search.missed is None else search.missed * worth,
            "words": self.stop_reason or search.words(unit, worth, "the search was cut short"),
            "probes": [
                {
                    "load": probe.load * worth,
                    "measured_s": round(probe.seconds, 3),
                    "meets": probe.meets,
                    "criteria": probe.criteria,
                    "phase": probe.phase,
                    "counts": probe.counts,
                    "trouble": probe.trouble,
                }
                for probe in search.probes
            ],
        }

    def tick(self) -> Tick:
        """The load that is tried now; None when the search is over."""
        if self.lacks_feedback():
            return None
        if self._search is None or (self.runner is not None and self.runner.state == STATE_INIT):
            self._plan = self._settle()
            self._search, self._probe, self._before = self._plan.search(), None, 0
            self._pause_until_s = None
        now_s = self.get_run_time()
        if now_s > self._plan.limit_s:
            return self._end(f"the time limit of {self._plan.limit_s / 60:g} min was reached")
        if self._pausing(now_s):
            return 0, self._plan.spawn_rate_per_s(self._before, 0)
        if self._probe is None:
            return self._try_next(self._search, now_s)
        return self._look(self._search, self._probe, now_s)

    def _look(self, search: Search, probe: Probe, now_s: float) -> Tick:
        """Ask how the probe fares; when that is decided, go on to the next."""
        assert self.feedback is not None, "asked at every tick"  # noqa: S101
        if self.held_since_s(probe.load) is None:
            late_s = now_s - self._changed_s
            if late_s > 2 * self._plan.ramp_s + _GRACE_S:
                return self._end(f"{probe.load} users were not running after {late_s:.0f} s")
            return self._load_of(probe)
        outcome = self.feedback.step(self._plan.settle_s)
        if outcome is not None and not outcome.load_criteria:
            self.refuse("there is no criterion to search by: name some in the scenario's load_criteria")
            return None
        if outcome is None or not probe.look(outcome.load_criteria, outcome.seconds):
            return self._load_of(probe)
        probe.phase, probe.trouble = outcome.phase, outcome.generator_trouble
        search.tell(probe)
        self._before, self._probe = probe.load, None
        piled_up = probe.meets is not True and self._worth() is not None
        # The same load again needs a hold of its own, which begins with users that come.
        if (piled_up and search.next is not None) or search.next == probe.load:
            rest_s = search.recovery_s(probe, now_s - self._changed_s) if piled_up else 0.0
            self._pause_until_s = now_s + rest_s
            return 0, self._plan.spawn_rate_per_s(self._before, 0)
        return self._try_next(search, now_s)

    def _pausing(self, now_s: float) -> bool:
        """Whether the service still works off what came in, or Locust still takes users away.

        Users that come while others go would leave Locust with a wrong count of them.
        """
        if self._pause_until_s is None:
            return False
        gone = self.held_since_s(0) is not None or now_s > self._pause_until_s + _GRACE_S
        if now_s >= self._pause_until_s and gone:
            self._pause_until_s, self._before = None, 0
            return False
        return True

    def _try_next(self, search: Search, now_s: float) -> Tick:
        load = search.next
        if load is None:
            return self._end("")
        self._probe, self._changed_s = self._plan.probe(load), now_s
        return self._load_of(self._probe)

    def _load_of(self, probe: Probe) -> Tick:
        return probe.load, self._plan.spawn_rate_per_s(self._before, probe.load)

    def _end(self, cut_short: str) -> Tick:
        assert self._search is not None, "the first tick makes it"  # noqa: S101
        worth, unit = self._unit()
        self.stop_reason = self._search.words(unit, worth, cut_short)
        return None

    def _settle(self) -> SearchPlan:
        return search_plan(self.options, self._unit()[0])

    def _unit(self) -> tuple[float, str]:
        """What one user is worth, and of what. Raises ValueError."""
        if self.options["load_unit"] != ARRIVALS_PER_S:
            return 1.0, "users"
        worth = self._worth()
        if worth is None:
            raise ValueError("load_unit arrivals_per_s needs ArrivalUser classes alike in arrivals_per_user")
        return worth, "arrivals/s"

    def _worth(self) -> float | None:
        """The arrivals per second of a user; None in a closed loop, and where users differ."""
        classes = self._environment.user_classes
        worths = {getattr(each, "arrivals_per_user", None) for each in classes}
        return worths.pop() if len(worths) == 1 else None
