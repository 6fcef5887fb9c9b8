"""Numbers as other numbers: casts, comparisons, choices."""

from __future__ import annotations

from typing import Any

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    TensorType,
    i1,
    i64,
)
from xdsl.ir import Attribute, SSAValue

from dialectad.frontend import dtypes
from dialectad.frontend.dtypes import INDEX, DType
from dialectad.frontend.emit.extents import element, shape
from dialectad.frontend.emit.scalars import by_sign, constant, op, width_of
from dialectad.frontend.emit.shapes import splat


def _cast_op(value: SSAValue, to: Attribute, operation: Any) -> SSAValue:
    type_ = TensorType(to, value.type.get_shape()) if isinstance(value.type, TensorType) else to
    return op(operation(value, type_))


def cast(value: SSAValue, to: Attribute) -> SSAValue:
    """`value`, a scalar or tensor, with another element type, converted as NumPy's `astype`.

    As an `index`, an unsigned number that is too large stays large.
    """
    source = element(value)
    if source == to:
        return value
    if to == INDEX and source != i1 and dtypes.is_unsigned(source):
        if width_of(source) == 64:
            value = op(arith.MinUIOp(value, like(value, 2**63 - 1)))
        return cast(cast(value, i64), INDEX)
    if source == INDEX or to == INDEX:
        if source == INDEX and not dtypes.is_integer(to):
            return cast(cast(value, dtypes.to_ir(dtypes.INT64)), to)
        if to == INDEX and source == i1:
            return cast(cast(value, dtypes.to_ir(dtypes.INT64)), to)
        if source == INDEX and to == i1:
            return cast(cast(value, dtypes.to_ir(dtypes.INT64)), to)
        return _cast_op(value, to, arith.IndexCastOp)
    if to == i1:
        return not_equal_zero(value)
    if dtypes.is_float(source):
        if dtypes.is_float(to):
            wider = to.bitwidth > source.bitwidth  # pyright: ignore[reportAttributeAccessIssue]
            return _cast_op(value, to, arith.ExtFOp if wider else arith.TruncFOp)
        return (
            _float_to_unsigned(value, to) if dtypes.is_unsigned(to) else _cast_op(value, to, arith.FPToSIOp)
        )
    if dtypes.is_float(to):
        return _cast_op(value, to, by_sign(arith.SIToFPOp, value))
    if width_of(to) == width_of(source):
        return _cast_op(value, to, arith.BitcastOp)
    if width_of(to) < width_of(source):
        return _cast_op(value, to, arith.TruncIOp)
    return _cast_op(value, to, by_sign(arith.ExtSIOp, value))


def _float_to_unsigned(value: SSAValue, to: Attribute) -> SSAValue:
    """By way of signed integers, so that -1 becomes the greatest number, as with NumPy."""
    if width_of(to) < 64:
        return cast(cast(value, i64), to)
    half = like(value, 2.0**63)
    low, high = cast(value, i64), cast(op(arith.SubfOp(value, half)), i64)
    return cast(select(compare("olt", value, half), low, op(arith.XOrIOp(high, like(high, -(2**63))))), to)


def not_equal_zero(value: SSAValue) -> SSAValue:
    """Whether a number is not zero (NaN is not), the truth of a scalar or of every element of a tensor."""
    if element(value) == i1:
        return value
    zero = like(value, 0)
    if dtypes.is_float(element(value)):
        return compare("une", value, zero)
    return compare("ne", value, zero)


def like(value: SSAValue, number: Any) -> SSAValue:
    """A constant of the type (and shape) of `value`."""
    scalar = constant(number, element(value))
    return splat(scalar, shape(value)) if isinstance(value.type, TensorType) else scalar


def compare(predicate: str, a: SSAValue, b: SSAValue) -> SSAValue:
    """`arith.cmpf` or `arith.cmpi` by the name of the predicate.

    For integers `lt`, `le`, `gt` and `ge` look at the signs if there are any.
    """
    if dtypes.is_float(element(a)):
        return op(arith.CmpfOp(a, b, predicate))
    if predicate in ("lt", "le", "gt", "ge"):
        predicate = ("u" if dtypes.is_unsigned(a.type) else "s") + predicate
    return op(arith.CmpiOp(a, b, predicate))


def not_(condition: SSAValue) -> SSAValue:
    return op(arith.XOrIOp(condition, constant(1, i1)))


def select(condition: SSAValue, a: SSAValue, b: SSAValue) -> SSAValue:
    return op(arith.SelectOp(condition, a, b))


def dtype(value: SSAValue) -> DType:
    return dtypes.from_ir(value.type)
