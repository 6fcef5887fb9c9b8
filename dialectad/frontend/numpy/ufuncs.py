"""NumPy's ufuncs: per ufunc, what its loops over floats, integers and bools compute.

NumPy itself says which loop the operands take (`ufunc.resolve_dtypes`). Operators on two Python numbers
give a Python number (a weak scalar); a bool among them counts as an int there, as in Python.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from math import pi
from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import IntegerType, i1
from xdsl.dialects.tensor import SplatOp
from xdsl.ir import SSAValue

from dialectad.dialects.arith import RemfOp
from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import BOOL, FLOAT32, FLOAT64, INT64, UINT64, DType
from dialectad.frontend.emit import compare, like, select
from dialectad.frontend.numpy import intervals
from dialectad.frontend.numpy.support import (
    Operand,
    checked_dtype,
    dtype_of,
    is_weak,
    operand,
    python_number,
    values,
    wrapped,
)
from dialectad.frontend.tracers import UFUNCS, Array, IntegerRangeError, Scalar, lift
from dialectad.frontend.tracing import error

Kernel = Callable[..., SSAValue]
Kernels = dict[str, Kernel]
"""Kind of the loop's first input ("f", "i", "u" or "b") -> what computes it."""

KERNELS: dict[np.ufunc, Kernels] = {}

OPERATORS = frozenset(
    {
        *(np.add, np.subtract, np.multiply, np.true_divide, np.floor_divide, np.remainder, np.power),
        *(np.negative, np.positive, np.absolute, np.invert, np.bitwise_and, np.bitwise_or, np.bitwise_xor),
        *(np.left_shift, np.right_shift, np.less, np.less_equal, np.greater, np.greater_equal),
        *(np.equal, np.not_equal),
    }
)
"""The ufuncs behind Python's operators: on Python numbers they give Python numbers."""

_ARITHMETIC = OPERATORS - {
    *(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.less, np.less_equal, np.greater),
    *(np.greater_equal, np.equal, np.not_equal),
}


# --- types -------------------------------------------------------------------------------------


