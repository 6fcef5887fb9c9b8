"""Floats whose bits are looked at as integers.

    %b = arith.bitcast %x : f64 to i64;  %negative = arith.cmpi slt, %b, %c0        // signbit(x)

What is found out about bits is a condition or a number of its own, in steps, and has no derivative. What may
become the float again has one, and is refused.
"""

from __future__ import annotations

from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr, IntegerType
from xdsl.ir import Operation, SSAValue

_TELLING: tuple[type[Operation], ...] = (arith.CmpiOp, arith.SIToFPOp, arith.UIToFPOp)
"""What only says something about an integer."""

_ON_BITS: tuple[type[Operation], ...] = (
    *(arith.AndIOp, arith.OrIOp, arith.XOrIOp, arith.ShLIOp, arith.ShRSIOp, arith.ShRUIOp),
    *(arith.AddiOp, arith.SubiOp, arith.ExtSIOp, arith.ExtUIOp, arith.TruncIOp, arith.SelectOp),
)

_FEW = 8
"""So many bits are too few for a float."""


def _bits_left(op: Operation) -> int:
    """How many of the bits that `op` takes may be in its result."""
    (result,) = op.results
    assert isinstance(result.type, IntegerType)
    width = result.type.width.data
    if isinstance(op, arith.ShRSIOp | arith.ShRUIOp) and isinstance(by := op.rhs.owner, arith.ConstantOp):
        assert isinstance(by.value, IntegerAttr)
        return width - by.value.value.data
    return width


def only_tells(bits: SSAValue) -> bool:
    """Whether an integer with the bits of floats ends in nothing but what is told about it."""
    pending, seen = [bits], {bits}
    while pending:
        for use in pending.pop().uses:
            op = use.operation
            if isinstance(op, _TELLING):
                continue
            if not isinstance(op, _ON_BITS):
                return False
            (result,) = op.results
            if _bits_left(op) > _FEW and result not in seen:
                seen.add(result)
                pending.append(result)
    return True
