"""The `order` dialect: where elements stand among others, in destination-passing form.

Elements are compared as NumPy sorts them: NaN comes last, and 0.0 equals -0.0. What these ops give are
integers, so no derivative flows through them; it flows through what is picked by these integers.

    // Each row of the result names the elements of a row in ascending order; equal ones stay in their order
    %o = "order.argsort"(%x, %dest) : (tensor<2x3xf64>, tensor<2x3xi64>) -> tensor<2x3xi64>
    // How many elements of the ascending %s are below each of %v; with `right` its equals count, too
    %p = "order.search"(%s, %v, %dest) <{right}> : (tensor<?xf64>, tensor<5xf64>, tensor<5xi64>) -> ...

The old content of the destination isn't read. On memrefs the ops have no result.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    AnyFloat,
    IntegerType,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def
from xdsl.utils.exceptions import VerifyException

from dialectad.dialects.destination import SHAPED, DestinationOp, element, flags, same_shape, shape


def is_ordered(element_type: Attribute) -> bool:
    """Whether there is an order for elements of this type."""
    match element_type:
        case IntegerType():
            return element_type.width.data in (1, 8, 16, 32, 64)
        case _:
            return isinstance(element_type, AnyFloat) and element_type.bitwidth in (32, 64)


class Order(DestinationOp):
    """What gives numbers of elements."""

    def reads_destination(self) -> bool:
        return False

    def _verify(self, ranks: Sequence[int], like: SSAValue) -> None:
        self.verify_destination()
        *inputs, dest = self.operands
        for operand, rank in zip(self.operands, ranks, strict=True):
            if len(shape(operand)) != rank:
                raise VerifyException(f"{self.name}: operand of rank {rank} expected, got {operand.type}")
        if len({element(operand) for operand in inputs}) != 1 or not is_ordered(element(inputs[0])):
            raise VerifyException(f"{self.name}: operands of one type of integers or floats expected")
        if element(dest) != i64:
            raise VerifyException(f"{self.name}: a destination of i64 expected, got {dest.type}")
        same_shape(self.name, shape(dest), shape(like))


@irdl_op_definition
class ArgsortOp(Order):
    """The stable order of each row."""

    name = "order.argsort"
    source = operand_def(SHAPED)
    dest = operand_def(SHAPED)

    def __init__(self, source: SSAValue, dest: SSAValue):
        super().__init__([source, dest])

    def verify_(self) -> None:
        self._verify((2, 2), self.source)


@irdl_op_definition
class SearchOp(Order):
    """Where values belong in an ascending vector."""

    name = "order.search"
    source = operand_def(SHAPED)
    values = operand_def(SHAPED)
    dest = operand_def(SHAPED)
    right = opt_prop_def(UnitAttr)

    def __init__(self, source: SSAValue, values: SSAValue, dest: SSAValue, *, right: bool = False):
        super().__init__([source, values, dest], flags(right=right))

    def verify_(self) -> None:
        self._verify((1, 1, 1), self.values)


ORDER = Dialect("order", [ArgsortOp, SearchOp])
