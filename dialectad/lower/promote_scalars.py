"""`promote-scalars`: an element that an innermost loop touches in every iteration is held in a register.

    scf.for %k = %l to %n {                    %first = memref.load %a[%i, %j]
      %x = memref.load %a[%i, %j]              %last = scf.for %k = %l to %n iter_args(%x = %first) {
      %y = arith.subf %x, %p              =>     %y = arith.subf %x, %p
      memref.store %y, %a[%i, %j]                scf.yield %y
    }                                          }
                                               memref.store %last, %a[%i, %j]

So a sum is one that LLVM can vectorise. LLVM does the same where it can tell that nothing else in the loop
touches the element; but that rows of one array don't overlap, or that %k is below %j, needs the dependence
test. What is only read is read before the loop. A loop that needn't run gets branches around both, for
the element needn't be there then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, llvm, memref, scf
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IndexType, IntegerAttr, IntegerType, ModuleOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from dialectad.lower.loops.accesses import (
    LOADS,
    STORES,
    Meetings,
    Touch,
    index_of,
    innermost_loops,
    touches,
    trip_count,
)
from dialectad.lower.loops.slices import copy, slice_of
from dialectad.lower.loops.sums import addresses
from dialectad.rewrite import structure


@dataclass(frozen=True)
class PromoteScalarsPass(ModulePass):
    """Keep what is at an address that doesn't change in a register while a loop runs."""

    name = "promote-scalars"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for loop in innermost_loops(op):
            if trip_count(loop) in (0, 1) or not (found := touches(loop)):
                continue
            cells = [cell for cell in _cells(loop, found) if _is_alone(cell, found, Meetings(loop))]
            if cells:
                _promote(loop, cells)


def _cells(loop: scf.ForOp, found: list[Touch]) -> list[list[Touch]]:
    """Accesses of every iteration by the element that they are of, if it is one in all iterations."""
    cells: dict[object, list[Touch]] = {}
    for touch in found:
        if touch.at is not None and touch.op.parent is loop.body.block and _is_fixed(touch, loop):
            if not isinstance(_type(touch.op), AnyFloat | IntegerType | IndexType):
                continue
            key = touch.place, frozenset(touch.address.items()), _type(touch.op)
            cells.setdefault(key, []).append(touch)
    return list(cells.values())


def _type(op: Operation) -> Attribute:
    """The type of what an op reads or writes."""
    return (op.operands[0] if isinstance(op, STORES) else op.results[0]).type


def _is_fixed(touch: Touch, loop: scf.ForOp) -> bool:
    """Whether the address can be computed before the loop."""
    names = addresses(touch.op)
    ops = slice_of(names, loop)
    if ops is None or any(isinstance(op, (*LOADS, scf.IfOp)) for op in ops):
        return False
    return index_of(loop) not in {*names, *(operand for op in ops for operand in op.operands)}


def _is_alone(cell: list[Touch], found: list[Touch], meetings: Meetings) -> bool:
    """Whether nothing else in the loop writes the element, nor reads what is written to it."""
    stores = any(touch.stores for touch in cell)
    return not any(
        (stores or other.stores) and meetings.any(cell[0], other) for other in found if other not in cell
    )


def _promote(loop: scf.ForOp, cells: list[list[Touch]]) -> None:
    """Read the cells before the loop, carry those that are written, and write them after it."""
    cells.sort(key=lambda cell: any(touch.stores for touch in cell))
    before, known = Builder(InsertPoint.before(loop)), dict[SSAValue, SSAValue]()
    for cell in cells:
        copy(slice_of(addresses(cell[0].op), loop) or (), before, known)
    runs = None if trip_count(loop) else before.insert(arith.CmpiOp(loop.lb, loop.ub, "slt")).result
    places = [[known.get(name, name) for name in addresses(cell[0].op)] for cell in cells]
    firsts = [_first(cell[0].op, place, runs, before) for cell, place in zip(cells, places, strict=True)]
    read = sum(not any(touch.stores for touch in cell) for cell in cells)
    new = _widened(loop, firsts[read:])
    arguments = new.body.block.args[len(new.body.block.args) - len(cells) + read :]
    lasts = [_threaded(cell, value) for cell, value in zip(cells, [*firsts[:read], *arguments], strict=True)]
    terminator = new.body.block.last_op
    assert terminator is not None
    terminator.operands = [*terminator.operands, *lasts[read:]]
    after = Builder(InsertPoint.after(new))
    for cell, place, last in zip(cells[read:], places[read:], _last(new, len(cells) - read), strict=True):
        _write(cell[0].op, place, last, runs, after)


def _last(loop: scf.ForOp, count: int) -> Sequence[SSAValue]:
    return loop.results[len(loop.results) - count :]


def _threaded(cell: list[Touch], value: SSAValue) -> SSAValue:
    """Take the accesses out of the loop; gives what the element holds at the end of an iteration."""
    for touch in cell:
        if touch.stores:
            value = touch.op.operands[0]
        else:
            touch.op.results[0].replace_all_uses_with(value)
        structure.erase(touch.op)
    return value


def _widened(loop: scf.ForOp, carried: Sequence[SSAValue]) -> scf.ForOp:
    """The loop with more values that it carries; its terminator lacks them yet."""
    if not carried:
        return loop
    body = loop.detach_region(loop.body)
    for value in carried:
        body.block.insert_arg(value.type, len(body.block.args))
    new = scf.ForOp(loop.lb, loop.ub, loop.step, [*loop.iter_args, *carried], body)
    new.attributes |= loop.attributes
    structure.insert_before(loop, new)
    structure.replace(loop, new.results[: len(loop.results)])
    return new


def _first(op: Operation, place: Sequence[SSAValue], runs: SSAValue | None, builder: Builder) -> SSAValue:
    """What the element holds before the loop, if that runs."""
    t = _type(op)
    load = (
        memref.LoadOp.get(place[0], place[1:])
        if isinstance(op, memref.LoadOp | memref.StoreOp)
        else llvm.LoadOp.create(operands=place, result_types=[t], properties=_properties(op))
    )
    load.location = op.location
    load.attributes |= op.attributes
    if runs is None:
        builder.insert(load)
        return load.results[0]
    otherwise = _nothing(t)
    branch = scf.IfOp(
        runs,
        [t],
        Region(Block([load, scf.YieldOp(load.results[0])])),
        Region(Block([otherwise, scf.YieldOp(otherwise.results[0])])),
    )
    branch.location = op.location
    builder.insert(branch)
    return branch.results[0]


def _write(
    op: Operation, place: Sequence[SSAValue], last: SSAValue, runs: SSAValue | None, builder: Builder
) -> None:
    """Write what the element holds after the loop, if that has run."""
    store = (
        memref.StoreOp.get(last, place[0], place[1:])
        if isinstance(op, memref.LoadOp | memref.StoreOp)
        else llvm.StoreOp.create(operands=[last, *place], properties=_properties(op))
    )
    store.location = op.location
    store.attributes |= op.attributes
    if runs is not None:
        inner, store = store, scf.IfOp(runs, [], Region(Block([store, scf.YieldOp()])))
        store.location = inner.location
    builder.insert(store)


def _properties(op: Operation) -> dict[str, Attribute]:
    """What loads and stores of the `llvm` dialect have in common."""
    return {name: op.properties[name] for name in ("ordering", "alignment") if name in op.properties}


def _nothing(t: Attribute) -> Operation:
    """A value that nobody looks at."""
    value = FloatAttr(0.0, t) if isinstance(t, AnyFloat) else IntegerAttr(0, t)  # pyright: ignore
    return arith.ConstantOp.create(result_types=[t], properties={"value": value})