@functools.cache
def _resolve(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> tuple[DType, ...]:
    return ufunc.resolve_dtypes((*inputs, *[None] * ufunc.nout))


def loop_dtypes(ufunc: np.ufunc, operands: Sequence[Operand]) -> tuple[tuple[DType, ...], bool]:
    """The dtypes of the loop that NumPy takes (inputs, then outputs), and whether the result is weak."""
    weak = all(map(is_weak, operands))
    if weak:
        inputs = [dtype_of(x) for x in operands]
        if ufunc in _ARITHMETIC:
            inputs = [INT64 if d == BOOL else d for d in inputs]
    else:
        inputs = [
            (type(n) if type(n := python_number(x)) is not bool else BOOL) if is_weak(x) else dtype_of(x)
            for x in operands
        ]
    try:
        found = _resolve(ufunc, tuple(inputs))
    except TypeError as problem:
        names = ", ".join(str(dtype_of(x)) for x in operands)
        message = str(problem).split("\n")[0]
        if "subtract" in message:
            message = (
                "numpy boolean subtract, the `-` operator, is not supported, use the bitwise_xor, the"
                " `^` operator, or the logical_xor function instead."
            )
        raise error(f"ufunc {ufunc.__name__!r} on {names}: {message}", kind=UnsupportedTypeError) from None
    if found[-1] == BOOL:  # a question about small integers, which float32 holds exactly too
        found = tuple(FLOAT32 if dtype == np.float16 else dtype for dtype in found)
    for dtype in found:
        checked_dtype(dtype)
    return found, weak and ufunc in OPERATORS


def apply(ufunc: np.ufunc, *inputs: Any) -> Any:
    """A ufunc of one output, by its kernel."""
    operands = [operand(x) for x in inputs]
    types, weak = loop_dtypes(ufunc, operands)
    kernel = KERNELS[ufunc].get(types[0].kind)
    if kernel is None:
        raise error(f"ufunc {ufunc.__name__!r} is not supported on {types[0]}", kind=UnsupportedTypeError)
    result = wrapped(kernel(*values(operands, types[: len(operands)])), weak=weak)
    if isinstance(result, Scalar) and types[-1] == INT64:
        intervals.track(ufunc, result, operands)
    return result


def define(ufunc: np.ufunc, f: Any = None, i: Any = None, b: Any = None, *, u: Any = None) -> None:
    """Give a ufunc its kernels: an op class, or a function of SSA values.

    Unsigned integers have that of the signed ones, unless there is one for them.
    """
    kernels = {"f": f, "i": i, "u": i if u is None else u, "b": b}
    KERNELS[ufunc] = {
        kind: _op_kernel(k) if isinstance(k, type) else k for kind, k in kernels.items() if k is not None
    }
    UFUNCS[ufunc] = functools.partial(apply, ufunc)


def _op_kernel(operation: Any) -> Kernel:
    return lambda *operands: emit.op(emit.by_sign(operation, operands[0])(*operands))


def special(ufunc: np.ufunc) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register an implementation that looks at its operands before the kernel does."""

    def register(implementation: Callable[..., Any]) -> Callable[..., Any]:
        UFUNCS[ufunc] = implementation
        return implementation

    return register


# --- arithmetic --------------------------------------------------------------------------------


def _same(x: SSAValue) -> SSAValue:
    return x


def _negate(x: SSAValue) -> SSAValue:
    return emit.op(arith.SubiOp(like(x, 0), x))


def _absolute_int(x: SSAValue) -> SSAValue:
    return emit.op(arith.MaxSIOp(x, _negate(x)))


def _not(x: SSAValue) -> SSAValue:
    return emit.op(arith.XOrIOp(x, like(x, 1)))


def _sign_float(x: SSAValue) -> SSAValue:
    zero = like(x, 0)
    rest = select(compare("uno", x, x), like(x, float("nan")), zero)
    below = select(compare("olt", x, zero), like(x, -1), rest)
    return select(compare("ogt", x, zero), like(x, 1), below)


def _sign_int(x: SSAValue) -> SSAValue:
    return emit.op(arith.MaxSIOp(emit.op(arith.MinSIOp(x, like(x, 1))), like(x, -1)))


def _is_one(x: SSAValue) -> SSAValue:
    """1/x truncated for unsigned x, 0 for x = 0."""
    return select(compare("eq", x, like(x, 1)), x, like(x, 0))


def _reciprocal_int(x: SSAValue) -> SSAValue:
    """1/x truncated: x itself for 1 and -1, and otherwise 0 (for x = 0 as C converts infinity)."""
    element = emit.element(x)
    width = element.width.data if isinstance(element, IntegerType) else 64
    least = like(x, -(2 ** (width - 1)) if width >= 32 else 0)
    near = compare("ule", emit.op(arith.AddiOp(x, like(x, 1))), like(x, 2))
    return select(compare("eq", x, like(x, 0)), least, select(near, x, like(x, 0)))


define(np.add, arith.AddfOp, arith.AddiOp, arith.OrIOp)
define(np.subtract, arith.SubfOp, arith.SubiOp)
define(np.multiply, arith.MulfOp, arith.MuliOp, arith.AndIOp)
define(np.true_divide, arith.DivfOp)
define(np.negative, arith.NegfOp, _negate)
define(np.positive, _same, _same)
define(np.absolute, math.AbsFOp, _absolute_int, _same, u=_same)
define(np.fabs, math.AbsFOp)
define(np.sign, _sign_float, _sign_int, u=lambda x: emit.op(arith.MinUIOp(x, like(x, 1))))
define(np.square, lambda x: emit.op(arith.MulfOp(x, x)), lambda x: emit.op(arith.MuliOp(x, x)))
define(np.reciprocal, lambda x: emit.op(arith.DivfOp(like(x, 1), x)), _reciprocal_int, u=_is_one)
define(np.conjugate, _same, _same)


# --- division with rounding --------------------------------------------------------------------


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


def _nonzero(b: SSAValue) -> tuple[SSAValue, SSAValue]:
    """An unsigned divisor that can't trap, 1 instead of 0; and whether it was 0."""
    is_zero = compare("eq", b, like(b, 0))
    return select(is_zero, like(b, 1), b), is_zero


def _divide_unsigned(a: SSAValue, b: SSAValue) -> SSAValue:
    safe, is_zero = _nonzero(b)
    return select(is_zero, like(a, 0), emit.op(arith.DivUIOp(a, safe)))


def _remainder_unsigned(a: SSAValue, b: SSAValue) -> SSAValue:
    return emit.op(arith.RemUIOp(a, _nonzero(b)[0]))


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


# --- exponentials, logarithms, trigonometry ----------------------------------------------------

for _ufunc, _operation in {
    np.exp: math.ExpOp,
    np.exp2: math.Exp2Op,
    np.expm1: math.ExpM1Op,
    np.log: math.LogOp,
    np.log2: math.Log2Op,
    np.log10: math.Log10Op,
    np.log1p: math.Log1pOp,
    np.sqrt: math.SqrtOp,
    np.cbrt: math.CbrtOp,
    np.sin: math.SinOp,
    np.cos: math.CosOp,
    np.tan: math.TanOp,
    np.arcsin: math.AsinOp,
    np.arccos: math.AcosOp,
    np.arctan: math.AtanOp,
    np.arctan2: math.Atan2Op,
    np.sinh: math.SinhOp,
    np.cosh: math.CoshOp,
    np.tanh: math.TanhOp,
    np.arcsinh: math.AsinhOp,
    np.arccosh: math.AcoshOp,
    np.arctanh: math.AtanhOp,
    np.copysign: math.CopySignOp,
    np.rint: math.RoundEvenOp,
}.items():
    define(_ufunc, _operation)
for _ufunc, _operation in {np.floor: math.FloorOp, np.ceil: math.CeilOp, np.trunc: math.TruncOp}.items():
    define(_ufunc, _operation, _same, _same)


def _scaled(factor: float) -> Kernel:
    return lambda x: emit.op(arith.MulfOp(x, like(x, factor)))


define(np.degrees, _scaled(180 / pi))
define(np.rad2deg, _scaled(180 / pi))
define(np.radians, _scaled(pi / 180))
define(np.deg2rad, _scaled(pi / 180))


def _hypot(x: SSAValue, y: SSAValue) -> SSAValue:
    """m sqrt(1 + (n/m)^2) for m >= |n|: no overflow. Where m = |n|, n/m is 1, also for zeros and infinities.

    n keeps its sign, for the second derivative at n = 0.
    """
    a, b = emit.op(math.AbsFOp(x)), emit.op(math.AbsFOp(y))
    high, low = emit.op(arith.MaximumfOp(a, b)), select(compare("oge", a, b), y, x)
    equal, one = compare("oeq", a, b), like(x, 1)
    ratio = select(equal, one, emit.op(arith.DivfOp(low, select(equal, one, high))))
    under = emit.op(arith.AddfOp(emit.op(arith.MulfOp(ratio, ratio)), one))
    return emit.op(arith.MulfOp(high, emit.op(math.SqrtOp(under))))


def _logaddexp(exp: Any, scale: float | None) -> Kernel:
    """max(x, y) + log(1 + exp(-|x - y|)); where x = y, also both infinite, the difference is exactly 0."""

    def kernel(x: SSAValue, y: SSAValue) -> SSAValue:
        high = emit.op(arith.MaximumfOp(x, y))
        difference = select(compare("oeq", x, y), like(x, 0), emit.op(arith.SubfOp(x, y)))
        less = emit.op(arith.NegfOp(emit.op(math.AbsFOp(difference))))
        rest = emit.op(math.Log1pOp(emit.op(exp(less))))
        if scale is not None:
            rest = emit.op(arith.MulfOp(rest, like(x, scale)))
        return emit.op(arith.AddfOp(high, rest))

    return kernel


def _heaviside(x: SSAValue, at_zero: SSAValue) -> SSAValue:
    zero = like(x, 0)
    rest = select(compare("uno", x, x), like(x, float("nan")), at_zero)
    below = select(compare("olt", x, zero), zero, rest)
    return select(compare("ogt", x, zero), like(x, 1), below)


define(np.hypot, _hypot)
define(np.logaddexp, _logaddexp(math.ExpOp, None))
define(np.logaddexp2, _logaddexp(math.Exp2Op, 1 / float(np.log(2))))
define(np.heaviside, _heaviside)


# --- power -------------------------------------------------------------------------------------

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


# --- divisors ----------------------------------------------------------------------------------


def _size(x: SSAValue) -> SSAValue:
    return x if dtypes.is_unsigned(x.type) else _absolute_int(x)


def _gcd(a: SSAValue, b: SSAValue) -> SSAValue:
    """By Euclid's algorithm, in as many steps as numbers of that width may take."""
    from dialectad.frontend.numpy.support import loop

    element = emit.element(a)
    width = element.width.data if isinstance(element, IntegerType) else 64

    def body(_: SSAValue, x: SSAValue, y: SSAValue) -> Sequence[SSAValue]:
        done = compare("eq", y, like(y, 0))
        rest = emit.op(arith.RemUIOp(x, select(done, like(y, 1), y)))
        return select(done, x, y), select(done, y, rest)

    return loop(3 * width // 2, [_size(a), _size(b)], body)[0]


def _lcm(a: SSAValue, b: SSAValue) -> SSAValue:
    common, _ = _nonzero(_gcd(a, b))
    return emit.op(arith.MuliOp(emit.op(arith.DivUIOp(_size(a), common)), _size(b)))


define(np.gcd, None, _gcd)
define(np.lcm, None, _lcm)


# --- comparisons and logic ---------------------------------------------------------------------

define(np.maximum, arith.MaximumfOp, arith.MaxSIOp, arith.OrIOp)
define(np.minimum, arith.MinimumfOp, arith.MinSIOp, arith.AndIOp)
define(np.fmax, arith.MaxnumfOp, arith.MaxSIOp, arith.OrIOp)
define(np.fmin, arith.MinnumfOp, arith.MinSIOp, arith.AndIOp)


COMPARISONS: dict[np.ufunc, tuple[str, str]] = {
    np.less: ("olt", "lt"),
    np.less_equal: ("ole", "le"),
    np.greater: ("ogt", "gt"),
    np.greater_equal: ("oge", "ge"),
    np.equal: ("oeq", "eq"),
    np.not_equal: ("une", "ne"),
}
"""The predicates for floats and for integers."""


def _comparison(predicate: str) -> Kernel:
    """Of an unsigned and a signed number of 64 bits, a negative one is the least."""

    def kernel(a: SSAValue, b: SSAValue) -> SSAValue:
        if emit.element(a) == emit.element(b) or dtypes.is_float(emit.element(a)):
            return compare(predicate, a, b)
        signed = b if dtypes.is_unsigned(a.type) else a
        below = compare("lt", signed, like(signed, 0))
        ordered = compare(predicate, *(emit.cast(x, dtypes.to_ir(UINT64)) for x in (a, b)))
        outside = compare(predicate, *(emit.constant(x is not signed, i1) for x in (a, b)))
        return select(below, emit.splat(outside, emit.shape(below)) if emit.rank(below) else outside, ordered)

    return kernel


def _compared(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    """A Python integer is compared by its value, whatever the other one's dtype can hold."""
    x, y = operand(a), operand(b)
    if is_weak(x) == is_weak(y):
        return apply(ufunc, x, y)
    number, other = (x, y) if is_weak(x) else (y, x)
    known, dtype = intervals.of(number), dtype_of(other)
    if not dtypes.is_integral(dtype) or dtype_of(number) != INT64:
        return apply(ufunc, x, y)
    info = np.iinfo(dtype)
    if known is not None and info.min <= known[0] and known[1] <= info.max:
        return apply(ufunc, x, y)
    if not isinstance(number, Scalar):  # beyond all that the dtype can hold
        truth = bool(ufunc(*(np.sign(float(v)) if v is number else 0.0 for v in (x, y))))
        value = emit.constant(truth, i1)
        return wrapped(emit.splat(value, other.extents) if isinstance(other, Array) else value)
    widened = lift(other if dtype.itemsize < 8 else number)
    return apply(ufunc, *(widened.astype(INT64) if v is widened else v for v in (x, y)))


for _ufunc, (_float, _int) in COMPARISONS.items():
    define(_ufunc, _comparison(_float), *[_comparison(_int)] * 2)
    special(_ufunc)(functools.partial(_compared, _ufunc))


def _on_truth(operation: Any) -> Kernel:
    return lambda *operands: emit.op(operation(*map(emit.not_equal_zero, operands)))


for _ufunc, _operation in {
    np.logical_and: arith.AndIOp,
    np.logical_or: arith.OrIOp,
    np.logical_xor: arith.XOrIOp,
}.items():
    define(_ufunc, *[_on_truth(_operation)] * 3)
define(np.logical_not, *[lambda x: _not(emit.not_equal_zero(x))] * 3)


def _bitwise_count(x: SSAValue) -> SSAValue:
    """How many bits of the absolute value are set."""
    x = emit.cast(x, dtypes.to_ir(INT64)) if x.type == dtypes.INDEX else x
    magnitude = x if dtypes.is_unsigned(x.type) else _absolute_int(x)
    return emit.cast(emit.op(math.CtPopOp(magnitude)), dtypes.to_ir(np.dtype(np.uint8)))


define(np.bitwise_and, None, arith.AndIOp, arith.AndIOp)
define(np.bitwise_or, None, arith.OrIOp, arith.OrIOp)
define(np.bitwise_xor, None, arith.XOrIOp, arith.XOrIOp)
define(np.bitwise_count, None, _bitwise_count)
define(np.invert, None, lambda x: emit.op(arith.XOrIOp(x, like(x, -1))), _not)


def _shift(operation: Any, *, keeps_sign: bool) -> Kernel:
    """A shift by the width or more (or less than 0) gives what shifting bit by bit would."""

    def kernel(x: SSAValue, n: SSAValue) -> SSAValue:
        element = emit.element(x)
        width = element.width.data if isinstance(element, IntegerType) else 64
        owner = n.owner
        scalar = emit.static(owner.operands[0] if isinstance(owner, SplatOp) else n)
        if scalar is not None and 0 <= scalar < width:
            return emit.op(operation(x, n))
        inside = compare("ult", n, like(n, width))
        if keeps_sign:
            return emit.op(operation(x, select(inside, n, like(n, width - 1))))
        zero = like(x, 0)
        return select(inside, emit.op(operation(x, select(inside, n, zero))), zero)

    return kernel


define(np.left_shift, None, _shift(arith.ShLIOp, keeps_sign=False))
define(
    np.right_shift,
    None,
    _shift(arith.ShRSIOp, keeps_sign=True),
    u=_shift(arith.ShRUIOp, keeps_sign=False),
)


def _all(truth: bool) -> Kernel:
    """The same answer for every element."""

    def kernel(x: SSAValue) -> SSAValue:
        value = emit.constant(truth, i1)
        return emit.splat(value, emit.shape(x)) if emit.rank(x) else value

    return kernel


def _magnitude(predicate: str) -> Kernel:
    return lambda x: compare(predicate, emit.op(math.AbsFOp(x)), like(x, float("inf")))


define(np.isnan, lambda x: compare("uno", x, x), _all(False), _all(False))
define(np.isinf, _magnitude("oeq"), _all(False), _all(False))
define(np.isfinite, _magnitude("olt"), _all(True), _all(True))
define(
    np.signbit,
    lambda x: compare("olt", emit.op(math.CopySignOp(like(x, 1), x)), like(x, 0)),
    _all(False),
    u=_all(False),
)


# --- refused -----------------------------------------------------------------------------------


REFUSED: set[np.ufunc] = set()
"""Ufuncs with an error of their own."""


def _refused(ufunc: np.ufunc, hint: str) -> None:
    def implementation(*_: Any, **__: Any) -> Any:
        raise error(f"numpy ufunc {ufunc.__name__!r} is not supported", hint=hint)

    UFUNCS[ufunc] = implementation
    REFUSED.add(ufunc)


_refused(
    np.isnat, "dates have no dtype in compiled code; pass numbers: dates.astype('datetime64[D]').astype(int)"
)
