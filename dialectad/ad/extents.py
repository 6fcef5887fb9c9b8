"""The dynamic extents of a tensor, as values of the primal program."""

from __future__ import annotations

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.ad.algebra import integer_constant
from dialectad.dialects import blas


def dynamic_dims(value: SSAValue) -> list[int]:
    type_ = value.type
    return (
        [i for i, e in enumerate(type_.get_shape()) if e == DYNAMIC_INDEX]
        if isinstance(type_, TensorType)
        else []
    )


def extents(value: SSAValue) -> list[SSAValue]:
    """The dynamic extents of `value`: what it was made with, or else `tensor.dim`s put behind it."""
    if not (dims := dynamic_dims(value)):
        return []
    if isinstance(op := value.owner, Operation) and (known := _made_with(op)) is not None:
        return known
    return _measured(value, dims)


def _made_with(op: Operation) -> list[SSAValue] | None:
    match op:
        case tensor.EmptyOp():
            return list(op.dynamic_sizes)
        case tensor.SplatOp():
            return list(op.dynamicSizes)
        case tensor.ExtractSliceOp() if len(op.sizes) == len(dynamic_dims(op.result)):
            return list(op.sizes)
        case tensor.InsertSliceOp() | tensor.InsertOp():
            return extents(op.dest)
        case LinalgStructuredOperation():
            return extents(op.outputs[0])
        case linalg.ReduceOp() | linalg.BroadcastOp():
            return extents(op.init)
        case blas.GemmOp() | blas.GemvOp() | blas.GerOp():
            return extents(op.dest)
        case arith.SelectOp():
            return extents(op.lhs)
        case scf.ForOp() | scf.WhileOp() | scf.IfOp():
            return None
        case _ if op.name.startswith(("arith.", "math.", "ad.stop")) and op.operands:
            return extents(op.operands[0])
        case _:
            return None


def _measured(value: SSAValue, dims: list[int]) -> list[SSAValue]:
    owner = value.owner
    point = InsertPoint.at_start(owner) if isinstance(owner, Block) else InsertPoint.after(owner)
    sizes: list[SSAValue] = []
    for dim in dims:
        index = integer_constant(dim)
        size = tensor.DimOp(value, index.result)
        Rewriter.insert_op((index, size), point)
        sizes.append(size.result)
    return sizes
