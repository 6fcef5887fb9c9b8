"""Logistic functions, entropies, and sums of exponentials."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.dialects.ad import StopOp
from dialectad.frontend import emit
from dialectad.frontend.numpy.support import array, floating, operand
from dialectad.frontend.tracers import Array


def expit(x: Any) -> Any:
    """1 / (1 + exp(-x))"""
    negative = x < 0.0
    small = np.exp(np.where(negative, x, -x))
    return np.where(negative, small, 1.0) / (1.0 + small)


def log_expit(x: Any) -> Any:
    """log(expit(x))"""
    negative = x < 0.0
    return np.where(negative, x, 0.0) - np.log1p(np.exp(np.where(negative, x, -x)))


def logit(x: Any) -> Any:
    """log(x / (1 - x))"""
    return np.log(x) - np.log1p(-x)


def xlogy(x: Any, y: Any) -> Any:
    """x log(y), and 0 for x = 0."""
    return x * np.log(np.where((x == 0.0) & (y <= 0.0), 1.0, y))


def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), and 0 for x = 0."""
    return x * np.log1p(np.where((x == 0.0) & (y <= -1.0), 0.0, y))


def entr(x: Any) -> Any:
    """-x log(x), minus infinity for negative x."""
    positive = np.where(x > 0.0, x, 1.0)
    value = np.where(x > 0.0, -x * np.log(positive), np.where(x == 0.0, 0.0, -np.inf))
    return np.where(np.isnan(x), x, value)


def rel_entr(x: Any, y: Any) -> Any:
    """x log(x / y), infinite where x or y isn't positive, but for 0 and any y >= 0."""
    both = (x > 0.0) & (y > 0.0)
    a, b = np.where(both, x, 1.0), np.where(both, y, 1.0)
    rest = np.where((x == 0.0) & (y >= 0.0), 0.0, np.inf)
    return np.where(np.isnan(x) | np.isnan(y), np.nan, np.where(both, a * (np.log(a) - np.log(b)), rest))


def kl_div(x: Any, y: Any) -> Any:
    """rel_entr(x, y) - x + y"""
    return rel_entr(x, y) - x + y


def exprel(x: Any) -> Any:
    """(exp(x) - 1) / x, by its series (DLMF 4.2.19) near 0."""
    near = np.abs(x) < 1e-2
    away, small = np.where(near, 1.0, x), np.where(near, x, 0.0)
    series: Any = 1.0
    for k in range(9, 1, -1):
        series = 1.0 + series * small / k
    return np.where(near, series, np.expm1(away) / away)


# --- of whole arrays ---------------------------------------------------------------------------


def _floats(x: Any) -> Array:
    found = array(x)
    return found.astype(floating(found.dtype))


def _highest(x: Any, axis: Any) -> Any:
    """The greatest elements, 0 instead of an infinite one. The results don't depend on them."""
    high = np.max(x, axis=axis, keepdims=True)
    finite: Any = np.where(np.isfinite(high), high, 0.0)
    return Array.fresh(emit.op(StopOp(finite.ssa())))


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """scipy.special.logsumexp"""
    x = _floats(a)
    weights: Any = None
    if b is not None:
        x, weights = np.broadcast_arrays(x, _floats(b))
        x = np.where(weights == 0.0, -np.inf, x)
    high = _highest(x, axis)
    terms = np.exp(x - high)
    summed = np.sum(terms if weights is None else weights * terms, axis=axis, keepdims=keepdims)
    base = high if keepdims else np.squeeze(high, axis=axis)
    if return_sign:
        return np.log(np.abs(summed)) + base, np.sign(summed)
    return operand(np.log(summed) + base)


def softmax(x: Any, axis: Any = None) -> Any:
    """scipy.special.softmax"""
    x = _floats(x)
    powers = np.exp(x - _highest(x, axis))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """scipy.special.log_softmax"""
    x = _floats(x)
    moved = x - _highest(x, axis)
    return moved - np.log(np.sum(np.exp(moved), axis=axis, keepdims=True))
