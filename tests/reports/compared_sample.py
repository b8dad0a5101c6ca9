"""A comparison that fits the full sample: complex cases 15 % slower than in five base runs, by synthesis."""

from dataclasses import replace

from harness.analysis import Contribution, RunSeries
from harness.verdicts import Regression, judge_regression
from tests.support.compared_runs import rules, run, values

MEANS_MS = {"simple": 250.0, "moderate": 583.0, "complex": 890.0}
SHARES = {"triage": 0.09, "specialists": 0.62, "debate": 0.14, "synthesis": 0.15}


def _run(number: int, slower: float) -> RunSeries:
    """`slower` is by how much of a complex case's time its synthesis takes longer."""
    made = run(number)
    series = {
        name: found for name, found in made.series.items() if "simple" not in name and "triage" not in name
    }
    contributions = {}
    for place, (category, mean) in enumerate(MEANS_MS.items()):
        more = mean * slower if category == "complex" else 0.0
        where = f"{{category={category}}}"
        seed = 1000 * number + 100 * place
        series[f"response_time{where}"] = values(mean + more, seed, sigma=0.28)
        parts = {part: mean * share + (more if part == "synthesis" else 0) for part, share in SHARES.items()}
        for i, (part, ms) in enumerate(parts.items(), start=1):
            series[f"component_time{{component={part},category={category}}}"] = values(ms, seed + i)
        for statistic, factor in {"p50": 0.96, "p95": 1.52, "p99": 1.84, "mean": 1.0}.items():
            contributions[f"{statistic}(response_time){where}"] = Contribution(
                60, (mean + more) * factor, {part: ms * factor for part, ms in parts.items()}, {}
            )
    return replace(made, series=series, contributions=contributions)


def compared(slower: float = 0.15) -> Regression:
    """Five runs a side."""
    bases = [_run(number, 0.0) for number in range(1, 6)]
    return judge_regression(bases, [_run(50 + number, slower) for number in range(5)], rules())
