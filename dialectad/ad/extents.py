"""The dynamic extents of a tensor or memref, as values of the primal program."""

from __future__ import annotations

from xdsl.dialects import memref, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType
from xdsl.ir import Block, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from dialectad.ad.algebra import integer_constant
from dialectad.dialects.extents import dynamic_dims, extent_of, source


def extents(value: SSAValue) -> list[SSAValue]:
    """The dynamic extents of `value`: what it was made with, or else `dim`s put behind it."""
    if isinstance(value.type, MemRefType):
        return [_dim(value, dim) for dim, n in enumerate(value.type.get_shape()) if n == DYNAMIC_INDEX]
    return [_extent(value, dim) for dim in dynamic_dims(value)]


def _dim(memory: SSAValue, dim: int) -> SSAValue:
    if (known := extent_of(memory, dim)) is not None:
        return known
    index = integer_constant(dim)
    size = memref.DimOp(memory, index.result)
    Rewriter.insert_op((index, size), _behind(memory))
    return size.results[0]


def _behind(value: SSAValue) -> InsertPoint:
    owner = value.owner
    return InsertPoint.at_start(owner) if isinstance(owner, Block) else InsertPoint.after(owner)


def _extent(value: SSAValue, dim: int) -> SSAValue:
    found = source(value, dim)
    if isinstance(found, SSAValue):
        return found
    point = _behind(value)
    if isinstance(found, int):  # the type doesn't tell, but an op does
        constant = integer_constant(found)
        Rewriter.insert_op(constant, point)
        return constant.result
    index = integer_constant(found[1])
    size = tensor.DimOp(found[0], index.result)
    Rewriter.insert_op((index, size), point)
    return size.result
