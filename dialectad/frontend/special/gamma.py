"""The gamma function and its logarithmic derivatives.

For positive x, Stirling's series serves from 8 on, and below that at x + 8, eight steps of the recurrence
away. For others there is a reflection.
"""

from __future__ import annotations

from math import factorial, log, pi, sqrt
from typing import Any

import numpy as np

from dialectad.errors import UnsupportedTypeError
from dialectad.frontend.special.series import horner
from dialectad.frontend.tracing import error

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)
"""The Bernoulli numbers of index 2, 4, ... (DLMF 24.2.11)."""

_STEPS = 8


def _shifted(x: Any) -> tuple[Any, Any, Any]:
    """Whether a positive x is small, the argument of the series, and x if it is small."""
    small = x < _STEPS
    return small, np.where(small, x + _STEPS, x), np.where(small, x, 1.0)


def _reflected(x: Any) -> tuple[Any, Any, Any]:
    """Whether x isn't positive, what is positive instead, and x if it isn't."""
    negative = x <= 0.0
    return negative, np.where(negative, 1.0 - x, x), np.where(negative, x, 0.5)


def _stirling(z: Any) -> Any:
    """The sum in log(gamma(z)) (DLMF 5.11.1)."""
    terms = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI, 1)]
    return horner(terms, 1.0 / (z * z)) / z


def _steps(x: Any) -> Any:
    """x (x + 1) ... up to the argument of the series (DLMF 5.5.1)."""
    product = x
    for k in range(1, _STEPS):
        product = product * (x + k)
    return product


def _sine(x: Any) -> Any:
    """sin(pi x), exactly 0 at integers."""
    whole = np.rint(x)
    return np.sin(pi * (x - whole)) * (1.0 - 2.0 * np.abs(np.fmod(whole, 2.0)))


def gammaln(x: Any) -> Any:
    """The logarithm of the absolute value of gamma(x)."""
    negative, positive, reflected = _reflected(x)
    small, z, below = _shifted(positive)
    value = (z - 0.5) * (np.log(z) - 1.0) - 0.5 + 0.5 * log(2 * pi) + _stirling(z)
    value = value - np.where(small, np.log(_steps(below)), 0.0)
    return np.where(negative, log(pi) - np.log(np.abs(_sine(reflected))) - value, value)  # DLMF 5.5.3


def gamma(x: Any) -> Any:
    """The gamma function."""
    negative, positive, reflected = _reflected(x)
    small, z, below = _shifted(np.minimum(positive, 400.0))
    root = np.power(z, 0.5 * z - 0.25)  # the power itself overflows before its time
    value = sqrt(2 * pi) * (root * np.exp(-z)) * root * np.exp(_stirling(z))
    value = value / np.where(small, _steps(below), 1.0)
    value = np.where(negative, pi / (_sine(reflected) * value), value)  # DLMF 5.5.3
    pole = (x < 0.0) & (np.rint(x) == x)
    return np.where(pole, np.nan, np.where(x == 0.0, 1.0 / x, value))


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of digamma(x)."""
    if n < 0 or n != int(n):
        raise error(
            "the order of polygamma must be a non-negative integer",
            hint="choose such an order",
            kind=UnsupportedTypeError,
        )
    negative, positive, reflected = _reflected(x)
    small, z, below = _shifted(positive)
    sign = -1.0 if n % 2 == 0 else 1.0
    tail = [b * factorial(2 * k + n - 1) / factorial(2 * k) for k, b in enumerate(_BERNOULLI, 1)]
    lead = -np.log(z) if n == 0 else factorial(n - 1) / z**n
    value = lead + (factorial(n) / 2 + horner(tail, 1.0 / (z * z)) / z) / z ** (n + 1)  # DLMF 5.11.2, 5.15.9
    steps = sum(factorial(n) / (below + k) ** (n + 1) for k in range(_STEPS))
    value = sign * (value + np.where(small, steps, 0.0))
    if n == 0:
        pole = (x < 0.0) & (np.rint(x) == x)
        turned = value - pi * _cosine(reflected) / np.where(pole, np.nan, _sine(reflected))
    elif n == 1:
        turned = (pi / _sine(reflected)) ** 2 - value
    else:
        turned = np.nan  # as from scipy
    return np.where(negative, turned, value)  # DLMF 5.15.6


def _cosine(x: Any) -> Any:
    """cos(pi x)"""
    return _sine(x + 0.5)


def digamma(x: Any) -> Any:
    """The derivative of gammaln(x)."""
    return polygamma(0, x)


def betaln(a: Any, b: Any) -> Any:
    """The logarithm of the beta function (DLMF 5.12.1)."""
    return gammaln(a) + gammaln(b) - gammaln(a + b)


def beta(a: Any, b: Any) -> Any:
    """The beta function of positive arguments."""
    return np.exp(betaln(a, b))
