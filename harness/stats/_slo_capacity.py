"""The largest load at which the criteria still hold."""

from collections.abc import Sequence

from harness.stats._estimate import Estimate


def slo_capacity(levels: Sequence[tuple[float, bool | None]], *, unit: str = "users") -> Estimate:
    """Largest level that meets all criteria, of `(level, verdict)` pairs in any order.

    The verdict of a level is True where the whole interval of every criterion meets its target,
    False where one does not and the evidence says so, None where it cannot be told (an interval
    that straddles, no data). The capacity is the largest True below the smallest False: a level
    that passes above one that fails is not believed, and a warning says so. `low` is the value
    itself; `high` is the smallest level that fails, where the criteria no longer hold: None where
    none failed, as capacity may then be anything above. `value` is None where no level passed.

    >>> e = slo_capacity([(10, True), (20, True), (30, None), (40, False)])
    >>> e.value, e.low, e.high
    (20.0, 20.0, 40.0)
    """
    method = "largest level whose intervals meet all criteria"
    failed = [float(level) for level, verdict in levels if verdict is False]
    passed = [float(level) for level, verdict in levels if verdict is True]
    limit = min(failed, default=None)
    below = [level for level in passed if limit is None or level < limit]
    notes = []
    if len(below) < len(passed):
        notes.append(f"levels above {limit:g} passed, but {limit:g} failed")
    if passed or failed:
        undecided = sum(verdict is None for _, verdict in levels)
        if undecided:
            notes.append(f"{undecided} of {len(levels)} levels could not be decided")
    if limit is None and passed:
        notes.append("no level failed: capacity may be larger")
    if not passed and not failed:
        notes.append("no level could be decided")
    value = max(below, default=None)
    return Estimate(value, value, limit, len(levels), method, unit, tuple(notes))
