"""`for` and `while` become `scf.for` and `scf.while`.

Note [One trace of a body]
    The body is traced with one block argument per leaf of the variables it updates. If a leaf comes out
    with another type than it went in (an int that meets a float), the body is traced again with the type
    that serves both. Storages need no second trace, see Note [Touched storages].
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from xdsl.dialects import scf
from xdsl.dialects.builtin import i1
from xdsl.ir import Block, Region, SSAValue

from dialectad.frontend import carry, emit, pytrees
from dialectad.frontend.carry import LeafType, Undefined, Variable
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.emit import Extent
from dialectad.frontend.tracers import Array
from dialectad.frontend.tracing import Scope, Storage, current, error

Getter = Callable[[], Sequence[Any]]
Setter = Callable[[Sequence[Any]], None]


def counted_loop(count: Extent, init: SSAValue, body: Callable[[SSAValue, SSAValue], SSAValue]) -> SSAValue:
    """`for i in range(count): value = body(i, value)`, starting from `init`, for the frontend's own use."""
    trace = current()
    block = Block(arg_types=[INDEX, init.type])
    with trace.open(block, "branch"):  # nothing in the body touches a storage that it writes
        trace.insert(scf.YieldOp(body(block.args[0], block.args[1])))
    bounds = [emit.constant(0, INDEX), emit.index(count), emit.constant(1, INDEX)]
    return emit.op(scf.ForOp(*bounds, [init], Region(block)))


@dataclass
class _Slot:
    """One leaf of one variable that is carried by the loop."""

    variable: int
    leaf: int
    init: Any
    type: LeafType
    entry: Any = None
    """The tracer that stands for it at the start of the body."""


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
    before: list[Variable] = field(init=False)
    slots: list[_Slot] = field(init=False)

    def __post_init__(self):
        self.before = [Variable.of(n, v) for n, v in zip(self.names, self.get(), strict=True)]
        self.slots = []
        self._make_slots()

    def _make_slots(self) -> None:
        types = {(slot.variable, slot.leaf): slot.type for slot in self.slots}
        rebound = current().rebound
        self.slots = [
            _Slot(i, j, leaf, types.get((i, j)) or LeafType.of(leaf))
            for i, variable in enumerate(self.before)
            if self.crosses(i) and not variable.undefined
            for j, leaf in enumerate(variable.leaves)
            if carry.is_dynamic(leaf)
            and (not isinstance(leaf, Array | np.ndarray) or (self.site, i, j) in rebound)
        ]

    def crosses(self, variable: int) -> bool:
        """Whether the variable's value matters to the next iteration or after the loop."""
        return self.carried[variable] or self.live[variable]

    def inits(self) -> list[SSAValue]:
        return [slot.type.convert(carry.value_of(slot.init)) for slot in self.slots]

    def enter(self, arguments: Sequence[SSAValue]) -> None:
        """Let the variables stand for the block arguments."""
        for slot, argument in zip(self.slots, arguments, strict=True):
            slot.entry = slot.type.wrap(argument)
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

    def leaf_after(self, slot: _Slot, after: Sequence[Variable]) -> Any:
        variable = after[slot.variable]
        return slot.entry if variable.undefined else variable.leaves[slot.leaf]

    def widen(self, after: Sequence[Variable]) -> bool:
        """Adapt the slots to how the variables left the body, and say whether that changed any."""
        changed = False
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
        if changed:
            self._make_slots()
        return changed


@dataclass
class _Late:
    """A variable that the body assigns first, whose last value is used after the loop."""

    variable: int
    value: Variable
    types: list[LeafType]


def _late_variables(state: LoopState, after: Sequence[Variable]) -> list[_Late]:
    found = []
    for i, (old, new) in enumerate(zip(state.before, after, strict=True)):
        wanted = state.live[i] or (state.carried[i] and carry.is_internal(old.name))
        if not (old.undefined and not new.undefined and wanted):
            continue
        for leaf in new.leaves:
            if not carry.is_dynamic(leaf):
                raise error(
                    f"variable {old.name!r} is first assigned in the loop, to a {type(leaf).__name__}"
                    " that can't be a result of the compiled loop",
                    hint="assign it before the loop",
                )
        found.append(_Late(i, new, [LeafType.of(leaf) for leaf in new.leaves]))
    return found


@contextmanager
def _discarding() -> Iterator[None]:
    """Undo what an attempt at tracing did to the trace's scope, should it fail."""
    trace = current()
    scope, blocks = trace.scope, set(trace.open_blocks)
    try:
        yield
    except BaseException:
        trace.scope, trace.open_blocks = scope, blocks
        raise


