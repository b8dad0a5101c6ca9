"""What is known of a service's capacity, in sentences."""

from collections.abc import Sequence

from harness.analysis import Capacity, Resource
from harness.reports._format import figure, interval, number, sentence_case
from harness.stats import Estimate
from harness.verdicts import CapacityVerdict, Validity, ValidityCheck


def slo_words(found: Estimate) -> tuple[str, ...]:
    """The capacity in a sentence, and what else there is to know of it.

    >>> from harness.stats import slo_capacity
    >>> slo_words(slo_capacity([(10, True), (20, True), (40, False)]))
    ('Capacity at the criteria: 20 users; with 40 they no longer hold',)
    >>> slo_words(slo_capacity([(10, True), (20, True)], unit="arrivals/s"))
    ('Capacity at the criteria: 20 arrivals/s or more; no step went beyond it',)
    >>> slo_words(slo_capacity([(10, False)]))
    ('Capacity at the criteria: under 10 users',)
    >>> slo_words(slo_capacity([(10, None)]))
    ('Capacity at the criteria: unknown, as no step has the evidence to decide',)
    """
    unit = found.unit
    match found.value, found.high:
        case None, None:
            said = "unknown, as no step has the evidence to decide"
        case None, high:
            said = f"under {number(high)} {unit}"
        case value, None:
            said = f"{number(value)} {unit} or more; no step went beyond it"
        case value, high:
            said = f"{number(value)} {unit}; with {number(high)} they no longer hold"
    # The sentence says already that no level failed or none could be decided.
    notes = (sentence_case(note) for note in found.warnings if not note.startswith("no level"))
    rest = notes if found.value is not None or found.high is not None else ()
    return (f"Capacity at the criteria: {said}", *rest)


def capacity_lines(capacity: Capacity | None, verdict: CapacityVerdict | None) -> list[str]:
    """The two sentences for where there is room for no more; nothing where no capacity is known."""
    if verdict is None or (verdict.slo.value is None and verdict.slo.high is None):
        return []
    first = capacity is not None and capacity.limit.resource is not None
    return [slo_words(verdict.slo)[0], *([limit_words(capacity)[0]] if capacity and first else [])]


def capacity_words(
    capacity: Capacity | None, verdict: CapacityVerdict | None, checks: Sequence[ValidityCheck] = ()
) -> tuple[str, ...]:
    """All that is known, a sentence each; nothing where no levels were measured."""
    words: list[str] = []
    if verdict is not None:
        words += slo_words(verdict.slo)
        if verdict.throughput is not None:
            words.append(f"Throughput there: {figure(verdict.throughput)}")
    if capacity is None:
        return tuple(words)
    words += limit_words(capacity)
    words += scaling_words(capacity)
    off = littles_law_words(checks)
    return (*words, off) if off else tuple(words)


def limit_words(capacity: Capacity) -> list[str]:
    """What saturates first, and what says so."""
    limit = capacity.limit
    words = [f"Saturates first: {limit.words}"]
    words += [sentence_case(line) for line in limit.evidence]
    if limit.also:
        words.append(f"Also at its limit: {', '.join(limit.also)}")
    if limit.resource is Resource.GENERATOR_CPU:
        words.append("These figures are not of the service: add a worker, and measure again")
    return words


def scaling_words(capacity: Capacity) -> list[str]:
    """How throughput scales, by the fit; or why there is none."""
    fit = capacity.scaling
    if fit is None:
        return [sentence_case(capacity.scaling_note)] if capacity.scaling_note else []
    of = capacity.scaling_of
    words = [
        f"Scalability law over {of}: {figure(fit.rate_of_one)} from one",
        (
            f"Contention {_coefficient(fit.contention)}, coherency {_coefficient(fit.coherency)}; "
            f"the fit explains {100 * fit.r_squared:.1f} % of what throughput varies by"
        ),
    ]
    if fit.knee.value is not None:
        knee = f"{number(fit.knee.value)} {of} {interval(fit.knee)}"
        words.append(f"Knee at {knee}: beyond it more load buys little")
    if fit.peak_load.value is not None and fit.peak_throughput.value is not None:
        words.append(
            f"Peak at {number(fit.peak_load.value)} {of} {interval(fit.peak_load)}: "
            f"{figure(fit.peak_throughput)}; beyond it throughput falls"
        )
    return [*words, *(sentence_case(note) for note in fit.warnings)]


def littles_law_words(checks: Sequence[ValidityCheck]) -> str:
    """What the check by Little's law found, where it is off."""
    return next(
        (
            f"Little's law is off: {check.reason}"
            for check in checks
            if check.name == "Little's law" and check.verdict is Validity.INVALID
        ),
        "",
    )


def _coefficient(estimate: Estimate) -> str:
    return f"{number(estimate.value)} {interval(estimate)}".strip()
