"""What is known of a value at compile time."""

from __future__ import annotations

import math

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr, IntegerAttr, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, SSAValue

Scalar = IntegerAttr | FloatAttr


def scalar(value: SSAValue) -> Scalar | None:
    """The number that a scalar is."""
    owner = value.owner
    if type(owner) is arith.ConstantOp:
        attr = owner.properties["value"]
        if isinstance(attr, IntegerAttr | FloatAttr):
            return attr
    return None


def integer(value: SSAValue) -> int | None:
    """The integer (or index, or truth value: 0 or -1) that a scalar is."""
    owner = value.owner
    if type(owner) is arith.ConstantOp:
        attr = owner.properties["value"]
        if isinstance(attr, IntegerAttr):
            return attr.value.data
    return None


def dense(value: SSAValue) -> DenseIntOrFPElementsAttr | None:
    """The content of a constant tensor."""
    owner = value.owner
    if type(owner) is arith.ConstantOp:
        attr = owner.properties["value"]
        if isinstance(attr, DenseIntOrFPElementsAttr):
            return attr
    return None


def uniform_source(value: SSAValue) -> SSAValue | None:
    """The scalar that every element of a tensor is."""
    owner = value.owner
    if type(owner) is tensor.SplatOp:
        return owner.operands[0]
    if type(owner) is linalg.FillOp and owner.results:
        return owner.operands[0]
    return None


def uniform(value: SSAValue) -> Scalar | None:
    """The number that a scalar, or every element of a tensor, is."""
    source = uniform_source(value)
    if source is not None:
        return scalar(source)
    owner = value.owner
    if type(owner) is not arith.ConstantOp:
        return None
    attr = owner.properties["value"]
    if isinstance(attr, DenseIntOrFPElementsAttr):
        return splat_element(attr)
    return attr if type(attr) is FloatAttr or type(attr) is IntegerAttr else None


def uniform_float(value: SSAValue) -> float | None:
    """The float that a scalar, or every element of a tensor, is."""
    attr = uniform(value)
    return attr.value.data if type(attr) is FloatAttr else None


def is_positive_zero(value: SSAValue) -> bool:
    """Whether a float scalar, or every element of a tensor, is 0.0, and not -0.0."""
    number = uniform_float(value)
    return number is not None and number == 0.0 and math.copysign(1.0, number) == 1.0


def uniform_integer(value: SSAValue) -> int | None:
    """The integer that a scalar, or every element of a tensor, is."""
    attr = uniform(value)
    return attr.value.data if isinstance(attr, IntegerAttr) else None


def splat_element(attr: DenseIntOrFPElementsAttr) -> Scalar | None:
    """The one element that a constant tensor consists of, compared bit by bit."""
    data, count = attr.data.data, len(attr)
    if count == 0:
        return None
    size = len(data) // count
    first = data[:size]
    if first != data[-size:] or data != first * count:
        return None
    number = next(iter(attr.iter_values()))
    return number_attr(number, attr.get_element_type())


def number_attr(number: object, type_: Attribute) -> Scalar:
    """The attribute of a number."""
    if isinstance(number, int):
        return IntegerAttr(number, type_)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return FloatAttr(number, type_)  # pyright: ignore[reportArgumentType, reportCallIssue]


def element_type(type_: Attribute) -> Attribute:
    """The type of the elements of a tensor; a scalar's own."""
    return type_.element_type if isinstance(type_, TensorType) else type_
