"""Derivatives on a tape, checked against finite differences, in both modes and nested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import dialectad as da

LEVEL = "tape"


def floats(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Normal random numbers."""
    return np.random.default_rng(seed).standard_normal(shape)


def total(result: Any) -> Any:
    """A number that depends on all of a result."""
    if isinstance(result, list | tuple):
        return sum(total(part) for part in result)
    return 0.0 if isinstance(result, bool | int) else np.sum(np.sin(result * 1.3))


def check(function: Callable[[Any], Any], x: Any, *, second: bool = True, tolerance: float = 1e-5) -> None:
    """Value, gradient, tangent and second derivatives of `total(function(x))`."""

    def scalar(a: Any) -> Any:
        return total(function(a))

    direction, step = np.asarray(floats(*np.shape(x), seed=1))[()], 1e-6
    with np.errstate(all="ignore"):
        value = scalar(_copy(x))
        expected = (scalar(x + step * direction) - scalar(x - step * direction)) / (2 * step)
        found, gradient = da.value_and_grad(scalar, level=LEVEL)(_copy(x))
    assert type(found) is type(value)
    np.testing.assert_array_equal(found, value)
    assert type(gradient) is type(x)
    np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=tolerance, atol=tolerance)
    _, tangent = da.jvp(scalar, (_copy(x),), (direction,), level=LEVEL)
    np.testing.assert_allclose(tangent, np.sum(gradient * direction), rtol=1e-9, atol=1e-11)
    if second:
        slope = da.grad(scalar, level=LEVEL)
        forward = da.jvp(lambda a: slope(_copy(a)), (_copy(x),), (direction,), level=LEVEL)[1]
        reverse = da.grad(lambda a: np.sum(slope(_copy(a)) * direction), level=LEVEL)(_copy(x))
        np.testing.assert_allclose(forward, reverse, rtol=1e-7, atol=1e-9)
        with np.errstate(all="ignore"):
            above, below = slope(x + step * direction), slope(x - step * direction)
        np.testing.assert_allclose(forward, (above - below) / (2 * step), rtol=1e-4, atol=1e-4)


def _copy(x: Any) -> Any:
    return x.copy() if hasattr(x, "copy") else x
