"""The extents of tensors as values."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import IndexType, IntegerAttr
from xdsl.ir import Operation, SSAValue

from dialectad.dialects.extents import dynamic_dims, source
from dialectad.rewrite.structure import insert_before

_INDEX = IndexType()


def extent(value: SSAValue, dim: int, before: Operation, stored: Mapping[SSAValue, SSAValue]) -> SSAValue:
    """The extent of `value` along `dim`, by ops inserted before `before` where it isn't at hand."""
    found = source(value, dim)
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
    return [extent(value, dim, before, {}) for dim in dynamic_dims(value)]
