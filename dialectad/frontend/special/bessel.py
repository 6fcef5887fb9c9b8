"""Bessel functions of order 0 and 1."""

from __future__ import annotations

from math import factorial, pi
from typing import Any

import numpy as np

from dialectad.frontend.special import coefficients as c
from dialectad.frontend.special.series import chebyshev, horner

_NEAR = 8.0
"""Up to here it is a function of x**2, from here on one of 1 / x."""


def _parts(x: Any) -> tuple[Any, Any, Any]:
    """Whether |x| is small, x if it is, and |x| if it isn't."""
    near = np.abs(x) < _NEAR
    return near, np.where(near, x, 1.0), np.where(near, _NEAR, np.abs(x))


def _near(coefficients: Any, x: Any) -> Any:
    return chebyshev(coefficients, x * x / 32.0 - 1.0)


def _wave(order: int, x: Any, shift: float) -> Any:
    """sqrt(2 / (pi x)) (P cos(chi) - Q sin(chi)), chi being x and a shift (DLMF 10.17.3)."""
    p, q = (c.J0_P, c.J0_Q) if order == 0 else (c.J1_P, c.J1_Q)
    t = 2.0 * (_NEAR / x) ** 2 - 1.0
    chi = x + shift
    wave = chebyshev(p, t) * np.cos(chi) - chebyshev(q, t) * (_NEAR / x) * np.sin(chi)
    return np.sqrt(2.0 / (pi * x)) * wave


def j0(x: Any) -> Any:
    """The Bessel function of the first kind of order 0."""
    near, small, large = _parts(x)
    return np.where(near, _near(c.J0, small), _wave(0, large, -pi / 4))


def j1(x: Any) -> Any:
    """The Bessel function of the first kind of order 1."""
    near, small, large = _parts(x)
    return np.where(near, small * _near(c.J1, small), np.copysign(1.0, x) * _wave(1, large, -3 * pi / 4))


def y0(x: Any) -> Any:
    """The Bessel function of the second kind of order 0, for positive x."""
    near, small, large = _parts(x)
    value = 2 / pi * np.log(small) * _near(c.J0, small) + _near(c.Y0, small)  # DLMF 10.8.2
    return np.where(x < 0.0, np.nan, np.where(near, value, _wave(0, large, -3 * pi / 4)))


_TERMS = 32


def _modified(order: int, x: Any) -> Any:
    """The power series of I (DLMF 10.25.2), whose terms are positive."""
    terms = [1 / (factorial(k) * factorial(k + order)) for k in range(_TERMS)]
    return horner(terms, x * x / 4.0) * ((x / 2.0) ** order if order else 1.0)


def _scaled(coefficients: Any, x: Any) -> Any:
    """I exp(-x) for large x."""
    return chebyshev(coefficients, 2.0 * _NEAR / x - 1.0) / np.sqrt(x)


def i0e(x: Any) -> Any:
    """exp(-|x|) i0(x)"""
    near, small, large = _parts(x)
    return np.where(near, np.exp(-np.abs(small)) * _modified(0, small), _scaled(c.I0_FAR, large))


def i1e(x: Any) -> Any:
    """exp(-|x|) i1(x)"""
    near, small, large = _parts(x)
    far = np.copysign(1.0, x) * _scaled(c.I1_FAR, large)
    return np.where(near, np.exp(-np.abs(small)) * _modified(1, small), far)


def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind of order 0."""
    near, small, large = _parts(x)
    half = np.exp(0.5 * large)  # the power itself overflows before its time
    return np.where(near, _modified(0, small), half * _scaled(c.I0_FAR, large) * half)


def i1(x: Any) -> Any:
    """The modified Bessel function of the first kind of order 1."""
    near, small, large = _parts(x)
    half = np.exp(0.5 * large)
    far = np.copysign(1.0, x) * (half * _scaled(c.I1_FAR, large) * half)
    return np.where(near, _modified(1, small), far)
