"""Ufuncs on complex numbers: formulas in terms of NumPy's functions on the parts.

`z = a + ib`, `w = c + id`. A real operand has no imaginary part (None): nothing is multiplied by its zero.
NumPy says which loop the operands take. The formulas are written so that their derivatives, which come of
themselves, are right at every point: no part of them that isn't chosen is infinite, and what a branch
cut's side depends on is the sign of a part (`copysign`), whose derivative is 0.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import complexes, dtypes, tracers
from dialectad.frontend.complexes import Complex, is_complex, paired, parts
from dialectad.frontend.dtypes import BOOL, INT64, DType
from dialectad.frontend.tracers import FUNCTIONS, Array, Scalar, Tracer, lift
from dialectad.frontend.tracing import error


class Parts(NamedTuple):
    """An operand in the dtype of the loop."""

    re: Any
    im: Any
    """None if the operand is real."""


Formula = Callable[..., Any]
"""Operands as `Parts` -> the parts of a complex result as a tuple, or a real result."""

FORMULAS: dict[np.ufunc, Formula] = {}


def _formula(*ufuncs: np.ufunc) -> Callable[[Formula], Formula]:
    def register(formula: Formula) -> Formula:
        for ufunc in ufuncs:
            FORMULAS[ufunc] = formula
        return formula

    return register


# --- types -------------------------------------------------------------------------------------


def _known(x: Any) -> Any:
    """Lists as arrays, and arrays of rank 0 as scalars."""
    if isinstance(x, list | tuple):
        x = lift(x) if complexes.holds_tracer(x) else np.asarray(x)
    if isinstance(x, np.ndarray):
        x = lift(x)
    if isinstance(x, Array) and not x.extents:
        return x[()]
    return x.map(lambda part: part[()]) if isinstance(x, Complex) and x.is_array and not x.extents else x


def is_weak(x: Any) -> bool:
    return x.weak if isinstance(x, Scalar | Complex) else type(x) in (bool, int, float, complex)


def _dtype(x: Any) -> DType:
    return x.dtype if isinstance(x, Tracer | np.generic) else np.dtype(type(x))


def kind_of(x: Any) -> Any:
    """What stands for an operand in NumPy's promotion: its dtype, or the type of a Python number."""
    if not is_weak(x):
        return _dtype(x)
    found = x.python_type if isinstance(x, Scalar | Complex) else type(x)
    return BOOL if found is bool else found


def _loop(ufunc: np.ufunc, operands: Sequence[Any]) -> tuple[tuple[DType, ...], bool]:
    """The dtypes of the loop (inputs, then outputs), and whether the result is weak."""
    from dialectad.frontend.numpy.ufuncs import loops

    weak = all(map(is_weak, operands))
    if weak:
        inputs = [INT64 if (d := _dtype(x)) == BOOL else d for x in operands]
    else:
        inputs = [kind_of(x) for x in operands]
    found = loops.resolve(ufunc, tuple(inputs))
    for dtype in found:
        if dtype.kind == "c":
            complexes.supported_complex(dtype)
    return found, weak and ufunc in loops.OPERATORS


def as_real(x: Any, dtype: DType) -> Any:
    """A real number or array in a dtype."""
    if not isinstance(x, Tracer):
        return dtype.type(x)
    if x.dtype == dtype and not (isinstance(x, Scalar) and x.weak):
        return x
    return x.astype(dtype)


def _operand(x: Any, dtype: DType, *, weak: bool) -> Parts:
    re, im = parts(x) if is_complex(x) else (x, None)
    if weak:  # Python's numbers: all are float64
        return Parts(*(p if p is None or isinstance(p, float) else _weak_float(p) for p in (re, im)))
    real = dtypes.real_of(dtype)
    return Parts(as_real(re, real), None if im is None else as_real(im, real))


def _weak_float(x: Any) -> Any:
    if not isinstance(x, Tracer):
        return float(x)
    return x if x.dtype.kind == "f" else weakened(x.astype(np.float64))


