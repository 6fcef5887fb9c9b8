"""The extents of tensors as values."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, IndexType, IntegerAttr, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation, SSAValue

from dialectad.rewrite import elementwise
from dialectad.rewrite.structure import insert_before

_INDEX = IndexType()


def known(value: SSAValue, dim: int) -> SSAValue | int | tuple[SSAValue, int]:
    """The extent of `value` along `dim`: a number, a value at hand, or a dimension of another tensor."""
    while True:
        type_ = value.type
        assert isinstance(type_, TensorType)
        shape = type_.get_shape()
        if shape[dim] != DYNAMIC_INDEX:
            return shape[dim]
        owner = value.owner
        position = shape[:dim].count(DYNAMIC_INDEX)
        if isinstance(owner, tensor.EmptyOp):
            return owner.dynamic_sizes[position]
        if isinstance(owner, tensor.SplatOp):
            return owner.dynamicSizes[position]
        if isinstance(owner, tensor.ExpandShapeOp):
            return owner.dynamic_output_shape[position]
        if isinstance(owner, tensor.ExtractSliceOp):
            return owner.sizes[position]  # dropped dimensions have the static size 1
        if isinstance(owner, tensor.InsertOp | tensor.InsertSliceOp):
            value = owner.dest
        elif isinstance(owner, tensor.CastOp):
            value = owner.source
        elif not isinstance(owner, Operation) or not owner.operands:
            return value, dim
        elif type(owner) in elementwise.ELEMENTWISE:
            value = next(o for o in reversed(owner.operands) if isinstance(o.type, TensorType))
        elif destinations := _destination(owner):
            value = destinations
        else:
            return value, dim


def _destination(op: Operation) -> SSAValue | None:
    """The operand that has the shape of the result."""
    if isinstance(op, linalg.GenericOp):
        return op.outputs[0]
    if isinstance(op, linalg.ReduceOp | linalg.BroadcastOp):
        return op.init
    dests = elementwise.destinations(op)
    return dests[0] if len(dests) == 1 and len(op.results) == 1 else None


def extent(value: SSAValue, dim: int, before: Operation, stored: Mapping[SSAValue, SSAValue]) -> SSAValue:
    """The extent of `value` along `dim`, by ops inserted before `before` where it isn't at hand."""
    found = known(value, dim)
    if isinstance(found, SSAValue):
        return found
    number = found if isinstance(found, int) else found[1]
    constant = arith.ConstantOp(IntegerAttr(number, _INDEX))
    insert_before(before, constant)
    if isinstance(found, int):
        return constant.result
    size = tensor.DimOp(stored.get(found[0], found[0]), constant.result)
    insert_before(before, size)
    return size.result


def dynamic_sizes(value: SSAValue, before: Operation) -> list[SSAValue]:
    """The extents of `value` that its type doesn't tell."""
    type_ = value.type
    assert isinstance(type_, TensorType)
    dynamic = [dim for dim, n in enumerate(type_.get_shape()) if n == DYNAMIC_INDEX]
    return [extent(value, dim, before, {}) for dim in dynamic]
