"""Single ops, constants of scalars, and checks at run time."""

from __future__ import annotations

from typing import Any

from xdsl.dialects import arith, cf
from xdsl.dialects.builtin import (
    FloatAttr,
    IntegerAttr,
    IntegerType,
)
from xdsl.ir import Attribute, Operation, SSAValue

from dialectad import locations
from dialectad.errors import Location
from dialectad.frontend import dtypes
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.tracing import current

Extent = int | SSAValue


def op(operation: Operation) -> SSAValue:
    """Insert an op of one result and give that."""
    if dtypes.is_unsigned(operation.operands[0].type if operation.operands else INDEX):
        assert not _reads_sign(operation), f"{operation.name} of a number without a sign"
    return current().insert(operation).results[0]


_UNSIGNED: dict[type[Operation], type[Operation]] = {
    arith.MaxSIOp: arith.MaxUIOp,
    arith.MinSIOp: arith.MinUIOp,
    arith.DivSIOp: arith.DivUIOp,
    arith.FloorDivSIOp: arith.DivUIOp,
    arith.RemSIOp: arith.RemUIOp,
    arith.ShRSIOp: arith.ShRUIOp,
    arith.ExtSIOp: arith.ExtUIOp,
    arith.SIToFPOp: arith.UIToFPOp,
}
"""Ops on signed integers -> the ops that do the same on unsigned ones."""


def by_sign(operation: Any, value: SSAValue) -> Any:
    """The form of an op on signed integers that fits `value`, see Note [Signedness] in `dtypes.py`."""
    return _UNSIGNED.get(operation, operation) if dtypes.is_unsigned(value.type) else operation


def _reads_sign(operation: Operation) -> bool:
    if isinstance(operation, arith.CmpiOp):
        return operation.predicate.value.data in _SIGNED_PREDICATES
    return type(operation) in _UNSIGNED or isinstance(operation, arith.CeilDivSIOp)


_SIGNED_PREDICATES = range(2, 6)
"""The numbers of slt, sle, sgt and sge."""


def width_of(type_: Attribute) -> int:
    assert isinstance(type_, IntegerType)
    return type_.width.data


def scalar_attr(value: Any, type_: Attribute) -> IntegerAttr[Any] | FloatAttr[Any]:
    """`value` as an attribute of a scalar type."""
    if dtypes.is_float(type_):
        return FloatAttr(float(value), type_)  # pyright: ignore[reportArgumentType, reportCallIssue]
    if dtypes.is_unsigned(type_):
        value = int(value) % 2 ** width_of(type_)
    return IntegerAttr(int(value), type_)  # pyright: ignore[reportArgumentType, reportCallIssue]


def constant(value: Any, type_: Attribute) -> SSAValue:
    """A scalar constant."""
    return op(arith.ConstantOp(scalar_attr(value, type_), type_))


def index(value: Extent) -> SSAValue:
    """An extent as an SSA value."""
    return value if isinstance(value, SSAValue) else constant(value, INDEX)


def static(value: SSAValue) -> int | None:
    """The value of an integer constant, or None when it isn't one."""
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return None


def check(condition: SSAValue, message: str, location: Location | None = None) -> None:
    """Raise at run time unless `condition` holds; `message` starts with the type of the exception."""
    assertion = current().insert(cf.AssertOp(condition, message))
    if location is not None:
        assertion.location = locations.to_attr(location)
