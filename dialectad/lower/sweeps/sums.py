"""What a loop only adds to: then the order of its iterations doesn't matter, but for rounding.

%r = scf.for ... iter_args(%a = %x) { ...; %b = arith.addf %a, %v;  yield %b }        carried
%a = memref.load %m[%i];  %b = arith.addf %a, %v;  memref.store %b, %m[%i]            in memory
"""

from __future__ import annotations

from xdsl.dialects import arith, llvm, memref, scf
from xdsl.ir import Operation, OpResult, SSAValue

from dialectad.dialects import blas
from dialectad.lower.sweeps.touches import Touch


def carries_only_sums(loop: scf.ForOp) -> bool:
    """Whether all that `loop` carries is added to, and not looked at."""
    end = loop.body.block.last_op
    assert end is not None
    return all(
        (count := _leaves(y, arg)) > 0 and count == arg.uses.get_length()
        for arg, y in zip(loop.body.block.args[1:], end.operands, strict=True)
    )


def _leaves(value: SSAValue, start: SSAValue) -> int:
    """How often `start` is used on the way to `value`, if all that happens to it is that something is added;
    0 if `value` isn't made like that."""
    if value is start:
        return 1
    if value.uses.get_length() != 1 or not isinstance(value, OpResult):
        return 0
    match value.op:
        case arith.AddfOp() as op:
            lhs, rhs = _leaves(op.lhs, start), _leaves(op.rhs, start)
            return lhs + rhs if (lhs == 0) != (rhs == 0) else 0
        case scf.ForOp() as op:
            before, arg = op.iter_args[value.index], op.body.block.args[value.index + 1]
            after = _yielded(op, 0, value.index)
            inner = _leaves(after, arg)
            return _leaves(before, start) if inner and inner == arg.uses.get_length() else 0
        case scf.IfOp() as op if op.regions[1].first_block is not None:
            ways = [_leaves(_yielded(op, region, value.index), start) for region in range(2)]
            return sum(ways) if all(ways) else 0
        case _:
            return 0


def _yielded(op: Operation, region: int, index: int) -> SSAValue:
    end = op.regions[region].block.last_op
    assert end is not None
    return end.operands[index]


def is_sum(touch: Touch) -> bool:
    """Whether memory is touched by the load or store of a sum, or by a product that is added to it."""
    match touch.op:
        case memref.StoreOp() | llvm.StoreOp() as op:
            return _loaded_for(op) is not None
        case memref.LoadOp() | llvm.LoadOp() as op:
            return any(_loaded_for(store) is op for store in _stores_of_sums(op.results[0]))
        case blas.GemmOp() | blas.GemvOp() | blas.GerOp() as op:
            return touch.writes and op.beta.value.data == 1.0
        case _:
            return False


def _stores_of_sums(loaded: SSAValue) -> list[memref.StoreOp | llvm.StoreOp]:
    return [
        store.operation
        for use in loaded.uses
        if isinstance(use.operation, arith.AddfOp)
        for store in use.operation.result.uses
        if isinstance(store.operation, memref.StoreOp | llvm.StoreOp)
    ]


def _loaded_for(store: memref.StoreOp | llvm.StoreOp) -> Operation | None:
    """The load of the element that `store` writes, if it writes that element and something more."""
    total = store.value.owner
    if not isinstance(total, arith.AddfOp) or total.result.uses.get_length() != 1:
        return None
    for operand in total.operands:
        load = operand.owner
        if (
            isinstance(load, memref.LoadOp | llvm.LoadOp)
            and load.parent is store.parent
            and operand.uses.get_length() == 1
            and _place(load) == _place(store)
        ):
            return load
    return None


def _place(op: memref.LoadOp | memref.StoreOp | llvm.LoadOp | llvm.StoreOp) -> tuple[SSAValue, ...]:
    match op:
        case memref.LoadOp() | memref.StoreOp():
            return (op.memref, *op.indices)
        case _:
            return (op.ptr,)
