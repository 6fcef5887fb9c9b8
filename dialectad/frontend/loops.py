"""`for` and `while` become `scf.for` and `scf.while`.

Note [One trace of a body]
    The body is traced with one block argument per leaf of the variables it updates. If a leaf comes out
    with another type than it went in (an int that meets a float), the body is traced again with the type
    that serves both. Storages need no second trace, see Note [Touched storages].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects import scf
from xdsl.dialects.builtin import i1
from xdsl.ir import Block, Region, SSAValue

from dialectad.frontend import aliasing, carry, emit, pytrees
from dialectad.frontend.carry import Undefined, Variable
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.emit import Extent
from dialectad.frontend.loop_state import Late, LoopState, Slot, late_variables
from dialectad.frontend.tracers import Array, Scalar, lift
from dialectad.frontend.tracing import Scope, Storage, current, error


def counted_loop(count: Extent, init: SSAValue, body: Callable[[SSAValue, SSAValue], SSAValue]) -> SSAValue:
    """`for i in range(count): value = body(i, value)`, starting from `init`, for the frontend's own use."""
    trace = current()
    block = Block(arg_types=[INDEX, init.type])
    with trace.open(block, "branch"):  # nothing in the body touches a storage that it writes
        trace.insert(scf.YieldOp(body(block.args[0], block.args[1])))
    first, last, step = emit.constant(0, INDEX), emit.index(count), emit.constant(1, INDEX)
    return emit.op(scf.ForOp(first, last, step, [init], Region(block)))


@contextmanager
def discarding() -> Iterator[None]:
    """Undo what an attempt at tracing did to the trace's scope, should it fail."""
    trace = current()
    scope, blocks, stale = trace.scope, set(trace.open_blocks), dict(trace.stale)
    try:
        yield
    except BaseException:
        trace.scope, trace.open_blocks, trace.stale = scope, blocks, stale
        raise


def _was_written(scope: Scope, slot: Slot) -> bool:
    return isinstance(slot.entry, Array) and scope.values[slot.entry.storage] is not slot.held


def _may_share(
    state: LoopState, after: Sequence[Variable], scope: Scope, stale: Iterable[Storage]
) -> dict[Storage, frozenset[Storage]]:
    """See `aliasing.check_loop`."""
    carried = []
    for slot in state.slots:
        if isinstance(slot.entry, Array):
            init, last = lift(slot.init), state.leaf_after(slot, after)
            last = lift(last) if isinstance(last, np.ndarray) else last
            assert isinstance(init, Array)
            assert isinstance(last, Array)
            carried.append(
                aliasing.Carried(
                    state.names[slot.variable],
                    init.storage,
                    slot.entry.storage,
                    last.storage,
                    _was_written(scope, slot),
                )
            )
    return aliasing.check_loop(carried, scope, stale)


@dataclass
class _Traced:
    """A body that was traced with types that fit."""

    scope: Scope
    after: list[Variable]
    late: list[Late]
    end: scf.YieldOp
    """Yields slots, then late leaves, then written storages."""
    written: list[Storage]
    might_be: dict[Storage, frozenset[Storage]]
    """Per carried array, by what stands for it in the body: what it might be of the loop's surroundings."""


def _finish_body(state: LoopState, scope: Scope, after: list[Variable], stale: Iterable[Storage]) -> _Traced:
    """End the body, whose scope is open. Arguments of its block may still be replaced afterwards."""
    late = late_variables(state, after)
    yields = [v for slot in state.slots for v in slot.send(carry.value_of(state.leaf_after(slot, after)))]
    for variable in late:
        leaves = zip(variable.types, variable.value.leaves, strict=True)
        yields += [type_.convert(carry.value_of(leaf)) for type_, leaf in leaves]
    written = scope.written()
    yields += [scope.values[storage] for storage in written]
    end = current().insert(scf.YieldOp(*yields))
    return _Traced(scope, after, late, end, written, _may_share(state, after, scope, stale))


