"""Cases from a JSON Lines file, drawn in seeded streams that never overlap between workers."""

import hashlib
import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.engine._recorder import Recorder, RunTicket
from harness.errors import UserError


@dataclass(slots=True, frozen=True)
class Case:
    """One line of a corpus. `fields` is the whole line; `request` what is sent to the service."""

    case_id: str
    category: str
    request: dict[str, Any]
    fields: dict[str, Any]


@dataclass(slots=True, frozen=True)
class Corpus:
    """A corpus file. `digest` names its content in the run's fingerprint."""

    path: Path
    digest: str
    cases: tuple[Case, ...]

    def of_category(self, category: str) -> tuple[Case, ...]:
        """The cases of one category, in file order. Raises UserError when there are none."""
        chosen = tuple(case for case in self.cases if case.category == category)
        if not chosen:
            known = ", ".join(sorted({case.category for case in self.cases}))
            raise UserError(f"{self.path}: no case of category {category!r}; it has {known}")
        return chosen


def load_corpus(path: Path) -> Corpus:
    """Read a JSON Lines corpus. Raises UserError with the line that is wrong."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    cases = []
    for number, line in enumerate(data.decode("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            cases.append(Case(fields["case_id"], fields["category"], fields["request"], fields))
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}:{number}: not a case, needs case_id, category and request ({error})"
            ) from error
    if not cases:
        raise UserError(f"{path}: holds no case")
    return Corpus(path, hashlib.sha256(data).hexdigest()[:16], tuple(cases))


class CaseDeck:
    """One process's hand of a corpus: `draw(category)` gives the next case of this run.

    Which cases come, and in what order, follows from the ticket of the run that is under way:
    its seed and this process's place among the workers. A new run starts a new hand.
    """

    def __init__(self, corpus: Corpus, recorder: Recorder) -> None:
        self.corpus = corpus
        self._recorder = recorder
        self._ticket: RunTicket | None = None
        self._streams: dict[str, Iterator[tuple[str, Case]]] = {}

    def draw(self, category: str, order: str = "circular") -> tuple[str, Case] | None:
        """A case id that is unique in the run, and the case; None when a `once` deck is dealt.

        `order` as in `case_stream`; the first draw of a run decides it.
        """
        ticket = self._recorder.ticket
        if ticket is not self._ticket:
            self._ticket, self._streams = ticket, {}
        if category not in self._streams:
            self._streams[category] = case_stream(self.corpus.of_category(category), ticket, order=order)
        return next(self._streams[category], None)


def case_stream(
    cases: Sequence[Case], ticket: RunTicket, *, order: str = "circular"
) -> Iterator[tuple[str, Case]]:
    """Pairs of a case id that is unique in the run, and the case.

    `circular`: the corpus shuffled once by the seed, dealt to the workers like cards, over and
    over. `random`: independent draws, a stream of its own per worker. `once`: as circular, and
    it ends when the cards are dealt. The same arguments give the same stream.
    """
    if order == "random":
        draw = random.Random(f"{ticket.seed}/{ticket.worker}")
        chosen: Iterator[Case] = (draw.choice(cases) for _ in itertools.count())
    elif order in {"circular", "once"}:
        shuffled = list(cases)
        random.Random(ticket.seed).shuffle(shuffled)
        forever = itertools.count(ticket.position, ticket.workers)
        positions = forever if order == "circular" else range(ticket.position, len(cases), ticket.workers)
        chosen = (shuffled[position % len(shuffled)] for position in positions)
    else:
        raise UserError(f"case order must be circular, random or once, not {order!r}")
    for sequence, case in enumerate(chosen):
        yield f"{case.case_id}.{ticket.worker}.{sequence}", case
