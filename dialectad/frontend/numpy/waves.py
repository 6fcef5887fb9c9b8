"""Functions for signals: `sinc`, `unwrap`, Bessel's `i0`, and the window that is made of it."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial, pi
from typing import Any

import numpy as np

from dialectad.errors import ShapeError
from dialectad.frontend.dtypes import FLOAT64
from dialectad.frontend.numpy.creation import array as fresh_array
from dialectad.frontend.numpy.creation import asarray
from dialectad.frontend.numpy.scans import cumsum, diff
from dialectad.frontend.numpy.support import (
    array,
    checked_dtype,
    concrete_int,
    dtype_of,
    floating,
    implements,
    intercepts,
    is_weak,
    normalize_axis,
    operand,
    python_number,
)
from dialectad.frontend.tracers import lift
from dialectad.frontend.tracing import error

_NEAR = 0.25
"""Where sin(y) / y is summed as a series, so that its derivatives are right at 0, too."""
_TERMS = [(-1) ** k / factorial(2 * k + 1) for k in range(8)]


@implements(np.sinc)
def sinc(x: Any) -> Any:
    """numpy.sinc"""
    y: Any = np.multiply(pi, lift(x))
    near = np.abs(y) < _NEAR
    close, far = np.where(near, y, 0.0), np.where(near, 1.0, y)
    square, series = close * close, _TERMS[-1]
    for term in reversed(_TERMS[:-1]):
        series = series * square + term
    return np.where(near, series, np.sin(far) / far)


@implements(np.i0)
def i0(x: Any) -> Any:
    """numpy.i0"""
    from dialectad.frontend.special import bessel

    source = operand(x)
    dtype = floating(dtype_of(source))
    return lift(bessel.i0(lift(source).astype(FLOAT64))).astype(dtype)


for _window in (np.bartlett, np.blackman, np.hamming, np.hanning):

    def _of_points(M: Any, window: Callable[[int], Any] = _window) -> Any:
        return fresh_array(window(concrete_int(M, "the number of points")))

    intercepts(_window)(_of_points)


@intercepts(np.kaiser)
def kaiser(M: Any, beta: Any) -> Any:
    """numpy.kaiser"""
    count = concrete_int(M, "the number of points")
    if count < 1:
        return asarray(np.zeros(0))
    if count == 1:
        return asarray(np.ones(1))
    middle = (count - 1) / 2.0
    heights = np.sqrt(1 - ((np.arange(count) - middle) / middle) ** 2.0)
    steep = lift(operand(beta)).astype(FLOAT64)
    return i0(steep * heights) / i0(steep)


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: Any = -1, *, period: Any = 2 * pi) -> Any:
    """numpy.unwrap"""
    source = array(p)
    if source.ndim == 0:
        raise error("diff requires input that is at least one dimensional", kind=ShapeError)
    d = normalize_axis(axis, source.ndim)
    steps = diff(source, axis=d)
    turn = operand(period)
    dtype = checked_dtype(
        np.result_type(steps.dtype, python_number(turn) if is_weak(turn) else dtype_of(turn))
    )
    if dtype.kind == "f":
        high, at_both_ends = period / 2, True
    else:
        high, at_both_ends = period // 2, np.equal(period % 2, 0)
    least = period / 2 if discont is None else discont
    short = np.mod(steps + high, period) - high
    ambiguous = np.logical_and(np.logical_and(short == -high, steps > 0), at_both_ends)
    short = np.where(ambiguous, high, short)
    turns = np.where(np.abs(steps) < least, 0, short - steps)
    before = (slice(None),) * d
    first, rest = source[(*before, slice(0, 1))], source[(*before, slice(1, None))]
    moved = rest + cumsum(turns, d)
    return np.concatenate([first.astype(dtype), moved.astype(dtype)], axis=d)