def _drop_unwritten(scope: Scope, written: Sequence[Storage], outer: Callable[[Storage], SSAValue]) -> None:
    """Put the values from outside back in place of the block arguments of storages only read."""
    for storage, argument in list(scope.entered.items()):
        if storage not in written:
            argument.replace_all_uses_with(outer(storage))
            scope.block.erase_arg(argument)  # pyright: ignore[reportArgumentType]


def _late_inits(late: Sequence[Late]) -> list[SSAValue]:
    return [type_.zero() for variable in late for type_ in variable.types]


def _leave(state: LoopState, traced: _Traced, results: Sequence[SSAValue], ran: SSAValue | bool) -> None:
    """Give the variables and storages their values after the loop; `ran`: whether it ran at all."""
    at_least_once = ran is True
    rest = iter(results)
    leaves: list[Any] = []
    chosen: list[aliasing.Chosen] = []

    def choose(result: Any, leaf: Any, init: Any) -> None:
        if isinstance(result, Array):
            memory = [lift(x).storage if isinstance(x, Array | np.ndarray) else None for x in (leaf, init)]  # pyright: ignore
            known = memory[0].candidates() if memory[0] else set()
            also = {s for entry in known & traced.might_be.keys() for s in traced.might_be[entry]}
            ways = (memory[0], None if at_least_once else memory[1])
            chosen.append(aliasing.Chosen(result.storage, ways, frozenset(also)))

    for slot in state.slots:
        result = slot.receive(rest)
        leaf = state.leaf_after(slot, traced.after)
        if leaf is slot.entry and not _was_written(traced.scope, slot):
            leaves.append(slot.init)
            continue
        choose(result, leaf, slot.init)
        leaves.append(result)
    state.assign(leaves)
    values = list(state.get())
    for variable in traced.late:
        parts = [type_.wrap(next(rest)) for type_ in variable.types]
        for part, leaf in zip(parts, variable.value.leaves, strict=True):
            choose(part, leaf, None)
        values[variable.variable] = pytrees.unflatten(variable.value.structure, parts)
    for name in state.may_be_unbound(traced.late) if ran is not True else []:
        assert isinstance(ran, SSAValue)
        emit.check(ran, f"UnboundLocalError: {name} is assigned only in a loop that did not run")
    for i, name in enumerate(state.names):
        if not state.crosses(i):
            values[i] = Undefined(name) if state.before[i].undefined else state.before[i].value
    state.set(values)
    for storage in traced.written:
        current().write(storage, next(rest))
    aliasing.link_chosen(chosen)


_ATTEMPTS = 5
_UNSETTLED = "the types of the variables of this loop don't settle"


def for_loop(
    state: LoopState,
    bounds: tuple[SSAValue, SSAValue, SSAValue],
    body: Callable[[SSAValue], None],
    at_least_once: bool,
) -> None:
    """`scf.for` over the bounds; `body(index)` is called with the variables set, and updates them."""
    trace = current()
    traced: _Traced | None = None
    for _ in range(_ATTEMPTS):
        inits = state.inits()
        stale, traced = dict(trace.stale), None
        block = Block(arg_types=[INDEX, *(v.type for v in inits)])
        with discarding(), trace.open(block, "loop") as scope:
            state.enter(block.args[1:])
            body(block.args[0])
            after = state.collect()
            if not state.widen(after):
                traced = _finish_body(state, scope, after, stale)
        if traced is not None:
            break
        trace.stale = stale
        state.restore()
    else:
        raise error(_UNSETTLED, hint="give the variables before the loop the types that they have after it")
    _drop_unwritten(scope, traced.written, trace.read)
    late = _late_inits(traced.late)
    # storages come after the slots in the block, and late variables after these: put them in order
    _insert_unused(block, 1 + len(inits), late)
    storages = [trace.read(s) for s in traced.written]
    op = trace.insert(scf.ForOp(*bounds, [*inits, *late, *storages], Region(block)))
    ran: SSAValue | bool = at_least_once
    if not at_least_once and state.may_be_unbound(traced.late):
        ran = emit.compare("slt", bounds[0], bounds[1])
    _leave(state, traced, op.results, ran)


