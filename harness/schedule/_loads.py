"""The plans of the bundled shapes: options in, stages out. Values that cannot be run raise ValueError."""

import math
from collections.abc import Mapping
from typing import Any

from harness.schedule._spec import LOAD_UNIT, SPAWN_RATE_PER_S, ShapeOption, ShapeSpec
from harness.schedule._steps import Stage, Steps, concurrency_steps, parse_levels

_MAX_STAGES = 10_000


def stress_ramp(first: int, last: int, by: int, hold_s: float, spawn_rate_per_s: float) -> Steps:
    """Levels from `first` to `last`, `by` apart, each held for `hold_s` seconds.

    >>> [stage.users for stage in stress_ramp(10, 40, 10, 30, 10).stages]
    [10, 20, 30, 40]
    """
    _at_least("stress_from", first, 1)
    _at_least("stress_by", by, 1)
    if last < first:
        raise ValueError(f"stress_to must be at least stress_from ({first}), not {last}")
    if (last - first) // by >= _MAX_STAGES:
        raise ValueError(f"stress_by {by} makes more than {_MAX_STAGES} steps of {first} to {last}")
    return concurrency_steps(range(first, last + 1, by), hold_s, spawn_rate_per_s)


def spike(  # one argument per stretch of the picture
    baseline: int,
    peak: int,
    baseline_s: float,
    peak_s: float,
    recovery_s: float,
    rise_s: float,
    spawn_rate_per_s: float,
) -> Steps:
    """A baseline, a sudden peak that is reached within `rise_s`, and the baseline again, as suddenly.

    >>> spike(10, 100, 60, 30, 120, 1, 10).stages[1]
    Stage(users=100, spawn_rate_per_s=90.0, hold_s=30)
    """
    _at_least("spike_baseline", baseline, 1)
    if peak <= baseline:
        raise ValueError(f"spike_peak must be above spike_baseline ({baseline}), not {peak}")
    for name, seconds in (
        ("spike_baseline_s", baseline_s),
        ("spike_peak_s", peak_s),
        ("spike_recovery_s", recovery_s),
        ("spike_rise_s", rise_s),
    ):
        _above_zero(name, seconds)
    _above_zero("spawn_rate_per_s", spawn_rate_per_s)
    sudden_per_s = (peak - baseline) / rise_s
    return Steps(
        (
            Stage(baseline, spawn_rate_per_s, baseline_s),
            Stage(peak, sudden_per_s, peak_s),
            Stage(baseline, sudden_per_s, recovery_s),
        )
    )


def soak(users: int, minutes: float, spawn_rate_per_s: float) -> Steps:
    """One level, held for a long time.

    >>> soak(20, 120, 10).duration_s
    7202.0
    """
    _at_least("soak_users", users, 1)
    _above_zero("soak_minutes", minutes)
    _above_zero("spawn_rate_per_s", spawn_rate_per_s)
    return Steps((Stage(users, spawn_rate_per_s, minutes * 60),))


def wave(low: int, high: int, day_minutes: float, hours: int, days: int, spawn_rate_per_s: float) -> Steps:
    """Days compressed: from the quiet of the night to the peak at noon and back, in `hours` equal steps.

    The load follows (1 - cos) / 2 from `low` at midnight to `high` at noon. Each hour is held, so that
    it can be measured; neighbouring hours of the same load are one stage.

    >>> [stage.users for stage in wave(10, 50, 24, 8, 1, 10).stages]
    [12, 22, 38, 48, 38, 22, 12]
    """
    _at_least("wave_low", low, 1)
    if high <= low:
        raise ValueError(f"wave_high must be above wave_low ({low}), not {high}")
    _above_zero("wave_day_minutes", day_minutes)
    _at_least("wave_hours", hours, 2)
    _at_least("wave_days", days, 1)
    _above_zero("spawn_rate_per_s", spawn_rate_per_s)
    if hours * days > _MAX_STAGES:
        raise ValueError(f"wave_hours times wave_days must be at most {_MAX_STAGES}, not {hours * days}")
    hour_s = day_minutes * 60 / hours
    stages: list[Stage] = []
    for hour in range(hours * days):
        share = (1 - math.cos(2 * math.pi * (hour + 0.5) / hours)) / 2
        users = round(low + (high - low) * share)
        before = stages[-1] if stages else None
        ramp_s = abs(users - (before.users if before else 0)) / spawn_rate_per_s
        if before is not None and users == before.users:
            stages[-1] = Stage(users, spawn_rate_per_s, before.hold_s + hour_s)
            continue
        if ramp_s >= hour_s:
            raise ValueError(
                f"an hour of the wave lasts {hour_s:g} s, and {ramp_s:g} s of it would be ramp: raise "
                "spawn_rate_per_s or wave_day_minutes"
            )
        stages.append(Stage(users, spawn_rate_per_s, hour_s - ramp_s))
    return Steps(tuple(stages))


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")


