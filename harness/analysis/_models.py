"""Calls by model and by the name they were made under: what a bench of models compares.

A request names its model where one model answered it. Tokens between the first and the last of a
stream took as long as decoding did; a stream's first token waited for the queue and the prompt, too.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis._dataset import RequestDataset
from harness.analysis._model import ModelFigures
from harness.analysis._slice import Slice, figures
from harness.analysis._table import NO_TIME
from harness.stats import Estimate, Stretches, mean, stdev

_STATISTICS = ("mean", "min", "p50", "p95", "p99", "max")


def model_figures(data: RequestDataset) -> tuple[ModelFigures, ...]:
    """One entry per model and name of the measured window, the quickest mean first within a name."""
    whole, streamed = data.whole, _streamed(data)
    models, names = whole.frame.codes("model"), whole.frame.codes("name")
    found = []
    for model_code, model in enumerate(whole.frame.labels("model")):
        of_model = whole.inside & (models == model_code)
        for name_code, name in enumerate(whole.frame.labels("name")):
            wanted = of_model & (names == name_code)
            if wanted.any():
                took_us = _took_us(data, model_code, name_code)
                found.append(_figures(model, name, whole.where(wanted), took_us, streamed))
    return tuple(sorted(found, key=lambda item: (item.name, _mean_of(item), item.model)))


def _took_us(data: RequestDataset, model: int, name: int) -> NDArray[Any]:
    """Response times of a model and a name, sorted; they are there already, in half the bytes of others."""
    words, rows = data.samples.placed.columns.words, data.order.rows
    took_us = data.order.took_us("response_ms")
    wanted = (words["model"].codes == model)[rows] & (words["name"].codes == name)[rows] & (took_us >= 0)
    return np.sort(took_us[wanted])


def _mean_of(item: ModelFigures) -> float:
    estimate = item.response_time.get("mean")
    return np.inf if estimate is None or estimate.value is None else estimate.value


def _streamed(data: RequestDataset) -> bool:
    """Whether any answer of the run came token by token: most runs have none, and millions of requests."""
    return bool((data.samples.values("first_token_at") != NO_TIME).any())


def _figures(model: str, name: str, chosen: Slice, took_us: NDArray[Any], streamed: bool) -> ModelFigures:
    gaps_ms = _inter_token_ms(chosen) if streamed else np.zeros(0)
    costs = chosen.values("cost_usd")
    return ModelFigures(
        model=model,
        name=name,
        requests=int(chosen.inside.sum()),
        response_time=_statistics(took_us, 1000),
        error_rate=chosen.share("error_rate"),
        time_to_first_token=_statistics(np.sort(chosen.values("first_token_ms")), 1) if streamed else {},
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


def _statistics(values: NDArray[Any], per_ms: int) -> Mapping[str, Estimate]:
    """Of sorted samples, in so many parts of a ms."""
    if not len(values):
        return {}
    read = figures(Stretches([values], per_ms), _STATISTICS, "ms")
    return {**read, "stdev": stdev(values / per_ms, unit="ms")}


def _mean(values: NDArray[np.float64], unit: str) -> Estimate | None:
    return mean(values, unit=unit) if len(values) else None
