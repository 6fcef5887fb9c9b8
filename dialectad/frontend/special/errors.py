"""The error function's kin, and the normal distribution that goes with it."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from dialectad.frontend.special import coefficients
from dialectad.frontend.special.series import chebyshev, erf

_MOST = 40.0
"""From here on `erfc` is 0 in double precision."""


def erfcx(x: Any) -> Any:
    """exp(x**2) erfc(x) for x >= 0.5, which falls as 1 / x (DLMF 7.12.1)."""
    x = np.where(x < 1e10, x, 1e10)
    return chebyshev(coefficients.ERFCX, (x - 3.0) / (x + 3.0)) / (1.0 + 2.0 * x)


def _gauss(x: Any) -> Any:
    """exp(-x**2), with x split so that no digits of the large exponent are lost."""
    high = np.floor(16.0 * x) / 16.0
    return np.exp(-high * high) * np.exp(-(x - high) * (x + high))


def erfc(x: Any) -> Any:
    """1 - erf(x)"""
    far = x >= 0.5
    tail = np.minimum(np.where(far, x, 0.5), _MOST)
    return np.where(far, _gauss(tail) * erfcx(tail), 1.0 - erf(x))


def ndtr(x: Any) -> Any:
    """The probability that a normal variable is below x (DLMF 7.20.1)."""
    return 0.5 * erfc(-x / sqrt(2.0))


def log_ndtr(x: Any) -> Any:
    """log(ndtr(x))"""
    far = x < -1.0
    tail = np.where(far, -x / sqrt(2.0), 1.0)
    return np.where(
        far, np.log(0.5 * erfcx(tail)) - tail * tail, np.log1p(-0.5 * erfc(np.where(far, 0.0, x) / sqrt(2.0)))
    )


def _inverse_erf(x: Any) -> Any:
    """erfinv for |x| <= 0.8: an approximation, and two of Newton's steps."""
    y = x * chebyshev(coefficients.ERFINV, x * x / 0.32 - 1.0)
    for _ in range(2):
        y = y - (erf(y) - x) * (sqrt(pi) / 2.0) * np.exp(y * y)
    return y


def _inverse_erfc(q: Any) -> Any:
    """erfcinv for q <= 0.2: as above, for log(erfc(y)) = log(erfcx(y)) - y**2."""
    logarithm = np.log(q)
    y = chebyshev(coefficients.ERFCINV, (np.sqrt(-logarithm) - 14.2) / 13.0)
    for _ in range(2):
        scaled = erfcx(y)
        y = y + (np.log(scaled) - y * y - logarithm) * scaled * (sqrt(pi) / 2.0)
    return y


def _inverse(middle: Any, low: Any, high: Any) -> Any:
    """The x with erf(x) = middle, erfc(-x) = low and erfc(x) = high, from the one that is exact."""
    near, below = np.abs(middle) <= 0.8, low < 0.2
    q = np.where(below, low, high)
    none = q == 0.0
    tail = _inverse_erfc(np.where(near | none, 0.1, q))
    tail = np.where(none, np.inf, tail)
    return np.where(near, _inverse_erf(np.where(near, middle, 0.0)), np.where(below, -tail, tail))


def erfinv(x: Any) -> Any:
    """The inverse of `erf`."""
    return _inverse(x, 1.0 + x, 1.0 - x)


def erfcinv(x: Any) -> Any:
    """The inverse of `erfc`."""
    return _inverse(1.0 - x, 2.0 - x, x)


def ndtri(x: Any) -> Any:
    """The inverse of `ndtr`."""
    return sqrt(2.0) * _inverse(2.0 * x - 1.0, 2.0 * x, 2.0 * (1.0 - x))
