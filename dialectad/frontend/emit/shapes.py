"""Tensors made, and under other shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    ArrayAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    TensorType,
    i64,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad.frontend import dtypes
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.emit.extents import element, mul_index, rank, same_extent, shape, tensor_type
from dialectad.frontend.emit.scalars import Extent, constant, op
from dialectad.frontend.emit.slices import extract, insert


def empty(shape_: Sequence[Extent], element_: Attribute) -> SSAValue:
    dynamic = [s for s in shape_ if isinstance(s, SSAValue)]
    return op(tensor.EmptyOp(dynamic, tensor_type(shape_, element_)))


def splat(value: SSAValue, shape_: Sequence[Extent]) -> SSAValue:
    """A tensor of which every element is `value`."""
    dynamic = [s for s in shape_ if isinstance(s, SSAValue)]
    return op(tensor.SplatOp(value, dynamic, tensor_type(shape_, value.type)))


def full(shape_: Sequence[Extent], value: Any, element_: Attribute) -> SSAValue:
    """A tensor of which every element is the constant `value`."""
    return splat(constant(value, element_), shape_)


def dense(array: np.ndarray[Any, Any]) -> SSAValue:
    """A small constant tensor."""
    element_ = dtypes.to_ir(array.dtype)
    type_ = TensorType(element_, array.shape)
    if array.size == 0:
        return empty(array.shape, element_)
    if array.dtype == np.bool_ or not np.isfinite(array).all():
        result = empty(array.shape, element_)
        for position, value in np.ndenumerate(array):
            where = [constant(p, INDEX) for p in position]
            result = insert(constant(value, element_), result, where)
        return result
    attr = DenseIntOrFPElementsAttr.from_list(type_, array.ravel().tolist())  # pyright: ignore[reportArgumentType, reportCallIssue]
    return op(arith.ConstantOp(attr, type_))


def collapse(value: SSAValue) -> SSAValue:
    """All axes made one."""
    if rank(value) == 1:
        return value
    if rank(value) == 0:
        groups, total = [], [1]
        return op(_expand_op(value, groups, total))
    total = 1
    for n in shape(value):
        total = total * n if isinstance(n, int) and isinstance(total, int) else mul_index(total, n)
    return op(_collapse_op(value, [list(range(rank(value)))], [total]))


def _reassociation(groups: Sequence[Sequence[int]]) -> Any:
    return ArrayAttr([ArrayAttr([IntegerAttr(i, i64) for i in g]) for g in groups])


def _collapse_op(value: SSAValue, groups: Sequence[Sequence[int]], shape_: Sequence[Extent]) -> Operation:
    return tensor.CollapseShapeOp(
        operands=[value],
        result_types=[tensor_type(shape_, element(value))],
        properties={"reassociation": _reassociation(groups)},
    )


def _expand_op(value: SSAValue, groups: Sequence[Sequence[int]], shape_: Sequence[Extent]) -> Operation:
    return tensor.ExpandShapeOp(
        value,
        [s for s in shape_ if isinstance(s, SSAValue)],
        _reassociation(groups),
        [s if isinstance(s, int) else DYNAMIC_INDEX for s in shape_],
        tensor_type(shape_, element(value)),
    )


def reshape(value: SSAValue, target: Sequence[Extent]) -> SSAValue:
    """The same elements in row-major order under another shape."""
    source = shape(value)
    if len(source) == len(target) and all(map(same_extent, source, target)):
        return value
    if isinstance(owner := value.owner, tensor.ExpandShapeOp | tensor.CollapseShapeOp):
        before = owner.operands[0]
        if before.type == tensor_type(target, element(value)) and before.type.has_static_shape():  # pyright: ignore
            return before
    if (groups := _unit_groups(source, target)) is not None:
        if not groups and len(target) < len(source):
            return op(_collapse_op(value, [], target))
        if len(target) < len(source):
            return op(_collapse_op(value, groups, target))
        return op(_expand_op(value, groups, target))
    flat = collapse(value)
    if len(target) == 1:
        return flat
    if len(target) == 0:
        return op(_collapse_op(flat, [], target))
    return op(_expand_op(flat, [list(range(len(target)))], target))


def _unit_groups(source: Sequence[Extent], target: Sequence[Extent]) -> list[list[int]] | None:
    """The reassociation when the shapes differ only by unit axes that one of them has and the other lacks."""
    longer, shorter = (source, target) if len(source) > len(target) else (target, source)
    if len(longer) == len(shorter):
        return None
    groups: list[list[int]] = []
    at, leading = 0, []
    for axis, n in enumerate(longer):
        if at < len(shorter) and same_extent(n, shorter[at]):
            groups.append([*leading, axis])
            leading, at = [], at + 1
        elif isinstance(n, int) and n == 1:
            if groups:
                groups[-1].append(axis)
            else:
                leading.append(axis)
        else:
            return None
    if at != len(shorter):
        return None
    return groups


def transpose(value: SSAValue, permutation: Sequence[int]) -> SSAValue:
    if list(permutation) == list(range(len(permutation))):
        return value
    source = shape(value)
    init = empty([source[p] for p in permutation], element(value))
    return op(linalg.TransposeOp(value, init, DenseArrayBase.from_list(i64, list(permutation)), init.type))


def broadcast(value: SSAValue, target: Sequence[Extent]) -> SSAValue:
    """`value` repeated along the leading and the unit axes, to the shape `target`, as NumPy does."""
    source = shape(value)
    if not isinstance(value.type, TensorType):
        return splat(value, target)
    if len(source) == len(target) and all(map(same_extent, source, target)):
        return value
    lead = len(target) - len(source)
    added = list(range(lead))
    kept: list[Extent] = []
    for axis, n in enumerate(source):
        if isinstance(n, int) and n == 1 and not same_extent(n, target[lead + axis]):
            added.append(lead + axis)
        else:
            kept.append(n)
    value = reshape(value, kept)
    if not kept:
        return splat(extract(value, []), target)
    if not added:  # the extents that aren't the same are equal when this runs
        return op(tensor.CastOp(value, tensor_type(target, element(value))))
    init = empty(target, element(value))
    return op(linalg.BroadcastOp(value, init, DenseArrayBase.from_list(i64, added), init.type))


def retyped(value: SSAValue, target: Sequence[Extent]) -> SSAValue:
    """`value` as a tensor of a type in which only the extents are static that are so in `target`."""
    type_ = tensor_type(target, element(value))
    return value if value.type == type_ else op(tensor.CastOp(value, type_))
