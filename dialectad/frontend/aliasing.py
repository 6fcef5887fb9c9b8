"""Which arrays might share memory once control flow has chosen between them.

A branch or loop gives new storages to the arrays that it binds (Note [Arrays that a loop rebinds] in
`loop_state.py`), though in NumPy each is one of the arrays it was chosen from. The new storages are linked to
these, so that a write through one makes the content of the others unknown (`Stale`): they may be read no
more, which is an error where it would have been a wrong result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from dialectad.frontend.tracing import Scope, Stale, Storage, current, error


@dataclass(frozen=True)
class Chosen:
    """An array that control flow chose."""

    storage: Storage
    ways: tuple[Storage | None, ...]
    """The array's memory on each way, where it is an array there."""
    also: frozenset[Storage] = frozenset()
    """More memory that it might be."""


def link_chosen(chosen: Sequence[Chosen]) -> None:
    """Link the arrays after a branch or loop to what they might be, and to each other."""
    found = [
        {s for way in (*c.ways, *c.also) if way is not None for s in way.candidates()} - {c.storage}
        for c in chosen
    ]
    pairs = [(a, b) for a, b in combinations(chosen, 2) if _meet(a, b)]
    for c, others in zip(chosen, found, strict=True):
        for other in others:
            c.storage.link(other)
    for a, b in pairs:
        a.storage.link(b.storage)


def _meet(a: Chosen, b: Chosen) -> bool:
    """Whether both might be the same memory after the same way."""
    return any(
        x is not None and y is not None and (x is y or x in y.may_be)
        for x, y in zip(a.ways, b.ways, strict=True)
    )


@dataclass(frozen=True)
class Carried:
    """An array that a loop carries by value."""

    name: str
    init: Storage
    """Its memory before the loop."""
    entry: Storage
    """What stands for its memory at the start of an iteration."""
    last: Storage
    """Its memory at the end of an iteration."""
    written: bool
    """Whether the body writes into `entry`."""


def check_loop(
    carried: Sequence[Carried], scope: Scope, stale_before: Iterable[Storage]
) -> dict[Storage, frozenset[Storage]]:
    """Refuse loops in which carrying arrays by value would lose writes; with the body's scope open.

    An array that is carried might be the one from before the loop or one that an iteration left, possibly
    by way of other names (`a, b = b, a`). Storages that so hang together form a group. Where a group is
    written into, no member may be used under another name by the same loop.

    Returns
    -------
    dict
        Per entry: the storages from outside of the loop that it might be.
    """
    entries = {c.entry for c in carried}
    newly_stale = current().stale.keys() - set(stale_before)
    for storage in newly_stale & scope.entered.keys():
        raise current().stale[storage].error()
    groups = _groups(carried, entries, scope)
    written = {c.entry for c in carried if c.written} | set(scope.written()) | newly_stale
    for members in {id(g): g for g in groups.values()}.values():
        if not members & written:
            continue
        names = [c for c in carried if c.entry in members]
        shared = members & scope.entered.keys()
        shared |= {s for a, b in combinations(names, 2) for s in (a.init,) if _same(a.init, b.init)}
        shared |= {s for a, b in combinations(names, 2) for s in (a.last,) if _same(a.last, b.last)}
        if shared:
            name = names[0].name
            raise error(
                f"this loop binds {name!r} to arrays that might share memory with one that it writes into",
                hint=f"bind copies: {name} = (...).copy(), before the loop and in it",
            )
        location = current().location()
        reason = f"the loop at {location} may have written into this array by the name {names[0].name!r}"
        for storage in members - entries:
            current().stale.setdefault(storage, Stale(reason, location))
    return {entry: frozenset(members - entries) for entry, members in groups.items()}


def _same(a: Storage, b: Storage) -> bool:
    return a is b or a in b.may_be


def _groups(carried: Sequence[Carried], entries: set[Storage], scope: Scope) -> dict[Storage, set[Storage]]:
    """Per entry: the entries and storages from outside that it hangs together with."""
    groups: dict[Storage, set[Storage]] = {}
    for c in carried:
        members = {c.entry} | c.init.candidates()
        members |= {s for s in c.last.candidates() if s in entries or is_outside(s, scope)}
        for storage in tuple(members):
            members |= groups.get(storage, set())
        for storage in members:
            groups[storage] = members
    return {entry: groups[entry] for entry in entries}


def is_outside(storage: Storage, scope: Scope) -> bool:
    """Whether a storage is older than a scope."""
    around = scope.parent
    while around is not None:
        if storage in around.values:
            return True
        around = around.parent
    return False
