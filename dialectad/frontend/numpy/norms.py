"""`numpy.linalg`: norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dialectad.errors import ShapeError
from dialectad.frontend.dtypes import BOOL, FLOAT64
from dialectad.frontend.numpy.decompositions import svdvals
from dialectad.frontend.numpy.linear import inverse_or_nan
from dialectad.frontend.numpy.reductions import max_, min_, sum_
from dialectad.frontend.numpy.stacks import (
    MatrixError,
    implements,
    numbers,
    operands,
    real_dtype,
    square,
    squared_sizes,
    stacked,
)
from dialectad.frontend.numpy.support import array, normalize_axes, operand, tensor
from dialectad.frontend.tracers import Array
from dialectad.frontend.tracing import error


def _floats(x: Any) -> Any:
    source = numbers(x)
    return source if source.dtype.kind in "fc" else source.astype(FLOAT64)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    """numpy.linalg.norm"""
    source = _floats(x)
    axes = normalize_axes(axis, source.ndim)
    if ord is None and axis is None:
        return _vector_norm(source, 2, axes, keepdims)
    if len(axes) == 1:
        return _vector_norm(source, 2 if ord is None else ord, axes, keepdims)
    if len(axes) != 2:
        raise error("Improper number of dimensions to norm.", kind=ShapeError)
    return _matrix_norm(source, "fro" if ord is None else ord, axes, keepdims)


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> Any:
    """numpy.linalg.vector_norm"""
    source = _floats(x)
    return _vector_norm(source, ord, normalize_axes(axis, source.ndim), keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: Any = False, ord: Any = "fro") -> Any:
    """numpy.linalg.matrix_norm"""
    return norm(x, "fro" if ord is None else ord, (-2, -1), keepdims)


def _vector_norm(source: Any, ord: Any, axes: Sequence[int], keepdims: Any) -> Any:
    if isinstance(ord, str):
        raise error(f"Invalid norm order {ord!r} for vectors", kind=ShapeError)
    if ord == 2:
        return np.sqrt(sum_(squared_sizes(source), axes, keepdims=keepdims))
    size = np.abs(source)
    if ord == np.inf:
        return _largest(size, axes, keepdims)
    if ord == -np.inf:
        return min_(size, axes, keepdims=keepdims)
    if ord == 0:
        return sum_(Array.fresh(tensor(size, BOOL)).astype(size.dtype), axes, keepdims=keepdims)
    if ord == 1:
        return sum_(size, axes, keepdims=keepdims)
    return sum_(size**ord, axes, keepdims=keepdims) ** (1.0 / ord)


def _matrix_norm(source: Any, ord: Any, axes: Sequence[int], keepdims: Any) -> Any:
    if ord in ("fro", "f"):
        return np.sqrt(sum_(squared_sizes(source), axes, keepdims=keepdims))
    if ord in (1, -1, np.inf, -np.inf):
        summed, compared = axes if abs(ord) == 1 else tuple(reversed(axes))
        sums = sum_(np.abs(source), summed, keepdims=True)
        result = (_largest if ord > 0 else _smallest)(sums, (compared,), True)
        return result if keepdims else operand(np.squeeze(result, tuple(axes)))
    if ord not in (2, -2, "nuc"):
        raise error("Invalid norm order for matrices.", kind=ShapeError)
    values = svdvals(np.moveaxis(source, tuple(axes), (-2, -1)))
    reduced = {2: _largest, -2: _smallest, "nuc": _total}[ord](values, (values.ndim - 1,), False)
    return np.expand_dims(array(reduced), tuple(axes)) if keepdims else reduced


def _total(x: Any, axes: Sequence[int], keepdims: Any) -> Any:
    return sum_(x, axes, keepdims=keepdims)


def _smallest(x: Any, axes: Sequence[int], keepdims: Any) -> Any:
    return min_(x, axes, keepdims=keepdims)


def _largest(x: Any, axes: Sequence[int], keepdims: Any) -> Any:
    """The maximum of what isn't negative: 0 of nothing."""
    if any(isinstance(n := x.extents[axis], int) and n == 0 for axis in axes):
        return sum_(x, axes, keepdims=keepdims)
    return max_(x, axes, keepdims=keepdims)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """numpy.linalg.cond: infinity where the matrix is singular"""
    (matrix,) = operands(x)
    if any(isinstance(n, int) and n == 0 for n in stacked(matrix)[-2:]):
        raise error("cond is not defined on empty arrays", kind=MatrixError)
    if p is None or p in (2, -2):
        values = svdvals(matrix)
        first, last = values[..., 0], values[..., -1]
        found = last / first if p == -2 else first / last
    else:
        matrix = square(matrix)
        inverse = inverse_or_nan(matrix)
        found = norm(matrix, p, (-2, -1)) * norm(inverse, p, (-2, -1))
    is_missing: Any = np.isnan(matrix)
    unknown: Any = np.isnan(found) & ~np.any(is_missing, axis=(-2, -1))
    return np.where(unknown, np.inf, found).astype(real_dtype(matrix))
