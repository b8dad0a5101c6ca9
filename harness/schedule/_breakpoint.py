"""The options of a breakpoint search, and its course as it would be drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.schedule._search import FAIL, PASS, Probe, Search
from harness.schedule._spec import LOAD_UNIT, ShapeOption, ShapeSpec
from harness.schedule._steps import Stage, Steps

#: Where the drawn search finds its limit, as a part of `breakpoint_max`.
DRAWN_LIMIT = 0.45


@dataclass(slots=True, frozen=True)
class SearchPlan:
    """A search and its pace, checked. Loads in users; times in seconds."""

    start: int
    maximum: int
    resolution_percent: float
    hold_s: float
    longest_hold_s: float
    settle_s: float
    ramp_s: float
    limit_s: float

    def search(self) -> Search:
        return Search(self.start, self.maximum, self.resolution_percent)

    def probe(self, load: int) -> Probe:
        return Probe(load, self.hold_s, self.longest_hold_s)

    def spawn_rate_per_s(self, before: int, after: int) -> float:
        """Every change of load takes `ramp_s`, large or small."""
        return max(abs(after - before), 1) / self.ramp_s


def search_plan(options: Mapping[str, Any], worth: float = 1.0) -> SearchPlan:
    """The options, with `breakpoint_start` and `breakpoint_max` in users worth `worth` each.

    Raises ValueError, with a message fit for the user, for values that cannot be run.
    """
    start, maximum = (_users(options, name, worth) for name in ("breakpoint_start", "breakpoint_max"))
    if maximum < start:
        raise ValueError(
            f"breakpoint_max must be at least breakpoint_start ({options['breakpoint_start']:g}), "
            f"not {options['breakpoint_max']:g}"
        )
    resolution = options["breakpoint_resolution_percent"]
    if not 0 < resolution <= 50:
        raise ValueError(f"breakpoint_resolution_percent must be above 0 and at most 50, not {resolution:g}")
    for name in ("breakpoint_hold_s", "breakpoint_ramp_s", "breakpoint_max_minutes"):
        if not options[name] > 0:
            raise ValueError(f"{name} must be above 0, not {options[name]:g}")
    if options["breakpoint_settle_s"] < 0:
        raise ValueError(f"breakpoint_settle_s must be at least 0, not {options['breakpoint_settle_s']:g}")
    return SearchPlan(
        start,
        maximum,
        resolution,
        hold_s=options["breakpoint_hold_s"],
        longest_hold_s=max(options["breakpoint_longest_hold_s"], options["breakpoint_hold_s"]),
        settle_s=options["breakpoint_settle_s"],
        ramp_s=options["breakpoint_ramp_s"],
        limit_s=60 * options["breakpoint_max_minutes"],
    )


def _users(options: Mapping[str, Any], name: str, worth: float) -> int:
    users = float(options[name]) / worth
    if round(users) < 1 or abs(users - round(users)) > 1e-9 * users:
        what = "at least 1" if worth == 1 else f"a multiple of arrivals_per_user, which is {worth:g}"
        raise ValueError(f"{name} must be {what}, not {options[name]:g}")
    return round(users)


def drawn_search(options: Mapping[str, Any]) -> Steps:
    """The search for a limit at a part of `breakpoint_max`, if every probe decides within its hold.

    >>> [stage.users for stage in drawn_search({**BREAKPOINT.defaults(), "breakpoint_max": 100}).stages]
    [10, 20, 40, 80, 60, 50, 45, 47, 47]
    """
    plan = search_plan(options)
    search, stages, before = plan.search(), [], 0
    limit = max(plan.start, plan.maximum * DRAWN_LIMIT)
    while (load := search.next) is not None:
        probe = plan.probe(load)
        probe.look({"criteria": PASS if load <= limit else FAIL}, plan.hold_s)
        stages.append(Stage(load, plan.spawn_rate_per_s(before, load), plan.settle_s + plan.hold_s))
        search.tell(probe)
        before = load
    return Steps(tuple(stages))


BREAKPOINT = ShapeSpec(
    "breakpoint",
    "doubles the load until a criterion fails, then halves the gap (drawn for a limit at 45 % of the top)",
    (
        ShapeOption("breakpoint_start", 10, "load of the first probe"),
        ShapeOption("breakpoint_max", 1000, "the largest load to try"),
        ShapeOption(
            "breakpoint_resolution_percent", 5.0, "how near the load that fails must be to the one that holds"
        ),
        ShapeOption("breakpoint_hold_s", 20.0, "seconds that each load is measured"),
        ShapeOption("breakpoint_longest_hold_s", 60.0, "the same, at most, while a criterion is undecided"),
        ShapeOption("breakpoint_settle_s", 5.0, "seconds left out at the beginning of each load"),
        ShapeOption("breakpoint_ramp_s", 2.0, "seconds from one load to the next"),
        ShapeOption("breakpoint_max_minutes", 20.0, "when to end with what is known by then"),
        LOAD_UNIT,
    ),
    drawn_search,
)
