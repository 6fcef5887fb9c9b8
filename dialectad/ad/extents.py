"""The dynamic extents of a tensor, as values of the primal program."""

from __future__ import annotations

from xdsl.dialects import tensor
from xdsl.ir import Block, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.ad.algebra import integer_constant
from dialectad.dialects.extents import dynamic_dims, source


def extents(value: SSAValue) -> list[SSAValue]:
    """The dynamic extents of `value`: what it was made with, or else `tensor.dim`s put behind it."""
    return [_extent(value, dim) for dim in dynamic_dims(value)]


def _extent(value: SSAValue, dim: int) -> SSAValue:
    found = source(value, dim)
    if isinstance(found, SSAValue):
        return found
    owner = value.owner
    point = InsertPoint.at_start(owner) if isinstance(owner, Block) else InsertPoint.after(owner)
    if isinstance(found, int):  # the type doesn't tell, but an op does
        constant = integer_constant(found)
        Rewriter.insert_op(constant, point)
        return constant.result
    index = integer_constant(found[1])
    size = tensor.DimOp(found[0], index.result)
    Rewriter.insert_op((index, size), point)
    return size.result
