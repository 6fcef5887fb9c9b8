"""Polynomials as vectors of coefficients, the highest power first."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import emit
from dialectad.frontend.numpy.creation import asarray
from dialectad.frontend.numpy.scans import convolve
from dialectad.frontend.numpy.stacks import numbers
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    floating,
    implements,
    operand,
)
from dialectad.frontend.tracers import lift
from dialectad.frontend.tracing import error


def _coefficients(p: Any) -> Any:
    """A polynomial as an array of one axis, of a length that is known."""
    made: Any = np.atleast_1d(numbers(p))
    if made.ndim != 1:
        raise error("a polynomial must be a vector of coefficients", kind=ShapeError)
    len(made)
    return made


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """numpy.polyval: by Horner's rule"""
    coefficients: Any = numbers(p)
    is_array = lift(x).is_array and lift(x).ndim > 0
    result: Any = np.zeros_like(x) if is_array else 0
    for i in range(len(coefficients)):
        result = coefficients[i] if i == 0 and not is_array else result * x + coefficients[i]
    return result


def _aligned(a1: Any, a2: Any) -> tuple[Any, Any]:
    """Two polynomials of as many coefficients."""
    a, b = _coefficients(a1), _coefficients(a2)
    n = max(len(a), len(b))
    a, b = (x if len(x) == n else np.concatenate([np.zeros_like(x, shape=n - len(x)), x]) for x in (a, b))
    return a, b


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """numpy.polyadd"""
    a, b = _aligned(a1, a2)
    return a + b


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """numpy.polysub"""
    a, b = _aligned(a1, a2)
    return a - b


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """numpy.polymul: of polynomials that don't start with a zero, which NumPy would leave out"""
    factors = [_coefficients(a) for a in (a1, a2)]
    for factor in factors:
        if len(factor) > 1:
            message = "ValueError: numpy.polymul is compiled for polynomials that don't start with a zero"
            emit.check(operand(np.not_equal(factor[0], 0)).ssa(), message)  # pyright: ignore
    return np.convolve(*factors)


@implements(np.polyder)
def polyder(p: Any, m: Any = 1) -> Any:
    """numpy.polyder"""
    times = concrete_int(m, "the order of the derivative")
    if times < 0:
        raise error("Order of derivative must be positive (see polyint)", kind=ShapeError)
    made = _coefficients(p)
    for _ in range(times):
        made = made[:-1] * np.arange(len(made) - 1, 0, -1)
    return made


@implements(np.polyint)
def polyint(p: Any, m: Any = 1, k: Any = None) -> Any:
    """numpy.polyint"""
    times = concrete_int(m, "the order of the integral")
    if times < 0:
        raise error("Order of integral must be positive (see polyder)", kind=ShapeError)
    constants: Any = np.zeros(times) if k is None else np.atleast_1d(numbers(k))
    if len(constants) == 1 and times > 1:
        constants = [constants[0]] * times
    if len(constants) < times:
        raise error("k must be a scalar or a rank-1 array of length 1 or >m.", kind=ShapeError)
    made = _coefficients(p)
    for i in range(times):
        divided = made / np.arange(len(made), 0, -1)
        made = np.concatenate([divided, np.atleast_1d(numbers(constants[i]))])
    return made


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """numpy.poly: from zeros; those of a matrix are its eigenvalues"""
    zeros = np.atleast_1d(asarray(seq_of_zeros))
    if zeros.ndim != 1:
        raise error(
            "numpy.poly of a matrix needs its eigenvalues, which may be complex, and is not supported",
            hint="for a symmetric matrix: numpy.poly(numpy.linalg.eigvalsh(a))",
            kind=UnsupportedTypeError,
        )
    if len(zeros) == 0:
        return 1.0
    dtype = floating(zeros.dtype)
    made: Any = asarray(np.ones(1, dtype))
    for i in range(len(zeros)):
        made = convolve(made, asarray([dtype.type(1), -zeros[i].astype(dtype)]))
    return made


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    """numpy.vander"""
    points: Any = numbers(x)
    if points.ndim != 1:
        raise error("x must be a one-dimensional array or sequence.", kind=ShapeError)
    count = len(points) if N is None else concrete_int(N, "the number of columns")
    points = points.astype(np.promote_types(points.dtype, np.int64))
    if count < 1:
        return np.zeros_like(points, shape=(len(points), count))
    columns: list[Any] = [np.ones_like(points)]
    for _ in range(count - 1):
        columns.append(columns[-1] * points)
    return np.stack(columns if increasing else columns[::-1], axis=1)


@implements(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    """numpy.polyfit: by least squares, with columns of length one"""
    order = concrete_int(deg, "the degree") + 1
    points, heights = array(x) + 0.0, array(y) + 0.0
    if order < 1:
        raise error("expected deg >= 0", kind=ShapeError)
    if points.ndim != 1:
        raise error("expected 1D vector for x", kind=UnsupportedTypeError)
    if points.size == 0:
        raise error("expected non-empty vector for x", kind=UnsupportedTypeError)
    if not 1 <= heights.ndim <= 2:
        raise error("expected 1D or 2D array for y", kind=UnsupportedTypeError)
    if len(points) != len(heights):
        raise error("expected x and y to have same length", kind=UnsupportedTypeError)
    tolerance = len(points) * np.finfo(points.dtype).eps if rcond is None else rcond
    left, right = vander(points, order), heights
    if w is not None:
        weights = array(w) + 0.0
        if weights.ndim != 1:
            raise error("expected a 1-d array for weights", kind=UnsupportedTypeError)
        if len(weights) != len(heights):
            raise error("expected w and y to have the same length", kind=UnsupportedTypeError)
        left = left * weights[:, None]
        right = right * (weights[:, None] if heights.ndim == 2 else weights)
    scale = np.sqrt(np.sum(left * left, axis=0))
    left = left / scale
    solution, residuals, rank, singular = np.linalg.lstsq(left, right, tolerance)
    solution = (solution.T / scale).T
    if full:
        return solution, residuals, rank, singular, tolerance
    if not cov:
        return solution
    spread = np.linalg.inv(left.T @ left) / np.outer(scale, scale)
    if cov == "unscaled":
        factor: Any = 1
    elif len(points) <= order:
        raise error(
            "the number of data points must exceed order to scale the covariance matrix", kind=ShapeError
        )
    else:
        misfit = np.sum((left @ (solution.T * scale).T - right) ** 2, axis=0)
        factor = misfit / (len(points) - order)
    return solution, spread * factor if heights.ndim == 1 else spread[:, :, None] * factor