def weakened(x: Any) -> Any:
    """A scalar as a Python number."""
    if isinstance(x, Complex):
        return x.map(weakened)
    return (
        Scalar(x.ssa(), weak=True) if isinstance(x, Scalar) else x.item() if isinstance(x, np.generic) else x
    )


def strong(x: Any) -> Any:
    """A scalar as a NumPy number."""
    if isinstance(x, Complex):
        return x.map(strong)
    if isinstance(x, Scalar):
        return Scalar(x.value, interval=x.interval, offset=x.offset)
    return np.float64(x) if type(x) is float else x


def apply(ufunc: np.ufunc, *inputs: Any) -> Any:
    """A ufunc on operands of which one is complex."""
    formula = FORMULAS.get(ufunc)
    if formula is None:
        raise refused(ufunc)
    operands = [_known(x) for x in inputs]
    types, weak = _loop(ufunc, operands)
    loop = [_operand(x, dtype, weak=weak) for x, dtype in zip(operands, types, strict=False)]
    result = formula(*loop)
    if isinstance(result, tuple):
        given = [part for operand in loop for part in operand]
        result = tuple(_apart(x, given) for x in result)
    if not weak and types[-1].kind in "fc":  # constants in the formulas are Python's numbers
        real = dtypes.real_of(types[-1])
        result = (
            tuple(as_real(x, real) for x in result) if isinstance(result, tuple) else as_real(result, real)
        )
    made = paired(*result) if isinstance(result, tuple) else result
    return weakened(made) if weak else made


def _apart(x: Any, given: Sequence[Any]) -> Any:
    """`x` as memory of its own, if it is one of what was given."""
    return x.copy() if isinstance(x, Array) and any(x is other for other in given) else x


_ORDER = (np.less, np.less_equal, np.greater, np.greater_equal, np.maximum, np.minimum, np.fmax, np.fmin)


def refused(ufunc: np.ufunc) -> Exception:
    hint = "compare real parts, or absolute values" if ufunc in _ORDER else None
    what = "have no order that this takes" if ufunc in _ORDER else "are not supported by it"
    return error(f"ufunc {ufunc.__name__!r}: complex numbers {what}", hint=hint, kind=UnsupportedTypeError)


