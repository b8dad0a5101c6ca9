"""Success criteria while a run goes on: what each rule says of the last seconds, and when to stop.

The verdicts themselves come from the code that judges finished runs. Here is which rules a window of
seconds can decide, what is worth a line on the terminal, and when a rule has been critical for so
long that a run which asked for it ends. No clock, no rows: all is passed in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.analysis import QUANTITIES, Kind
from harness.stats import Estimate
from harness.verdicts import Criterion, CriterionVerdict, Rule

#: So many evaluations in a row must find a rule critical before it may end the run.
CRITICAL_IN_A_ROW = 2

_LATER = "is judged at the end of the run"
_AT_THE_HIGHEST = "is judged in the hold phase with the most users"
_TOO_EARLY = "is judged once its phase has lasted for a whole window"


@dataclass(slots=True, frozen=True)
class LiveVerdict:
    """One rule on the last seconds. `status` has lasted since `since_s`, seconds from the run's start.

    `in_a_row` counts the evaluations that found it so. NOT APPLICABLE where the window cannot decide.
    """

    name: str
    rule: str
    status: Criterion
    estimate: Estimate | None
    target: str
    critical: str | None
    reason: str
    since_s: float
    in_a_row: int


@dataclass(slots=True, frozen=True)
class LiveVerdicts:
    """All rules at one moment of the run, on the `window_s` seconds before it."""

    at_s: float
    window_s: float
    rules: tuple[LiveVerdict, ...] = ()

    @property
    def critical(self) -> LiveVerdict | None:
        """The first rule that has been critical for long enough to end a run that asked for it."""
        long_enough = (
            each
            for each in self.rules
            if each.status is Criterion.FAIL and each.in_a_row >= CRITICAL_IN_A_ROW
        )
        return next(long_enough, None)


@dataclass(slots=True, frozen=True)
class LivePhase:
    """The hold phase that lasts.

    `is_highest`: the plan has none with more users (False: not known). `fills_window`: it has lasted
    for as long as the window is.
    """

    name: str
    is_highest: bool
    fills_window: bool = True


class LiveJudge:
    """Follows the rules of one run from evaluation to evaluation."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.now = LiveVerdicts(0.0, 0.0)
        self._told_critical: set[str] = set()

    def take(self, found: Sequence[CriterionVerdict], at_s: float, window_s: float) -> list[str]:
        """The verdicts of one evaluation, a rule each; returns a line for each rule that turned."""
        before = {verdict.name: verdict for verdict in self.now.rules}
        self.now = LiveVerdicts(
            at_s, window_s, tuple(_followed(verdict, before.get(verdict.name), at_s) for verdict in found)
        )
        return [line for verdict in self.now.rules if (line := self._news(verdict))]

    def _news(self, verdict: LiveVerdict) -> str | None:
        begin = f"{clock(self.now.at_s)} criterion {verdict.name}:"
        if verdict.status is Criterion.FAIL and verdict.name not in self._told_critical:
            self._told_critical.add(verdict.name)
            return f"{begin} {in_the_last(verdict, self.now.window_s)}"
        if verdict.status in (Criterion.PASS, Criterion.WARN) and verdict.name in self._told_critical:
            self._told_critical.discard(verdict.name)
            return f"{begin} no longer critical: {in_the_last(verdict, self.now.window_s)}"
        return None


def in_the_last(verdict: LiveVerdict, window_s: float) -> str:
    """`p95 1240 ms [1180, 1300] > critical 1000 ms in the last 30 s`."""
    return f"{verdict.reason} in the last {window_s:.0f} s"


def clock(seconds: float) -> str:
    """Minutes and seconds, as the progress line has them.

    >>> clock(101.4)
    '01:41'
    """
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    return f"{minutes:02d}:{rest:02d}"


def on_a_window(rule: Rule, phase: LivePhase) -> Rule | str:
    """The rule as the last seconds of a phase can decide it, or why they cannot.

    - A count adds up over the run, as does whatever is no value, share or rate of requests.
    - An extreme is decided by one request, but only for the worse: the largest time that is beyond
      its limit now stays so, the smallest may still come.
    - A rate (throughput, goodput) grows with the load: a lower step must not be blamed for it, so it is
      judged at the most users that the plan has, as a rule with `phase=highest` is. And it begins at 0
      where a step begins with many new users, none of whom is served yet: it takes a whole window.
    - A rule about a phase of another name waits for that phase.
    """
    quantity = QUANTITIES[rule.quantity]
    if quantity.kind not in (Kind.VALUE, Kind.SHARE, Kind.RATE) or rule.statistic == "count":
        return _LATER
    if (rule.statistic == "min" and rule.lower_is_better) or (
        rule.statistic == "max" and not rule.lower_is_better
    ):
        return _LATER
    wanted = rule.selection.phase
    if quantity.kind is Kind.RATE and wanted is None:
        wanted = "highest"
    if wanted == "highest" and not phase.is_highest:
        return _AT_THE_HIGHEST
    if wanted not in (None, "highest", phase.name):
        return f"is about phase {wanted}"
    if quantity.kind is Kind.RATE and not phase.fills_window:
        return _TOO_EARLY
    # The rows of a phase come some seconds after it began: until then, the one before would be the highest.
    own = None if wanted is None else phase.name
    return replace(rule, selection=replace(rule.selection, phase=own))


def undecided(rule: Rule, why: str) -> CriterionVerdict:
    """A rule that the last seconds cannot decide."""
    return CriterionVerdict(
        rule.name, rule.text, rule.title, Criterion.NOT_APPLICABLE, None, "", None, f"{rule.title} {why}", ""
    )


def in_rule_order(rules: Iterable[Rule], found: Iterable[CriterionVerdict]) -> list[CriterionVerdict]:
    """Verdicts in the order of the rules that they are about."""
    by_name = {verdict.name: verdict for verdict in found}
    return [by_name[rule.name] for rule in rules]


def _followed(verdict: CriterionVerdict, before: LiveVerdict | None, at_s: float) -> LiveVerdict:
    same = before is not None and before.status is verdict.verdict
    return LiveVerdict(
        name=verdict.name,
        rule=verdict.rule,
        status=verdict.verdict,
        estimate=verdict.measured,
        target=verdict.target,
        critical=verdict.critical,
        reason=verdict.reason.removesuffix(f": {verdict.verdict}"),
        since_s=before.since_s if before is not None and same else at_s,
        in_a_row=before.in_a_row + 1 if before is not None and same else 1,
    )
