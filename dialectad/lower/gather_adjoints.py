"""`gather-adjoints`: sums into neighbouring elements, scattered by an innermost loop, are gathered.

    scf.for %i = %l to %n { %a = g(%i); %d[%i] += %a; %d[%i + 1] -= 2 %a; %d[%i + 2] += %a }
    =>
    scf.for %i = %l to %l + 2     { %d[%i] += g(%i) }             // the ends, of few iterations
    scf.for %i = %l to %l + 1     { %d[%i + 1] -= 2 g(%i) }
    scf.for %j = %l + 2 to %n     { %d[%j] += g(%j) - 2 g(%j - 1) + g(%j - 2) }
    scf.for %i = %n - 1 to %n     { %d[%i + 1] -= 2 g(%i) }
    scf.for %i = %n - 2 to %n     { %d[%i + 2] += g(%i) }

The adjoint of a stencil is such a loop: each iteration adds to what the one before it has added to, which
can't be vectorised. Gathered, an element is read and written once, and iterations are independent, for the
price of computing the addends once per offset (cf. PerforAD, Hueckelheim et al. 2019). The rest of the
loop's body stays a loop; it comes after the sums, or before them where they need what it writes.

What must hold, by the dependence test: nothing else in the loop touches these elements, and the addends come
from memory that doesn't change while they are computed. Then only sums have another order. A loop without
the iterations that it takes to be in the middle is all ends, so extents may be anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, StringAttr, i1
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from dialectad.ad.polyhedron import ONE
from dialectad.lower.loops.accesses import Meetings, Touch, constant, index_of, innermost_loops, touches
from dialectad.lower.loops.numbers import Numbers
from dialectad.lower.loops.slices import copy, remove_unused, slice_of
from dialectad.lower.loops.sums import Sum, addresses, offset, sums_of, weight
from dialectad.rewrite import structure
from dialectad.walk import walk

_WIDEST = 16
"""Offsets that lie further apart aren't a stencil's."""

_SPARED = 20
"""What is gained by gathering, in additions."""

_SHORT = ArrayAttr([ArrayAttr([StringAttr("llvm.loop.vectorize.enable"), IntegerAttr(0, i1)])])
"""What LLVM is told of the loops at the ends."""


@dataclass(frozen=True)
class GatherAdjointsPass(ModulePass):
    """Turn loops that add to several neighbours of an element into loops that add up what each gets."""

    name = "gather-adjoints"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for loop in innermost_loops(op):
            while (found := _stencil(loop)) is not None:
                _gather(found)
                if loop.parent is None:
                    break


@dataclass(frozen=True)
class Stencil:
    """Sums of a loop into elements at constant distances."""

    loop: scf.ForOp
    sums: Sequence[Sum]
    shifts: Sequence[int]
    """How many iterations later an element is the one that the first sum adds to."""
    first: bool
    """Whether the sums are made before the rest of the loop runs."""


def _stencil(loop: scf.ForOp) -> Stencil | None:
    """Some sums of the loop that can be gathered together."""
    if constant(loop.step) != 1 or not (found := touches(loop)):
        return None
    meetings, sums = Meetings(loop), sums_of(loop, found)
    for group in _groups(sums, meetings):
        shifts = [offset(group[0], one, loop) for one in group]
        if None in shifts or max(shifts) - min(shifts) > _WIDEST:  # pyright: ignore
            continue
        if len(set(shifts)) < len(shifts) or any(meetings.apart(s.store, s.store) for s in group):
            continue
        others = [t for t in found if not any(t in (s.load, s.store) for s in group)]
        if any(meetings.any(other, s.store) for other in others for s in group):
            continue
        if (first := _order(loop, group, found, others, meetings)) is None or not _pays(loop, group):
            continue
        return Stencil(loop, group, shifts, first)  # pyright: ignore[reportArgumentType]
    return None


def _groups(sums: Sequence[Sum], meetings: Meetings) -> list[list[Sum]]:
    """The sums that add to the same elements in different iterations."""
    groups: list[list[Sum]] = []
    for one in sums:
        near = [g for g in groups if any(meetings.apart(one.store, other.store) for other in g)]
        groups = [g for g in groups if g not in near] + [[s for g in near for s in g] + [one]]
    return [group for group in groups if len(group) > 1]


def _order(
    loop: scf.ForOp, group: Sequence[Sum], found: Sequence[Touch], others: Sequence[Touch], meetings: Meetings
) -> bool | None:
    """Whether the sums are to be made before the rest (True) or after it; None if neither is right."""
    ops = slice_of([term for s in group for _, term in s.terms], loop)
    if ops is None or any(slice_of(addresses(s.load.op), loop) is None for s in group):
        return None
    inner = {i for op in ops for i in walk(op)}
    reads = [t for t in others if t.op in inner]
    writes = [t for t in others if t.stores]

    def after(a: Touch, b: Touch) -> bool:
        """Whether `b` touches what `a` has touched before."""
        return meetings.later(a, b) or (found.index(a) < found.index(b) and meetings.together(a, b))

    if not any(after(write, read) for write in writes for read in reads):
        return True
    return False if not any(after(read, write) for write in writes for read in reads) else None


def _pays(loop: scf.ForOp, group: Sequence[Sum]) -> bool:
    """Whether it costs less to compute the addends several times than to wait for one another's sums."""
    together = slice_of([term for s in group for _, term in s.terms], loop) or ()
    apart = sum(weight(slice_of([term for _, term in s.terms], loop) or ()) for s in group)
    return apart <= 2 * weight(together) + _SPARED


