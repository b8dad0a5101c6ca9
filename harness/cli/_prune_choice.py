"""Which folders of a results folder may go. Pure: knows nothing of files."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Kept:
    """One folder, by its name. `group` is what the newest are counted of: a scenario, or a suite.

    `links` are the names of the folders that this one's report points to. `goes_on` holds for what
    is not finished, or cannot be read.
    """

    name: str
    group: tuple[str, str]
    n_bytes: int
    links: frozenset[str] = frozenset()
    goes_on: bool = False


def leaving(
    folders: Sequence[Kept], keep: int | None, max_bytes: int | None, *, linked: bool = False
) -> list[Kept]:
    """The folders to remove, of `folders` from oldest to newest.

    All but the last `keep` of a group go, then the oldest until the rest is at most `max_bytes`. Spared
    are the newest of each group, what goes on and what that links to, and unless `linked` what any
    folder links to that stays.
    """
    gone: set[str] = set()
    candidates = set(_older(folders, 1))
    # What links comes first: its going is what frees the folders that it links to.
    in_order = sorted(folders, key=lambda folder: not folder.links)
    if keep is not None:
        older = set(_older(folders, max(keep, 1)))
        for folder in in_order:
            if folder.name in older and folder.name not in held(folders, gone, linked=linked):
                gone.add(folder.name)
    if max_bytes is not None:
        left = sum(folder.n_bytes for folder in folders if folder.name not in gone)
        while left > max_bytes:
            spared = held(folders, gone, linked=linked)
            free = (each for each in folders if each.name in candidates - gone and each.name not in spared)
            oldest = next(free, None)
            if oldest is None:
                break
            gone.add(oldest.name)
            left -= oldest.n_bytes
    return [folder for folder in folders if folder.name in gone]


def held(folders: Iterable[Kept], gone: Iterable[str] = (), *, linked: bool = False) -> set[str]:
    """The names that a folder links to which stays; with `linked` only one that goes on holds them."""
    away = set(gone)
    return {
        name
        for folder in folders
        if folder.name not in away and (folder.goes_on or not linked)
        for name in folder.links
    }


def _older(folders: Sequence[Kept], newest: int) -> Iterator[str]:
    """The names of those that have ended, but for the newest of each group."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for folder in folders:
        if not folder.goes_on:
            groups[folder.group].append(folder.name)
    for names in groups.values():
        yield from names[: len(names) - newest]
