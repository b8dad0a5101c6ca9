"""Calls by model and by the name they were made under: what a bench of models compares.

A request names its model where one model answered it. Tokens between the first and the last of a
stream took as long as decoding did; a stream's first token waited for the queue and the prompt, too.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from harness.analysis._dataset import RequestDataset
from harness.analysis._model import ModelFigures
from harness.analysis._slice import Slice, figure
from harness.analysis._table import NO_TIME
from harness.stats import Estimate, mean

_STATISTICS = ("mean", "stdev", "min", "p50", "p95", "p99", "max")


def model_figures(data: RequestDataset) -> tuple[ModelFigures, ...]:
    """One entry per model and name of the measured window, the quickest mean first within a name."""
    models, names = data.samples.labels("model"), data.samples.labels("name")
    found = []
    for model_code, model in enumerate(models):
        of_model = data.whole.where(data.whole.frame.codes("model") == model_code)
        for name_code, name in enumerate(names):
            chosen = of_model.where(of_model.frame.codes("name") == name_code)
            if chosen.inside.any():
                found.append(_figures(model, name, chosen))
    return tuple(sorted(found, key=lambda item: (item.name, _mean_of(item), item.model)))


def _mean_of(item: ModelFigures) -> float:
    estimate = item.response_time.get("mean")
    return np.inf if estimate is None or estimate.value is None else estimate.value


def _figures(model: str, name: str, chosen: Slice) -> ModelFigures:
    gaps_ms = _inter_token_ms(chosen)
    costs = chosen.values("cost_usd")
    return ModelFigures(
        model=model,
        name=name,
        requests=int(chosen.inside.sum()),
        response_time=_statistics(chosen.values("response_ms")),
        error_rate=chosen.share("error_rate"),
        time_to_first_token=_statistics(chosen.values("first_token_ms")),
        inter_token=_mean(gaps_ms, "ms"),
        tokens_per_s=_mean(1000 / gaps_ms[gaps_ms > 0], "1/s"),
        output_tokens=_mean(chosen.values("output_tokens"), ""),
        cost_per_thousand=_mean(1000 * costs, "USD"),
    )


def _inter_token_ms(chosen: Slice) -> NDArray[np.float64]:
    """Per call with at least two tokens: from the first token to the last, over the steps between."""
    frame = chosen.frame.where(chosen.flagged("latency"))
    first, last = frame.values("first_token_at"), frame.values("last_token_at")
    steps = np.asarray(frame.values("output_tokens"), dtype=np.float64) - 1
    known = (first != NO_TIME) & (last != NO_TIME) & (steps >= 1)
    return np.asarray((last[known] - first[known]) / 1000 / steps[known], dtype=np.float64)


def _statistics(values: NDArray[np.float64]) -> Mapping[str, Estimate]:
    return {name: figure(values, name, "ms") for name in _STATISTICS} if len(values) else {}


def _mean(values: NDArray[np.float64], unit: str) -> Estimate | None:
    return mean(values, unit=unit) if len(values) else None
