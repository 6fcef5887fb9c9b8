"""`scipy.linalg`: what differs from `numpy.linalg` in its arguments only."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.errors import ShapeError
from dialectad.frontend import emit
from dialectad.frontend.numpy import decompositions, eigenvalues, least_squares, norms
from dialectad.frontend.numpy.stacks import real_dtype, real_part
from dialectad.frontend.scipy_linalg.arguments import finite, only, square
from dialectad.frontend.tracing import error

_EXPECTED = 'expected square "a" matrix'


def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: Any = False, check_finite: Any = True) -> Any:
    """scipy.linalg.norm"""
    (x,) = finite(check_finite, a)
    return norms.norm(x, ord, axis, keepdims)


def pinv(
    a: Any, *, atol: Any = None, rtol: Any = None, return_rank: Any = False, check_finite: Any = True
) -> Any:
    """scipy.linalg.pinv"""
    only("pinv", atol=(atol, None), return_rank=(return_rank, False))
    (matrix,) = finite(check_finite, a)
    if rtol is None:
        rtol = max(matrix.shape[-2:]) * float(np.finfo(real_dtype(matrix)).eps)
    return least_squares.pinv(matrix, rtol)


def qr(
    a: Any, overwrite_a: Any = False, lwork: Any = None, mode: Any = "full", pivoting: Any = False,
    check_finite: Any = True,
) -> Any:  # fmt: skip
    """scipy.linalg.qr"""
    only("qr", pivoting=(pivoting, False))
    if mode not in ("full", "r", "economic"):
        raise error("Mode argument should be one of ['full', 'r', 'economic', 'raw']", kind=ShapeError)
    (matrix,) = finite(check_finite, a)
    if mode == "r":
        r: Any = decompositions.qr(matrix, "r")
        missing = emit.sub_index(matrix.extents[-2], r.extents[-2])
        if not isinstance(missing, int) or missing:
            zeros = np.zeros((*r.shape[:-2], matrix.shape[-2] - r.shape[-2], r.shape[-1]), real_part(r).dtype)
            r = np.concatenate([r, zeros], axis=-2)
        return (r,)
    return tuple(decompositions.qr(matrix, "complete" if mode == "full" else "reduced"))


def svd(
    a: Any, full_matrices: Any = True, compute_uv: Any = True, overwrite_a: Any = False,
    check_finite: Any = True, lapack_driver: Any = "gesdd",
) -> Any:  # fmt: skip
    """scipy.linalg.svd"""
    only("svd", lapack_driver=(lapack_driver, "gesdd"))
    (matrix,) = finite(check_finite, a)
    found = decompositions.svd(matrix, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


def svdvals(a: Any, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    """scipy.linalg.svdvals"""
    (matrix,) = finite(check_finite, a)
    return decompositions.svdvals(matrix)


def eigh(
    a: Any, b: Any = None, *, lower: Any = True, eigvals_only: Any = False, overwrite_a: Any = False,
    check_finite: Any = True,
) -> Any:  # fmt: skip
    """scipy.linalg.eigh, of one matrix"""
    only("eigh", b=(b, None))
    (matrix,) = finite(check_finite, a)
    matrix, triangle = square(matrix, _EXPECTED), "L" if lower else "U"
    if eigvals_only:
        return decompositions.eigvalsh(matrix, triangle)
    return tuple(decompositions.eigh(matrix, triangle))


def eigvalsh(
    a: Any, b: Any = None, *, lower: Any = True, overwrite_a: Any = False, check_finite: Any = True
) -> Any:
    """scipy.linalg.eigvalsh, of one matrix"""
    return eigh(a, b, lower=lower, eigvals_only=True, check_finite=check_finite)


def eig(
    a: Any, b: Any = None, left: Any = False, right: Any = True, overwrite_a: Any = False,
    check_finite: Any = True,
) -> Any:  # fmt: skip
    """scipy.linalg.eig, of one matrix and with right eigenvectors, which are complex"""
    only("eig", b=(b, None), left=(left, False))
    (matrix,) = finite(check_finite, a)
    matrix = square(matrix, _EXPECTED)
    return tuple(eigenvalues.eig(matrix)) if right else eigenvalues.eigvals(matrix)


def eigvals(a: Any, b: Any = None, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    """scipy.linalg.eigvals, of one matrix"""
    return eig(a, b, right=False, check_finite=check_finite)