# --- calls -------------------------------------------------------------------------------------


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A ufunc, or a method of one, called with complex numbers among its arguments."""
    kwargs = dict(kwargs)
    out, where = kwargs.pop("out", None), kwargs.pop("where", True)
    out = out[0] if isinstance(out, tuple) else out
    if method != "__call__":
        if where is not True:
            kwargs["where"] = where
        result = _method(ufunc, method, inputs, kwargs)
        return result if out is None else write_out(out, result)
    dtype, casting = kwargs.pop("dtype", None), kwargs.pop("casting", "same_kind")
    if kwargs:
        raise error(
            f"{ufunc.__name__}: argument {next(iter(kwargs))!r} is not supported",
            hint="leave it out: every result is in C order",
        )
    if dtype is not None:
        inputs = [lift(x).astype(dtype) for x in inputs]
    result = MULTILINEAR[ufunc](*inputs) if ufunc in MULTILINEAR else _called(ufunc, inputs)
    if out is None and where is True:
        return result
    if out is None:
        raise error("`where=` needs `out=`", hint="use numpy.where")
    return write_out(out, result, where, casting)


def _called(ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    if any(map(is_complex, inputs)) or complexes.holds_complex(inputs):
        return apply(ufunc, *inputs)
    return tracers.apply_ufunc(ufunc, "__call__", inputs, {})  # only `out` is complex


def write_out(out: Any, result: Any, where: Any = True, casting: str = "same_kind") -> Any:
    """Write `result` into an array, as `out=` does."""
    if not isinstance(out, Complex) or not out.is_array:
        return tracers.write_out(out, result, where, casting)
    kind = result.dtype if isinstance(result, Tracer) and not is_weak(result) else None
    if kind is not None and not np.can_cast(kind, out.dtype, casting):  # pyright: ignore
        raise error(
            f"can't cast the result from {kind} to {out.dtype} under rule {casting!r}",
            kind=UnsupportedTypeError,
        )
    for target, part in zip((out.re, out.im), parts(result), strict=True):
        tracers.write_out(target, part, where, "unsafe")
    return out


_REDUCED = {np.add: np.sum, np.multiply: np.prod, np.logical_and: np.all, np.logical_or: np.any}
_ACCUMULATED = {np.add: np.cumsum, np.multiply: np.cumprod}


def _method(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    match method:
        case "reduce" if ufunc in _REDUCED:
            a, *rest = inputs
            options = dict(zip(("axis", "dtype"), rest, strict=False)) | kwargs
            if options.get("dtype", 0) is None or ufunc not in (np.add, np.multiply):
                options.pop("dtype", None)
            return FUNCTIONS[_REDUCED[ufunc]](a, **{"axis": 0, **options})
        case "accumulate" if ufunc in _ACCUMULATED:
            a, *rest = inputs
            options = dict(zip(("axis", "dtype"), rest, strict=False)) | kwargs
            return FUNCTIONS[_ACCUMULATED[ufunc]](a, **{"axis": 0, **options})
        case "outer":
            x, y = (z if isinstance(z, Tracer) else lift(np.asarray(z)) for z in inputs)
            return ufunc(x[(..., *[None] * y.ndim)], y, **kwargs)  # pyright: ignore[reportIndexIssue]
        case "at" if ufunc in (np.add, np.subtract) and isinstance(inputs[0], Complex):
            a, indices, b = inputs
            for target, part in zip((a.re, a.im), parts(b), strict=True):
                ufunc.at(target, indices, part)
            return None
        case _:
            raise error(
                f"numpy.{ufunc.__name__}.{method} is not supported for complex numbers",
                hint="write it as a loop",
            )


def _multilinear(function: Callable[..., Any]) -> Callable[..., Any]:
    def of(*inputs: Any) -> Any:
        from dialectad.frontend.numpy.complex_functions import multilinear

        return multilinear(function, inputs)

    return of


MULTILINEAR: dict[np.ufunc, Callable[..., Any]] = {np.matmul: _multilinear(np.matmul)}
if hasattr(np, "vecdot"):
    MULTILINEAR[np.vecdot] = lambda x, y: _multilinear(np.vecdot)(np.conjugate(x), y)


# --- arithmetic --------------------------------------------------------------------------------


def _choose(condition: Any, x: Any, y: Any) -> Any:
    """`numpy.where`, also of known numbers."""
    return np.where(condition, x, y) if isinstance(condition, Tracer) else x if condition else y


def _minus(x: Any | None) -> Any | None:
    return None if x is None else -x


def _plus(x: Any | None, y: Any | None) -> Any:
    """The sum, where None is nothing."""
    return y if x is None else x if y is None else x + y


@_formula(np.add)
def add(z: Parts, w: Parts) -> Any:
    return z.re + w.re, _plus(z.im, w.im)


@_formula(np.subtract)
def subtract(z: Parts, w: Parts) -> Any:
    return z.re - w.re, _plus(z.im, _minus(w.im))


@_formula(np.multiply)
def multiply(z: Parts, w: Parts) -> Any:
    (a, b), (c, d) = z, w
    if d is None:
        return a * c, b * c
    if b is None:
        return a * c, a * d
    return a * c - b * d, a * d + b * c


@_formula(np.true_divide)
def divide(z: Parts, w: Parts) -> Any:
    """By Smith's method: the part of `w` that is less is divided by the other one."""
    (a, b), (c, d) = z, w
    if d is None:
        return a / c, b / c
    b = 0.0 if b is None else b
    first = np.abs(c) >= np.abs(d)
    high, low = _choose(first, c, d), _choose(first, d, c)
    is_zero = high == 0
    ratio = low / _choose(is_zero, 1.0, high)
    below = _choose(is_zero, 0.0, high + low * ratio)
    u, v = _choose(first, a, b), _choose(first, b, a)
    return (u + v * ratio) / below, _choose(first, v - u * ratio, u * ratio - v) / below


