"""The slices of `tensor.extract_slice` and `insert_slice` as numbers and values, and their composition.

A *position* is a mix of numbers and values, one for each dimension, as in `[%i, 0]`.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    IndexType,
    IntegerAttr,
    IntegerType,
    TensorType,
)
from xdsl.ir import Operation, SSAValue

from dialectad.rewrite import constants
from dialectad.rewrite.rewriter import Rewriter

Position = list[int | SSAValue]
Slice = tensor.ExtractSliceOp | tensor.InsertSliceOp

_INDEX = IndexType()


def _mixed(static: DenseArrayBase[IntegerType], dynamic: Sequence[SSAValue]) -> Position:
    """A position; values that are constants count as numbers."""
    rest = iter(dynamic)
    mixed: Position = []
    for number in static.get_values():
        if number != DYNAMIC_INDEX:
            mixed.append(number)
        else:
            value = next(rest)
            known = constants.integer(value)
            mixed.append(value if known is None else known)
    return mixed


def offsets(op: Slice) -> Position:
    return _mixed(op.static_offsets, op.offsets)


def sizes(op: Slice) -> Position:
    return _mixed(op.static_sizes, op.sizes)


def strides(op: Slice) -> Position:
    return _mixed(op.static_strides, op.strides)


def written_sizes(op: Slice) -> Position:
    """The sizes as the op has them: which are numbers is part of the type of the slice."""
    rest = iter(op.sizes)
    return [n if n != DYNAMIC_INDEX else next(rest) for n in op.static_sizes.get_values()]


def same_place(a: Slice, b: Slice) -> bool:
    """Whether two slices of tensors of one shape select the same elements."""
    return offsets(a) == offsets(b) and sizes(a) == sizes(b) and strides(a) == strides(b)


def kept_dims(op: Slice) -> list[int]:
    """The dimensions of the whole that are dimensions of the slice; the others have size 1."""
    part = op.result if isinstance(op, tensor.ExtractSliceOp) else op.source
    assert isinstance(part.type, TensorType)
    shape = part.type.get_shape()
    kept: list[int] = []
    for dim, size in enumerate(op.static_sizes.get_values()):
        if size != 1 or (len(kept) < len(shape) and shape[len(kept)] == 1):
            kept.append(dim)
    return kept


def product(rw: Rewriter, at: Operation, a: int | SSAValue, b: int | SSAValue) -> int | SSAValue:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if a == 1 or b == 1:
        return b if a == 1 else a
    return rw.insert(at, arith.MuliOp(as_value(rw, at, a), as_value(rw, at, b)))


def total(rw: Rewriter, at: Operation, a: int | SSAValue, b: int | SSAValue) -> int | SSAValue:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if a == 0 or b == 0:
        return b if a == 0 else a
    return rw.insert(at, arith.AddiOp(as_value(rw, at, a), as_value(rw, at, b)))


def as_value(rw: Rewriter, at: Operation, number: int | SSAValue) -> SSAValue:
    return rw.constant(at, IntegerAttr(number, _INDEX)) if isinstance(number, int) else number


def outer_offsets(rw: Rewriter, at: Operation, inner: tensor.ExtractSliceOp, position: Position) -> Position:
    """Where in the whole the `position` in a slice is."""
    found = offsets(inner)
    step = strides(inner)
    for index, dim in zip(position, kept_dims(inner), strict=True):
        found[dim] = total(rw, at, found[dim], product(rw, at, index, step[dim]))
    return found


def slice_of_slice(rw: Rewriter, op: tensor.ExtractSliceOp, inner: tensor.ExtractSliceOp) -> SSAValue:
    """%a = extract_slice %t[%i, 2] [1, 5] [1, 1];  %b = extract_slice %a[1] [3] [1]
    ~> %b = extract_slice %t[%i, 3] [1, 3] [1, 1]
    """
    found = outer_offsets(rw, op, inner, offsets(op))
    step = strides(inner)
    count: Position = [1] * len(found)
    kept = kept_dims(inner)
    for dim in range(len(found)):
        if dim not in kept:
            step[dim] = 1
    for own_step, own_size, dim in zip(strides(op), written_sizes(op), kept, strict=True):
        step[dim] = product(rw, op, step[dim], own_step)
        count[dim] = own_size
    return rw.insert(op, tensor.ExtractSliceOp(inner.source, found, count, step, op.result.type))


def past_insertion(rw: Rewriter, op: tensor.ExtractSliceOp, inner: tensor.InsertSliceOp) -> SSAValue | None:
    """A slice that what was inserted doesn't touch is one of the tensor before.

    %a = insert_slice %s into %t[4] [4] [1];  %b = extract_slice %a[0] [4] [1]
    ~> %b = extract_slice %t[0] [4] [1]
    """
    for a, b in zip(_intervals(op), _intervals(inner), strict=True):
        if a is not None and b is not None and (a[1] <= b[0] or b[1] <= a[0]):
            new = op.clone()
            new.operands[0] = inner.dest
            return rw.insert(op, new)
    return None


def _intervals(op: Slice) -> list[tuple[int, int] | None]:
    """For each dimension the indices that a slice lies between, where they are known."""
    found: list[tuple[int, int] | None] = []
    for offset, size, stride in zip(offsets(op), sizes(op), strides(op), strict=True):
        if isinstance(offset, int) and isinstance(size, int) and isinstance(stride, int):
            found.append((offset, offset + max(size - 1, 0) * stride + 1))
        else:
            found.append(None)
    return found
