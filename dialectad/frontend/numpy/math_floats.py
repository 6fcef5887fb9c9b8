"""The functions of `math` that look at the binary form of a float."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.frontend.dtypes import INT64
from dialectad.frontend.numpy.methods import cast_scalar
from dialectad.frontend.tracers import Array, lift


def _form(x: Any) -> tuple[Any, Any, int, int]:
    """Of a float's dtype: one, the least number, how many digits, and the exponent of the least number."""
    info = np.finfo(x.dtype)
    return info.dtype.type(1), info.smallest_subnormal, info.nmant + 1, int(info.minexp) - info.nmant


def split(x: Any) -> tuple[Any, Any]:
    """A fraction from 0.5 to 1, with the sign of x, and the exponent; x itself and 0 if it has none."""
    plain = (x != 0.0) & np.isfinite(x)
    size = np.where(plain, np.abs(x), 1.0)
    exponent = np.floor(np.log2(size)) + 1.0  # the logarithm is rounded, so off by one at most
    fraction = np.ldexp(np.where(plain, x, 1.0), _integer(-exponent))
    high, low = np.abs(fraction) >= 1.0, np.abs(fraction) < 0.5
    fraction = fraction * np.where(high, 0.5, np.where(low, 2.0, 1.0))
    exponent = exponent + np.where(high, 1.0, np.where(low, -1.0, 0.0))
    return np.where(plain, fraction, x), np.where(plain, exponent, 0.0)


def _integer(x: Any) -> Any:
    tracer = lift(x)
    return tracer.astype(INT64) if isinstance(tracer, Array) else cast_scalar(tracer, INT64, weak=True)  # pyright: ignore[reportArgumentType]


def frexp(x: Any) -> tuple[Any, Any]:
    """math.frexp"""
    fraction, exponent = split(x)
    return fraction, _integer(exponent)


def ulp(x: Any) -> Any:
    """math.ulp"""
    _, exponent = split(x)
    one, least, digits, lowest = _form(x)
    unit = np.ldexp(one, _integer(np.maximum(exponent - digits, lowest)))
    return np.where(np.isfinite(x), np.where(x == 0.0, least, unit), np.abs(x))


def nextafter(x: Any, y: Any) -> Any:
    """math.nextafter"""
    fraction, exponent = split(x)
    outwards = np.where(x < y, 1.0, -1.0) == np.sign(x)
    finer = np.where((np.abs(fraction) == 0.5) & ~outwards, 1.0, 0.0)  # below a power of two
    one, least, digits, lowest = _form(x)
    step = np.ldexp(one, _integer(np.maximum(exponent - finer - digits, lowest)))
    moved = x + np.where(x < y, step, -step)
    moved = np.where(x == 0.0, np.copysign(least, y), moved)
    moved = np.where(np.isinf(x), np.copysign(np.finfo(x.dtype).max, x), moved)
    moved = np.where((moved == 0.0) & (x != 0.0), np.copysign(0.0, x), moved)
    return np.where(np.isnan(x) | np.isnan(y), np.nan, np.where(x == y, y, moved))


def remainder(x: Any, y: Any) -> Any:
    """math.remainder: what is left of x by the nearest multiple of y, an even one of two"""
    size, by = np.abs(x), np.abs(y)
    rest = np.fmod(size, by)
    over = by - rest
    tie = rest - 2.0 * np.fmod(0.5 * (size - rest), by)
    nearest = np.where(rest < over, rest, np.where(rest > over, -over, tie))
    return np.where(np.isinf(y) & np.isfinite(x), x, np.copysign(1.0, x) * nearest)
