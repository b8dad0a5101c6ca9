"""Length and cost of a suite, told before it starts."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.config import Config, StepConfig, SuiteConfig
    from harness.suites import Load, SuiteEstimate


def estimate_of(config: "Config", suite: "SuiteConfig", finished: Sequence[str] = ()) -> "SuiteEstimate":
    """What is left of a suite, by the plans of its shapes and the caps of its live scenarios."""
    from harness.suites import estimate_suite

    return estimate_suite(suite, lambda step: _load_of(config, step), finished)


def _load_of(config: "Config", step: "StepConfig") -> "Load":
    from harness.suites import Load, overridden, planned_seconds

    scenario = config.scenario(step.scenario or "")
    load = overridden(scenario.load, step.options)
    seconds = planned_seconds(scenario.shape, load)
    source = f"plan of {scenario.shape or 'its run time'}" if seconds is not None else ""
    return Load(seconds, _cost_of(config, step, load), source)


def _cost_of(config: "Config", step: "StepConfig", load: dict[str, object]) -> float | None:
    """0 for simulated models; the cap of a live scenario; None for live models without one."""
    scenario = config.scenario(step.scenario or "")
    started = config.start_order(scenario.services)
    pinned = {config.services[name].env.get("PROVIDER", "") for name in started} - {""}
    live = "live" in pinned if pinned else os.environ.get("PROVIDER") == "live"
    cap = load.get("max_cost_usd")
    if isinstance(cap, int | float):
        return float(cap) if live or not pinned else 0.0
    return None if live else 0.0


def estimate_lines(name: str, estimate: "SuiteEstimate") -> list[str]:
    """The whole, then a line per step, tab-separated."""
    from harness.reports import duration

    unknown = f", and {', '.join(estimate.unknown)}, whose length is not known" if estimate.unknown else ""
    cost = f"at most {estimate.cost_usd:.2f} USD" if estimate.cost_usd else "no cost: models are simulated"
    if estimate.uncapped:
        cost = f"live models without a cap on cost: {', '.join(estimate.uncapped)}"
    length = duration(round(estimate.seconds))
    lines = [f"suite {name}: {len(estimate.steps)} steps, about {length}{unknown}; {cost}"]
    for step in estimate.steps:
        length = "?" if step.seconds is None else duration(round(step.seconds))
        lines.append("\t".join(filter(None, (f"  {step.name}", length, step.source))))
    return lines


def estimate_document(name: str, estimate: "SuiteEstimate") -> dict[str, Any]:
    """The same as JSON types."""
    return {
        "suite": name,
        "seconds": estimate.seconds,
        "cost_usd": estimate.cost_usd,
        "unknown_length": list(estimate.unknown),
        "live_without_cap": list(estimate.uncapped),
        "steps": [
            {"name": step.name, "seconds": step.seconds, "cost_usd": step.cost_usd, "source": step.source}
            for step in estimate.steps
        ],
    }
