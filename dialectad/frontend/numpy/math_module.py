"""Python's `math` on tracers: what it gives are Python numbers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.dialects import math as math_ops

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import emit
from dialectad.frontend.complexes import Complex
from dialectad.frontend.dtypes import FLOAT64, INT64
from dialectad.frontend.numpy import math_floats, math_integers
from dialectad.frontend.numpy.methods import cast_scalar
from dialectad.frontend.numpy.support import checked, holds_tracer, operand, scalar_value
from dialectad.frontend.special.errors import erfc
from dialectad.frontend.special.gamma import gamma, gammaln
from dialectad.frontend.tracers import CALLS, Array, Scalar, Tracer, lift
from dialectad.frontend.tracing import error


def number(x: Any) -> Any:
    """`x`, which must be one number: an array's only element."""
    if not isinstance(x, Tracer):
        return x
    if isinstance(x, Array | Complex) and any(n != 1 for n in x.extents):
        raise error(
            "only arrays of one element can be converted to Python numbers",
            hint="use the function of numpy, which works on whole arrays",
            kind=UnsupportedTypeError,
        )
    if isinstance(x, Complex):
        return x.item()
    return Scalar(emit.extract(x.ssa(), [0] * x.ndim)) if isinstance(x, Array) else x


def as_float(x: Any) -> Any:
    """`float(x)`"""
    return Scalar(scalar_value(operand(number(x)), FLOAT64), weak=True)


def weak(x: Any) -> Any:
    """A result as a Python number."""
    return Scalar(x.value, weak=True, interval=x.interval, offset=x.offset) if isinstance(x, Scalar) else x


def _by_ufunc(ufunc: np.ufunc) -> Callable[..., Any]:
    """All arguments as floats, and a Python number as the result."""
    return lambda *args: weak(ufunc(*map(as_float, args)))


def _to_integer(ufunc: np.ufunc) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        x = number(x)
        if isinstance(x, Scalar) and x.dtype.kind != "f":
            return cast_scalar(x, INT64, weak=True)
        return cast_scalar(lift(ufunc(x)), INT64, weak=True)  # pyright: ignore[reportArgumentType]

    return function


def _log(x: Any, base: Any = None) -> Any:
    """math.log"""
    result = weak(np.log(as_float(x)))
    return result if base is None else result / (weak(np.log(as_float(base))))


def _erf(x: Any) -> Any:
    """math.erf"""
    return Scalar(emit.op(math_ops.ErfOp(as_float(x).ssa())), weak=True)


def _of_floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """All arguments as floats, and Python numbers as the results."""

    @functools.wraps(function)
    def implementation(*args: Any) -> Any:
        result = function(*map(as_float, args))
        return tuple(map(weak, result)) if isinstance(result, tuple) else weak(result)

    return implementation


def _hypot(*coordinates: Any) -> Any:
    """math.hypot"""
    result = as_float(coordinates[0])
    if len(coordinates) == 1:
        return abs(result)
    for other in coordinates[1:]:
        result = weak(np.hypot(result, as_float(other)))
    return result


def _dist(p: Any, q: Any) -> Any:
    """math.dist"""
    return _hypot(*(a - b for a, b in zip(p, q, strict=True)))


def _fsum(values: Any) -> Any:
    """math.fsum, without its extra precision"""
    result = as_float(0.0)
    for value in values:
        result = result + as_float(value)
    return result


def _prod(iterable: Any, *, start: Any = 1) -> Any:
    """math.prod"""
    result = start
    for value in iterable:
        result = result * value
    return result


def _isclose(a: Any, b: Any, *, rel_tol: float = 1e-09, abs_tol: float = 0.0) -> Any:
    """math.isclose"""
    x, y = as_float(a), as_float(b)
    bound = np.maximum(rel_tol * np.maximum(abs(x), abs(y)), abs_tol)
    near = np.logical_and(abs(x - y) <= bound, np.isfinite(x - y))
    return weak(np.logical_or(near, x == y))


def _ldexp(x: Any, i: Any) -> Any:
    """math.ldexp"""
    return weak(np.ldexp(as_float(x), number(i)))


def _modf(x: Any) -> Any:
    """math.modf"""
    return tuple(map(weak, np.modf(as_float(x))))


FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    **{
        getattr(math, name): _by_ufunc(getattr(np, ufunc))
        for name, ufunc in {
            "sqrt": "sqrt", "cbrt": "cbrt", "exp": "exp", "exp2": "exp2", "expm1": "expm1",
            "log2": "log2", "log10": "log10", "log1p": "log1p",
            "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos", "atan": "arctan",
            "atan2": "arctan2", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "asinh": "arcsinh",
            "acosh": "arccosh", "atanh": "arctanh", "fabs": "fabs", "fmod": "fmod", "pow": "float_power",
            "copysign": "copysign", "degrees": "degrees", "radians": "radians",
            "isnan": "isnan", "isinf": "isinf", "isfinite": "isfinite",
        }.items()
        if hasattr(math, name)
    },
    math.floor: _to_integer(np.floor),
    math.ceil: _to_integer(np.ceil),
    math.trunc: _to_integer(np.trunc),
    math.log: _log,
    math.erf: _erf,
    **{
        getattr(math, f.__name__): _of_floats(f)
        for f in (
            *(erfc, gamma, math_floats.frexp, math_floats.ulp),
            *(math_floats.nextafter, math_floats.remainder),
        )
    },
    math.lgamma: _of_floats(gammaln),
    **{
        getattr(math, f.__name__): f
        for f in (
            *(math_integers.gcd, math_integers.lcm, math_integers.isqrt),
            *(math_integers.factorial, math_integers.perm, math_integers.comb),
        )
    },
    math.hypot: _hypot,
    math.dist: _dist,
    math.fsum: _fsum,
    math.prod: _prod,
    math.isclose: _isclose,
    math.ldexp: _ldexp,
    math.modf: _modf,
}  # fmt: skip


def _either(function: Callable[..., Any], implementation: Callable[..., Any]) -> Callable[..., Any]:
    implementation = checked(f"math.{function.__name__}".removeprefix("math."), implementation, out=False)

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        args = tuple(list(a) if hasattr(a, "__next__") else a for a in args)  # generators are looked into
        if holds_tracer(args) or holds_tracer(kwargs.values()):
            return implementation(*args, **kwargs)
        return function(*args, **kwargs)

    return either


for _name in dir(math):
    _function = getattr(math, _name)
    if callable(_function) and not _name.startswith("_"):
        CALLS[_function] = _either(_function, FUNCTIONS[_function])
