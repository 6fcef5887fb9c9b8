"""The ops of the linalg rung, emitted at the trace's current place: functions from SSA values to SSA values.

An *extent* is an `int`, or an SSA value of type `index` where it is only known at run time.
"""

from __future__ import annotations

from dialectad.frontend.emit.conversions import cast, compare, dtype, like, not_, not_equal_zero, select
from dialectad.frontend.emit.extents import (
    add_index,
    element,
    element_type,
    mul_index,
    rank,
    same_extent,
    shape,
    sub_index,
    tensor_type,
)
from dialectad.frontend.emit.scalars import Extent, by_sign, check, constant, index, op, scalar_attr, static
from dialectad.frontend.emit.shapes import (
    broadcast,
    collapse,
    dense,
    empty,
    full,
    reshape,
    retyped,
    splat,
    transpose,
)
from dialectad.frontend.emit.slices import extract, extract_slice, insert, insert_slice
from dialectad.frontend.emit.structured import PARALLEL, REDUCTION, flip, generic, matmul, reduce

__all__ = [
    "PARALLEL",
    "REDUCTION",
    "Extent",
    "add_index",
    "broadcast",
    "by_sign",
    "cast",
    "check",
    "collapse",
    "compare",
    "constant",
    "dense",
    "dtype",
    "element",
    "element_type",
    "empty",
    "extract",
    "extract_slice",
    "flip",
    "full",
    "generic",
    "index",
    "insert",
    "insert_slice",
    "like",
    "matmul",
    "mul_index",
    "not_",
    "not_equal_zero",
    "op",
    "rank",
    "reduce",
    "reshape",
    "retyped",
    "same_extent",
    "scalar_attr",
    "select",
    "shape",
    "splat",
    "static",
    "sub_index",
    "tensor_type",
    "transpose",
]
