"""The highest load that meets the criteria: double until one does not, then halve the gap.

    load   1. 10 met   2. 20 met   3. 40 met   4. 80 missed   5. 60 met   6. 70 missed   7. 65 met ...
           |-----------bracket----------------------------|   |--------------bisect-----------------|

It ends when the gap between the largest load that met and the smallest that did not is no more than
the resolution, and the latter has missed twice. A load that stays undecided counts as one that did
not meet: what is reported as met was met by whole intervals. Pure: no clock, no Locust. The loads are
whole numbers (of users).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

PASS, FAIL, NO_DATA = "PASS", "FAIL", "NO DATA"

#: Looks, one a second, that must agree before a probe ends early.
AGREEING_LOOKS = 3

#: How often a load must miss before it ends the search.
TRIES = 2

#: How often a load is tried again because the generator, not the service, was late.
REPEATS = 2


@dataclass(slots=True)
class Probe:
    """One load while it is held: when its criteria have decided, and what.

    It lasts `hold_s` of measured time. It ends at half of that when a criterion has failed at
    `AGREEING_LOOKS` looks in a row (an overloaded service should not pile up more than is needed),
    and goes on up to `longest_s` while a criterion is neither met nor failed. `trouble` is what the load
    generator had while it lasted, in the hold named `phase`; `counts` is False where it was tried again.

    >>> probe = Probe(20, hold_s=10, longest_s=30)
    >>> probe.look({"p95": "WARN"}, seconds=10), probe.look({"p95": "PASS"}, seconds=14), probe.meets
    (False, True, True)
    """

    load: int
    hold_s: float
    longest_s: float
    seconds: float = 0.0
    criteria: dict[str, str] = field(default_factory=dict)
    phase: str = ""
    trouble: str = ""
    counts: bool = True
    _fails: int = 0

    @property
    def meets(self) -> bool | None:
        """True where every criterion passed, False where one failed, else None."""
        found = set(self.criteria.values())
        if FAIL in found:
            return False
        return True if found == {PASS} else None

    @property
    def lacks_data(self) -> bool:
        """Whether nothing failed and a criterion had too few requests to judge."""
        return self.meets is None and NO_DATA in self.criteria.values()

    @property
    def deciding(self) -> str:
        """The criteria that were not met, in words.

        >>> Probe(1, 1, 1, criteria={"a": "PASS", "b": "FAIL", "c": "WARN"}).deciding
        'b FAIL'
        """
        worst = FAIL if self.meets is False else None
        named = [
            f"{name} {verdict}"
            for name, verdict in self.criteria.items()
            if verdict == worst or (worst is None and verdict != PASS)
        ]
        return ", ".join(named)

    def look(self, criteria: Mapping[str, str], seconds: float) -> bool:
        """Take in what the criteria say after so many measured seconds; True when the probe is over."""
        self.criteria, self.seconds = dict(criteria), seconds
        self._fails = self._fails + 1 if self.meets is False else 0
        if self._fails >= AGREEING_LOOKS and seconds >= self.hold_s / 2:
            return True
        return seconds >= (self.longest_s if self.meets is None else self.hold_s)


@dataclass(slots=True)
class Search:
    """Which load to try next. `met` is the largest that met, `missed` the smallest that did not.

    >>> search = Search(start=10, maximum=1000, resolution_percent=5)
    >>> while search.next is not None:
    ...     search.tell(Probe(search.next, 1, 1, criteria={"p95": "PASS" if search.next <= 66 else "FAIL"}))
    >>> [probe.load for probe in search.probes], search.met, search.missed
    ([10, 20, 40, 80, 60, 70, 65, 67, 67], 65, 67)
    """

    start: int
    maximum: int
    resolution_percent: float
    probes: list[Probe] = field(default_factory=list)

    @property
    def missed(self) -> int | None:
        latest = self._latest.values()
        return min((probe.load for probe in latest if probe.meets is not True), default=None)

    @property
    def met(self) -> int | None:
        missed = self.missed
        loads = [probe.load for probe in self._latest.values() if probe.meets is True]
        return max((load for load in loads if missed is None or load < missed), default=None)

    @property
    def next(self) -> int | None:
        """The load to try; None when the search is over.

        The load that would end it is tried once more: a moment's trouble anywhere can make one miss.
        """
        met, missed = self.met, self.missed
        counted = self._counted
        if met is None and counted and counted[-1].lacks_data:
            return self._again(counted[-1].load)  # a smaller load would give fewer requests still
        if missed is None:
            if met is None:
                return min(self.start, self.maximum)
            return None if met >= self.maximum else min(2 * met, self.maximum)
        if missed - (met or 0) > self.gap(met or 0):
            return (missed + (met or 0)) // 2
        return self._again(missed)

    def _again(self, load: int) -> int | None:
        tried = sum(probe.load == load for probe in self._counted)
        return load if tried < TRIES else None

    @property
    def _counted(self) -> list[Probe]:
        return [probe for probe in self.probes if probe.counts]

    @property
    def _latest(self) -> dict[int, Probe]:
        """What was last found of each load."""
        return {probe.load: probe for probe in self._counted}

    def gap(self, load: int) -> float:
        """How far apart met and missed may be in the end."""
        return max(1.0, load * self.resolution_percent / 100)

    def tell(self, probe: Probe) -> None:
        """A probe of `next` is over. One that measured the generator is tried again, a few times.

        >>> search = Search(start=10, maximum=1000, resolution_percent=5)
        >>> search.tell(Probe(10, 1, 1, criteria={"p95": "FAIL"}, trouble="worker 1: event loop late"))
        >>> search.next, search.missed
        (10, None)
        """
        spoiled = sum(not each.counts and each.load == probe.load for each in self.probes)
        probe.counts = not probe.trouble or spoiled >= REPEATS
        self.probes.append(probe)

    def recovery_s(self, probe: Probe, loaded_s: float) -> float:
        """How long a service that works off what came in at `probe` needs, without new load.

        In an open loop, what exceeds the capacity piles up. The capacity is at least the largest
        load that met; where none has, as much time is given as the load lasted (`loaded_s`).
        """
        if self.met is None:
            return loaded_s
        return loaded_s * max(probe.load / self.met - 1, 0)

    def words(self, unit: str, worth: float = 1.0, cut_short: str = "") -> str:
        """How the search ended, in one sentence; loads are `worth` of `unit` each.

        >>> search = Search(10, 100, 50, [Probe(10, 1, 1, criteria={"p95": "PASS"})])
        >>> search.tell(Probe(15, 1, 1, criteria={"p95": "FAIL"}))
        >>> search.words("users")
        'highest load that met the criteria: 10 users (next tried 15: p95 FAIL)'
        """

        def load(number: int) -> str:
            amount = number * worth
            return f"{amount:g} {'user' if amount == 1 and unit == 'users' else unit}"

        met, missed = self.met, self.missed
        end = f"; {cut_short}" if cut_short else ""
        if met is None and missed is None:
            return f"no load was tried to the end{end}"
        if missed is None:
            assert met is not None, "one of them is known"  # noqa: S101
            top = "" if cut_short else ", the largest that was allowed"
            return f"highest load that met the criteria: {load(met)}{top}; none missed them{end}"
        missing = self._latest[missed]
        why = missing.deciding
        if missing.lacks_data and not cut_short:
            end = "; a longer hold or a higher start gives more requests to judge"
        if met is None:
            return f"no load met the criteria; the smallest tried was {load(missed)}: {why}{end}"
        return f"highest load that met the criteria: {load(met)} (next tried {missed * worth:g}: {why}){end}"
