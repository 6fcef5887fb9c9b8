"""The functions of `math` on integers, which have 64 bits here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import INT64
from dialectad.frontend.numpy.support import loop, operand, scalar_value
from dialectad.frontend.tracers import Array, Scalar, Tracer
from dialectad.frontend.tracing import error

_DIVISIONS = 92
"""How many Euclid's algorithm takes at most for numbers of 63 bits (the worst are Fibonacci's)."""


def integer(x: Any) -> Any:
    """`x`, which must be an integer, as a Python one of 64 bits."""
    if isinstance(x, Array) and not x.ndim:
        x = operand(x)
    if isinstance(x, Tracer) and not (isinstance(x, Scalar) and x.dtype.kind in "iub"):
        raise error(f"{x!r} cannot be interpreted as an integer", kind=UnsupportedTypeError)
    return Scalar(emit.cast(scalar_value(operand(x), INT64), dtypes.to_ir(INT64)), weak=True)


def _require(condition: Any, message: str) -> None:
    emit.check(condition.ssa(), f"ValueError: {message}")


def _rooted(n: Any) -> Any:
    root: Any = np.sqrt(n)
    return Scalar(emit.cast(root.ssa(), dtypes.to_ir(INT64)), weak=True)


def _repeated(count: Any, start: list[Any], step: Callable[..., list[Any]]) -> list[Any]:
    """Numbers after `count` steps: `step(i, *numbers)` gives the next ones."""

    def body(i: SSAValue, *values: SSAValue) -> list[SSAValue]:
        position = Scalar(emit.cast(i, dtypes.to_ir(INT64)), weak=True)
        return [integer(x).ssa() for x in step(position, *(Scalar(v, weak=True) for v in values))]

    times = count if isinstance(count, int) else count.index()
    return [Scalar(v, weak=True) for v in loop(times, [integer(x).ssa() for x in start], body)]


def _gcd(a: Any, b: Any) -> Any:
    """By Euclid's algorithm, for as many steps as it may take."""

    def step(_: Any, x: Any, y: Any) -> list[Any]:
        done = y == 0
        rest = np.remainder(x, np.where(done, 1, y))
        return [np.where(done, x, y), np.where(done, 0, rest)]

    return _repeated(_DIVISIONS, [abs(integer(a)), abs(integer(b))], step)[0]


def gcd(*integers: Any) -> Any:
    """math.gcd"""
    return functools.reduce(_gcd, integers, 0)


def lcm(*integers: Any) -> Any:
    """math.lcm"""

    def both(a: Any, b: Any) -> Any:
        common = _gcd(a, b)
        return integer(abs(integer(a)) // integer(np.where(common == 0, 1, common)) * abs(integer(b)))

    return functools.reduce(both, integers, 1)


def isqrt(n: Any) -> Any:
    """math.isqrt: the rounded root of the rounded number is off by one at most"""
    n = integer(n)
    _require(n >= 0, "isqrt() argument must be nonnegative")
    root = _rooted(n)
    root = integer(np.where((root > 0) & (root > n // integer(np.where(root == 0, 1, root))), root - 1, root))
    return integer(np.where(root + 1 <= n // (root + 1), root + 1, root))


def factorial(n: Any) -> Any:
    """math.factorial"""
    n = integer(n)
    _require(n >= 0, "factorial() not defined for negative values")
    return _repeated(n, [1], lambda i, product: [product * (i + 1)])[0]


def perm(n: Any, k: Any = None) -> Any:
    """math.perm"""
    if k is None:
        return factorial(n)
    n, k = integer(n), integer(k)
    _require(n >= 0, "n must be a non-negative integer")
    _require(k >= 0, "k must be a non-negative integer")
    return _repeated(k, [1], lambda i, product: [product * np.maximum(n - i, 0)])[0]


def comb(n: Any, k: Any) -> Any:
    """math.comb: each product is divisible by the number of its factors"""
    n, k = integer(n), integer(k)
    _require(n >= 0, "n must be a non-negative integer")
    _require(k >= 0, "k must be a non-negative integer")
    fewer = integer(np.where(k > n, 0, np.minimum(k, n - k)))
    count = _repeated(fewer, [1], lambda i, product: [product * (n - i) // (i + 1)])[0]
    return integer(np.where(k > n, 0, count))
