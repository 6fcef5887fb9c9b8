"""`numpy.linalg`: pseudoinverses, least squares and ranks, by singular values.

No derivative goes through singular vectors: it is that of the pseudoinverse, where the rank stays what it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy._globals import _NoValue
from xdsl.ir import SSAValue

from dialectad.dialects import lapack
from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import FLOAT64, INT64
from dialectad.frontend.emit import Extent
from dialectad.frontend.numpy.decompositions import require_general, singular_parts, svdvals
from dialectad.frontend.numpy.stacks import MatrixError, each_matrix, operands, smaller, stacked
from dialectad.frontend.numpy.support import array, implements, require_same
from dialectad.frontend.tracers import Array, Scalar
from dialectad.frontend.tracing import error

_EPSILON = float(np.finfo(np.float64).eps)


def _larger(m: Extent, n: Extent) -> Any:
    """The larger of two extents, as a number."""
    extent = emit.sub_index(emit.add_index(m, n), smaller(m, n))
    return extent if isinstance(extent, int) else Scalar(emit.cast(extent, dtypes.to_ir(INT64)))


def _pseudoinverse(matrix: SSAValue, limit: Any, parts: tuple[Any, Any, Any]) -> tuple[Any, Any]:
    """The pseudoinverse, and which singular values count: more than `limit` times the largest."""
    *stack, m, n = emit.shape(matrix)
    u, s, v = parts
    large = s > 0 if s.shape[-1] == 0 else s > limit * np.max(s, axis=-1, keepdims=True)
    inverse: Any = np.where(large, 1 / np.where(large, s, 1), 0).astype(s.dtype)
    product: Any = np.matmul(v * inverse[..., None, :], np.swapaxes(u, -1, -2))
    found = each_matrix(stack, [matrix, product.ssa()], [n, m], lambda x, p: emit.op(lapack.PinvOp(x, p)))
    return Array.fresh(found), large


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
        rcond = _larger(m, n) * float(np.finfo(emit.dtype(matrix)).eps)
    limit = rcond if isinstance(rcond, float | int) else array(rcond)[..., None]
    return _pseudoinverse(matrix, limit, singular_parts(a))[0]


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """numpy.linalg.lstsq; residuals are NaN where NumPy gives none because the rank is too low"""
    matrix, rhs = operands(a, b)
    dtype = emit.element(matrix)
    # NumPy computes them in float64, whatever the result's dtype is.
    matrix, rhs = (emit.cast(x, dtypes.to_ir(FLOAT64)) for x in (matrix, rhs))
    for x, ranks in ((matrix, (2,)), (rhs, (1, 2))):
        if emit.rank(x) not in ranks:
            raise error(
                f"{emit.rank(x)}-dimensional array given. Array must be two-dimensional", kind=MatrixError
            )
    (m, n), rows = emit.shape(matrix), emit.shape(rhs)[0]
    if isinstance(m, int) and isinstance(rows, int) and m != rows:
        raise error("Incompatible dimensions", kind=MatrixError)
    require_same(m, rows, "Incompatible dimensions")
    if rcond is None:
        rcond = _larger(m, n) * _EPSILON
    elif rcond < 0:
        rcond = _EPSILON
    parts = singular_parts(Array.fresh(matrix), message="SVD did not converge in Linear Least Squares")
    inverse, large = _pseudoinverse(matrix, rcond, parts)
    rank: Any = np.sum(large)
    solution = np.matmul(inverse, Array.fresh(rhs))
    misses: Any = Array.fresh(rhs) - np.matmul(Array.fresh(matrix), solution)
    squares: Any = np.sum(misses * misses, axis=0, keepdims=emit.rank(rhs) == 1)
    result = np.dtype(dtypes.from_ir(dtype))
    residuals = _residuals(squares, m, n, rank).astype(result)
    return solution.astype(result), residuals, rank.astype(np.int32), parts[1].astype(result)


def _residuals(squares: Any, m: Extent, n: Extent, rank: Any) -> Any:
    """Nothing unless there are more equations than unknowns; NaN if these aren't all determined."""
    if not isinstance(m, int) or not isinstance(n, int):
        raise error(
            "numpy.linalg.lstsq of a matrix whose sizes aren't known when it is compiled",
            hint="use numpy.linalg.pinv(a) @ b",
            kind=UnsupportedTypeError,
        )
    return squares[:0] if m <= n else np.where(rank == n, squares, np.nan)


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: Any = False, *, rtol: Any = None) -> Any:
    """numpy.linalg.matrix_rank"""
    require_general("matrix_rank", hermitian)
    if rtol is not None and tol is not None:
        raise error("`tol` and `rtol` can't be both set.", kind=ShapeError)
    source = array(A)
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
