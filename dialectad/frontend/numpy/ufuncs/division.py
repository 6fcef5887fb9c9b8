"""Division with rounding, and its remainders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from dialectad.dialects.arith import RemfOp
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import INT64
from dialectad.frontend.emit import compare, like, select
from dialectad.frontend.numpy import intervals
from dialectad.frontend.numpy.support import (
    Operand,
    dtype_of,
    operand,
    values,
    wrapped,
)
from dialectad.frontend.numpy.ufuncs.loops import KERNELS, apply, define, loop_dtypes, special
from dialectad.frontend.tracers import UFUNCS, Scalar


def _signs_differ(remainder: SSAValue, divisor: SSAValue) -> SSAValue:
    """Whether a remainder is not zero and has another sign than the divisor."""
    zero = like(remainder, 0)
    lt, ne = ("olt", "une") if dtypes.is_float(emit.element(remainder)) else ("slt", "ne")
    differ = emit.op(arith.XOrIOp(compare(lt, remainder, zero), compare(lt, divisor, zero)))
    return emit.op(arith.AndIOp(differ, compare(ne, remainder, zero)))


def _floor_divide_float(a: SSAValue, b: SSAValue) -> SSAValue:
    """As NumPy's npy_divmod, which is exact where floor(a / b) is not."""
    mod = emit.op(RemfOp(a, b))
    div = emit.op(arith.DivfOp(emit.op(arith.SubfOp(a, mod)), b))
    one, zero = like(a, 1), like(a, 0)
    div = select(_signs_differ(mod, b), emit.op(arith.SubfOp(div, one)), div)
    floor = emit.op(math.FloorOp(div))
    low = compare("ogt", emit.op(arith.SubfOp(div, floor)), like(a, 0.5))
    floor = select(low, emit.op(arith.AddfOp(floor, one)), floor)
    quotient = emit.op(math.FloorOp(emit.op(arith.DivfOp(a, b))))  # for b = 0: infinite or NaN
    floor = select(compare("oeq", div, zero), emit.op(math.CopySignOp(zero, quotient)), floor)
    return select(compare("oeq", b, zero), quotient, floor)


def _remainder_float(a: SSAValue, b: SSAValue) -> SSAValue:
    mod = emit.op(RemfOp(a, b))
    return select(_signs_differ(mod, b), emit.op(arith.AddfOp(mod, b)), mod)


def _safe_divisor(a: SSAValue, b: SSAValue) -> tuple[SSAValue, SSAValue]:
    """A divisor that can't trap: 1 instead of 0, and for least / -1; and whether it was 0."""
    zero, one = like(b, 0), like(b, 1)
    is_zero = compare("eq", b, zero)
    element = emit.element(b)
    width = element.width.data if isinstance(element, IntegerType) else 64
    least = compare("eq", a, like(a, -(2 ** (width - 1))))
    overflow = emit.op(arith.AndIOp(least, compare("eq", b, like(b, -1))))
    return select(emit.op(arith.OrIOp(is_zero, overflow)), one, b), is_zero


def _floor_divide_int(a: SSAValue, b: SSAValue) -> SSAValue:
    safe, is_zero = _safe_divisor(a, b)
    return select(is_zero, like(a, 0), emit.op(arith.FloorDivSIOp(a, safe)))


def _remainder_int(a: SSAValue, b: SSAValue) -> SSAValue:
    safe, _ = _safe_divisor(a, b)  # whatever modulo 1 is 0, which is what NumPy gives modulo 0
    mod = emit.op(arith.RemSIOp(a, safe))
    return select(_signs_differ(mod, safe), emit.op(arith.AddiOp(mod, safe)), mod)


def _fmod_int(a: SSAValue, b: SSAValue) -> SSAValue:
    safe, _ = _safe_divisor(a, b)
    return emit.op(arith.RemSIOp(a, safe))


def nonzero(b: SSAValue) -> tuple[SSAValue, SSAValue]:
    """An unsigned divisor that can't trap, 1 instead of 0; and whether it was 0."""
    is_zero = compare("eq", b, like(b, 0))
    return select(is_zero, like(b, 1), b), is_zero