def _above_zero(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be a number above 0, not {value:g}")


def _plan_steps(options: Mapping[str, Any]) -> Steps:
    return concurrency_steps(parse_levels(options["levels"]), options["hold_s"], options["spawn_rate_per_s"])


def _plan_stress(options: Mapping[str, Any]) -> Steps:
    limit = options["stress_max_error_percent"]
    if not 0 < limit < 100:
        raise ValueError(f"stress_max_error_percent must be above 0 and below 100, not {limit:g}")
    if options["stress_settle_s"] < 0:
        raise ValueError(f"stress_settle_s must be at least 0, not {options['stress_settle_s']:g}")
    return stress_ramp(
        options["stress_from"],
        options["stress_to"],
        options["stress_by"],
        options["stress_hold_s"],
        options["spawn_rate_per_s"],
    )


def _plan_spike(options: Mapping[str, Any]) -> Steps:
    return spike(
        options["spike_baseline"],
        options["spike_peak"],
        options["spike_baseline_s"],
        options["spike_peak_s"],
        options["spike_recovery_s"],
        options["spike_rise_s"],
        options["spawn_rate_per_s"],
    )


def _plan_soak(options: Mapping[str, Any]) -> Steps:
    return soak(options["soak_users"], options["soak_minutes"], options["spawn_rate_per_s"])


def _plan_wave(options: Mapping[str, Any]) -> Steps:
    return wave(
        options["wave_low"],
        options["wave_high"],
        options["wave_day_minutes"],
        options["wave_hours"],
        options["wave_days"],
        options["spawn_rate_per_s"],
    )


CONCURRENCY_STEPS = ShapeSpec(
    "concurrency_steps",
    "climb to each level of concurrent users and hold it",
    (
        ShapeOption("levels", "10,20,50", "users per step, separated by commas"),
        ShapeOption("hold_s", 30.0, "seconds to hold each level"),
        SPAWN_RATE_PER_S,
        LOAD_UNIT,
    ),
    _plan_steps,
)

STRESS_RAMP = ShapeSpec(
    "stress_ramp",
    "raise the load step by step until too many requests fail",
    (
        ShapeOption("stress_from", 10, "users of the first step"),
        ShapeOption("stress_to", 200, "users of the last step, if errors do not end the ramp before"),
        ShapeOption("stress_by", 10, "users more at each step"),
        ShapeOption("stress_hold_s", 30.0, "seconds to hold each step"),
        ShapeOption("stress_max_error_percent", 5.0, "the ramp ends at a step with a higher error rate"),
        ShapeOption("stress_settle_s", 3.0, "seconds of each step whose requests do not count for that"),
        SPAWN_RATE_PER_S,
        LOAD_UNIT,
    ),
    _plan_stress,
)

SPIKE = ShapeSpec(
    "spike",
    "a baseline, a sudden peak, and the way back",
    (
        ShapeOption("spike_baseline", 10, "users before and after the peak"),
        ShapeOption("spike_peak", 100, "users at the peak"),
        ShapeOption("spike_baseline_s", 60.0, "seconds of the baseline before the peak"),
        ShapeOption("spike_peak_s", 30.0, "seconds of the peak"),
        ShapeOption("spike_recovery_s", 120.0, "seconds of the baseline after the peak"),
        ShapeOption("spike_rise_s", 1.0, "seconds from baseline to peak, and back"),
        SPAWN_RATE_PER_S,
        LOAD_UNIT,
    ),
    _plan_spike,
)

SOAK = ShapeSpec(
    "soak",
    "one load for hours, to find what drifts",
    (
        ShapeOption("soak_users", 20, "users all the time"),
        ShapeOption("soak_minutes", 120.0, "minutes to hold them"),
        SPAWN_RATE_PER_S,
        LOAD_UNIT,
    ),
    _plan_soak,
)

WAVE = ShapeSpec(
    "wave",
    "a day compressed: quiet at night, busy at noon",
    (
        ShapeOption("wave_low", 5, "users at midnight"),
        ShapeOption("wave_high", 50, "users at noon"),
        ShapeOption("wave_day_minutes", 24.0, "minutes that a day takes"),
        ShapeOption("wave_hours", 24, "steps of a day, each of one load"),
        ShapeOption("wave_days", 1, "days to run"),
        SPAWN_RATE_PER_S,
        LOAD_UNIT,
    ),
    _plan_wave,
)