@_formula(np.reciprocal)
def reciprocal(z: Parts) -> Any:
    return divide(Parts(1.0, None), z)


@_formula(np.square)
def square(z: Parts) -> Any:
    return multiply(z, z)


@_formula(np.positive)
def positive(z: Parts) -> Any:
    return z.re, z.im


@_formula(np.negative)
def negative(z: Parts) -> Any:
    return -z.re, _minus(z.im)


@_formula(np.conjugate)
def conjugate(z: Parts) -> Any:
    return z.re, _minus(z.im)


@_formula(np.absolute)
def absolute(z: Parts) -> Any:
    return np.hypot(z.re, z.im)


@_formula(np.sign)
def sign(z: Parts) -> Any:
    size = absolute(z)
    safe = _choose(size == 0, 1.0, size)
    return z.re / safe, z.im / safe


# --- exponentials and logarithms ---------------------------------------------------------------


def _times(size: Any, direction: Any) -> Any:
    """The product, where infinity times 0 is 0."""
    nothing = np.logical_and(direction == 0, np.isinf(size))
    return _choose(nothing, direction, size * direction)


@_formula(np.exp)
def exp(z: Parts) -> Any:
    size = np.exp(z.re)
    return size * np.cos(z.im), _times(size, np.sin(z.im))


@_formula(np.log)
def log(z: Parts) -> Any:
    return np.log(absolute(z)), np.arctan2(z.im, z.re)


def _scaled(formula: Formula, before: float | None, after: float | None) -> Formula:
    """A formula of a multiple, or a multiple of it."""

    def of(z: Parts) -> Any:
        if before is not None:
            z = Parts(z.re * before, z.im * before)
        re, im = formula(z)
        return (re, im) if after is None else (re * after, im * after)

    return of


FORMULAS[np.exp2] = _scaled(exp, float(np.log(2)), None)
FORMULAS[np.log2] = _scaled(log, None, 1 / float(np.log(2)))
FORMULAS[np.log10] = _scaled(log, None, 1 / float(np.log(10)))


@_formula(np.expm1)
def expm1(z: Parts) -> Any:
    """exp(a) cos(b) - 1 is (exp(a) - 1) cos(b) - 2 sin(b/2)^2, without a difference of like numbers."""
    half = np.sin(z.im * 0.5)
    return np.expm1(z.re) * np.cos(z.im) - 2.0 * half * half, np.exp(z.re) * np.sin(z.im)


@_formula(np.log1p)
def log1p(z: Parts) -> Any:
    return np.log(np.hypot(z.re + 1.0, z.im)), np.arctan2(z.im, z.re + 1.0)


@_formula(np.sqrt)
def sqrt(z: Parts) -> Any:
    """The root of the larger part first; `s` is the side of the branch cut, +1 or -1."""
    a, b = z
    s = np.copysign(1.0, b)
    t = np.sqrt((np.abs(a) + np.hypot(a, b)) * 0.5)
    other = b / _choose(t == 0, 1.0, 2.0 * t)
    right = np.logical_or(a >= 0, t == 0)
    return _choose(right, t, s * other), _choose(right, other, s * t)


# --- powers ------------------------------------------------------------------------------------

_MAX_MULTIPLIED = 100
"""Integer powers up to this one are products, as in NumPy."""


def _multiplied(z: Parts, n: int) -> Any:
    """z to a positive power, by squaring."""
    result: Any = None
    while n:
        if n & 1:
            result = z if result is None else Parts(*multiply(result, z))
        if n := n >> 1:
            z = Parts(*multiply(z, z))
    return tuple(result)


def _known_exponent(w: Parts) -> complex | None:
    known = (int, float, np.floating, np.integer)
    if not isinstance(w.re, known) or not (w.im is None or isinstance(w.im, known)):
        return None
    return complex(float(w.re), 0.0 if w.im is None else float(w.im))