def _gather(stencil: Stencil) -> None:
    loop, least, most = stencil.loop, min(stencil.shifts), max(stencil.shifts)
    block = loop.parent
    assert block is not None
    builder = Builder(InsertPoint.before(loop) if stencil.first else InsertPoint.after(loop))
    numbers = Numbers(builder, loop.lb)
    ends: list[tuple[SSAValue, SSAValue]] = []
    for one, shift in zip(stencil.sums, stencil.shifts, strict=True):
        start = numbers.least(numbers.value({loop.lb: 1, ONE: most - shift}), loop.ub)
        _loop(builder, loop, loop.lb, start, [(one, 0)])
        ends.append((numbers.greatest(start, numbers.value({loop.ub: 1, ONE: least - shift})), loop.ub))
    middle = numbers.value({loop.lb: 1, ONE: most}), numbers.value({loop.ub: 1, ONE: least})
    _loop(builder, loop, *middle, list(zip(stencil.sums, stencil.shifts, strict=True)))
    for one, (start, end) in zip(stencil.sums, ends, strict=True):
        _loop(builder, loop, start, end, [(one, 0)])
    for one in stencil.sums:
        structure.erase(one.store.op)
    remove_unused(loop)


def _loop(
    builder: Builder, loop: scf.ForOp, start: SSAValue, end: SSAValue, sums: Sequence[tuple[Sum, int]]
) -> None:
    """A loop that makes these sums, each so many iterations later, where the first one adds to."""
    if (gap := Numbers.gap(end, start)) is not None and gap <= 0:
        return
    body = Block(arg_types=[loop.lb.type])
    inner = Builder(InsertPoint.at_end(body))
    numbers = Numbers(inner, loop.lb)
    target = sums[0][0]
    here: dict[SSAValue, SSAValue] = {index_of(loop): body.args[0]}
    copy(slice_of(addresses(target.load.op), loop) or (), inner, here)
    total: SSAValue = inner.insert(target.load.op.clone(here)).results[0]
    for one, shift in sums:
        there = here
        if shift:
            there = {index_of(loop): numbers.value({body.args[0]: 1, ONE: -shift})}
        copy(slice_of([term for _, term in one.terms], loop) or (), inner, there)
        for negative, term in one.terms:
            kind = arith.SubfOp if negative else arith.AddfOp
            total = _at(target.store.op, inner.insert(kind(total, there.get(term, term)))).results[0]
    store = target.store.op.clone({**here, target.store.op.operands[0]: total})
    inner.insert(store)
    inner.insert(scf.YieldOp())
    new = scf.ForOp(start, end, loop.step, [], Region(body))
    if len(sums) == 1:
        new.attributes["dialectad.loop"] = _SHORT
    builder.insert(_at(loop, new))


def _at(like: Operation, op: Operation) -> Operation:
    op.location = like.location
    return op
