"""`scipy.linalg`: linear systems, triangular ones among them."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.dialects import lapack
from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import emit
from dialectad.frontend.complexes import Complex
from dialectad.frontend.dtypes import FLOAT64
from dialectad.frontend.numpy import linear
from dialectad.frontend.numpy.stacks import (
    Numbers,
    adjoint,
    cast,
    each_matrix,
    hermitian,
    packed,
    rearranged,
    require,
    unpacked,
)
from dialectad.frontend.numpy.support import require_same
from dialectad.frontend.scipy_linalg.arguments import finite, square
from dialectad.frontend.tracers import broadcast_extents
from dialectad.frontend.tracing import error

_SINGULAR = "A singular matrix detected"


def inv(a: Any, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    """scipy.linalg.inv"""
    (matrix,) = finite(check_finite, a)
    return linear.inverse(square(matrix), _SINGULAR)


def det(a: Any, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    """scipy.linalg.det, in double precision"""
    (matrix,) = finite(check_finite, a)
    message = "Last 2 dimensions of the array must be square but received shape {}."
    return linear.det(cast(square(matrix, message), FLOAT64))


_GENERAL = (None, "gen", "general")
_SYMMETRIC = ("sym", "symmetric")
_HERMITIAN = ("her", "hermitian")
_POSITIVE = ("pos", "positive definite")
_TRIANGULAR = ("upper triangular", "lower triangular")


def solve(
    a: Any, b: Any, lower: Any = False, overwrite_a: Any = False, overwrite_b: Any = False,
    check_finite: Any = True, assume_a: Any = None, transposed: Any = False,
) -> Any:  # fmt: skip
    """scipy.linalg.solve; of a symmetric matrix one triangle is read, in derivatives, too"""
    matrix, rhs = finite(check_finite, a, b)
    matrix = square(matrix)
    known = (*_GENERAL, *_SYMMETRIC, *_HERMITIAN, *_POSITIVE, *_TRIANGULAR)
    if assume_a not in known:
        raise error(
            f"scipy.linalg.solve with assume_a={assume_a!r} is not supported",
            hint="leave it out",
            kind=UnsupportedTypeError,
        )
    if assume_a in _TRIANGULAR:
        is_lower = assume_a == _TRIANGULAR[1]
        return _triangular(matrix, rhs, int(bool(transposed)), lower=is_lower, unit=False, singular=_SINGULAR)
    if assume_a in _SYMMETRIC and isinstance(matrix, Complex):
        matrix = matrix.map(lambda part: hermitian(part, upper=not lower))
    elif assume_a not in _GENERAL:
        matrix = hermitian(matrix, upper=not lower)
    if transposed:
        matrix = np.swapaxes(matrix, -1, -2)
    if assume_a in _POSITIVE:
        return with_columns(matrix, rhs, _by_cholesky)
    return with_columns(matrix, rhs, lambda x, y: adjoint(linear.solved(x, adjoint(y), _SINGULAR)))


def _by_cholesky(x: Numbers, y: Numbers) -> Numbers:
    factor = linear.cholesky_factor(x, upper=False, message=_SINGULAR)
    return adjoint(lower_solve(factor, lower_solve(factor, adjoint(y)), trans=True))


def with_columns(
    matrix: Numbers, rhs: Numbers, one: Any, message: str = "incompatible shapes: a1.shape={} and b1.shape={}"
) -> Numbers:
    """What `one` gives for each matrix and its right-hand sides; a vector is a single column."""
    vector = len(rhs.extents) == 1
    if not rhs.extents:
        raise error("a right-hand side must have at least one dimension", kind=ShapeError)
    if vector:
        n = rhs.extents[0]
        rhs = rearranged(lambda value: emit.reshape(value, [n, 1]), rhs)
    n, (m, k) = matrix.extents[-1], rhs.extents[-2:]
    require_same(m, n, message.format(tuple(matrix.shape), tuple(rhs.shape)[: 1 if vector else None]))
    every = broadcast_extents(matrix.extents[:-2], rhs.extents[:-2])
    found = each_matrix(every, [matrix, rhs], (m, k), one)
    return rearranged(lambda value: emit.reshape(value, [*every, m]), found) if vector else found


# --- triangles ---------------------------------------------------------------------------------


def lower_solve(factor: Numbers, rows: Numbers, *, trans: bool = False) -> Numbers:
    """The adjoint of L^-1 b, for each row that is the adjoint of a column b; L^-H b with `trans`."""
    is_complex = isinstance(factor, Complex)
    found = lapack.TrtrsOp(packed(factor), packed(rows), trans=trans, complex=is_complex)
    return unpacked(emit.op(found), *rows.extents, is_complex=is_complex)


_TRANSPOSITIONS = {0: 0, "N": 0, 1: 1, "T": 1, 2: 2, "C": 2}


def transposition(trans: Any) -> int:
    """0 for the matrix itself, 1 for its transpose, 2 for its conjugate transpose."""
    if trans not in _TRANSPOSITIONS:
        raise error(f"trans must be 0, 1, 2, 'N', 'T' or 'C', not {trans!r}", kind=ShapeError)
    return _TRANSPOSITIONS[trans]


def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: Any = False, unit_diagonal: Any = False, overwrite_b: Any = False,
    check_finite: Any = True,
) -> Any:  # fmt: skip
    """scipy.linalg.solve_triangular; the triangle that isn't read doesn't count in derivatives either"""
    matrix, rhs = finite(check_finite, a, b)
    return _triangular(
        square(matrix, "expected square matrix"),
        rhs,
        transposition(trans),
        lower=bool(lower),
        unit=bool(unit_diagonal),
        singular="singular matrix: resolution failed",
    )


def _triangular(a: Numbers, b: Numbers, trans: int, *, lower: bool, unit: bool, singular: str) -> Numbers:
    message = "shapes of a {} and b {} are incompatible"
    return with_columns(
        a, b, lambda x, y: triangle_solve(x, y, trans, lower=lower, unit=unit, singular=singular), message
    )


def triangle_solve(
    x: Numbers, y: Numbers, trans: int = 0, *, lower: bool, unit: bool = False, singular: str | None = None
) -> Numbers:
    """T^-1 y for a triangle of one matrix, or with its transpose."""
    if not unit and singular is not None:
        pivots: Any = rearranged(linear.diagonal_of, x)
        require(np.all(pivots != 0), singular)
    if trans == 1 and isinstance(x, Complex):
        return np.conjugate(triangle_solve(x, np.conjugate(y), 2, lower=lower, unit=unit))
    triangle: Any = np.tril(x, -unit) if lower else np.triu(x, int(unit))
    if unit:
        triangle = triangle + linear.identity_like(x)
    factor = triangle if lower else adjoint(triangle)
    return adjoint(lower_solve(factor, adjoint(y), trans=(trans != 0) == lower))
