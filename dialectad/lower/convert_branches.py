"""`convert-branches`: branches in parallel loops become selections (if-conversion).

    %r = scf.if %c {                               %x = memref.load %a[%j]
      %x = memref.load %a[%j]                      %z = arith.select %c, %zero, %x
      memref.store %zero, %a[%j]              =>   memref.store %z, %a[%j]
      scf.yield %x                                 %r = arith.select %c, %x, %zero
    } else { scf.yield %zero }

LLVM would vectorise the left one with masked stores, some ten times slower than plain ones on many machines.
What a branch reads and writes must be there whether it is taken or not: its address is in bounds by the
dependence test's arithmetic, or the iteration touches it anyway.

What is done in vain should be cheap: some arithmetic, and a few functions of libm, since a vector of these
takes about as long as one call. Where they aren't wanted they get an argument that they are quick at (the
logarithm of a negative number isn't):

    %y = scf.if %c { yield log %x } else { ... }     =>     %s = arith.select %c, %x, 1.0;  %y = log %s;  ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import arith, func, llvm, math, memref, scf
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    FloatAttr,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    UnitAttr,
    i1,
)
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialectad.ad.dependence import bounds_around
from dialectad.ad.polyhedron import ONE, Linear, is_feasible, plus
from dialectad.lower.llvm.function import byte_size
from dialectad.lower.loops.accesses import (
    STORES,
    Meetings,
    Touch,
    conflicts,
    innermost_loops,
    is_fixed,
    known_of,
    touches,
)
from dialectad.rewrite import structure
from dialectad.rewrite.effects import TERMINATORS, TRAPPING
from dialectad.walk import walk

FROZEN = "dialectad.frozen"
"""Says of a load that LLVM gets a `freeze` of its value. That changes nothing, but what is selected isn't
what was loaded then, of which LLVM would make a masked store after all.
"""

_CALLS = frozenset(
    (
        *(math.ExpOp, math.Exp2Op, math.ExpM1Op, math.LogOp, math.Log2Op, math.Log10Op, math.Log1pOp),
        *(math.SinOp, math.CosOp, math.TanOp, math.AsinOp, math.AcosOp, math.AtanOp, math.Atan2Op),
        *(math.SinhOp, math.CoshOp, math.TanhOp, math.AsinhOp, math.AcoshOp, math.ErfOp, math.CbrtOp),
        *(math.PowFOp,),
    )
)
"""Functions of libm that have vector variants, and are quick at 1."""

_INSTRUCTIONS = frozenset((math.SqrtOp, math.AbsFOp, math.FloorOp, math.CeilOp, math.CopySignOp, math.FmaOp))

_CHEAP = frozenset((*arith.Arith.operations, *_INSTRUCTIONS, llvm.GEPOp, memref.SubviewOp)) - TRAPPING

_IN_VAIN = _CHEAP | _CALLS | TERMINATORS | {scf.IfOp}

_MOST = 20
"""Operations in a branch beyond which it stays one."""

_MOST_CALLS = 3
"""Calls in the branches of a loop beyond which these stay."""


@dataclass(frozen=True)
class ConvertBranchesPass(ModulePass):
    """Turn the branches of innermost loops that are otherwise vectorisable into selections."""

    name = "convert-branches"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for loop in innermost_loops(op):
            branches = [o for o in walk(loop.body.block) if isinstance(o, scf.IfOp)]
            if not branches or not (found := touches(loop)):
                continue
            if all(
                is_fixed(a, loop) and is_fixed(b, loop) for a, b in conflicts(found, Meetings(loop))
            ) and _are_convertible(branches, found):
                for branch in reversed(branches):  # the inner ones first
                    _convert(branch)


def _are_convertible(branches: list[scf.IfOp], found: list[Touch]) -> bool:
    by_op = {touch.op: touch for touch in found}
    calls = 0
    for branch in branches:
        inner = [op for block in _blocks(branch) for op in block.ops]
        calls += sum(type(op) in _CALLS for op in inner)
        if len(inner) > _MOST or not all(
            _is_safe(by_op[op], found) if op in by_op else type(op) in _IN_VAIN for op in inner
        ):
            return False
    return calls <= _MOST_CALLS


def _blocks(branch: scf.IfOp) -> Iterator[Block]:
    for region in branch.regions:
        yield from region.blocks


def _is_safe(touch: Touch, found: list[Touch]) -> bool:
    """Whether an access may be made although its branch isn't taken."""
    if touch.at is None:
        return False
    if any(_is_always(o) and o.place is touch.place and o.at and o.address == touch.address for o in found):
        return True
    size = _size(touch.place)
    if size is None:
        return False
    around = bounds_around(touch.op)
    beyond = plus(touch.address, {ONE: touch.at.width - size - 1})
    below: Linear = plus(plus({}, touch.address, -1), {ONE: -1})
    return not is_feasible([*around, beyond]) and not is_feasible([*around, below])


