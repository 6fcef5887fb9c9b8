"""`split-loops`: take the one iteration out of a loop that the others depend on (index-set splitting).

    scf.for %j = %l to %n { %x = memref.load %d[%i, %k]; ...; memref.store %y, %d[%i, %j] }
    =>
    %before = min(%k, %n), %after = max(%k + 1, %l)
    scf.for %j = %l to %before { ... }
    scf.if %l <= %k < %n { ... with %k for %j }
    scf.for %j = %after to %n { ... }

What is read here is written where %j is %k. Before and after that nothing depends on another iteration, so
LLVM can vectorise both parts. A loop is split only if that makes both independent, sums in one element
aside (`promote-scalars`); for its code is there three times then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, StringAttr, i32
from xdsl.ir import Block, Region
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from dialectad.ad.polyhedron import ONE, Linear, plus
from dialectad.lower.loops.accesses import (
    Meetings,
    Touch,
    conflicts,
    constant,
    index_of,
    innermost_loops,
    is_fixed,
    is_invariant,
    touches,
    trip_count,
)
from dialectad.lower.loops.numbers import Numbers
from dialectad.rewrite import structure
from dialectad.walk import walk

_LARGEST = 60
"""Operations in a body beyond which it isn't copied."""

_NARROW = ArrayAttr([ArrayAttr([StringAttr("llvm.loop.interleave.count"), IntegerAttr(1, i32)])])
"""What LLVM is told of the parts: they are short, and what doesn't fill its vectors is done one by one."""

_CANDIDATES = 4
"""Iterations that are tried."""


@dataclass(frozen=True)
class SplitLoopsPass(ModulePass):
    """Split innermost loops at an iteration that keeps the others from being independent."""

    name = "split-loops"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for loop in innermost_loops(op):
            if (trips := trip_count(loop)) is not None and trips < 8:
                continue
            if constant(loop.step) == 1 and (found := touches(loop)) and _size(loop) <= _LARGEST:
                clashing = conflicts(found, Meetings(loop))
                if clashing and (at := _where(loop, found, clashing)) is not None:
                    _split(loop, at)


def _size(loop: scf.ForOp) -> int:
    return sum(1 for _ in walk(loop.body.block))


def _where(loop: scf.ForOp, found: Sequence[Touch], clashing: Sequence[tuple[Touch, Touch]]) -> Linear | None:
    """The iteration without which all that is left are accesses that stay at one element."""
    places = {
        frozenset(e.items()): e
        for a, b in clashing
        if not (is_fixed(a, loop) and is_fixed(b, loop))
        for e in _meeting(a, b, loop)
    }
    if len(places) > _CANDIDATES:
        return None
    return next((at for at in places.values() if _helps(at, loop, found, clashing)), None)


def _helps(
    at: Linear, loop: scf.ForOp, found: Sequence[Touch], clashing: Sequence[tuple[Touch, Touch]]
) -> bool:
    """Whether the iterations before `at` are independent of one another, and those after it."""
    distance = plus({index_of(loop): 1}, at, -1)
    for side in (1, -1):
        meetings = Meetings(loop, (plus({ONE: -1}, distance, side),))
        for a, b in clashing:
            fixed = is_fixed(a, loop) and is_fixed(b, loop)
            if not fixed and meetings.apart(a, b):
                return False
            # an element of which a sum is made must not be touched by way of another name
            if fixed and any(_crosses(a, o, loop, meetings) for o in found):
                return False
    return True


def _crosses(fixed: Touch, other: Touch, loop: scf.ForOp, meetings: Meetings) -> bool:
    return not is_fixed(other, loop) and meetings.any(fixed, other)


def _meeting(a: Touch, b: Touch, loop: scf.ForOp) -> Iterator[Linear]:
    """The iteration of an access that moves in which it is where the other one stays."""
    moving, fixed = (a, b) if is_fixed(b, loop) else (b, a)
    if moving.at is None or fixed.at is None or a.place is not b.place:
        return
    index = index_of(loop)
    distance = plus(fixed.address, moving.address, -1)
    step = -distance.pop(index, 0)
    if not step or not all(is_invariant(v, loop) and c % step == 0 for v, c in distance.items()):
        return
    yield {v: c // step for v, c in distance.items()}


def _split(loop: scf.ForOp, at: Linear) -> None:
    """The docstring's rewrite, with what the loop carries handed from part to part."""
    builder = Builder(InsertPoint.before(loop))
    numbers = Numbers(builder, loop.lb)
    k = numbers.value(at)
    before = numbers.least(k, loop.ub)
    after = numbers.greatest(numbers.value(plus(at, {ONE: 1})), loop.lb)
    first = loop.clone()
    first.operands = [loop.lb, before, loop.step, *loop.iter_args]
    builder.insert(first)
    low = builder.insert(arith.CmpiOp(loop.lb, k, "sle")).result
    high = builder.insert(arith.CmpiOp(k, loop.ub, "slt")).result
    inside = builder.insert(arith.AndIOp(low, high)).result
    once = Block()
    branch = scf.IfOp(inside, loop.result_types, Region(once), Region(Block([scf.YieldOp(*first.results)])))
    builder.insert(branch)
    body = loop.body.clone()
    end = scf.YieldOp()
    once.add_op(end)
    end.operands = structure.splice(end, body.block, [k, *first.results])
    last = loop.clone()
    last.operands = [after, loop.ub, loop.step, *branch.results]
    builder.insert(last)
    for part in (first, last):
        part.attributes["dialectad.loop"] = _NARROW
    structure.replace(loop, last.results)