def _insert_unused(block: Block, position: int, values: Sequence[SSAValue]) -> None:
    for offset, value in enumerate(values):
        block.insert_arg(value.type, position + offset)


def while_loop(state: LoopState, test: Callable[[], SSAValue | bool], body: Callable[[], None]) -> bool:
    """`scf.while`; gives False, and does nothing, if the test doesn't depend on what the loop changes."""
    trace = current()
    traced: _Traced | None = None
    for _ in range(_ATTEMPTS):
        if state.varies and not state.tested_after:
            return _while_tested_after(state, test, body)
        inits = state.inits()
        stale, traced = dict(trace.stale), None
        before = Block(arg_types=[v.type for v in inits])
        after_block = Block(arg_types=[v.type for v in inits])
        with discarding(), trace.open(before, "loop") as head:
            state.enter(before.args, head=True)
            condition = test()
            if condition is False or (condition is True and not state.slots):
                state.restore()
                return False
            if head.written():
                raise error(
                    "the condition of a loop writes into an array",
                    hint="write at the end of the body, and before the loop",
                )
            with trace.open(after_block, "loop") as scope:
                trace.open_blocks.discard(before)
                state.enter(after_block.args)
                body()
                after = state.collect()
                if not state.widen(after):
                    traced = _finish_body(state, scope, after, stale)
                trace.open_blocks.add(before)
        if traced is not None:
            break
        trace.stale = stale
        state.restore()
    else:
        raise error(_UNSETTLED, hint="give the variables before the loop the types that they have after it")
    outer = head.parent
    assert outer is not None
    # what the body only reads is seen through the head, which in turn sees the surrounding scope
    _drop_unwritten(scope, traced.written, lambda s: head.values[s])
    _drop_unwritten(head, traced.written, trace.read)
    late = _late_inits(traced.late)
    flag = [emit.constant(0, i1)] if late or state.empty else []
    count = len(inits)
    _insert_unused(after_block, count, [*late, *flag])
    _insert_unused(before, count, [*late, *flag])
    _same_order(head, before, count + len(late) + len(flag), traced.written)
    _same_order(scope, after_block, count + len(late) + len(flag), traced.written)
    if flag:
        at, end = count + len(late), traced.end
        end.detach()
        with trace.open(after_block, "loop"):
            end.operands = [*end.operands[:at], emit.constant(1, i1), *end.operands[at:]]
            trace.insert(end)
    with trace.open(before, "loop"):
        go_on = emit.constant(1, i1) if condition is True else condition
        trace.insert(scf.ConditionOp(go_on, *before.args))
    values = [*inits, *late, *flag, *(trace.read(s) for s in traced.written)]
    op = trace.insert(scf.WhileOp(values, [v.type for v in values], Region(before), Region(after_block)))
    results = list(op.results)
    ran: SSAValue | bool = False
    if flag:
        ran = results.pop(count + len(late))
    _leave(state, traced, results, ran)
    return True


def _while_tested_after(
    state: LoopState, test: Callable[[], SSAValue | bool], body: Callable[[], None]
) -> bool:
    """`while_loop` where the test looks at arrays that are on a stack: its outcome is carried.

    while test(): body()    =>    go_on = test()
                                  while go_on: body(); go_on = test()
    """

    def get() -> Sequence[Any]:
        return [*state.get(), go_on]

    def set_(values: Sequence[Any]) -> None:
        nonlocal go_on
        *rest, go_on = values
        state.set(rest)

    def outcome() -> Scalar:
        found = test()
        return Scalar(found if isinstance(found, SSAValue) else emit.constant(int(found), i1), weak=True)

    def run() -> None:
        nonlocal go_on
        body()
        go_on = outcome()

    go_on: Any = outcome()
    tested = LoopState(
        (state.site, "tested after"),
        (*state.names, "<condition>"),
        (*state.live, True),
        (*state.carried, True),
        get,
        set_,
        tested_after=True,
    )
    return while_loop(tested, lambda: go_on.ssa(), run)


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
