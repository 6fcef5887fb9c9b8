"""`numpy.linalg`: pseudoinverses, least squares and ranks, by singular values.

No derivative goes through singular vectors: it is that of the pseudoinverse, where the rank stays what it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy._globals import _NoValue

from dialectad.dialects import lapack
from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.complexes import Complex
from dialectad.frontend.dtypes import FLOAT64, INT64
from dialectad.frontend.emit import Extent
from dialectad.frontend.numpy.decompositions import require_general, singular_parts, svdvals
from dialectad.frontend.numpy.stacks import (
    MatrixError,
    Numbers,
    adjoint,
    cast,
    each_matrix,
    implements,
    numbers,
    operands,
    packed,
    real_dtype,
    smaller,
    squared_sizes,
    stacked,
    unpacked,
)
from dialectad.frontend.numpy.support import array, require_same
from dialectad.frontend.tracers import Scalar
from dialectad.frontend.tracing import error

_EPSILON = float(np.finfo(np.float64).eps)


def _larger(m: Extent, n: Extent) -> Any:
    """The larger of two extents, as a number."""
    extent = emit.sub_index(emit.add_index(m, n), smaller(m, n))
    return extent if isinstance(extent, int) else Scalar(emit.cast(extent, dtypes.to_ir(INT64)))


def _pseudoinverse(matrix: Numbers, limit: Any, parts: tuple[Any, Any, Any]) -> tuple[Any, Any]:
    """The pseudoinverse, and which singular values count: more than `limit` times the largest."""
    *stack, m, n = matrix.extents
    u, s, v = parts
    large = s > 0 if s.shape[-1] == 0 else s > limit * np.max(s, axis=-1, keepdims=True)
    inverse: Any = np.where(large, 1 / np.where(large, s, 1), 0).astype(s.dtype)
    product: Any = np.matmul(v * inverse[..., None, :], adjoint(u))
    is_complex = isinstance(matrix, Complex)

    def one(x: Numbers, p: Numbers) -> Numbers:
        found = emit.op(lapack.PinvOp(packed(x), packed(p), complex=is_complex))
        return unpacked(found, n, m, is_complex=is_complex)

    return each_matrix(stack, [matrix, product], (n, m), one), large


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: Any = False, *, rtol: Any = _NoValue) -> Any:
    """numpy.linalg.pinv"""
    require_general("pinv", hermitian)
    (matrix,) = operands(a)
    *_, m, n = stacked(matrix)
    if rcond is not None and rtol is not _NoValue:
        raise error("`rtol` and `rcond` can't be both set.", kind=ShapeError)
    if rcond is None:
        rcond = 1e-15 if rtol is _NoValue else rtol
    if rcond is None:
        rcond = _larger(m, n) * float(np.finfo(real_dtype(matrix)).eps)
    limit = rcond if isinstance(rcond, float | int) else array(rcond)[..., None]
    return _pseudoinverse(matrix, limit, singular_parts(a))[0]


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """numpy.linalg.lstsq; residuals are NaN where NumPy gives none because the rank is too low"""
    matrix, rhs = operands(a, b)
    dtype = real_dtype(matrix)
    # NumPy computes them in float64, whatever the result's dtype is.
    matrix, rhs = (cast(x, FLOAT64) for x in (matrix, rhs))
    for x, ranks in ((matrix, (2,)), (rhs, (1, 2))):
        if len(x.extents) not in ranks:
            raise error(
                f"{len(x.extents)}-dimensional array given. Array must be two-dimensional", kind=MatrixError
            )
    (m, n), rows = matrix.extents, rhs.extents[0]
    if isinstance(m, int) and isinstance(rows, int) and m != rows:
        raise error("Incompatible dimensions", kind=MatrixError)
    if not isinstance(m, int) or not isinstance(n, int):
        raise error(
            "numpy.linalg.lstsq of a matrix whose sizes aren't known when it is compiled",
            hint="use numpy.linalg.pinv(a) @ b",
            kind=UnsupportedTypeError,
        )
    require_same(m, rows, "Incompatible dimensions")
    if rcond is None:
        rcond = _larger(m, n) * _EPSILON
    elif rcond < 0:
        rcond = _EPSILON
    parts = singular_parts(matrix, message="SVD did not converge in Linear Least Squares")
    inverse, large = _pseudoinverse(matrix, rcond, parts)
    rank: Any = np.sum(large)
    solution = np.matmul(inverse, rhs)
    squares: Any = np.sum(
        squared_sizes(rhs - np.matmul(matrix, solution)), axis=0, keepdims=len(rhs.extents) == 1
    )
    residuals = _residuals(squares, m, n, rank).astype(dtype)
    return cast(solution, dtype), residuals, rank.astype(np.int32), parts[1].astype(dtype)


def _residuals(squares: Any, m: int, n: int, rank: Any) -> Any:
    """Nothing unless there are more equations than unknowns; NaN if these aren't all determined."""
    return squares[:0] if m <= n else np.where(rank == n, squares, np.nan)


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: Any = False, *, rtol: Any = None) -> Any:
    """numpy.linalg.matrix_rank"""
    require_general("matrix_rank", hermitian)
    if rtol is not None and tol is not None:
        raise error("`tol` and `rtol` can't be both set.", kind=ShapeError)
    source = numbers(A)
    if source.ndim < 2:
        return np.where(np.any(source != 0), 1, 0)
    *_, m, n = source.extents
    values = svdvals(source)
    if values.shape[-1] == 0:
        return np.sum(values > 0, axis=-1)
    if tol is None:
        rtol = _larger(m, n) * np.finfo(values.dtype).eps if rtol is None else array(rtol)[..., None]
        tol = np.max(values, axis=-1, keepdims=True) * rtol
    else:
        tol = array(tol)[..., None]
    return np.sum(values > tol, axis=-1)
