"""Figures made from others of the same run: one per part of something, or one over another.

Which they are stands in the scenario (`harness.config`). Both sides are of one run, so that
how runs differ plays no part. Where both sides are about the same cases (the same work done in two
ways), they are compared case by case: what makes a case slow then cancels.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.analysis._dataset import RequestDataset
from harness.analysis._model import DerivedFigure, NotMeasured, Selection
from harness.analysis._quantities import QUANTITIES, describe, quantile_of
from harness.analysis._samples import Samples
from harness.analysis._slice import figure
from harness.config import DerivedConfig, RequestsOf
from harness.stats import NO_SPREAD, Comparison, Estimate, compare_mean, compare_quantile, mean

#: How many of a side's cases may be missing on the other for a comparison by case: so many, because the
#: measured window cuts cases in two, or so large a share.
MAY_MISS = 2
MAY_MISS_SHARE = 0.1


def derived_figures(data: RequestDataset, wanted: Mapping[str, DerivedConfig]) -> tuple[DerivedFigure, ...]:
    """The scenario's derived figures, in its order; one that cannot be given says why."""
    return tuple(_derived(data, name, config) for name, config in wanted.items())


def _derived(data: RequestDataset, name: str, config: DerivedConfig) -> DerivedFigure:
    unit = QUANTITIES[config.quantity].unit
    of = _samples_of(data, config, config.of)
    if isinstance(of, NotMeasured):
        return DerivedFigure(name, config.title, _formula(config), None, None, None, of.reason)
    values = _values(of, config)
    part = figure(values, config.statistic, unit)
    if config.to is None:
        return DerivedFigure(
            name, config.title, _formula(config), _scaled(part, config.divide_by), part, None
        )
    to = _samples_of(data, config, config.to)
    if isinstance(to, NotMeasured):
        return DerivedFigure(name, config.title, _formula(config), None, part, None, to.reason)
    pairs = _pairs(data, of, to)
    if pairs is not None:
        of, to = pairs
        part = figure(_values(of, config), config.statistic, unit)
    whole = figure(_values(to, config), config.statistic, unit)
    if config.difference:
        added = _difference(_values(of, config), _values(to, config), unit, paired=pairs is not None)
        return DerivedFigure(
            name, config.title, _formula(config), _scaled(added, config.divide_by), part, whole
        )
    compared = _compare(_values(to, config), _values(of, config), config, unit, paired=pairs is not None)
    ratio = _ratio(compared, config.divide_by, paired=pairs is not None)
    return DerivedFigure(name, config.title, _formula(config), ratio, part, whole)


def _samples_of(data: RequestDataset, config: DerivedConfig, requests: RequestsOf) -> Samples | NotMeasured:
    """The requests of a side that have a time."""
    selection = Selection(**requests.model_dump())
    if config.whole_run:
        found = data.samples
        for column in ("category", "name", "model"):
            value = getattr(selection, column)
            if value is not None:
                found = found.where(found.codes(column) == found.placed.columns.words[column].code(value))
        timed = found.where(found.values("latency"))
        where = "in the run"
    else:
        chosen = data.select(selection)
        if isinstance(chosen, NotMeasured):
            return chosen
        timed = chosen.frame.where(chosen.flagged("latency"))
        where = "in the measured window"
    timed = timed.where(~np.isnan(_values(timed, config)))
    if not len(timed):
        return NotMeasured(f"no request with {describe(selection) or 'a time'} {where}")
    return timed


def _values(samples: Samples, config: DerivedConfig) -> NDArray[np.float64]:
    return np.asarray(samples.values(QUANTITIES[config.quantity].column), dtype=np.float64)


def _pairs(data: RequestDataset, of: Samples, to: Samples) -> tuple[Samples, Samples] | None:
    """Both sides in the order of the cases that both have, where nearly all are on both sides, each once."""
    by_case = []
    for side in (of, to):
        rows = side.numbered().tolist()
        texts = data.samples.placed.columns.texts("case_id", rows)
        by_case.append({text: row for text, row in zip(texts, rows, strict=True) if text})
        if len(by_case[-1]) < len(rows):
            return None
    both = [case for case in by_case[0] if case in by_case[1]]
    most = max(len(of), len(to))
    if len(both) < max(2, most - max(MAY_MISS, MAY_MISS_SHARE * most)):
        return None
    ordered = [np.array([side[case] for case in both], dtype=np.intp) for side in by_case]
    return Samples(of.placed, ordered[0]), Samples(to.placed, ordered[1])


def _compare(
    base: NDArray[np.float64],
    candidate: NDArray[np.float64],
    config: DerivedConfig,
    unit: str,
    *,
    paired: bool,
) -> Comparison:
    q = quantile_of(config.statistic)
    if q is None:
        return compare_mean([base], [candidate], unit=unit, spread=NO_SPREAD, paired=paired)
    return compare_quantile([base], [candidate], q, unit=unit, spread=NO_SPREAD, paired=paired)


def _ratio(compared: Comparison, divide_by: float, *, paired: bool) -> Estimate:
    """candidate / base / divide_by, from the change in percent."""
    change = compared.change
    n = min(compared.base.n, compared.candidate.n)
    warnings = tuple(text for text in change.warnings if "n too small" in text or "base is 0" in text)
    value, low, high = (
        None if percent is None else (1 + percent / 100) / divide_by
        for percent in (change.value, change.low, change.high)
    )
    method = f"ratio of {'pairs by case' if paired else 'two groups of requests'}; 95 % interval by bootstrap"
    return Estimate(value, low, high, n, method, "", warnings)


def _difference(of: NDArray[np.float64], to: NDArray[np.float64], unit: str, *, paired: bool) -> Estimate:
    """The mean of `of` less that of `to`; without pairs by Welch's interval (Student's t, unequal spread)."""
    if paired:
        return replace(mean(of - to, unit=unit), method="mean difference of pairs by case; 95 % interval")
    value, n = float(of.mean() - to.mean()), min(len(of), len(to))
    low = high = None
    if n > 1:
        from scipy import stats

        interval = stats.ttest_ind(of, to, equal_var=False).confidence_interval(0.95)
        low, high = float(interval.low), float(interval.high)
    method = "difference of two groups' means; Welch's 95 % interval"
    warnings = () if n > 1 else ("n too small: 1 < 2",)
    return Estimate(value, low, high, n, method, unit, warnings)


def _scaled(estimate: Estimate, divide_by: float) -> Estimate:
    value, low, high = (
        None if end is None else end / divide_by for end in (estimate.value, estimate.low, estimate.high)
    )
    return Estimate(value, low, high, estimate.n, estimate.method, estimate.unit, estimate.warnings)


def _formula(config: DerivedConfig) -> str:
    """How the figure is made, in words.

    >>> of, to = RequestsOf(name="orchestrator"), RequestsOf(name="gather")
    >>> _formula(DerivedConfig(title="Orchestration", of=of, to=to))
    'mean (name orchestrator) / mean (name gather)'
    """
    sides = [config.of, *([config.to] if config.to else [])]
    described = [describe(Selection(**side.model_dump())) for side in sides]
    words = [f"{config.statistic} ({text})" if text else config.statistic for text in described]
    text = (" - " if config.difference else " / ").join(words)
    text = text if config.divide_by == 1 else f"{text} / {config.divide_by:g}"
    return text + (" (whole run)" if config.whole_run else "")
