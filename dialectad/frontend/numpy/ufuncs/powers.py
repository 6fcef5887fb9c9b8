"""Powers, by multiplication where the exponent is a small number that is known."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import FLOAT64, INT64
from dialectad.frontend.emit import compare, like, select
from dialectad.frontend.numpy import intervals
from dialectad.frontend.numpy.support import (
    operand,
    values,
    wrapped,
)
from dialectad.frontend.numpy.ufuncs.loops import apply, define, loop_dtypes, special
from dialectad.frontend.tracers import IntegerRangeError, Scalar
from dialectad.frontend.tracing import error

_MAX_MULTIPLIED = 16
"""Powers up to this one become multiplications."""


def _multiplied(x: SSAValue, n: int) -> SSAValue:
    """x to a positive power, by squaring."""
    times = arith.MulfOp if dtypes.is_float(emit.element(x)) else arith.MuliOp
    result: SSAValue | None = None
    while n:
        if n & 1:
            result = x if result is None else emit.op(times(result, x))
        if n := n >> 1:
            x = emit.op(times(x, x))
    assert result is not None
    return result


def _float_power(x: SSAValue, exponent: float) -> SSAValue | None:
    """x to a known power without a call, if there is such a way."""
    if exponent == 0.5:
        return emit.op(math.SqrtOp(x))
    if exponent != int(exponent) or abs(exponent) > _MAX_MULTIPLIED:
        return None
    if exponent == 0:
        return like(x, 1)
    power = _multiplied(x, abs(int(exponent)))
    return power if exponent > 0 else emit.op(arith.DivfOp(like(x, 1), power))


def _integer_power(x: SSAValue, n: SSAValue) -> SSAValue:
    """By squaring, once per bit of the exponent; products wrap around as NumPy's do."""
    from dialectad.frontend.numpy.support import loop

    zero = like(n, 0)
    element = emit.element(n)
    bits = element.width.data if isinstance(element, IntegerType) else 64
    if not dtypes.is_unsigned(element):
        check_not_negative(n)
        bits -= 1  # the sign

    def body(_: SSAValue, result: SSAValue, base: SSAValue, left: SSAValue) -> Sequence[SSAValue]:
        odd = compare("ne", emit.op(arith.AndIOp(left, like(left, 1))), zero)
        result = select(odd, emit.op(arith.MuliOp(result, base)), result)
        return (
            result,
            emit.op(arith.MuliOp(base, base)),
            emit.op(emit.by_sign(arith.ShRSIOp, left)(left, like(left, 1))),
        )

    return loop(bits, [like(x, 1), x, n], body)[0]


def check_not_negative(n: SSAValue) -> None:
    """Raise at run time if an exponent is negative."""
    if emit.rank(n):
        lowest = emit.constant(0, emit.element(n))
        least = emit.reduce(n, list(range(emit.rank(n))), lowest, arith.MinSIOp)
        n = emit.extract(least, [])
    fine = compare("sge", n, like(n, 0))
    emit.check(fine, "ValueError: Integers to negative integer powers are not allowed.")


define(np.power, math.PowFOp, _integer_power)
define(np.float_power, math.PowFOp)


def _power(ufunc: np.ufunc, base: Any, exponent: Any) -> Any:
    x, n = operand(base), operand(exponent)
    if not isinstance(n, int | float | np.generic):
        return apply(ufunc, x, n)
    types, weak = loop_dtypes(ufunc, [x, n])
    if dtypes.is_integral(types[0]):
        if int(n) < 0:
            if types[0].kind == "u":
                raise IntegerRangeError.of(int(n), types[1])
            if not weak:
                raise error(
                    "Integers to negative integer powers are not allowed.",
                    hint="cast the base to float",
                    kind=NegativePowerError,
                )
            types = (FLOAT64, FLOAT64, FLOAT64)
        else:
            (value,) = values([x], types[:1])
            power = _multiplied(value, int(n)) if n else like(value, 1)
            result = wrapped(power, weak=weak)
            if n == 2 and isinstance(result, Scalar) and types[-1] == INT64:
                intervals.track(np.multiply, result, [x, x])
            return result
    (value,) = values([x], types[:1])
    power = _float_power(value, float(n)) if np.isfinite(n) else None
    if power is None:
        power = emit.op(math.PowFOp(value, like(value, float(n))))
    return wrapped(power, weak=weak)


class NegativePowerError(UnsupportedTypeError, ValueError):
    """Where NumPy says that integers to negative integer powers are not allowed."""


special(np.power)(functools.partial(_power, np.power))
special(np.float_power)(functools.partial(_power, np.float_power))
