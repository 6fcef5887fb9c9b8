"""`numpy.linalg`: linear systems, determinants and Cholesky factors, by the ops of `lapack`."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.linalg import _linalg
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialectad.dialects import lapack
from dialectad.dialects.ad import StopOp
from dialectad.errors import ShapeError
from dialectad.frontend import emit
from dialectad.frontend.complexes import Complex, parts
from dialectad.frontend.emit import PARALLEL
from dialectad.frontend.numpy.creation import eye
from dialectad.frontend.numpy.stacks import (
    MatrixError,
    Numbers,
    adjoint,
    by_parts,
    each_matrix,
    hermitian,
    implements,
    numbers,
    operands,
    packed,
    part,
    real_dtype,
    real_part,
    rearranged,
    require,
    square,
    unpacked,
)
from dialectad.frontend.numpy.support import concrete_int, normalize_axes, require_same, wrapped
from dialectad.frontend.tracers import Array, broadcast_extents
from dialectad.frontend.tracing import error

_SINGULAR = "Singular matrix"
_INDEFINITE = "Matrix is not positive definite"

SlogdetResult: Any = _linalg.SlogdetResult  # pyright: ignore[reportAttributeAccessIssue]


# --- LU ----------------------------------------------------------------------------------------


def diagonal_of(value: SSAValue) -> SSAValue:
    maps = [AffineMap(1, 0, (AffineDimExpr(0), AffineDimExpr(0))), AffineMap.identity(1)]
    init = emit.empty([emit.shape(value)[0]], emit.element(value))
    return emit.generic([value], maps, [PARALLEL], init, lambda x, _: x)


def _factors(a: Numbers) -> tuple[SSAValue, Any, Any]:
    """What `getrf` gives: the factors, their diagonal, and the row exchanges."""
    n = a.extents[0]
    rows = emit.add_index(n, 1)

    def with_room(value: SSAValue) -> SSAValue:
        room = emit.empty([rows, n], emit.element(value))
        return emit.insert_slice(emit.transpose(value, [1, 0]), room, [0, 0], [n, n], [1, 1])

    is_complex = isinstance(a, Complex)
    factors = emit.op(lapack.GetrfOp(packed(rearranged(with_room, a)), complex=is_complex))
    both = unpacked(factors, rows, n, is_complex=is_complex)
    last = emit.extract_slice(real_part(both).ssa(), [n, 0], [1, n], [1, 1], frozenset({0}))
    return factors, rearranged(diagonal_of, part(both, (0, 0), (n, n))), Array.fresh(last)


def factored_solve(a: Numbers, factors: SSAValue, rows: Numbers, *, trans: bool = False) -> Numbers:
    """The adjoint of A^-1 b, for each row that is the adjoint of a column b; A^-H b with `trans`."""
    is_complex = isinstance(a, Complex)
    found = lapack.GetrsOp(packed(a), factors, packed(rows), trans=trans, complex=is_complex)
    return unpacked(emit.op(found), *rows.extents, is_complex=is_complex)


def lu_by_rows(a: Numbers) -> tuple[Numbers, Array]:
    """The transpose of both LU factors in one matrix, and the row exchanges."""
    n = a.extents[0]
    factors, _, exchanges = _factors(a)
    both = unpacked(factors, emit.add_index(n, 1), n, is_complex=isinstance(a, Complex))
    return part(both, (0, 0), (n, n)), exchanges


def solved(a: Numbers, rows: Numbers, message: str) -> Numbers:
    """The adjoint of A^-1 b for each row, with the message of the error if A is singular."""
    factors, pivots, _ = _factors(a)
    regular: Any = np.all(pivots != 0)
    require(regular, message)
    return factored_solve(a, factors, rows)


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """numpy.linalg.solve"""
    matrix, rhs = operands(a, b)
    matrix = square(matrix)
    *stack, n, _ = matrix.extents
    vector = len(rhs.extents) == 1
    if not rhs.extents:
        raise error("0-dimensional array given. Array must be at least one-dimensional", kind=MatrixError)
    m = rhs.extents[0 if vector else -2]
    signature = "(m,m),(m)->(m)" if vector else "(m,m),(m,n)->(m,n)"
    sizes = [x if isinstance(x, int) else "?" for x in (m, n)]
    require_same(
        m,
        n,
        f"solve{'1' if vector else ''}: Input operand 1 has a mismatch in its core dimension 0, with gufunc"
        f" signature {signature} (size {sizes[0]} is different from {sizes[1]})",
    )
    if vector:
        rhs = rearranged(lambda value: emit.reshape(value, [m, 1]), rhs)
    k = rhs.extents[-1]
    every = broadcast_extents(stack, rhs.extents[:-2])

    def one(left: Numbers, right: Numbers) -> Numbers:
        return from_rows(solved(left, as_rows(right, vector=vector), _SINGULAR), vector=vector)

    found = each_matrix(every, [matrix, rhs], (m, k), one)
    if vector:
        found = rearranged(lambda value: emit.reshape(value, [*every, m]), found)
    return by_parts(lambda x: wrapped(x.ssa()), found)


def as_rows(x: Numbers, *, vector: bool = False) -> Numbers:
    """The adjoint of right-hand sides; that of a single one is the same memory, if it is real."""
    if not vector:
        return adjoint(x)
    row = rearranged(lambda value: emit.reshape(value, [1, emit.shape(value)[0]]), x)
    return np.conjugate(row) if isinstance(row, Complex) else row


def from_rows(x: Numbers, *, vector: bool = False) -> Numbers:
    """The right-hand sides of which this is the adjoint."""
    if not vector:
        return adjoint(x)
    column = rearranged(lambda value: emit.reshape(value, [emit.shape(value)[1], 1]), x)
    return np.conjugate(column) if isinstance(column, Complex) else column


def identity_like(x: Numbers) -> Numbers:
    """The identity of the order of a matrix."""
    one = eye(x.extents[0], dtype=real_dtype(x))
    return Complex(one, np.zeros_like(one)) if isinstance(x, Complex) else one


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    """numpy.linalg.inv: its columns solve for the identity's, as in NumPy"""
    (matrix,) = operands(a)
    return inverse(square(matrix), _SINGULAR)


