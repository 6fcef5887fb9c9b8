"""Access memory in each branch, where LLVM chooses a pointer first and accesses memory through it.

LLVM makes one load of two that end branches. Which memory that reads, and so what its shadow is, depends on
the condition then:

    %p = llvm.select %c, %a, %b;  %v = llvm.load %p
    =>
    %v = scf.if %c { %x = llvm.load %a;  yield %x } else { %y = llvm.load %b;  yield %y }

The same for stores, and through address arithmetic. A pointer that an `scf.if` gives is a select where both
ways only compute an address:

    %p = scf.if %c { %a = llvm.getelementptr ...;  yield %a } else { yield %b }
    =>
    %a = llvm.getelementptr ...;  %p = llvm.select %c, %a, %b

What else hands on pointers hands on numbers of buffers and offsets, of which such selects are made
(`carried_pointers.py`).
"""

from __future__ import annotations

from xdsl.dialects import arith, func, llvm, scf
from xdsl.ir import Block, Operation, Region, SSAValue, Use
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.ad.carried_pointers import carry_places, is_pointer
from dialectad.ad.memory import BULK, buffer_of
from dialectad.rewrite import structure
from dialectad.walk import walk

_ADDRESS_OPS: tuple[type[Operation], ...] = (
    *(llvm.GEPOp, llvm.SelectOp, arith.ConstantOp, arith.AddiOp, arith.SubiOp, arith.MuliOp, arith.ShLIOp),
    *(arith.ExtSIOp, arith.ExtUIOp, arith.TruncIOp, arith.IndexCastOp, arith.SelectOp),
    *(arith.CmpiOp, arith.CmpfOp, arith.AndIOp, arith.OrIOp, arith.XOrIOp),
)
"""What an address is computed by, and may be computed early."""


def resolve_chosen_pointers(function: func.FuncOp) -> None:
    """Rewrite the accesses to memory through pointers that a condition has chosen."""
    # The inner branches first: the selects that they become may leave the outer ones.
    for op in reversed([op for op in walk(function) if isinstance(op, scf.IfOp)]):
        if any(is_pointer(result) for result in op.results):
            _select_pointers(op)
    carry_places(function)
    # The last choice first: what is accessed through it may be accessed through an earlier one then.
    for op in reversed([op for op in walk(function) if isinstance(op, llvm.SelectOp)]):
        if is_pointer(op.res):
            _resolve(op)


# Branches that give pointers


def _select_pointers(op: scf.IfOp) -> None:
    """Let selects after `op` take the place of the pointers that it gives."""
    keep: list[bool] = []
    values: list[SSAValue] = []
    ends = [region.block.last_op for region in op.regions]
    for i, result in enumerate(op.results):
        ways = [end.operands[i] for end in ends if end is not None]
        if is_pointer(result) and all(_can_leave(way, op) for way in ways):
            a, b = (_moved_out(way, op) for way in ways)
            select = llvm.SelectOp(op.cond, a, b)
            _insert_before(op, select)
            keep.append(False)
            values.append(select.res)
        else:
            keep.append(True)
            values.append(result)
    if not all(keep):
        structure.shrink_if(op, keep, values)


def _can_leave(value: SSAValue, branch: Operation) -> bool:
    owner = value.owner
    if isinstance(owner, Block) or not branch.is_ancestor(owner):
        return True
    return type(owner) in _ADDRESS_OPS and all(_can_leave(operand, branch) for operand in owner.operands)


def _moved_out(value: SSAValue, branch: Operation) -> SSAValue:
    """`value`, with what it is computed by moved to before `branch`."""
    owner = value.owner
    if isinstance(owner, Operation) and branch.is_ancestor(owner):
        for operand in owner.operands:
            _moved_out(operand, branch)
        owner.detach()
        _insert_before(branch, owner)
    return value


# Selected pointers


def _resolve(select: llvm.SelectOp) -> None:
    while (use := next(filter(_accesses, select.res.uses), None)) is not None:
        if isinstance(use.operation, llvm.GEPOp):
            _resolve_address(select, use, use.operation)
        else:
            _access(select, use, use.operation)
    if select.res.first_use is None:
        _erase(select)


def _accesses(use: Use) -> bool:
    """Whether memory is accessed through a pointer, or an address computed of it."""
    match use.operation:
        case llvm.StoreOp():
            return use.index == 1
        case llvm.GEPOp() | llvm.LoadOp() | llvm.CallOp():
            return True
        case op:
            return type(op) in BULK


def _resolve_address(select: llvm.SelectOp, use: Use, op: llvm.GEPOp) -> None:
    """gep (select %c, %a, %b)  =>  select %c, (gep %a), (gep %b)"""
    ways = [_with_operand(op, use.index, pointer) for pointer in (select.lhs, select.rhs)]
    chosen = llvm.SelectOp(select.cond, *(way.results[0] for way in ways))
    _insert_before(op, *ways, chosen)
    op.result.replace_all_uses_with(chosen.res)
    _erase(op)
    _resolve(chosen)


def _access(select: llvm.SelectOp, use: Use, op: Operation) -> None:
    """load (select %c, %a, %b)  =>  scf.if %c { load %a } else { load %b }

    There is nothing at the null pointer: what is accessed is the other one then.
    """
    pointers = [p for p in (select.lhs, select.rhs) if not isinstance(buffer_of(p).owner, llvm.ZeroOp)]
    if len(pointers) < 2:
        op.operands[use.index] = pointers[0] if pointers else select.lhs
        return
    ways = [_with_operand(op, use.index, pointer) for pointer in pointers]
    then, otherwise = (Region(Block([way, scf.YieldOp(*way.results)])) for way in ways)
    branch = scf.IfOp(select.cond, op.result_types, then, otherwise)
    _insert_before(op, branch)
    for old, new in zip(op.results, branch.results, strict=True):
        old.replace_all_uses_with(new)
    _erase(op)


def _with_operand(op: Operation, index: int, value: SSAValue) -> Operation:
    copy = op.clone()
    copy.operands[index] = value
    return copy


def _insert_before(op: Operation, *new: Operation) -> None:
    for n in new:
        n.location = op.location
    Rewriter.insert_op(new, InsertPoint.before(op))


def _erase(op: Operation) -> None:
    op.detach()
    op.erase()
