"""What a plan is made of, read from a run: the load that met the criteria, and what a case asks for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from harness.analysis import Dataset, Summary, summarise
from harness.errors import NothingCarriedError, UserError
from harness.runs import Run
from harness.suites._plan import Carried, PerCase
from harness.verdicts import capacity_verdict, judge_levels, load_rules


def carried_by(run: Run, dataset: Dataset, processes: int) -> tuple[Carried, PerCase]:
    """The throughput at the highest load that met the scenario's rules, and what a case asks for.

    Raises UserError where there are too few levels or no rule, NothingCarriedError where no level met them.
    """
    scenario, summary = run.manifest.scenario, summarise(run, dataset)
    rules = load_rules(scenario.load_criteria, scenario.criteria)
    if summary.capacity is None:
        raise UserError(f"{run.path}: it has not the two load levels that a plan needs; hold several levels")
    verdict = capacity_verdict(summary.capacity, judge_levels(summary.run_id, summary.steps, rules))
    if verdict is None:
        raise UserError(f"{run.path}: its scenario has no criteria on response time or errors to plan by")
    if verdict.slo.value is None or verdict.throughput is None:
        names = ", ".join(rule.name for rule in rules)
        raise NothingCarriedError(
            f"{run.path}: no load level met the criteria with evidence ({names}); "
            "plan from a run with a lower level, or with longer ones"
        )
    how = (
        f"throughput at {verdict.slo.value:g} {summary.capacity.unit}, the highest load that met the criteria"
    )
    limited = verdict.slo.high is not None
    if limited:
        how += f"; {verdict.slo.high:g} did not"
    if summary.capacity.limit.resource is not None:
        how += f"; {summary.capacity.limit.resource} saturates first"
    return Carried(summary.run_id, verdict.throughput, processes, limited, how), per_case(summary)


def per_case(summary: Summary) -> PerCase:
    """Means of what a case asked for; 0 where the run does not tell."""
    means = summary.overall.per_case
    calls, tokens_in, tokens_out, cost = (
        (found.value or 0.0) if (found := means.get(name)) else 0.0
        for name in ("llm_calls", "input_tokens", "output_tokens", "cost")
    )
    return PerCase(calls, tokens_in, tokens_out, cost)


def model_shares(run: Run, calls: Mapping[str, Sequence[str]]) -> tuple[dict[str, float], str]:
    """The share of a case's calls by model, and a note where it is not known.

    `calls` names the components that call each role's model; a component's spans are its calls. Where the
    run does not tell, each model is planned as if it took all calls, which is the safe side.
    """
    models = run.manifest.target.models
    names = list(dict.fromkeys(models.values()))
    if len(names) < 2:
        return dict.fromkeys(names, 1.0), "" if names else "the run does not tell the service's models"
    counted = _components(run)
    found = Counter[str]()
    for role, patterns in calls.items():
        if role in models:
            found[models[role]] += sum(
                n for name, n in counted.items() if any(fnmatchcase(name, pattern) for pattern in patterns)
            )
    total = sum(found.values())
    if total:
        return {name: found[name] / total for name in names}, ""
    note = "which model took how many calls is not known (`calls` under [plan]): each is planned with all"
    return dict.fromkeys(names, 1.0), note


def _components(run: Run) -> Counter[str]:
    """How many spans each component has."""
    counted = Counter[str]()
    for table in run.scan("spans", ["component"]):
        for entry in table.column("component").combine_chunks().value_counts().to_pylist():
            counted[str(entry["values"])] += entry["counts"]
    return counted
