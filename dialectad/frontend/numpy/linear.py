"""`numpy.linalg`: linear systems, determinants and Cholesky factors, by the ops of `lapack`.

A stack of matrices is a loop over them. Ints are computed in float64, as NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.linalg import _linalg
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialectad.dialects import lapack
from dialectad.errors import CompileError, ShapeError, UnsupportedTypeError
from dialectad.frontend import emit
from dialectad.frontend.dtypes import FLOAT32, FLOAT64
from dialectad.frontend.emit import PARALLEL, Extent
from dialectad.frontend.loops import counted_loop
from dialectad.frontend.numpy.creation import eye, tri
from dialectad.frontend.numpy.support import array, implements, require_same, tensor, total, wrapped
from dialectad.frontend.tracers import Array, broadcast_extents
from dialectad.frontend.tracing import error

SlogdetResult: Any = _linalg.SlogdetResult  # pyright: ignore[reportAttributeAccessIssue]


class MatrixError(ShapeError, np.linalg.LinAlgError):
    """Arrays that aren't matrices, or not square ones, where NumPy would raise a LinAlgError."""

    def __init__(self, *args: Any, **kwargs: Any):
        CompileError.__init__(self, *args, **kwargs)

    __str__ = CompileError.__str__


# --- operands ----------------------------------------------------------------------------------


def _operands(*arguments: Any) -> list[SSAValue]:
    """Arrays in the dtype in which NumPy's linalg computes: float32 if all are."""
    arrays = [array(x) for x in arguments]
    for x in arrays:
        if x.dtype.kind == "f" and x.dtype not in (FLOAT32, FLOAT64):
            raise error(f"array type {x.dtype} is unsupported in linalg", kind=UnsupportedTypeError)
    dtype = FLOAT32 if all(x.dtype == FLOAT32 for x in arrays) else FLOAT64
    return [tensor(x, dtype) for x in arrays]


def _square(value: SSAValue) -> SSAValue:
    """A stack of square matrices, checked, with equal types of both extents."""
    *stack, n, m = (1, 1, *emit.shape(value)) if emit.rank(value) < 2 else emit.shape(value)
    if emit.rank(value) < 2:
        raise error(
            f"{emit.rank(value)}-dimensional array given. Array must be at least two-dimensional",
            kind=MatrixError,
        )
    message = "Last 2 dimensions of the array must be square"
    if isinstance(n, int) and isinstance(m, int):
        if n != m:
            raise error(message, kind=MatrixError)
        return value
    if not emit.same_extent(n, m):
        emit.check(emit.compare("eq", emit.index(n), emit.index(m)), f"LinAlgError: {message}")
    if isinstance(n, int) or isinstance(m, int):
        order = n if isinstance(n, int) else m
        sizes = [*stack, order, order]
        return emit.extract_slice(value, [0] * len(sizes), sizes, [1] * len(sizes), frozenset())
    return value


def _each(
    stack: Sequence[Extent],
    arrays: Sequence[SSAValue],
    result: Sequence[Extent],
    compute: Callable[..., SSAValue],
) -> SSAValue:
    """`compute` on the matrices of stacks that broadcast to `stack`; it gives arrays of shape `result`."""
    if not stack:
        return compute(*arrays)
    count = total(stack)
    cores = [emit.shape(x)[-2:] for x in arrays]
    flat = [
        emit.reshape(emit.broadcast(x, [*stack, *core]), [count, *core])
        for x, core in zip(arrays, cores, strict=True)
    ]

    def body(i: SSAValue, done: SSAValue) -> SSAValue:
        parts = [
            emit.extract_slice(x, [i, 0, 0], [1, *core], [1, 1, 1], frozenset({0}))
            for x, core in zip(flat, cores, strict=True)
        ]
        place = [i, *[0] * len(result)]
        return emit.insert_slice(compute(*parts), done, place, [1, *result], [1] * len(place))

    init = emit.empty([count, *result], emit.element(arrays[0]))
    return emit.reshape(counted_loop(count, init, body), [*stack, *result])


# --- LU ----------------------------------------------------------------------------------------


def _diagonal(value: SSAValue) -> Any:
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
    return factors, _diagonal(square), Array.fresh(last)


def _solved(a: SSAValue, rows: SSAValue) -> SSAValue:
    """A^-1 b for each row b."""
    factors, pivots, _ = _factors(a)
    regular: Any = np.all(pivots != 0)
    emit.check(regular.ssa(), "LinAlgError: Singular matrix")
    return emit.op(lapack.GetrsOp(a, factors, rows))


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """numpy.linalg.solve"""
    matrix, rhs = _operands(a, b)
    matrix = _square(matrix)
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

    found = _each(every, [matrix, rhs], [m, k], one)
    return wrapped(emit.reshape(found, [*every, m]) if vector else found)


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    """numpy.linalg.inv: its columns solve for the identity's, as in NumPy"""
    (matrix,) = _operands(a)
    matrix = _square(matrix)
    *stack, n, _ = emit.shape(matrix)

    def one(x: SSAValue) -> SSAValue:
        identity = eye(emit.shape(x)[0], dtype=emit.dtype(x)).ssa()
        return emit.transpose(_solved(x, identity), [1, 0])

    return wrapped(_each(stack, [matrix], [n, n], one))


def _sign_and_log(a: Any) -> tuple[Any, Any]:
    (matrix,) = _operands(a)
    matrix = _square(matrix)
    *stack, _, _ = emit.shape(matrix)

    def one(x: SSAValue) -> SSAValue:
        factors, pivots, exchanges = _factors(x)
        stays = exchanges == np.arange(pivots.shape[0])
        sign: Any = np.prod(np.sign(pivots)) * np.prod(np.where(stays, 1.0, -1.0).astype(pivots.dtype))
        log = emit.op(lapack.LogdetOp(x, factors))
        both = emit.empty([2], emit.element(x))
        return emit.insert(log, emit.insert(sign.ssa(), both, [0]), [1])

    both = wrapped(_each(stack, [matrix], [2], one))
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


# --- Cholesky ----------------------------------------------------------------------------------


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: Any = False) -> Any:
    """numpy.linalg.cholesky, which reads one triangle: the other doesn't count in derivatives either"""
    (matrix,) = _operands(a)
    matrix = _square(matrix)
    *stack, n, _ = emit.shape(matrix)

    def one(x: SSAValue) -> SSAValue:
        across = emit.transpose(x, [1, 0])
        size = emit.shape(x)[0]
        below = tri(size, dtype=bool).ssa()
        symmetric = emit.select(below, across, x) if upper else emit.select(below, x, across)
        factor = emit.op(lapack.PotrfOp(symmetric))
        holds: Any = np.all(~(_diagonal(factor) < 0))  # NaN is for LAPACK to judge
        emit.check(holds.ssa(), "LinAlgError: Matrix is not positive definite")
        return emit.transpose(factor, [1, 0]) if upper else factor

    return wrapped(_each(stack, [matrix], [n, n], one))
