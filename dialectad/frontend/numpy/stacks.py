"""Stacks of matrices: what `numpy.linalg` takes, one matrix after the other.

A stack is a loop over its matrices. Ints are computed in float64, as NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialectad.errors import CompileError, ShapeError, UnsupportedTypeError
from dialectad.frontend import emit
from dialectad.frontend.dtypes import FLOAT32, FLOAT64
from dialectad.frontend.emit import PARALLEL, Extent
from dialectad.frontend.loops import counted_loop
from dialectad.frontend.numpy.support import array, position, tensor, total
from dialectad.frontend.tracers import Array
from dialectad.frontend.tracing import error


class MatrixError(ShapeError, np.linalg.LinAlgError):
    """Arrays that aren't matrices, or not square ones, where NumPy would raise a LinAlgError."""

    def __init__(self, *args: Any, **kwargs: Any):
        CompileError.__init__(self, *args, **kwargs)

    __str__ = CompileError.__str__


def operands(*arguments: Any) -> list[SSAValue]:
    """Arrays in the dtype in which NumPy's linalg computes: float32 if all are."""
    arrays = [array(x) for x in arguments]
    for x in arrays:
        if x.dtype.kind == "f" and x.dtype not in (FLOAT32, FLOAT64):
            raise error(f"array type {x.dtype} is unsupported in linalg", kind=UnsupportedTypeError)
    dtype = FLOAT32 if all(x.dtype == FLOAT32 for x in arrays) else FLOAT64
    return [tensor(x, dtype) for x in arrays]


def stacked(value: SSAValue) -> tuple[Extent, ...]:
    """The shape of a stack of matrices, checked."""
    if emit.rank(value) < 2:
        raise error(
            f"{emit.rank(value)}-dimensional array given. Array must be at least two-dimensional",
            kind=MatrixError,
        )
    return emit.shape(value)


def square(value: SSAValue) -> SSAValue:
    """A stack of square matrices, checked, with equal types of both extents."""
    *stack, n, m = stacked(value)
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


def each_matrix(
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


def mirrored(value: SSAValue, *, upper: bool) -> SSAValue:
    """The symmetric matrix that has one triangle of a square matrix."""
    same, across = AffineMap.identity(2), AffineMap(2, 0, (AffineDimExpr(1), AffineDimExpr(0)))
    predicate = "sge" if upper else "sle"

    def body(x: SSAValue, mirrored: SSAValue, _: SSAValue) -> SSAValue:
        return emit.select(emit.compare(predicate, position(1), position(0)), x, mirrored)

    init = emit.empty(emit.shape(value), emit.element(value))
    return emit.generic([value, value], [same, across, same], [PARALLEL] * 2, init, body)


def smaller(a: Extent, b: Extent) -> Extent:
    """The smaller of two extents."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    return a if emit.same_extent(a, b) else emit.op(arith.MinSIOp(emit.index(a), emit.index(b)))


def part(value: SSAValue, starts: tuple[Extent, Extent], sizes: tuple[Extent, Extent]) -> Any:
    """The same part of all matrices of a stack."""
    stack = emit.shape(value)[:-2]
    offsets = [*[0] * len(stack), *starts]
    return Array.fresh(emit.extract_slice(value, offsets, [*stack, *sizes], [1] * len(offsets)))


def require(holds: Any, message: str) -> None:
    """Raise a LinAlgError at run time unless a traced condition holds."""
    emit.check(holds.ssa(), f"LinAlgError: {message}")
