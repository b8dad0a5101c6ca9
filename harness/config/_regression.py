"""The tables of harness.toml about changes between runs."""

from harness.config._types import Amount, Table, Text

DEFAULT_BASELINE = "benchmarks/baseline.json"


class RegressionRule(Table):
    """What holds for some metrics in place of the general rule: `[[regression.rules]]`.

    `metric` selects them, as `p99(response_time)` or `component_time{component=specialist-*}`; of
    several rules that select one the last one that gives a value holds. `floor` is in the metric's
    unit (ms, percentage points, requests/s, USD). `ignore` leaves the metrics out.
    """

    metric: Text
    block_percent: Amount | None = None
    investigate_percent: Amount | None = None
    floor: Amount | None = None
    run_spread_percent: Amount | None = None
    ignore: bool = False


class RegressionConfig(Table):
    """When a change between runs matters: `[regression]`.

    A change over `block_percent` for the worse blocks, one from `investigate_percent` on is to be
    looked into, both only with evidence and beyond a floor (`floor_ms` for times). `run_spread_*` is
    what is known of how much runs of an unchanged service differ: a relative standard deviation,
    held as firmly as an estimate on so many degrees of freedom. A baseline older than
    `old_after_days` is compared with a warning. `scenario` is what `harness regression` runs.
    `base_command` starts the base's service in place of the one that the scenario loads, to be
    measured in turns with it instead of comparing with the baseline.
    """

    baseline: Text = DEFAULT_BASELINE
    scenario: str | None = None
    base_command: tuple[Text, ...] = ()
    block_percent: Amount = 10.0
    investigate_percent: Amount = 5.0
    floor_ms: Amount = 1.0
    run_spread_percent: Amount = 4.0
    run_spread_degrees: Amount = 6.0
    old_after_days: Amount = 30.0
    rules: tuple[RegressionRule, ...] = ()
