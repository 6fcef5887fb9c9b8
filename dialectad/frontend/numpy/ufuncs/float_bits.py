"""The ufuncs that look at the binary form of a float: `frexp`, `nextafter`, `spacing`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.dialects import arith, math

from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import FLOAT32
from dialectad.frontend.emit import compare, like, select
from dialectad.frontend.numpy import math_floats
from dialectad.frontend.numpy.support import (
    operand,
    values,
    wrapped,
)
from dialectad.frontend.numpy.ufuncs.loops import loop_dtypes, special
from dialectad.frontend.tracers import lift


def _in_loop_dtype(ufunc: np.ufunc, inputs: Any) -> list[Any]:
    """The operands in the dtype in which NumPy computes."""
    operands = [operand(x) for x in inputs]
    types, _ = loop_dtypes(ufunc, operands)
    return [wrapped(value) for value in values(operands, types[: ufunc.nin])]


def _define(ufunc: np.ufunc, function: Callable[..., Any]) -> None:
    def implementation(*inputs: Any) -> Any:
        given = _in_loop_dtype(ufunc, inputs)
        return lift(function(*given)).astype(given[0].dtype)

    special(ufunc)(implementation)


@special(np.ldexp)
def ldexp(x: Any, exponent: Any) -> Any:
    """x * 2**exponent in three steps, so that no factor is infinite, nor a result before its time."""
    operands = [operand(x), operand(exponent)]
    types, _ = loop_dtypes(np.ldexp, operands)
    value, n = values(operands, types[:2])
    most = 300 if types[0] == FLOAT32 else 2200  # more make anything infinite or zero
    n = emit.op(arith.MaxSIOp(emit.op(arith.MinSIOp(n, like(n, most))), like(n, -most)))
    third = emit.op(arith.DivSIOp(n, like(n, 3)))
    element = dtypes.to_ir(types[0])
    for part in (third, third, emit.op(arith.SubiOp(n, emit.op(arith.AddiOp(third, third))))):
        factor = emit.op(math.Exp2Op(emit.cast(part, element)))
        value = emit.op(arith.MulfOp(value, factor))
    return wrapped(value)


@special(np.modf)
def modf(x: Any) -> tuple[Any, Any]:
    """The fractional and the integral part, both with the sign of x."""
    operands = [operand(x)]
    types, _ = loop_dtypes(np.modf, operands)
    (value,) = values(operands, types[:1])
    whole = emit.op(math.TruncOp(value))
    infinite = compare("oeq", emit.op(math.AbsFOp(value)), like(value, float("inf")))
    part = select(infinite, like(value, 0), emit.op(arith.SubfOp(value, whole)))
    return wrapped(part), wrapped(whole)


@special(np.frexp)
def frexp(x: Any) -> tuple[Any, Any]:
    """numpy.frexp"""
    (value,) = _in_loop_dtype(np.frexp, [x])
    fraction, exponent = math_floats.split(value)
    return lift(fraction).astype(value.dtype), lift(exponent).astype(np.int32)


def _spacing(x: Any) -> Any:
    """By how much the next number that is further from zero differs."""
    return np.where(np.isinf(x), np.nan, math_floats.nextafter(x, np.where(x < 0, -np.inf, np.inf)) - x)


_define(np.nextafter, math_floats.nextafter)
_define(np.spacing, _spacing)
