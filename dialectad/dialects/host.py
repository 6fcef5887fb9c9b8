"""The `host` dialect: calls of Python functions by compiled code.

    %y = "host.call"(%x, %n) <{callback = 7 : i64}> : (tensor<4xf64>, i64) -> tensor<4xf64>

The number is that of the function in this process (`runtime/callbacks.py`). It is called whenever control
gets there: such an op is never removed, repeated or moved past another. In memory form it has no results, but
memory for them as its last operands:

    "host.call"(%x, %n, %y) <{callback = 7 : i64}> {dialectad.outs = 1 : i64}
        : (memref<4xf64>, i64, memref<4xf64>) -> ()

One that `raises` gives nothing: it raises an exception if its first operand holds, and does nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, UnitAttr, i64
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    var_operand_def,
    var_result_def,
)


@irdl_op_definition
class HostCallOp(IRDLOperation):
    """Call a Python function."""

    name = "host.call"
    arguments = var_operand_def()
    res = var_result_def()
    callback = prop_def(IntegerAttr)
    types = opt_prop_def(ArrayAttr)
    """Of the operands, where they are passed by pointer."""
    raises = opt_prop_def(UnitAttr)

    def __init__(
        self,
        callback: int,
        operands: Sequence[SSAValue],
        result_types: Sequence[Attribute],
        *,
        raises: bool = False,
    ):
        super().__init__(
            operands=[list(operands)],
            result_types=[list(result_types)],
            properties={
                "callback": IntegerAttr(callback, i64),
                "raises": UnitAttr() if raises else None,
            },
        )


HOST = Dialect("host", [HostCallOp])
