"""`numpy.linalg`: eigenvalues of symmetric matrices, singular values, and QR, by the ops of `lapack`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.linalg import _linalg
from xdsl.ir import SSAValue

from dialectad.dialects import lapack
from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import FLOAT64
from dialectad.frontend.emit import Extent
from dialectad.frontend.numpy.stacks import (
    each_matrix,
    mirrored,
    operands,
    part,
    require,
    smaller,
    square,
    stacked,
)
from dialectad.frontend.numpy.support import implements
from dialectad.frontend.tracers import Array
from dialectad.frontend.tracing import error

EighResult: Any = _linalg.EighResult  # pyright: ignore[reportAttributeAccessIssue]
SVDResult: Any = _linalg.SVDResult  # pyright: ignore[reportAttributeAccessIssue]
QRResult: Any = _linalg.QRResult  # pyright: ignore[reportAttributeAccessIssue]


def _transposed(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def decomposed(
    matrices: SSAValue,
    rows: Extent,
    columns: Extent,
    op: Callable[[SSAValue, SSAValue], lapack.DecompositionOp],
    converged: Callable[[Any], Any] = lambda _: None,
    message: str = "",
) -> SSAValue:
    """The parts of the decompositions of a stack; `converged` says of those of one whether they were found.

    NumPy computes them in float64, whatever the result's dtype is.
    """
    dtype = emit.element(matrices)

    def one(x: SSAValue) -> SSAValue:
        parts = emit.op(op(x, emit.empty([rows, columns], emit.element(x))))
        if (holds := converged(Array.fresh(parts))) is not None:
            require(holds, message)
        return parts

    wide = emit.cast(matrices, dtypes.to_ir(FLOAT64))
    return emit.cast(each_matrix(emit.shape(matrices)[:-2], [wide], [rows, columns], one), dtype)


# --- symmetric matrices ------------------------------------------------------------------------


def _eigen(a: Any, triangle: Any) -> tuple[SSAValue, Extent]:
    if not isinstance(triangle, str) or triangle.upper() not in ("L", "U"):
        raise error("UPLO argument must be 'L' or 'U'", kind=ShapeError)
    upper = triangle.upper() == "U"
    (matrix,) = operands(a)
    matrix = square(matrix)
    *stack, n, _ = emit.shape(matrix)
    symmetric = each_matrix(stack, [matrix], [n, n], lambda x: mirrored(x, upper=upper))
    found = decomposed(
        symmetric,
        emit.add_index(n, 1),
        n,
        lambda x, dest: lapack.SyevdOp(x, dest, upper=upper),
        lambda parts: ~np.any(parts[:1, :1] == 2),
        "Eigenvalues did not converge",
    )
    return found, n


def _last_row(packed: SSAValue, at: Extent, n: Extent) -> Any:
    return part(packed, (at, 0), (1, n))[..., 0, :]


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: Any = "L") -> Any:
    """numpy.linalg.eigh, which reads one triangle: the other doesn't count in derivatives either"""
    packed, n = _eigen(a, UPLO)
    return EighResult(_last_row(packed, n, n), _transposed(part(packed, (0, 0), (n, n))))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: Any = "L") -> Any:
    """numpy.linalg.eigvalsh"""
    packed, n = _eigen(a, UPLO)
    return _last_row(packed, n, n)


# --- singular values ---------------------------------------------------------------------------


def singular_parts(
    a: Any, *, full: bool = False, message: str = "SVD did not converge"
) -> tuple[Any, Any, Any]:
    """U, the singular values, and V, of stacks."""
    (matrix,) = operands(a)
    *_, m, n = stacked(matrix)
    k = smaller(m, n)
    full = full and not emit.same_extent(m, n)
    columns = emit.sub_index(emit.add_index(m, n), k) if full else k
    last = emit.add_index(m, n)
    packed = decomposed(
        matrix,
        emit.add_index(last, 1),
        columns,
        lambda x, dest: lapack.GesddOp(x, dest, full=full),
        lambda parts: ~np.any(_last_row(parts.ssa(), last, k) == -1),
        message,
    )
    left, right = (m, n) if full else (k, k)
    u, v = part(packed, (0, 0), (m, left)), part(packed, (m, 0), (n, right))
    return u, _last_row(packed, last, k), v


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
    return SVDResult(u, s, _transposed(v))


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    """numpy.linalg.svdvals"""
    return singular_parts(x)[1]


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
    packed = decomposed(first.ssa(), emit.add_index(m, k), k, lapack.GeqrfOp)
    q, r = part(packed, (0, 0), (m, k)), _transposed(part(packed, (m, 0), (k, k)))
    if not emit.same_extent(k, n):
        rest = part(matrix, (0, k), (m, emit.sub_index(n, k)))
        r = np.concatenate([r, np.matmul(_transposed(q), rest)], axis=-1)
    return r if mode == "r" else QRResult(q, r)


def _complete(matrix: SSAValue, m: Extent, n: Extent) -> Any:
    """Columns of zeros are appended until Q is square."""
    if not isinstance(m, int) or not isinstance(n, int):
        raise error(
            "numpy.linalg.qr with mode='complete' of a matrix whose sizes aren't known when it is compiled",
            hint="use mode='reduced'",
            kind=UnsupportedTypeError,
        )
    stack = emit.shape(matrix)[:-2]
    zeros = emit.full([*stack, m, m - n], 0, emit.element(matrix))
    padded: Any = np.concatenate([Array.fresh(matrix), Array.fresh(zeros)], axis=-1)
    packed = decomposed(padded.ssa(), 2 * m, m, lambda x, dest: lapack.GeqrfOp(x, dest, complete=True))
    return QRResult(part(packed, (0, 0), (m, m)), _transposed(part(packed, (m, 0), (n, m))))