def _is_always(touch: Touch) -> bool:
    return isinstance(touch.op.parent_op(), scf.ForOp)


def _size(place: SSAValue) -> int | None:
    """The bytes of a place, as far as they are known."""
    if isinstance(t := place.type, MemRefType):
        return None if DYNAMIC_INDEX in (shape := t.get_shape()) else prod(shape) * byte_size(t.element_type)
    block = place.owner
    if isinstance(block, Block) and isinstance(function := block.parent_op(), func.FuncOp):
        size = known_of(function, place).get("llvm.dereferenceable")
        return size.value.data if isinstance(size, IntegerAttr) else None
    return None


def _convert(branch: scf.IfOp) -> None:
    """Run both branches, one after the other; what each writes is what is there, unless it is taken."""
    yields: list[list[SSAValue]] = []
    for taken, region in ((True, branch.true_region), (False, branch.false_region)):
        if (block := region.first_block) is None:
            continue
        guarded = [op for op in block.ops if isinstance(op, STORES) or type(op) in _CALLS]
        condition = branch.cond if taken or not guarded else _not(branch)
        for op in guarded:
            if type(op) in _CALLS:
                _make_quick(op, condition)
            else:
                _guard(op, condition)
        yields.append(structure.splice(branch, block, []))
    results: list[SSAValue] = []
    for values in zip(*yields, strict=True) if branch.results else ():
        select = arith.SelectOp(branch.cond, *values)
        structure.insert_before(branch, select)
        results.append(select.result)
    structure.replace(branch, results)


def _not(branch: scf.IfOp) -> SSAValue:
    true = arith.ConstantOp(IntegerAttr(1, i1))
    opposite = arith.XOrIOp(branch.cond, true.result)
    structure.insert_before(branch, true, opposite)
    return opposite.result


def _make_quick(call: Operation, condition: SSAValue) -> None:
    """log %x  =>  log (select %condition, %x, 1.0)"""
    for i, operand in enumerate(call.operands):
        assert isinstance(operand.type, AnyFloat)
        one = arith.ConstantOp(FloatAttr(1.0, operand.type))
        select = arith.SelectOp(condition, operand, one.result)
        structure.insert_before(call, one, select)
        call.operands[i] = select.result


def _guard(store: Operation, condition: SSAValue) -> None:
    """store %v, %p  =>  store (select %condition, %v, (load %p)), %p"""
    value, *place = store.operands
    old = (
        memref.LoadOp.get(place[0], place[1:])
        if isinstance(store, memref.StoreOp)
        else llvm.LoadOp.create(
            operands=place,
            result_types=[value.type],
            properties={k: v for k, v in store.properties.items() if k in ("ordering", "alignment")},
        )
    )
    old.attributes[FROZEN] = UnitAttr()
    new = arith.SelectOp(condition, value, old.results[0])
    structure.insert_before(store, old, new)
    store.operands = [new.result, *place]
