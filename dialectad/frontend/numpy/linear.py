"""`numpy.linalg`: linear systems, determinants and Cholesky factors, by the ops of `lapack`."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.linalg import _linalg
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialectad.dialects import lapack
from dialectad.errors import ShapeError
from dialectad.frontend import emit
from dialectad.frontend.emit import PARALLEL
from dialectad.frontend.numpy.creation import eye
from dialectad.frontend.numpy.stacks import (
    MatrixError,
    each_matrix,
    mirrored,
    operands,
    require,
    square,
)
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    implements,
    normalize_axes,
    require_same,
    wrapped,
)
from dialectad.frontend.tracers import Array, broadcast_extents
from dialectad.frontend.tracing import error

SlogdetResult: Any = _linalg.SlogdetResult  # pyright: ignore[reportAttributeAccessIssue]


# --- LU ----------------------------------------------------------------------------------------


def diagonal_of(value: SSAValue) -> Any:
    maps = [AffineMap(1, 0, (AffineDimExpr(0), AffineDimExpr(0))), AffineMap.identity(1)]
    init = emit.empty([emit.shape(value)[0]], emit.element(value))
    return Array.fresh(emit.generic([value], maps, [PARALLEL], init, lambda x, _: x))


def _factors(a: SSAValue) -> tuple[SSAValue, Any, Any]:
    """What `getrf` gives: the factors, their diagonal, and the row exchanges."""
    n = emit.shape(a)[0]
    rows = emit.add_index(n, 1)
    room = emit.empty([rows, n], emit.element(a))
    filled = emit.insert_slice(emit.transpose(a, [1, 0]), room, [0, 0], [n, n], [1, 1])
    factors = emit.op(lapack.GetrfOp(filled))
    square = emit.extract_slice(factors, [0, 0], [n, n], [1, 1], frozenset())
    last = emit.extract_slice(factors, [n, 0], [1, n], [1, 1], frozenset({0}))
    return factors, diagonal_of(square), Array.fresh(last)


def _solved(a: SSAValue, rows: SSAValue) -> SSAValue:
    """A^-1 b for each row b."""
    factors, pivots, _ = _factors(a)
    regular: Any = np.all(pivots != 0)
    require(regular, "Singular matrix")
    return emit.op(lapack.GetrsOp(a, factors, rows))


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """numpy.linalg.solve"""
    matrix, rhs = operands(a, b)
    matrix = square(matrix)
    *stack, n, _ = emit.shape(matrix)
    vector = emit.rank(rhs) == 1
    if emit.rank(rhs) == 0:
        raise error("0-dimensional array given. Array must be at least one-dimensional", kind=MatrixError)
    m = emit.shape(rhs)[0 if vector else -2]
    signature = "(m,m),(m)->(m)" if vector else "(m,m),(m,n)->(m,n)"
    sizes = [x if isinstance(x, int) else "?" for x in (m, n)]
    require_same(
        m,
        n,
        f"solve{'1' if vector else ''}: Input operand 1 has a mismatch in its core dimension 0, with gufunc"
        f" signature {signature} (size {sizes[0]} is different from {sizes[1]})",
    )
    if vector:
        rhs = emit.reshape(rhs, [m, 1])
    k = emit.shape(rhs)[-1]
    every = broadcast_extents(stack, emit.shape(rhs)[:-2])

    def one(left: SSAValue, right: SSAValue) -> SSAValue:
        size = emit.shape(right)[0]
        if vector:
            return emit.reshape(_solved(left, emit.reshape(right, [1, size])), [size, 1])
        return emit.transpose(_solved(left, emit.transpose(right, [1, 0])), [1, 0])

    found = each_matrix(every, [matrix, rhs], [m, k], one)
    return wrapped(emit.reshape(found, [*every, m]) if vector else found)


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    """numpy.linalg.inv: its columns solve for the identity's, as in NumPy"""
    (matrix,) = operands(a)
    matrix = square(matrix)
    *stack, n, _ = emit.shape(matrix)

    def one(x: SSAValue) -> SSAValue:
        identity = eye(emit.shape(x)[0], dtype=emit.dtype(x)).ssa()
        return emit.transpose(_solved(x, identity), [1, 0])

    return wrapped(each_matrix(stack, [matrix], [n, n], one))


def inverse_or_nan(matrix: SSAValue) -> Any:
    """The inverses of a stack of square matrices; NaN of those that are singular."""
    *stack, n, _ = emit.shape(matrix)

    def one(x: SSAValue) -> SSAValue:
        factors, pivots, _ = _factors(x)
        identity = eye(emit.shape(x)[0], dtype=emit.dtype(x)).ssa()
        inverse = Array.fresh(emit.op(lapack.GetrsOp(x, factors, identity)))
        found: Any = np.where(np.all(pivots != 0), np.swapaxes(inverse, 0, 1), np.nan)
        return found.astype(inverse.dtype).ssa()

    return Array.fresh(each_matrix(stack, [matrix], [n, n], one))


def _sign_and_log(a: Any) -> tuple[Any, Any]:
    (matrix,) = operands(a)
    matrix = square(matrix)
    *stack, _, _ = emit.shape(matrix)

    def one(x: SSAValue) -> SSAValue:
        factors, pivots, exchanges = _factors(x)
        stays = exchanges == np.arange(pivots.shape[0])
        sign: Any = np.prod(np.sign(pivots)) * np.prod(np.where(stays, 1.0, -1.0).astype(pivots.dtype))
        log = emit.op(lapack.LogdetOp(x, factors))
        both = emit.empty([2], emit.element(x))
        return emit.insert(log, emit.insert(sign.ssa(), both, [0]), [1])

    both = wrapped(each_matrix(stack, [matrix], [2], one))
    return (both[..., 0], both[..., 1]) if stack else (both[0], both[1])


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
    left, right = array(a), array(b)
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
    source, first = array(a), concrete_int(ind, "ind")
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
    *stack, n, _ = emit.shape(matrix)

    def one(x: SSAValue) -> SSAValue:
        factor = emit.op(lapack.PotrfOp(mirrored(x, upper=bool(upper))))
        holds: Any = np.all(~(diagonal_of(factor) < 0))  # NaN is for LAPACK to judge
        require(holds, "Matrix is not positive definite")
        return emit.transpose(factor, [1, 0]) if upper else factor

    return wrapped(each_matrix(stack, [matrix], [n, n], one))
