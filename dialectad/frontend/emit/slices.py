"""Elements and slices of tensors, read and replaced."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    i64,
)
from xdsl.ir import SSAValue

from dialectad.frontend.emit.extents import element, tensor_type
from dialectad.frontend.emit.scalars import Extent, index, op


def extract(value: SSAValue, where: Sequence[Extent]) -> SSAValue:
    return op(tensor.ExtractOp(value, [index(i) for i in where], element(value)))


def insert(scalar: SSAValue, into: SSAValue, where: Sequence[Extent]) -> SSAValue:
    return op(tensor.InsertOp(scalar, into, [index(i) for i in where]))


def _split(values: Sequence[Extent]) -> tuple[list[int], list[SSAValue]]:
    return (
        [v if isinstance(v, int) else DYNAMIC_INDEX for v in values],
        [v for v in values if isinstance(v, SSAValue)],
    )


def extract_slice(
    value: SSAValue,
    offsets: Sequence[Extent],
    sizes: Sequence[Extent],
    strides: Sequence[int],
    dropped: frozenset[int] = frozenset(),
) -> SSAValue:
    """A slice; the `dropped` axes, of size one, don't appear in the result."""
    static_offsets, dynamic_offsets = _split(offsets)
    static_sizes, dynamic_sizes = _split(sizes)
    kept = [s for axis, s in enumerate(sizes) if axis not in dropped]
    return op(
        tensor.ExtractSliceOp.build(
            operands=[[value], dynamic_offsets, dynamic_sizes, []],
            result_types=[tensor_type(kept, element(value))],
            properties={
                "static_offsets": DenseArrayBase.from_list(i64, static_offsets),
                "static_sizes": DenseArrayBase.from_list(i64, static_sizes),
                "static_strides": DenseArrayBase.from_list(i64, list(strides)),
            },
        )
    )


def insert_slice(
    value: SSAValue,
    into: SSAValue,
    offsets: Sequence[Extent],
    sizes: Sequence[Extent],
    strides: Sequence[int],
) -> SSAValue:
    static_offsets, dynamic_offsets = _split(offsets)
    static_sizes, dynamic_sizes = _split(sizes)
    return op(
        tensor.InsertSliceOp.build(
            operands=[[value], [into], dynamic_offsets, dynamic_sizes, []],
            result_types=[into.type],
            properties={
                "static_offsets": DenseArrayBase.from_list(i64, static_offsets),
                "static_sizes": DenseArrayBase.from_list(i64, static_sizes),
                "static_strides": DenseArrayBase.from_list(i64, list(strides)),
            },
        )
    )
