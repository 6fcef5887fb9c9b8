"""When several products by one matrix are worth becoming one."""

from __future__ import annotations

from math import prod

from xdsl.dialects.builtin import DYNAMIC_INDEX, FixedBitwidthType, TensorType
from xdsl.ir import Operation, SSAValue

from dialectad.rewrite import constants

SMALLEST = 64
"""Elements of the matrix from which on it pays: what is smaller is unrolled where it stands."""
CACHED_BYTES = 1 << 20
"""A matrix up to this size is still in the cache for the next product."""
FEW_ROWS, MANY_ROWS = 8, 64
"""With so many rows a product is as good as it gets, if the matrix is cached, and if not."""


def shape_of(value: SSAValue) -> tuple[int, ...]:
    assert isinstance(value.type, TensorType)
    return value.type.get_shape()


def bytes_of(value: SSAValue) -> int:
    element = constants.element_type(value.type)
    return prod(shape_of(value)) * (element.size if isinstance(element, FixedBitwidthType) else 8)


def is_static(op: Operation) -> bool:
    """Whether all its operands have shapes that are known."""
    return not any(isinstance(v.type, TensorType) and DYNAMIC_INDEX in shape_of(v) for v in op.operands)


def gains(matrix: SSAValue, rows: int) -> bool:
    """Whether products of so many rows by a matrix, or whose sum it is, are better with more rows."""
    enough = FEW_ROWS if bytes_of(matrix) <= CACHED_BYTES else MANY_ROWS
    return prod(shape_of(matrix)) >= SMALLEST and rows < enough
