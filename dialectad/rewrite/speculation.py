"""Which pure ops may run where the program doesn't run them."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import math, scf, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseArrayBase, IntegerType, MemRefType, TensorType
from xdsl.ir import Operation, SSAValue

from dialectad.rewrite import constants, effects, ranges
from dialectad.rewrite.ranges import Range

_ANY_EXTENT = frozenset((tensor.DimOp, tensor.CastOp, tensor.EmptyOp, tensor.SplatOp, tensor.FromElementsOp))
"""Ops that are fine whatever the extents of their operands are."""


def is_speculatable(op: Operation) -> bool:
    """Whether running `op` (not what is in its regions) is harmless on any operands it may meet."""
    kind = type(op)
    if kind is scf.WhileOp or kind is math.IPowIOp:
        return False
    if kind in effects.TRAPPING:
        divisor = constants.uniform_integer(op.operands[1])
        return divisor is not None and divisor not in (0, -1)
    if isinstance(op, tensor.ExtractOp):
        return _is_in_bounds(op.tensor, op.indices)
    if isinstance(op, tensor.InsertOp):
        return _is_in_bounds(op.dest, op.indices)
    if isinstance(op, tensor.ExtractSliceOp):
        return _is_within(op, op.source)
    if isinstance(op, tensor.InsertSliceOp):
        return _is_within(op, op.dest)
    if kind in effects.SCALAR and not isinstance(op.results[0].type, TensorType):
        return True
    if kind in effects.STRUCTURED or kind in effects.TERMINATORS or kind in _ANY_EXTENT:
        return True
    return not any(_is_dynamic(value) for value in op.operands)


def _is_dynamic(value: SSAValue) -> bool:
    return isinstance(value.type, TensorType | MemRefType) and DYNAMIC_INDEX in value.type.get_shape()


def _is_in_bounds(value: SSAValue, indices: Sequence[SSAValue]) -> bool:
    assert isinstance(value.type, TensorType)
    for extent, index in zip(value.type.get_shape(), indices, strict=True):
        found = ranges.bounds(index)
        if extent == DYNAMIC_INDEX or found is None or found[0] < 0 or found[1] >= extent:
            return False
    return True


def _is_within(op: tensor.ExtractSliceOp | tensor.InsertSliceOp, whole: SSAValue) -> bool:
    assert isinstance(whole.type, TensorType)
    offsets = _ranges(op.static_offsets, op.offsets)
    sizes = _ranges(op.static_sizes, op.sizes)
    strides = _ranges(op.static_strides, op.strides)
    for extent, offset, size, stride in zip(whole.type.get_shape(), offsets, sizes, strides, strict=True):
        if offset is None or size is None or stride is None or extent == DYNAMIC_INDEX:
            return False
        last = offset[1] + max(size[1] - 1, 0) * stride[1]
        if offset[0] < 0 or size[0] < 0 or stride[0] < 1 or last >= extent + (size[1] == 0):
            return False
    return True


def _ranges(static: DenseArrayBase[IntegerType], dynamic: Sequence[SSAValue]) -> list[Range | None]:
    rest = iter(dynamic)
    return [ranges.bounds(next(rest)) if n == DYNAMIC_INDEX else (n, n) for n in static.get_values()]
