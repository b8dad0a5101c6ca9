"""All verdicts of one run, its exit code, and the one sentence that says how it went."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from harness.analysis import Dataset, RequestDataset, Selection, provider_words, quantile_of
from harness.errors import ExitCode
from harness.runs import Manifest, Run
from harness.verdicts._criteria import judge_criteria
from harness.verdicts._model import Criterion, CriterionVerdict, Judgement, Validity, ValidityCheck
from harness.verdicts._rule import Rule
from harness.verdicts._validity import judge_validity, overall_validity

_WORST_FIRST = {
    Criterion.FAIL: "failed",
    Criterion.NO_DATA: "no data for",
    Criterion.WARN: "not clearly within target",
}


def judge(run: Run, dataset: Dataset, rules: Iterable[Rule], *, strict: bool = False) -> Judgement:
    """Judge a run by rules. With `strict` a WARN gives the exit code of a failed criterion."""
    rules = list(rules)
    if isinstance(dataset, RequestDataset) and any(rule.quantity == "goodput" for rule in rules):
        dataset = dataset.with_limits(response_time_limits(rules))
    checks = judge_validity(run, dataset)
    validity = overall_validity(checks)
    criteria = _with_stop(judge_criteria(rules, dataset), run.manifest)
    code = _exit_code(run.manifest, validity, criteria, strict=strict)
    return Judgement(validity, checks, criteria, code, _headline(run.manifest, validity, checks, criteria))


def judged_again(
    judgement: Judgement, criteria: Sequence[CriterionVerdict], manifest: Manifest, *, strict: bool
) -> Judgement:
    """The judgement with other verdicts on its criteria, and all that follows from them."""
    code = _exit_code(manifest, judgement.validity, criteria, strict=strict)
    headline = _headline(manifest, judgement.validity, judgement.checks, criteria)
    return replace(judgement, criteria=criteria, exit_code=code, headline=headline)


def _with_stop(criteria: list[CriterionVerdict], manifest: Manifest) -> list[CriterionVerdict]:
    """A rule that ended the run early has failed, whatever the run as a whole says of it."""
    stop = manifest.stopped_by
    if stop is None:
        return criteria
    ended = f"it ended the run after {stop.at_s:.0f} s: {stop.reason}"
    return [
        replace(
            criterion,
            verdict=Criterion.FAIL,
            reason=f"{criterion.reason.removesuffix(f': {Criterion.FAIL}')}; {ended}: {Criterion.FAIL}",
            remedy=criterion.remedy
            or "see the time series for when it began, and the errors for what failed",
        )
        if criterion.name == stop.criterion
        else criterion
        for criterion in criteria
    ]


def response_time_limits(rules: Iterable[Rule]) -> dict[str | None, float]:
    """What goodput counts under, in ms by category (None: all), the strictest target of each.

    A limit is a target on a quantile or the mean of the response time of a whole category, or of
    all requests. A rule about one phase, name or model says nothing of the other requests, and one
    on the least, the largest or the spread of the times is not about the usual request.
    """
    limits: dict[str | None, float] = {}
    for rule in rules:
        category = rule.selection.category
        usual = rule.statistic == "mean" or quantile_of(rule.statistic) is not None
        whole = rule.selection == Selection(category=category)
        if rule.quantity == "response_time" and rule.lower_is_better and usual and whole:
            limits[category] = min(rule.target, limits.get(category, rule.target))
    return limits


def _exit_code(
    manifest: Manifest, validity: Validity, criteria: Sequence[CriterionVerdict], *, strict: bool
) -> ExitCode:
    failing = {Criterion.FAIL, Criterion.NO_DATA} | ({Criterion.WARN} if strict else set())
    if manifest.interrupted:
        return ExitCode.INTERRUPTED
    if validity is Validity.INVALID:
        return ExitCode.INVALID
    stopped = manifest.stopped_by is not None  # by a rule that may since have been renamed
    if stopped or any(criterion.verdict in failing for criterion in criteria):
        return ExitCode.CRITERIA
    return ExitCode.OK


def _headline(
    manifest: Manifest,
    validity: Validity,
    checks: Sequence[ValidityCheck],
    criteria: Sequence[CriterionVerdict],
) -> str:
    provider = provider_words(manifest.target)
    suffix = "" if provider == "unknown" else f" · {provider}"
    return _sentence(manifest, validity, checks, criteria) + suffix


def _sentence(
    manifest: Manifest,
    validity: Validity,
    checks: Sequence[ValidityCheck],
    criteria: Sequence[CriterionVerdict],
) -> str:
    by_verdict = _names_by_verdict(criteria)
    stop = manifest.stopped_by
    judged = [criterion for criterion in criteria if criterion.verdict is not Criterion.NOT_APPLICABLE]
    met = f"{len(by_verdict[Criterion.PASS])} of {len(judged)} criteria met"
    if manifest.interrupted:
        return f"INTERRUPTED: figures are of what was measured until then; {met}"
    if validity is Validity.INVALID:
        broken = next(check for check in checks if check.verdict is Validity.INVALID)
        ended = f"; {stop.criterion} ended it after {stop.at_s:.0f} s" if stop else ""
        return f"INVALID: {broken.name}: {broken.reason}; this run decides nothing{ended}"
    if stop is not None:
        return f"FAIL: the run was ended after {stop.at_s:.0f} s by {stop.criterion}: {stop.reason}; {met}"
    if not judged:
        return "NOT JUDGED: no criterion applies" if criteria else "NOT JUDGED: no criteria are named"
    word = next((verdict for verdict in _WORST_FIRST if by_verdict[verdict]), Criterion.PASS)
    details = (f"; {words}: {', '.join(by_verdict[verdict])}" for verdict, words in _WORST_FIRST.items())
    named = (text for text, verdict in zip(details, _WORST_FIRST, strict=True) if by_verdict[verdict])
    return f"{word}: {met}{''.join(named)}"


def _names_by_verdict(criteria: Sequence[CriterionVerdict]) -> Mapping[Criterion, list[str]]:
    return {
        verdict: [criterion.name for criterion in criteria if criterion.verdict is verdict]
        for verdict in Criterion
    }
