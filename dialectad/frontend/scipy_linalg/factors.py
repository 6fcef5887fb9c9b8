"""`scipy.linalg`: Cholesky and LU factors, and solves with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialectad.dialects import lapack
from dialectad.errors import UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.complexes import Complex
from dialectad.frontend.dtypes import INT64
from dialectad.frontend.loops import counted_loop
from dialectad.frontend.numpy import linear
from dialectad.frontend.numpy.stacks import (
    Numbers,
    each_matrix,
    numbers,
    packed,
    real_part,
    unpacked,
    with_derivative,
)
from dialectad.frontend.numpy.support import tensor
from dialectad.frontend.scipy_linalg.arguments import finite, one_matrix, square
from dialectad.frontend.scipy_linalg.systems import transposition, triangle_solve, with_columns
from dialectad.frontend.tracers import Array
from dialectad.frontend.tracing import error

_DEFINITE = "the array is not positive definite"


# --- Cholesky ----------------------------------------------------------------------------------


def cholesky(a: Any, lower: Any = False, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    """scipy.linalg.cholesky, of which the other triangle doesn't count"""
    (matrix,) = finite(check_finite, a)
    matrix = square(matrix, "Input array is expected to be square but has the shape: {}.")
    *stack, n, _ = matrix.extents

    def one(x: Numbers) -> Numbers:
        return linear.cholesky_factor(x, upper=not lower, message=_DEFINITE)

    return each_matrix(stack, [matrix], (n, n), one)


def cho_factor(a: Any, lower: Any = False, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    """scipy.linalg.cho_factor: the other triangle is that of the matrix"""
    (matrix,) = finite(check_finite, a)
    factor: Any = cholesky(matrix, lower, check_finite=False)
    rest: Any = np.triu(matrix, 1) if lower else np.tril(matrix, -1)
    return factor + rest, lower


def cho_solve(c_and_lower: Any, b: Any, overwrite_b: Any = False, check_finite: Any = True) -> Any:
    """scipy.linalg.cho_solve"""
    given, lower = c_and_lower
    factor, rhs = finite(check_finite, given, b)
    first, second = (0, 2) if lower else (2, 0)

    def one(x: Numbers, y: Numbers) -> Numbers:
        half = triangle_solve(x, y, first, lower=bool(lower))
        return triangle_solve(x, half, second, lower=bool(lower))

    return with_columns(square(factor), rhs, one, "incompatible dimensions ({} and {})")


# --- LU ----------------------------------------------------------------------------------------


def _order(exchanges: Array) -> Any:
    """Which row of A is each row of P A, after rows were exchanged one after the other."""
    (n,) = exchanges.extents
    partners = tensor(exchanges, INT64)
    first = numbers(np.arange(exchanges.shape[0]))

    def exchange(i: SSAValue, order: SSAValue) -> SSAValue:
        j = emit.cast(emit.extract(partners, [i]), dtypes.INDEX)
        here, there = emit.extract(order, [i]), emit.extract(order, [j])
        return emit.insert(here, emit.insert(there, order, [i]), [j])

    return Array.fresh(counted_loop(n, first.ssa(), exchange))


def _factored(name: str, a: Any, check_finite: Any) -> tuple[Numbers, Any, Any]:
    """Both triangles in one matrix, the exchanges of rows, and their order."""
    (matrix,) = finite(check_finite, a)
    n = one_matrix(name, matrix).extents[-1]
    if not emit.same_extent(*matrix.extents):
        raise error(
            f"scipy.linalg.{name} of a matrix that isn't known to be square is not supported",
            hint="factor its square part, and solve for the rest",
            kind=UnsupportedTypeError,
        )

    def factored(x: Numbers) -> tuple[Numbers, Any, Any]:
        is_complex = isinstance(x, Complex)
        turned, exchanges = linear.lu_by_rows(x)
        order = _order(exchanges)
        moved, found = np.take(x, order, axis=0), np.swapaxes(turned, 0, 1)
        op = lapack.LuOp(packed(moved), packed(found), complex=is_complex)
        return unpacked(emit.op(op), n, n, is_complex=is_complex), exchanges, order

    return with_derivative(factored, matrix)


def lu_factor(a: Any, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    """scipy.linalg.lu_factor, of square matrices"""
    factors, exchanges, _ = _factored("lu_factor", a, check_finite)
    return factors, exchanges.astype(np.int32)


def lu(
    a: Any, permute_l: Any = False, overwrite_a: Any = False, check_finite: Any = True, p_indices: Any = False
) -> Any:
    """scipy.linalg.lu, of square matrices"""
    factors, _, order = _factored("lu", a, check_finite)
    left: Any = np.tril(factors, -1) + linear.identity_like(factors)
    right = np.triu(factors)
    back: Any = np.argsort(order)
    if permute_l:
        return np.take(left, back, axis=0), right
    if p_indices:
        return back.astype(np.int32), left, right
    rows: Any = np.arange(order.shape[0])
    return (rows[:, None] == order[None, :]).astype(real_part(factors).dtype), left, right


def lu_solve(
    lu_and_piv: Any, b: Any, trans: Any = 0, overwrite_b: Any = False, check_finite: Any = True
) -> Any:
    """scipy.linalg.lu_solve"""
    given, exchanges = lu_and_piv
    factors, rhs = finite(check_finite, given, b)
    order = _order(numbers(exchanges))
    kind = transposition(trans)

    def one(x: Numbers, y: Numbers) -> Numbers:
        if kind == 0:
            half = triangle_solve(x, np.take(y, order, axis=0), lower=True, unit=True)
            return triangle_solve(x, half, lower=False)
        half = triangle_solve(x, y, kind, lower=False)
        moved = triangle_solve(x, half, kind, lower=True, unit=True)
        return np.take(moved, np.argsort(order), axis=0)

    message = "Shapes of lu {} and b {} are incompatible"
    return with_columns(square(one_matrix("lu_solve", factors)), rhs, one, message)