@_formula(np.power, np.float_power)
def power(z: Parts, w: Parts) -> Any:
    """exp(w log(z)); 0 to a power is 0 if the real part of that is positive, and to the power 0 it is 1."""
    n = _known_exponent(w)
    if n is not None and z.im is not None and n.imag == 0:
        if n.real == 0:
            return z.re * 0.0 + 1.0, z.im * 0.0
        if n.real == 0.5:
            return sqrt(z)
        if n.real == int(n.real) and abs(n.real) <= _MAX_MULTIPLIED:
            result = _multiplied(z, abs(int(n.real)))
            return result if n.real > 0 else reciprocal(Parts(*result))
    a, b = z.re, 0.0 if z.im is None else z.im
    zero = np.logical_and(a == 0, b == 0)
    logarithm = log(Parts(_choose(zero, 1.0, a), 0.0 if z.im is None else _choose(zero, 0.0, b)))
    re, im = exp(Parts(*multiply(Parts(*logarithm), w)))
    none = w.re == 0 if w.im is None else np.logical_and(w.re == 0, w.im == 0)
    nothing = _choose(w.re > 0, 0.0, np.nan)
    return _choose(zero, _choose(none, 1.0, nothing), re), _choose(zero, _choose(none, 0.0, nothing), im)


# --- trigonometry ------------------------------------------------------------------------------


@_formula(np.sinh)
def sinh(z: Parts) -> Any:
    return np.sinh(z.re) * np.cos(z.im), _times(np.cosh(z.re), np.sin(z.im))


@_formula(np.cosh)
def cosh(z: Parts) -> Any:
    return np.cosh(z.re) * np.cos(z.im), _times(np.sinh(z.re), np.sin(z.im))


_FLAT = 350.0
"""From here on `tanh` is 1, and the square of `cosh` infinite."""


@_formula(np.tanh)
def tanh(z: Parts) -> Any:
    """(tanh(a) (1 + t^2) + i t / cosh(a)^2) / (1 + tanh(a)^2 t^2), where t = tan(b)."""
    limit = _FLAT if z.re.dtype.itemsize == 8 else 40.0
    x, t = np.tanh(z.re), np.tan(z.im)
    root = np.cosh(np.clip(z.re, -limit, limit))
    below = 1.0 + x * x * t * t
    return x * (1.0 + t * t) / below, t / (root * root) / below


def _turned(hyperbolic: Formula) -> Formula:
    """f(z) as -i h(iz)."""

    def of(z: Parts) -> Any:
        re, im = hyperbolic(Parts(-z.im, z.re))
        return im, -re

    return of


FORMULAS[np.sin] = _turned(sinh)
FORMULAS[np.tan] = _turned(tanh)
FORMULAS[np.cos] = lambda z: cosh(Parts(-z.im, z.re))


# --- questions ---------------------------------------------------------------------------------


def _both(combine: Callable[[Any, Any], Any], question: Callable[..., Any]) -> Formula:
    """A question about both parts of the operands."""

    def of(*operands: Parts) -> Any:
        res, ims = zip(*((z.re, 0.0 if z.im is None else z.im) for z in operands), strict=True)
        return combine(question(*res), question(*ims))

    return of


FORMULAS.update(
    {
        np.equal: _both(np.logical_and, np.equal),
        np.not_equal: _both(np.logical_or, np.not_equal),
        np.isfinite: _both(np.logical_and, np.isfinite),
        np.isinf: _both(np.logical_or, np.isinf),
        np.isnan: _both(np.logical_or, np.isnan),
    }
)


def _truth(z: Parts) -> Any:
    return z.re != 0 if z.im is None else np.logical_or(z.re != 0, z.im != 0)


for _ufunc in (np.logical_and, np.logical_or, np.logical_xor, np.logical_not):
    FORMULAS[_ufunc] = functools.partial(lambda u, *operands: u(*map(_truth, operands)), _ufunc)