def _check_aliases(state: LoopState, after: Sequence[Variable], scope: Scope) -> None:
    """Refuse what carrying arrays by value would get wrong: writes that another name should see."""
    written = set(scope.written())
    written |= {
        slot.entry.storage
        for slot in state.slots
        if isinstance(slot.entry, Array) and _was_written(scope, slot)
    }
    sources: dict[Storage, str] = {}
    for slot in state.slots:
        if not isinstance(slot.init, Array) or slot.type.shape is None:
            continue
        name, origin = state.names[slot.variable], slot.init.storage
        entry = slot.entry.storage
        if entry in written:
            if origin in scope.entered or (origin in sources):
                raise error(
                    f"array {name!r} is both rebound and written into by this loop,"
                    " while another name stands for the same memory",
                    hint=f"copy it before the loop: {name} = {name}.copy()",
                )
            origin.stale = (
                f"the memory that {name!r} had before a loop was written into by the loop through {name!r},"
                " which the loop also rebinds"
            )
        elif origin in scope.entered and origin in written:
            raise error(
                f"the memory of array {name!r}, which this loop rebinds, is written into by another name",
                hint=f"copy it before the loop: {name} = {name}.copy()",
            )
        sources[origin] = name
    finals: dict[Storage, str] = {}
    for slot in state.slots:
        leaf = state.leaf_after(slot, after)
        if isinstance(leaf, Array) and leaf is not slot.entry:
            name = state.names[slot.variable]
            if leaf.storage in finals and (written & {slot.entry.storage} or leaf.storage in written):
                raise error(
                    f"{finals[leaf.storage]!r} and {name!r} are the same array after an iteration"
                    " of a loop that writes into it",
                    hint="copy one of them",
                )
            finals[leaf.storage] = name


def _was_written(scope: Scope, slot: _Slot) -> bool:
    assert isinstance(slot.entry, Array)
    return scope.values[slot.entry.storage] not in scope.block.args


def _mark_results(slot: _Slot, leaf: Any, result: Any, at_least_once: bool) -> None:
    """An array after the loop may be the one before it, or one from around the loop."""
    if not isinstance(result, Array):
        return
    others = [leaf] if at_least_once else [leaf, slot.init]
    for other in others:
        if isinstance(other, Array) and other is not slot.entry:
            result.storage.may_be.add(other.storage)
            other.storage.may_be.add(result.storage)


@dataclass
class _Traced:
    """A body that was traced with types that fit."""

    scope: Scope
    after: list[Variable]
    late: list[_Late]
    yields: list[SSAValue]
    """Slots, then late leaves, then written storages."""
    written: list[Storage]


def _finish_body(state: LoopState, scope: Scope, after: list[Variable]) -> _Traced:
    """With the body's scope open: what it yields. Block arguments of storages only read are removed."""
    late = _late_variables(state, after)
    yields = [
        slot.type.convert(carry.value_of(state.leaf_after(slot, after)))
        if state.leaf_after(slot, after) is not slot.entry
        else slot.type.convert(slot.entry.ssa())
        for slot in state.slots
    ]
    for variable in late:
        leaves = zip(variable.types, variable.value.leaves, strict=True)
        yields += [type_.convert(carry.value_of(leaf)) for type_, leaf in leaves]
    written = scope.written()
    yields += [scope.values[storage] for storage in written]
    return _Traced(scope, after, late, yields, written)


def _drop_unwritten(scope: Scope, written: Sequence[Storage], outer: Callable[[Storage], SSAValue]) -> None:
    """Put the values from outside back in place of the block arguments of storages only read."""
    for storage, argument in list(scope.entered.items()):
        if storage not in written:
            argument.replace_all_uses_with(outer(storage))
            scope.block.erase_arg(argument)  # pyright: ignore[reportArgumentType]


def _late_inits(late: Sequence[_Late]) -> list[SSAValue]:
    return [type_.zero() for variable in late for type_ in variable.types]


def _leave(state: LoopState, traced: _Traced, results: Sequence[SSAValue], ran: SSAValue | bool) -> None:
    """Give the variables and storages their values after the loop; `ran`: whether it ran at all."""
    rest = iter(results)
    leaves: list[Any] = []
    for slot in state.slots:
        value = next(rest)
        leaf = state.leaf_after(slot, traced.after)
        if leaf is slot.entry and not (isinstance(leaf, Array) and _was_written(traced.scope, slot)):
            leaves.append(slot.init)
            continue
        result = slot.type.wrap(value)
        _mark_results(slot, leaf, result, ran is True)
        leaves.append(result)
    state.assign(leaves)
    values = list(state.get())
    for variable in traced.late:
        parts = [type_.wrap(next(rest)) for type_ in variable.types]
        values[variable.variable] = pytrees.unflatten(variable.value.structure, parts)
        name = state.names[variable.variable]
        if ran is not True and not carry.is_internal(name):
            assert isinstance(ran, SSAValue)
            emit.check(ran, f"UnboundLocalError: {name} is assigned only in a loop that did not run")
    for i, name in enumerate(state.names):
        if not state.crosses(i):
            values[i] = Undefined(name) if state.before[i].undefined else state.before[i].value
    state.set(values)
    for storage in traced.written:
        current().write(storage, next(rest))


