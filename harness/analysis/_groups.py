"""Groups of requests with all their figures."""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping

from harness.analysis._cells import Cells, Part
from harness.analysis._dataset import RequestDataset
from harness.analysis._model import Group, LoadStep
from harness.analysis._quantities import PER_CASE, QUANTITIES, REPORTED
from harness.analysis._slice import figures
from harness.stats import Estimate

#: Label of the group that is not a part of anything.
ALL = "all"


def group(label: str, part: Part) -> Group:
    """All figures of one group of requests."""
    response_time = figures(part.response, REPORTED, "ms", part.worth("response_ms", REPORTED))
    # In a closed loop the two are the same.
    closed = part.cells.service is part.cells.response
    return Group(
        label=label,
        requests=part.requests,
        outcomes=part.outcomes,
        response_time=response_time,
        service_time=response_time
        if closed
        else figures(part.service, REPORTED, "ms", part.worth("service_ms", REPORTED)),
        throughput=part.throughput,
        error_rate=part.share("failed"),
        success_rate=part.share("ok"),
        per_case=_per_case(part),
    )


def groups_by(
    word: str, cells: Cells, indices: tuple[int, ...] | None = None, most: int | None = None
) -> dict[str, Group]:
    """One group per category or name, in the order of their names; null values are in no group.

    At most `most` groups: those with the most requests.
    """
    parts = dict(parts_by(word, cells, indices))
    if most is not None and len(parts) > most:
        largest = heapq.nlargest(most, parts, key=lambda label: parts[label].requests)
        parts = {label: parts[label] for label in sorted(largest)}
    return {label: group(label, part) for label, part in parts.items()}


def parts_by(word: str, cells: Cells, indices: tuple[int, ...] | None = None) -> Iterator[tuple[str, Part]]:
    """The samples of each category or name that occurs in some pieces (None: in all)."""
    for label, code in sorted((label, code) for code, label in enumerate(cells.labels(word))):
        part = cells.part(indices, **{word: code})
        if part.requests:
            yield label, part


def load_steps(dataset: RequestDataset) -> list[LoadStep]:
    """One step per measured hold phase, in the order of time."""
    steps, causes = [], _causes(dataset)
    for index, piece in enumerate(dataset.measured.pieces):
        whole = group(piece.phase, dataset.cells.part((index,)))
        by_category = groups_by("category", dataset.cells, (index,))
        steps.append(
            LoadStep(
                piece.phase,
                piece.users,
                piece.seconds,
                whole,
                by_category,
                piece.arrivals_per_s,
                causes[index],
            )
        )
    return steps


def _causes(dataset: RequestDataset) -> list[dict[str, int]]:
    """Per measured piece, the failed requests by cause, the most frequent first."""
    placed = dataset.samples.placed
    failed = dataset.samples.where((placed.piece >= 0) & dataset.samples.values("failed"))
    pieces, codes, labels = failed.values("piece"), failed.codes("cause"), failed.labels("cause")
    unanswered = failed.values("unanswered")
    found = []
    for index in range(len(dataset.measured.pieces)):
        mine = pieces == index
        counts = Counter(labels[code] if code >= 0 else "" for code in codes[mine & ~unanswered].tolist())
        counts["service"] += int((mine & unanswered).sum())
        found.append({cause or "unknown": n for cause, n in counts.most_common() if n})
    return found


def _per_case(part: Part) -> Mapping[str, Estimate]:
    means = {name: part.mean(QUANTITIES[name].column, QUANTITIES[name].unit) for name in PER_CASE}
    return {name: estimate for name, estimate in means.items() if estimate is not None}
