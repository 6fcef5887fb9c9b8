"""`numpy.linalg`: eigenvalues of symmetric matrices, singular values, and QR, by the ops of `lapack`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.linalg import _linalg

from dialectad.dialects import lapack
from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.complexes import Complex
from dialectad.frontend.dtypes import FLOAT64
from dialectad.frontend.emit import Extent
from dialectad.frontend.numpy.stacks import (
    Numbers,
    adjoint,
    by_parts,
    cast,
    each_matrix,
    hermitian,
    implements,
    operands,
    packed,
    part,
    real_dtype,
    real_part,
    require,
    smaller,
    square,
    stacked,
    unpacked,
)
from dialectad.frontend.tracers import Array
from dialectad.frontend.tracing import error

EighResult: Any = _linalg.EighResult  # pyright: ignore[reportAttributeAccessIssue]
SVDResult: Any = _linalg.SVDResult  # pyright: ignore[reportAttributeAccessIssue]
QRResult: Any = _linalg.QRResult  # pyright: ignore[reportAttributeAccessIssue]


def decomposed(
    matrices: Numbers,
    rows: Extent,
    columns: Extent,
    op: Callable[..., lapack.DecompositionOp],
    converged: Callable[[Any], Any] = lambda _: None,
    message: str = "",
    **on: bool,
) -> Numbers:
    """The parts of the decompositions of a stack; `converged` says of those of one whether they were found.

    NumPy computes them in float64, whatever the result's dtype is.
    """
    is_complex = isinstance(matrices, Complex)

    def one(x: Numbers) -> Numbers:
        high = emit.add_index(rows, rows) if is_complex else rows
        room = emit.empty([high, columns], dtypes.to_ir(FLOAT64))
        found = unpacked(
            emit.op(op(packed(x), room, complex=is_complex, **on)), rows, columns, is_complex=is_complex
        )
        if (holds := converged(real_part(found))) is not None:
            require(holds, message)
        return found

    made = each_matrix(matrices.extents[:-2], [cast(matrices, FLOAT64)], (rows, columns), one)
    return cast(made, real_dtype(matrices))


# --- symmetric matrices ------------------------------------------------------------------------


def _eigen(a: Any, triangle: Any, *, values: bool = False) -> tuple[Numbers, Extent]:
    if not isinstance(triangle, str) or triangle.upper() not in ("L", "U"):
        raise error("UPLO argument must be 'L' or 'U'", kind=ShapeError)
    upper = triangle.upper() == "U"
    (matrix,) = operands(a)
    matrix = square(matrix)
    *stack, n, _ = matrix.extents
    symmetric = each_matrix(stack, [matrix], (n, n), lambda x: hermitian(x, upper=upper))
    found = decomposed(
        symmetric,
        emit.add_index(n, 1),
        n,
        lapack.SyevdOp,
        lambda parts: ~np.any(parts[:1, :1] == 2),
        "Eigenvalues did not converge",
        upper=upper,
        values=values,
    )
    return found, n


def _last_row(parts: Numbers, at: Extent, n: Extent) -> Any:
    """The row of real values."""
    return part(real_part(parts), (at, 0), (1, n))[..., 0, :]


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: Any = "L") -> Any:
    """numpy.linalg.eigh, which reads one triangle: the other doesn't count in derivatives either"""
    parts, n = _eigen(a, UPLO)
    return EighResult(_last_row(parts, n, n), adjoint(part(parts, (0, 0), (n, n))))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: Any = "L") -> Any:
    """numpy.linalg.eigvalsh"""
    parts, n = _eigen(a, UPLO, values=True)
    return _last_row(parts, n, n)


# --- singular values ---------------------------------------------------------------------------


def singular_parts(
    a: Any, *, full: bool = False, values: bool = False, message: str = "SVD did not converge"
) -> tuple[Any, Any, Any]:
    """U, the singular values, and V, of stacks."""
    (matrix,) = operands(a)
    *_, m, n = stacked(matrix)
    k = smaller(m, n)
    full = full and not emit.same_extent(m, n)
    columns = emit.sub_index(emit.add_index(m, n), k) if full else k
    last = emit.add_index(m, n)
    parts = decomposed(
        matrix,
        emit.add_index(last, 1),
        columns,
        lapack.GesddOp,
        lambda found: ~np.any(_last_row(found, last, k) == -1),
        message,
        full=full,
        values=values,
    )
    left, right = (m, n) if full else (k, k)
    u, v = part(parts, (0, 0), (m, left)), part(parts, (m, 0), (n, right))
    return u, _last_row(parts, last, k), v


def require_general(name: str, hermitian: Any) -> None:
    if hermitian:
        raise error(
            f"numpy.linalg.{name} with hermitian=True is not supported",
            hint="leave it out: the singular values are the same",
            kind=UnsupportedTypeError,
        )


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: Any = True, compute_uv: Any = True, hermitian: Any = False) -> Any:
    """numpy.linalg.svd; of the singular vectors that belong to no singular value there is no derivative"""
    require_general("svd", hermitian)
    if not compute_uv:
        return svdvals(a)
    u, s, v = singular_parts(a, full=bool(full_matrices))
    return SVDResult(u, s, adjoint(v))


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    """numpy.linalg.svdvals"""
    return singular_parts(x, values=True)[1]


# --- QR ----------------------------------------------------------------------------------------


@implements(np.linalg.qr)
def qr(a: Any, mode: Any = "reduced") -> Any:
    """numpy.linalg.qr, with the modes 'reduced', 'complete' and 'r'"""
    if mode not in ("reduced", "complete", "r"):
        if mode == "raw":
            raise error(
                "numpy.linalg.qr with mode='raw' is not supported",
                hint="use 'reduced', 'complete' or 'r'",
                kind=UnsupportedTypeError,
            )
        raise error(f"Unrecognized mode {mode!r}", kind=ShapeError)
    (matrix,) = operands(a)
    *_, m, n = stacked(matrix)
    k = smaller(m, n)
    if mode == "complete" and not emit.same_extent(k, m):
        return _complete(matrix, m, n)
    first = part(matrix, (0, 0), (m, k))
    parts = decomposed(first, emit.add_index(m, k), k, lapack.GeqrfOp)
    q, r = part(parts, (0, 0), (m, k)), adjoint(part(parts, (m, 0), (k, k)))
    if not emit.same_extent(k, n):
        rest = part(matrix, (0, k), (m, emit.sub_index(n, k)))
        r = np.concatenate([r, np.matmul(adjoint(q), rest)], axis=-1)
    return r if mode == "r" else QRResult(q, r)


def _complete(matrix: Numbers, m: Extent, n: Extent) -> Any:
    """Columns of zeros are appended until Q is square."""
    if not isinstance(m, int) or not isinstance(n, int):
        raise error(
            "numpy.linalg.qr with mode='complete' of a matrix whose sizes aren't known when it is compiled",
            hint="use mode='reduced'",
            kind=UnsupportedTypeError,
        )

    def wide(x: Array) -> Array:
        zeros = emit.full([*x.extents[:-2], m, m - n], 0, dtypes.to_ir(x.dtype))
        return np.concatenate([x, Array.fresh(zeros)], axis=-1)  # pyright: ignore

    parts = decomposed(by_parts(wide, matrix), 2 * m, m, lapack.GeqrfOp, complete=True)
    return QRResult(part(parts, (0, 0), (m, m)), adjoint(part(parts, (m, 0), (n, m))))
