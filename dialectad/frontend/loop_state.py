"""The variables of a loop: what they hold before it, what it carries, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialectad.frontend import carry, pytrees
from dialectad.frontend.carry import LeafType, Passage, Variable
from dialectad.frontend.tracers import Array
from dialectad.frontend.tracing import current, error

Getter = Callable[[], Sequence[Any]]
Setter = Callable[[Sequence[Any]], None]


@dataclass
class Slot:
    """One leaf of one variable that is carried by the loop."""

    variable: int
    leaf: int
    init: Any
    type: LeafType
    entry: Any = None
    """The tracer that stands for it at the start of the body."""
    held: SSAValue | None = None
    """What an array holds then."""
    passage: Passage | None = None

    def send(self, value: SSAValue) -> list[SSAValue]:
        """Hand on a value of the leaf; gives what the loop carries for it."""
        assert self.passage is not None
        return self.passage.send(value)

    def receive(self, values: Iterator[SSAValue]) -> Any:
        """The leaf where it arrives."""
        assert self.passage is not None
        return self.passage.receive(values)

    def skip(self, values: Iterator[SSAValue]) -> None:
        """Leave the leaf where it is."""
        assert self.passage is not None
        self.entry = self.init
        for _ in self.passage.types():
            next(values)

    def enter(self, values: Iterator[SSAValue]) -> None:
        """An iteration begins."""
        self.entry = self.receive(values)
        self.held = self.entry.ssa()


@dataclass
class LoopState:
    """The variables of a loop: their values before it, and the slots that it carries.

    Note [Arrays that a loop rebinds]
        An array that the body only writes into (`x += v`) stays the same object: its storage is carried.
        One that the body binds to another array is carried by value. Which it is, is known after the
        body was traced; the trace remembers it per loop, so that only the first trace is repeated.
    """

    site: Hashable
    """What identifies the loop in the program."""
    names: Sequence[str]
    live: Sequence[bool]
    carried: Sequence[bool]
    get: Getter
    set: Setter
    tested_after: bool = False
    """Of a `while`: whether its test is a number that the body leaves."""
    before: list[Variable] = field(init=False)
    slots: list[Slot] = field(init=False)
    empty: dict[int, tuple[pytrees.TreeDef, list[LeafType]]] = field(init=False, default_factory=dict)
    """The variables that the body assigns first, to arrays whose shape isn't known before the loop. They have
    no elements before it."""

    def __post_init__(self):
        self.before = [Variable.of(n, v) for n, v in zip(self.names, self.get(), strict=True)]
        self.slots = []

    def _make_slots(self) -> None:
        types = {(slot.variable, slot.leaf): slot.type for slot in self.slots}
        rebound = current().rebound
        self.slots = [
            Slot(i, j, leaf, types.get((i, j)) or LeafType.of(leaf))
            for i, variable in enumerate(self.before)
            if self.crosses(i) and not variable.undefined
            for j, leaf in enumerate(variable.leaves)
            if carry.is_dynamic(leaf)
            and (not isinstance(leaf, Array | np.ndarray) or (self.site, i, j) in rebound)
        ]

    def crosses(self, variable: int) -> bool:
        """Whether the variable's value matters to the next iteration or after the loop."""
        return self.carried[variable] or self.live[variable]

    def is_wanted(self, variable: int) -> bool:
        """Whether a variable that the body assigns first is used after the loop."""
        return self.live[variable] or (self.carried[variable] and carry.is_internal(self.names[variable]))

    def may_be_unbound(self, late: Sequence[Late]) -> list[str]:
        """The names of the user's that aren't bound after the loop unless it runs."""
        found = [*(variable.variable for variable in late), *self.empty]
        return [self.names[i] for i in found if not carry.is_internal(self.names[i])]

    def inits(self) -> list[SSAValue]:
        """What the loop starts from; the slots are made here, outside of the loop."""
        for i in self.empty:
            if self.before[i].undefined:
                self._create(i)
        self._make_slots()
        values: list[SSAValue] = []
        for slot in self.slots:
            slot.passage = Passage.of(slot.type)
            values += slot.send(carry.value_of(slot.init))
        return values

    def _create(self, i: int) -> None:
        """Let a variable have a value before the loop, without elements."""
        structure, types = self.empty[i]
        leaves = [type_.wrap(type_.zero(), [n or 0 for n in type_.shape or ()]) for type_ in types]
        self.before[i] = Variable.of(self.names[i], pytrees.unflatten(structure, leaves))
        current().rebound |= {(self.site, i, j) for j in range(len(leaves))}

    @property
    def varies(self) -> bool:
        """Whether it carries an array that changes its shape."""
        return any(slot.type.varies for slot in self.slots)

    def enter(self, arguments: Sequence[SSAValue], *, head: bool = False) -> None:
        """Let the variables stand for the block arguments; at the `head` of a loop only those it looks at."""
        values = iter(arguments)
        for slot in self.slots:
            if head and slot.type.varies:
                slot.skip(values)
            else:
                slot.enter(values)
        self.assign([slot.entry for slot in self.slots])

    def restore(self) -> None:
        """Give the variables the values that they had before the loop."""
        self.set([v.value for v in self.before])

    def assign(self, leaves: Sequence[Any]) -> None:
        """Give the variables these leaves in their slots, and what they had before elsewhere."""
        lists = [list(v.leaves) for v in self.before]
        for slot, leaf in zip(self.slots, leaves, strict=True):
            lists[slot.variable][slot.leaf] = leaf
        touched = {slot.variable for slot in self.slots}
        self.set(
            [
                pytrees.unflatten(v.structure, leaves) if i in touched else v.value
                for i, (v, leaves) in enumerate(zip(self.before, lists, strict=True))
            ]
        )

    def collect(self) -> list[Variable]:
        """The variables at the end of the body."""
        return [Variable.of(n, v) for n, v in zip(self.names, self.get(), strict=True)]

    def leaf_after(self, slot: Slot, after: Sequence[Variable]) -> Any:
        variable = after[slot.variable]
        return slot.entry if variable.undefined else variable.leaves[slot.leaf]

    def _become_complex(self, after: list[Variable]) -> bool:
        """Let what is complex at one end of the body be so at the other; say whether that is the start."""
        changed = False
        for i, (old, new) in enumerate(zip(self.before, after, strict=True)):
            if old.undefined or new.undefined or not self.crosses(i) or old.value is new.value:
                continue
            self.before[i], after[i] = carry.alike(old, new)
            if self.before[i] is not old:
                self.slots = [slot for slot in self.slots if slot.variable != i]
                changed = True
        return changed

    def widen(self, after: list[Variable]) -> bool:
        """Adapt the slots to how the variables left the body, and say whether that changed any."""
        if self._become_complex(after):
            return True
        changed = False
        for i, (old, new) in enumerate(zip(self.before, after, strict=True)):
            if old.undefined and self.is_wanted(i) and any(map(_has_open_extents, new.leaves)):
                self.empty[i] = new.structure, [LeafType.of(leaf).unknown() for leaf in new.leaves]
                changed = True
        for slot in self.slots:
            leaf = self.leaf_after(slot, after)
            if leaf is slot.entry:
                continue
            if not carry.is_dynamic(leaf):
                raise carry.static_mismatch(self.names[slot.variable], slot.init, leaf)
            joined = carry.join(self.names[slot.variable], slot.type, LeafType.of(leaf))
            changed |= joined != slot.type
            slot.type = joined
        taken = {(slot.variable, slot.leaf) for slot in self.slots}
        for i, (old, new) in enumerate(zip(self.before, after, strict=True)):
            if old.undefined or new.undefined or not self.crosses(i) or old.value is new.value:
                continue
            carry.check_same_structure(old, new)
            for j, (x, y) in enumerate(zip(old.leaves, new.leaves, strict=True)):
                if (i, j) in taken or carry.same_static(x, y):
                    continue
                if not (carry.is_dynamic(x) and carry.is_dynamic(y)):
                    raise carry.static_mismatch(old.name, x, y)
                carry.join(old.name, LeafType.of(x), LeafType.of(y))
                current().rebound.add((self.site, i, j))
                changed = True
        return changed


def _has_open_extents(leaf: Any) -> bool:
    return isinstance(leaf, Array) and LeafType.of(leaf).unknown().varies


@dataclass
class Late:
    """A variable that the body assigns first, whose last value is used after the loop."""

    variable: int
    value: Variable
    types: list[LeafType]


def late_variables(state: LoopState, after: Sequence[Variable]) -> list[Late]:
    found = []
    for i, (old, new) in enumerate(zip(state.before, after, strict=True)):
        if not (old.undefined and not new.undefined and state.is_wanted(i)):
            continue
        for leaf in new.leaves:
            if not carry.is_dynamic(leaf):
                raise error(
                    f"variable {old.name!r} is first assigned in the loop, to a {type(leaf).__name__}"
                    " that can't be a result of the compiled loop",
                    hint="assign it before the loop",
                )
        found.append(Late(i, new, [LeafType.of(leaf) for leaf in new.leaves]))
    return found
