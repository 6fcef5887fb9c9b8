"""Sums that a loop makes, in memory (`%d[%i + 1] += %x - %y`) or of what it carries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, llvm, math, memref, scf
from xdsl.ir import Operation, SSAValue

from dialectad.ad.polyhedron import ONE, plus
from dialectad.lower.loops.accesses import STORES, Touch, index_of, is_invariant
from dialectad.walk import walk

_SLOW = {arith.DivfOp: 6, math.SqrtOp: 6, memref.LoadOp: 1, llvm.LoadOp: 1}
_CALLS = frozenset(math.Math.operations) - {math.SqrtOp, math.AbsFOp, math.FmaOp, math.CopySignOp}
_REDUCTIONS = frozenset(
    (
        *(arith.AddfOp, arith.MulfOp, arith.MaximumfOp, arith.MinimumfOp, arith.MaxnumfOp, arith.MinnumfOp),
        *(arith.AddiOp, arith.MuliOp, arith.MaxSIOp, arith.MinSIOp, arith.MaxUIOp, arith.MinUIOp),
        *(arith.AndIOp, arith.OrIOp, arith.XOrIOp),
    )
)
"""Ops whose order doesn't matter, but for rounding."""

_FLOATS = (arith.AddfOp, arith.SubfOp, arith.MulfOp, arith.NegfOp, arith.SelectOp, arith.CmpfOp)


@dataclass(frozen=True, eq=False)
class Sum:
    """An element that a loop reads, adds to, and writes back; nothing else uses what it has read."""

    load: Touch
    store: Touch
    terms: Sequence[tuple[bool, SSAValue]]
    """What is added or (True) subtracted."""


def addresses(op: Operation) -> list[SSAValue]:
    """The operands that say where an op reads or writes."""
    return list(op.operands[1:] if isinstance(op, STORES) else op.operands)


def sums_of(loop: scf.ForOp, found: Sequence[Touch]) -> list[Sum]:
    """The sums of a loop that are made in every iteration."""
    by_op = {touch.op: touch for touch in found if touch.op.parent is loop.body.block and touch.at}
    sums: list[Sum] = []
    for store in found:
        if store.op not in by_op or not store.stores:
            continue
        load, terms = _terms(store.op.operands[0], store, by_op)
        if load is not None and terms and found.index(load) < found.index(store):
            sums.append(Sum(load, store, terms))
    return sums


def _terms(
    value: SSAValue, store: Touch, by_op: dict[Operation, Touch]
) -> tuple[Touch | None, list[tuple[bool, SSAValue]]]:
    """What is loaded where the store stores, if `value` is that and something, and the something."""
    op = value.owner
    if not isinstance(op, Operation) or not value.has_one_use():
        return None, []
    if (load := by_op.get(op)) is not None:
        same = load.place is store.place and load.address == store.address
        return (load if same and value.type == store.op.operands[0].type else None), []
    if isinstance(op, arith.AddfOp | arith.SubfOp):
        load, terms = _terms(op.lhs, store, by_op)
        if load is not None:
            return load, [*terms, (isinstance(op, arith.SubfOp), op.rhs)]
        if isinstance(op, arith.AddfOp):
            load, terms = _terms(op.rhs, store, by_op)
            if load is not None:
                return load, [*terms, (False, op.lhs)]
    return None, []


def offset(a: Sum, b: Sum, loop: scf.ForOp) -> int | None:
    """How many iterations after `b` has added to an element `a` adds to it."""
    advance = a.store.address.get(index_of(loop), 0)
    distance = plus(b.store.address, a.store.address, -1)
    if not advance or not set(distance) <= {ONE} or distance.get(ONE, 0) % advance:
        return None
    known = all(is_invariant(v, loop) for v in a.store.address)
    return distance.get(ONE, 0) // advance if known else None


def weight(ops: Iterable[Operation]) -> int:
    """What it costs to run ops, in additions."""
    total = 0
    for op in ops:
        for inner in walk(op):
            if type(inner) in _CALLS:
                total += 20
            else:
                total += _SLOW.get(type(inner), isinstance(inner, _FLOATS))  # pyright: ignore
    return total


def only_reduces(loop: scf.ForOp) -> bool:
    """Whether all that a loop carries is sums, products, maxima and the like, and not looked at."""
    return all(_is_reduced(arg, i) for i, arg in enumerate(loop.body.block.args[1:]))


def _is_reduced(carried: SSAValue, position: int) -> bool:
    block = carried.owner
    value, kind = carried, None
    while (use := value.get_user_of_unique_use()) is not None:
        if use.parent is not block:
            return False
        if isinstance(use, scf.YieldOp):
            return use.operands[position] is value
        its = arith.AddfOp if isinstance(use, arith.SubfOp) and use.lhs is value else type(use)
        if its not in _REDUCTIONS or kind not in (None, its):
            return False
        value, kind = use.results[0], its
    return False