def _divide_unsigned(a: SSAValue, b: SSAValue) -> SSAValue:
    safe, is_zero = nonzero(b)
    return select(is_zero, like(a, 0), emit.op(arith.DivUIOp(a, safe)))


def _remainder_unsigned(a: SSAValue, b: SSAValue) -> SSAValue:
    return emit.op(arith.RemUIOp(a, nonzero(b)[0]))


define(np.floor_divide, _floor_divide_float, _floor_divide_int, u=_divide_unsigned)
define(np.remainder, _remainder_float, _remainder_int, u=_remainder_unsigned)
define(np.fmod, RemfOp, _fmod_int, u=_remainder_unsigned)


def _power_of_two(n: int) -> int | None:
    return n.bit_length() - 1 if n & (n - 1) == 0 else None


def _by_constant(
    ufunc: np.ufunc, kernel: Callable[[SSAValue, int, bool], SSAValue]
) -> Callable[[Any, Any], Any]:
    """Integers divided by a positive constant need no guards."""

    def implementation(a: Any, b: Any) -> Any:
        x = operand(a)
        divisor = b if isinstance(b, int | np.integer) and not isinstance(b, bool) else None
        if divisor is None or divisor <= 0 or not dtypes.is_integral(dtype_of(x)):
            y = operand(b)
            types, weak = loop_dtypes(ufunc, [x, y])
            if weak and types[0].kind == "i":
                return _python_division(ufunc, x, y)
            return apply(ufunc, x, y)
        types, weak = loop_dtypes(ufunc, [x, b])
        if not dtypes.is_integral(types[0]):
            return apply(ufunc, x, b)
        (value,) = values([x], types[:1])
        known = intervals.of(x)
        positive = dtypes.is_unsigned(value.type) or (known is not None and known[0] >= 0)
        if divisor > np.iinfo(types[0]).max:
            return apply(ufunc, x, b)
        result = wrapped(kernel(value, int(divisor), positive), weak=weak)
        if isinstance(result, Scalar) and types[-1] == INT64:
            intervals.track(ufunc, result, [x, int(divisor)])
        return result

    return implementation


def _python_division(ufunc: np.ufunc, x: Operand, y: Operand) -> Scalar:
    """Python numbers: a division by zero raises."""
    a, b = values([x, y], [INT64, INT64])
    known = intervals.of(y)
    if known is None or known[0] <= 0 <= known[1]:
        nonzero = compare("ne", b, like(b, 0))
        emit.check(nonzero, "ZeroDivisionError: integer division or modulo by zero")
    result = Scalar(KERNELS[ufunc]["i"](a, b), weak=True)
    intervals.track(ufunc, result, [x, y])
    return result


def _floor_divide_by(x: SSAValue, n: int, positive: bool) -> SSAValue:
    if n == 1:
        return x
    if (shift := _power_of_two(n)) is not None:
        return emit.op(emit.by_sign(arith.ShRSIOp, x)(x, like(x, shift)))
    return emit.op((arith.DivUIOp if positive else arith.FloorDivSIOp)(x, like(x, n)))


def _remainder_by(x: SSAValue, n: int, positive: bool) -> SSAValue:
    if n == 1:
        return like(x, 0)
    if _power_of_two(n) is not None:
        return emit.op(arith.AndIOp(x, like(x, n - 1)))
    if positive:
        return emit.op(arith.RemUIOp(x, like(x, n)))
    mod = emit.op(arith.RemSIOp(x, like(x, n)))
    return select(compare("slt", mod, like(x, 0)), emit.op(arith.AddiOp(mod, like(x, n))), mod)


special(np.floor_divide)(_by_constant(np.floor_divide, _floor_divide_by))
special(np.remainder)(_by_constant(np.remainder, _remainder_by))


@special(np.divmod)
def divmod_(a: Any, b: Any) -> tuple[Any, Any]:
    return UFUNCS[np.floor_divide](a, b), UFUNCS[np.remainder](a, b)
