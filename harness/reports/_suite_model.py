"""What a suite's reports show, as plain records: the steps, their rules, and tables of what they found."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class SuiteRule:
    """One rule as a step's run was judged by it; figures in words, with their intervals."""

    step: str
    name: str
    title: str
    rule: str
    verdict: str
    measured: str
    reason: str
    remedy: str


@dataclass(slots=True, frozen=True)
class SuiteStep:
    """One step. `link` leads to its run's own report, from the suite's folder; empty where there is none."""

    name: str
    what: str
    word: str
    code: int | None
    headline: str
    provider: str
    seconds: float | None
    link: str
    command: str
    notes: Sequence[str]


@dataclass(slots=True, frozen=True)
class SuiteTable:
    """What a step found beside its rules: a sentence, a table, remarks. `numeric` are columns of figures."""

    title: str
    finding: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[int] = ()
    notes: Sequence[str] = ()


@dataclass(slots=True, frozen=True)
class SuiteView:
    """A suite as its reports show it. `sign_off` asks for the page that somebody signs."""

    suite_id: str
    suite: str
    description: str
    word: str
    headline: str
    exit_code: int
    providers: Sequence[str]
    started_at: str
    seconds: float
    git_commit: str
    machine: str
    steps: Sequence[SuiteStep]
    rules: Sequence[SuiteRule]
    tables: Sequence[SuiteTable]
    notes: Sequence[str]
    sign_off: bool

    @property
    def checks(self) -> list[tuple[str, bool, str]]:
        """What has to hold before a release is signed: the question, whether it does, and why not."""
        ran = [step for step in self.steps if step.code is not None]
        missing = [step.name for step in self.steps if step.code is None or step.word == "INTERRUPTED"]
        invalid = [step.name for step in ran if step.word == "INVALID"]
        failed = [rule for rule in self.rules if rule.verdict in {"FAIL", "NO DATA"}]
        worse = [step.name for step in ran if step.word in {"REGRESSION", "BLOCK", "NOT COMPARABLE"}]
        errors = [step.name for step in ran if step.word == "ERROR"]
        changed = self.git_commit.endswith("+changes") or self.git_commit == "unknown"
        skipped = [step.name for step in ran if step.word == "NOT CONFIGURED"]
        return [
            ("Every step ran to its end", not missing and not errors, ", ".join([*missing, *errors])),
            ("Every measurement is valid", not invalid, ", ".join(invalid)),
            ("Every criterion is met", not failed, ", ".join(f"{rule.step}: {rule.name}" for rule in failed)),
            ("Nothing regressed", not worse, ", ".join(worse)),
            ("Nothing was left out", not skipped, f"not configured: {', '.join(skipped)}"),
            ("A committed state was measured", not changed, self.git_commit),
        ]
