"""Where the extents of a tensor or memref come from."""

from __future__ import annotations

from xdsl.dialects import arith, memref, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, TensorType, UnrealizedConversionCastOp
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Operation, SSAValue

from dialectad.dialects import ad, blas, lapack

Source = int | SSAValue | tuple[SSAValue, int]
"""An extent: a number, an index value, or a dimension of a tensor that no op tells more about."""


def source(value: SSAValue, dim: int) -> Source:
    """What the extent of `value` along `dim` is, as far as the ops that define it tell."""
    while True:
        shape = shape_of(value)
        if shape[dim] != DYNAMIC_INDEX:
            return shape[dim]
        op = value.owner
        if not isinstance(op, Operation):
            return value, dim
        if (sizes := _sizes(op)) is not None:
            # Dropped dimensions of a slice have the static size 1: dynamic ones keep their order.
            return sizes[shape[:dim].count(DYNAMIC_INDEX)]
        if (same := _same_shape(op)) is None:
            return value, dim
        value = same


def extent_of(memory: SSAValue, dim: int) -> SSAValue | None:
    """The operand that says what the dynamic extent of a memref along `dim` is, if one does."""
    assert isinstance(memory.type, MemRefType)
    position = memory.type.get_shape()[:dim].count(DYNAMIC_INDEX)
    match memory.owner:
        case memref.AllocOp() | memref.AllocaOp() as op:
            return op.dynamic_sizes[position]
        case UnrealizedConversionCastOp() as op if len(op.inputs) > 1 + position:
            return op.inputs[1 + position]
        case memref.ViewOp() | ad.PopOp() | ad.ReserveOp() as op:
            return op.sizes[position]
        case memref.SubviewOp() as op if op.static_sizes.get_values().count(DYNAMIC_INDEX) == len(op.sizes):
            return op.sizes[position]
        case _:
            return None


def shape_of(value: SSAValue) -> tuple[int, ...]:
    assert isinstance(value.type, TensorType)
    return value.type.get_shape()


def dynamic_dims(value: SSAValue) -> list[int]:
    """The dimensions that the type of a tensor leaves open; none for what is no tensor."""
    if not isinstance(value.type, TensorType):
        return []
    return [dim for dim, n in enumerate(shape_of(value)) if n == DYNAMIC_INDEX]


def _sizes(op: Operation) -> list[SSAValue] | None:
    """The dynamic extents of the result, where the op takes them as operands."""
    match op:
        case tensor.EmptyOp():
            return list(op.dynamic_sizes)
        case tensor.SplatOp():
            return list(op.dynamicSizes)
        case tensor.ExtractSliceOp() | ad.PopOp():
            return list(op.sizes)
        case tensor.ExpandShapeOp():
            return list(op.dynamic_output_shape)
        case _:
            return None


def _same_shape(op: Operation) -> SSAValue | None:
    """An operand that has the shape of the result."""
    match op:
        case tensor.InsertSliceOp() | tensor.InsertOp():
            return op.dest
        case tensor.CastOp():
            return op.source
        case LinalgStructuredOperation():
            return op.outputs[0]
        case linalg.ReduceOp() | linalg.BroadcastOp():
            return op.init
        case blas.GemmOp() | blas.GemvOp() | blas.GerOp() | lapack.InPlace():
            return op.operands[-1]
        case arith.SelectOp():
            return op.lhs
        case _ if op.name.startswith(("arith.", "math.", "ad.stop")) and op.operands:
            return op.operands[0]
        case _:
            return None
