"""Histograms as Prometheus' text, straight from their arrays.

prometheus_client makes an object of every bucket, of which there can be 10,000: that takes a quarter of a
second in which the interpreter is wanted elsewhere. Each line here is one formatted string.
"""

from collections.abc import Iterator, Sequence

from harness.monitoring._metric_series import HistogramCounts

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def histogram_text(name: str, words: str, labels: Sequence[str], counts: HistogramCounts) -> str:
    """The lines of one histogram; cumulative, as Prometheus wants them.

    >>> import numpy as np
    >>> one = HistogramCounts(("0.1", "+Inf"), (("a",),), np.array([[2, 1]]), np.array([0.5]))
    >>> print(histogram_text("took_seconds", "Time.", ["kind"], one), end="")
    # HELP took_seconds Time.
    # TYPE took_seconds histogram
    took_seconds_bucket{kind="a",le="0.1"} 2
    took_seconds_bucket{kind="a",le="+Inf"} 3
    took_seconds_count{kind="a"} 3
    took_seconds_sum{kind="a"} 0.5
    """
    return "".join(_lines(name, words, labels, counts))


def _lines(name: str, words: str, labels: Sequence[str], counts: HistogramCounts) -> Iterator[str]:
    yield f"# HELP {name} {words}\n# TYPE {name} histogram\n"
    cumulative = counts.counts.cumsum(axis=1).tolist()
    ends = [f'le="{bound}"}} ' for bound in counts.bounds_s]
    for values, row, total_s in zip(counts.sets, cumulative, counts.sums_s.tolist(), strict=True):
        chosen = ",".join(
            f'{label}="{value.translate(_ESCAPES)}"' for label, value in zip(labels, values, strict=True)
        )
        begin = f"{name}_bucket{{{chosen}," if chosen else f"{name}_bucket{{"
        for end, below in zip(ends, row, strict=True):
            yield f"{begin}{end}{below}\n"
        yield f"{name}_count{{{chosen}}} {row[-1]}\n{name}_sum{{{chosen}}} {total_s!r}\n"