_ATTEMPTS = 5


def for_loop(
    state: LoopState,
    bounds: tuple[SSAValue, SSAValue, SSAValue],
    body: Callable[[SSAValue], None],
    at_least_once: bool,
) -> None:
    """`scf.for` over the bounds; `body(index)` is called with the variables set, and updates them."""
    trace = current()
    for _ in range(_ATTEMPTS):
        inits = state.inits()
        block = Block(arg_types=[INDEX, *(v.type for v in inits)])
        with _discarding(), trace.open(block, "loop") as scope:
            state.enter(block.args[1:])
            body(block.args[0])
            after = state.collect()
            settled = not state.widen(after)
            if settled:
                _check_aliases(state, after, scope)
                traced = _finish_body(state, scope, after)
                trace.insert(scf.YieldOp(*traced.yields))
        if settled:
            break
        state.restore()
    else:
        raise error("the types of the variables of this loop don't settle")
    _drop_unwritten(scope, traced.written, trace.read)
    late = _late_inits(traced.late)
    # storages come after the slots in the block, and late variables after these: put them in order
    _insert_unused(block, 1 + len(inits), late)
    storages = [trace.read(s) for s in traced.written]
    op = trace.insert(scf.ForOp(*bounds, [*inits, *late, *storages], Region(block)))
    ran: SSAValue | bool = at_least_once
    if not at_least_once and any(not carry.is_internal(state.names[v.variable]) for v in traced.late):
        ran = emit.compare("slt", bounds[0], bounds[1])
    _leave(state, traced, op.results, ran)


def _insert_unused(block: Block, position: int, values: Sequence[SSAValue]) -> None:
    for offset, value in enumerate(values):
        block.insert_arg(value.type, position + offset)


def while_loop(state: LoopState, test: Callable[[], SSAValue | bool], body: Callable[[], None]) -> bool:
    """`scf.while`; gives False, and does nothing, if the test doesn't depend on what the loop changes."""
    trace = current()
    for _ in range(_ATTEMPTS):
        inits = state.inits()
        before = Block(arg_types=[v.type for v in inits])
        after_block = Block(arg_types=[v.type for v in inits])
        with _discarding(), trace.open(before, "loop") as head:
            state.enter(before.args)
            condition = test()
            if condition is False or (condition is True and not state.slots):
                state.restore()
                return False
            if head.written():
                raise error("the condition of a loop writes into an array")
            with trace.open(after_block, "loop") as scope:
                trace.open_blocks.discard(before)
                state.enter(after_block.args)
                body()
                after = state.collect()
                settled = not state.widen(after)
                if settled:
                    _check_aliases(state, after, scope)
                    traced = _finish_body(state, scope, after)
                trace.open_blocks.add(before)
        if settled:
            break
        state.restore()
    else:
        raise error("the types of the variables of this loop don't settle")
    outer = head.parent
    assert outer is not None
    # what the body only reads is seen through the head, which in turn sees the surrounding scope
    _drop_unwritten(scope, traced.written, lambda s: head.values[s])
    _drop_unwritten(head, traced.written, trace.read)
    late = _late_inits(traced.late)
    flag = [emit.constant(0, i1)] if late else []
    count = len(inits)
    _insert_unused(after_block, count, [*late, *flag])
    _insert_unused(before, count, [*late, *flag])
    _same_order(head, before, count + len(late) + len(flag), traced.written)
    _same_order(scope, after_block, count + len(late) + len(flag), traced.written)
    with trace.open(after_block, "loop"):
        at = count + len(late)
        ran_now = [emit.constant(1, i1)] if late else []
        trace.insert(scf.YieldOp(*traced.yields[:at], *ran_now, *traced.yields[at:]))
    with trace.open(before, "loop"):
        go_on = emit.constant(1, i1) if condition is True else condition
        trace.insert(scf.ConditionOp(go_on, *before.args))
    values = [*inits, *late, *flag, *(trace.read(s) for s in traced.written)]
    op = trace.insert(scf.WhileOp(values, [v.type for v in values], Region(before), Region(after_block)))
    results = list(op.results)
    ran: SSAValue | bool = False
    if late:
        ran = results.pop(count + len(late))
    _leave(state, traced, results, ran)
    return True


def _same_order(scope: Scope, block: Block, first: int, written: Sequence[Storage]) -> None:
    """Let the arguments of the written storages follow each other in the order of `written`."""
    replaced = [scope.entered[s] for s in written]
    for storage, old in zip(written, replaced, strict=True):
        new = block.insert_arg(old.type, len(block.args))
        old.replace_all_uses_with(new)
        scope.entered[storage] = new
        if scope.values[storage] is old:
            scope.values[storage] = new
    for old in replaced:
        block.erase_arg(old)  # pyright: ignore[reportArgumentType]
    assert len(block.args) == first + len(written)
