"""Bring a function in memory form into the shape that reverse and forward mode take.

- linalg ops become loops (products stay `blas` ops, unless their rules aren't wanted);
- extents are those that memory was made with;
- memory of static size is allocated once, before all loops, and given back at the very end;

The pass `number-buffers` has run, so every memref is a view of one buffer, known where it is used.
"""

from __future__ import annotations

from xdsl.builder import Builder
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType
from xdsl.ir import Block
from xdsl.rewriter import InsertPoint

from dialectad.ad.primals import constant_of
from dialectad.dialects.extents import extent_of
from dialectad.lower.blas_loops import LOOPS
from dialectad.lower.convert_linalg_to_loops import convert_function
from dialectad.walk import walk


def prepare_memory(function: func.FuncOp, *, blas_rules: bool = True) -> list[memref.DeallocOp]:
    """Rewrite the body of `function`; gives what has to stand at its end."""
    if not blas_rules:
        _lower_products(function)
    convert_function(function)
    _know_extents(function)
    block = function.body.block
    return _extend_lifetimes(block)


def _lower_products(function: func.FuncOp) -> None:
    for op in [op for op in walk(function) if type(op) in LOOPS]:
        LOOPS[type(op)](op, Builder(InsertPoint.before(op)))
        op.detach()
        op.erase()


def _know_extents(function: func.FuncOp) -> None:
    """Use the extents that memory was made with: it may be gone in the reverse sweep, they are kept.

    %m = memref.view %bytes[%o][%n];  %k = memref.dim %m, 0    =>    %k is %n
    """
    for op in [op for op in walk(function) if isinstance(op, memref.DimOp)]:
        assert isinstance(op.source.type, MemRefType)
        axis = constant_of(op.index)
        if axis is None or op.source.type.get_shape()[axis] != DYNAMIC_INDEX:
            continue
        if (known := extent_of(op.source, axis)) is not None:
            op.result.replace_all_uses_with(known)
            op.detach()
            op.erase()


# Memory lives as long as the function


def _extend_lifetimes(block: Block) -> list[memref.DeallocOp]:
    ends: list[memref.DeallocOp] = []
    for op in list(walk(block)):
        match op:
            case memref.AllocOp() | memref.AllocaOp() if op.parent is not block and not op.operands:
                op.detach()
                first = block.first_op
                assert first is not None
                block.insert_op_before(op, first)
                if isinstance(op, memref.AllocOp):
                    ends.append(memref.DeallocOp.get(op.memref))
                    ends[-1].location = op.location
            case memref.DeallocOp():
                owner = op.memref.owner
                if op.parent is block and isinstance(owner, memref.AllocOp):
                    op.detach()
                    ends.append(op)
                elif isinstance(owner, memref.AllocOp) and not owner.operands:
                    op.detach()
                    op.erase()
    return ends