def inverse(matrix: Numbers, message: str) -> Numbers:
    """The inverses of a stack of square matrices."""
    *stack, n, _ = matrix.extents
    return each_matrix(stack, [matrix], (n, n), lambda x: adjoint(solved(x, identity_like(x), message)))


def inverse_or_nan(matrix: Numbers) -> Any:
    """The inverses of a stack of square matrices; NaN of those that are singular."""
    *stack, n, _ = matrix.extents

    def one(x: Numbers) -> Numbers:
        factors, pivots, _ = _factors(x)
        inverse = adjoint(factored_solve(x, factors, identity_like(x)))
        regular: Any = np.all(pivots != 0)
        return by_parts(lambda part: _where_regular(regular, part), inverse)

    return each_matrix(stack, [matrix], (n, n), one)


def _where_regular(regular: Any, inverse: Any) -> Any:
    return np.where(regular, inverse, np.nan).astype(inverse.dtype)


def _sign_and_log(a: Any) -> tuple[Any, Any]:
    (matrix,) = operands(a)
    matrix = square(matrix)
    *stack, _, _ = matrix.extents
    is_complex = isinstance(matrix, Complex)

    def one(x: Numbers) -> Array:
        factors, pivots, exchanges = _factors(x)
        stays = exchanges == np.arange(exchanges.shape[0])
        sign: Any = np.prod(np.sign(pivots)) * np.prod(np.where(stays, 1.0, -1.0).astype(exchanges.dtype))
        log = emit.op(lapack.LogdetOp(packed(x), factors, complex=is_complex))
        if is_complex:
            sign = sign * _turn(emit.op(lapack.LogdetOp(packed(x), factors, complex=True, imaginary=True)))
        numbers_ = [*(part.ssa() for part in (parts(sign) if is_complex else (sign,))), log]
        row = emit.empty([1, len(numbers_)], emit.element(log))
        for i, number in enumerate(numbers_):
            row = emit.insert(number, row, [0, i])
        return Array.fresh(row)

    found: Any = each_matrix(stack, [matrix], (1, 3 if is_complex else 2), one, is_complex=False)
    *sign, log = ((found[..., 0, i] if stack else found[0, i]) for i in range(found.shape[-1]))
    return Complex(*sign) if is_complex else sign[0], log


def _turn(angle: SSAValue) -> Complex:
    """1, with the derivative of exp(i angle) over its value: the sign itself is known from the factors."""
    difference: Any = wrapped(angle) - wrapped(emit.op(StopOp(angle)))
    return Complex(np.cos(difference), np.sin(difference))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """numpy.linalg.slogdet"""
    return SlogdetResult(*_sign_and_log(a))


@implements(np.linalg.det)
def det(a: Any) -> Any:
    """numpy.linalg.det, as NumPy computes it from slogdet"""
    sign, log = _sign_and_log(a)
    return sign * np.exp(log)


# --- tensors -----------------------------------------------------------------------------------


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """numpy.linalg.tensorsolve"""
    left, right = numbers(a), numbers(b)
    if axes is not None:
        moved = normalize_axes(axes, left.ndim)
        rest = [axis for axis in range(left.ndim) if axis not in moved]
        left = np.transpose(left, [*rest, *moved])
    unknown = left.shape[right.ndim :]
    count = prod(unknown)
    if prod(left.shape) != count**2:
        raise error(
            "Input arrays must satisfy the requirement"
            "             prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])",
            kind=MatrixError,
        )
    return np.reshape(solve(np.reshape(left, (count, count)), np.ravel(right)), unknown)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: Any = 2) -> Any:
    """numpy.linalg.tensorinv"""
    source, first = numbers(a), concrete_int(ind, "ind")
    if first <= 0:
        raise error("Invalid ind argument.", kind=ShapeError)
    rows, columns = source.shape[:first], source.shape[first:]
    matrix = np.reshape(source, (prod(rows), prod(columns)))
    return np.reshape(inv(matrix), (*columns, *rows))


# --- Cholesky ----------------------------------------------------------------------------------


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: Any = False) -> Any:
    """numpy.linalg.cholesky, which reads one triangle: the other doesn't count in derivatives either"""
    (matrix,) = operands(a)
    matrix = square(matrix)
    *stack, n, _ = matrix.extents
    return each_matrix(
        stack, [matrix], (n, n), lambda x: cholesky_factor(x, upper=bool(upper), message=_INDEFINITE)
    )


def cholesky_factor(x: Numbers, *, upper: bool, message: str) -> Numbers:
    """The Cholesky factor of one matrix, of which one triangle is read."""
    is_complex, n = isinstance(x, Complex), x.extents[0]
    op = lapack.PotrfOp(packed(hermitian(x, upper=upper)), complex=is_complex)
    factor = unpacked(emit.op(op), n, n, is_complex=is_complex)
    pivots: Any = Array.fresh(diagonal_of(real_part(factor).ssa()))
    require(np.all(~(pivots < 0)), message)  # NaN is for LAPACK to judge
    return adjoint(factor) if upper else factor
