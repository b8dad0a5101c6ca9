"""How long one completion takes before any waiting for a decode slot: sampled, pure.

A request travels, queues (lognormal), its prompt is read (prefill), its answer is written (decode), and it
travels back. Every call takes four draws from the generator, whatever the model: the n-th request of a
process has the draws 4n to 4n + 3 of its seed, so that the samples of a load test are independent even where
its requests repeat.
"""

import dataclasses
import math
import random

from target_app.inference._profile import ModelProfile

# 95th percentile of the standard normal distribution: ties a lognormal's sigma to its median and p95.
_Z95 = 1.6448536269514722


@dataclasses.dataclass(frozen=True, slots=True)
class Latency:
    """Seconds per part, already multiplied by the speed factor; `network_s` is both ways together."""

    network_s: float
    queue_s: float
    prefill_s: float
    decode_s: float

    @property
    def total_s(self) -> float:
        """Time from request to the last byte when a slot is free at once."""
        return self.network_s + self.queue_s + self.prefill_s + self.decode_s


def sample_latency(
    model: ModelProfile,
    prompt_tokens: int,
    completion_tokens: int,
    rng: random.Random,
    speed_factor: float = 1.0,
) -> Latency:
    """Draw one completion's latency.

    queue ~ lognormal(median, p95); prefill = prompt tokens / speed and decode = completion tokens / speed.
    These two and the network time are each multiplied by a normal jitter, cut at 3 standard deviations.
    """
    sigma = math.log(model.queue_p95_ms / model.queue_median_ms) / _Z95
    queue_s = model.queue_median_ms / 1000 * math.exp(sigma * rng.gauss(0.0, 1.0))
    return Latency(
        network_s=speed_factor * model.network_ms / 1000 * _wobble(model, rng),
        queue_s=speed_factor * queue_s,
        prefill_s=speed_factor * prompt_tokens / model.prefill_tokens_per_s * _wobble(model, rng),
        decode_s=speed_factor * completion_tokens / model.decode_tokens_per_s * _wobble(model, rng),
    )


def _wobble(model: ModelProfile, rng: random.Random) -> float:
    return 1.0 + model.jitter * min(max(rng.gauss(0.0, 1.0), -3.0), 3.0)
