"""What calls cost, from the token counts that the provider reports."""

from collections.abc import Iterable, Mapping

from target_app.provider._calls import CallRecord
from target_app.settings import Price


def cost_usd(calls: Iterable[CallRecord], prices: Mapping[str, Price]) -> float | None:
    """Sum over completed calls; None when a model has no price or a completed call no token counts.

    Failed calls report no tokens and count as free.
    """
    total = 0.0
    for call in calls:
        if not call.ok:
            continue
        price = prices.get(call.model)
        if price is None or call.input_tokens is None or call.output_tokens is None:
            return None
        total += call.input_tokens * price.input_usd_per_million
        total += call.output_tokens * price.output_usd_per_million
    return round(total / 1e6, 9)
