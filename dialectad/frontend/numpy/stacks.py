"""Stacks of matrices: what `numpy.linalg` takes, one matrix after the other.

A stack is a loop over its matrices. Ints are computed in float64, as NumPy does. Complex matrices are pairs
here as elsewhere (`complexes.py`); the ops of `lapack` take both parts as one, one above the other
(`packed`, `unpacked`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialectad.errors import CompileError, ShapeError
from dialectad.frontend import complexes, dtypes, emit
from dialectad.frontend.complexes import Complex
from dialectad.frontend.dtypes import FLOAT32, FLOAT64, DType
from dialectad.frontend.emit import PARALLEL, Extent
from dialectad.frontend.loops import counted_loop
from dialectad.frontend.numpy.complex_functions import FORMULAS
from dialectad.frontend.numpy.support import Implementation, array, position, tensor, total
from dialectad.frontend.numpy.support import implements as implements_real
from dialectad.frontend.tracers import Array, lift
from dialectad.frontend.tracing import current, error

Numbers = Any
"""An `Array`, or a `Complex` of them."""


def implements(*functions: Callable[..., Any]) -> Callable[[Implementation], Implementation]:
    """Register what NumPy functions do on tracers, complex ones included."""

    def register(implementation: Implementation) -> Implementation:
        FORMULAS.update(dict.fromkeys(functions, implementation))
        return implements_real(*functions)(implementation)

    return register


class MatrixError(ShapeError, np.linalg.LinAlgError):
    """Arrays that aren't matrices, or not square ones, where NumPy would raise a LinAlgError."""

    def __init__(self, *args: Any, **kwargs: Any):
        CompileError.__init__(self, *args, **kwargs)

    __str__ = CompileError.__str__


# --- numbers of both kinds ---------------------------------------------------------------------


def numbers(x: Any) -> Numbers:
    """`x` as an array of real or of complex numbers."""
    if isinstance(x, list | tuple) and not complexes.holds_tracer(x):
        x = np.asarray(x)
    tracer = lift(x)
    return tracer if isinstance(tracer, Complex) else array(tracer)


def by_parts(function: Callable[[Array], Array], x: Numbers) -> Numbers:
    """`function`, which is linear, of an array, or of both parts."""
    return x.map(function) if isinstance(x, Complex) else function(x)


def rearranged(function: Callable[[SSAValue], SSAValue], x: Numbers) -> Numbers:
    """The same, of values."""
    return by_parts(lambda part: Array.fresh(function(part.ssa())), x)


def cast(x: Numbers, dtype: DType) -> Numbers:
    """The numbers with parts of a dtype."""
    return rearranged(lambda value: emit.cast(value, dtypes.to_ir(dtype)), x)


def real_dtype(x: Numbers) -> DType:
    return (x.re if isinstance(x, Complex) else x).dtype


def real_part(x: Numbers) -> Array:
    return x.re if isinstance(x, Complex) else x


def squared_sizes(x: Numbers) -> Any:
    """|x|^2 of each element."""
    return x.re * x.re + x.im * x.im if isinstance(x, Complex) else x * x


def adjoint(x: Numbers) -> Numbers:
    """The conjugate transposes of a stack of matrices."""
    turned = np.swapaxes(x, -1, -2)
    return np.conjugate(turned) if isinstance(turned, Complex) else turned


def packed(x: Numbers) -> SSAValue:
    """Matrices as the ops of `lapack` take them."""
    if not isinstance(x, Complex):
        return x.ssa()
    re, im = x.re.ssa(), x.im.ssa()
    *stack, m, n = emit.shape(re)
    whole = emit.empty([*stack, emit.add_index(m, m), n], emit.element(re))
    for start, part in ((0, re), (m, im)):
        offsets = [*[0] * len(stack), start, 0]
        whole = emit.insert_slice(part, whole, offsets, [*stack, m, n], [1] * len(offsets))
    return whole


def unpacked(value: SSAValue, m: Extent, n: Extent, *, is_complex: bool) -> Numbers:
    """Matrices of a shape from what the ops of `lapack` give."""
    if not is_complex:
        return Array.fresh(value)
    return Complex(*(part(Array.fresh(value), (start, 0), (m, n)) for start in (0, m)))


# --- stacks ------------------------------------------------------------------------------------


def operands(*arguments: Any) -> list[Numbers]:
    """Arrays in the dtype in which NumPy's linalg computes: in single precision if all are."""
    arrays = [numbers(x) for x in arguments]
    parts = [real_dtype(x) for x in arrays]
    dtype = FLOAT32 if all(found == FLOAT32 for found in parts) else FLOAT64
    if any(isinstance(x, Complex) for x in arrays):
        return [
            Complex(*(Array.fresh(tensor(part, dtype)) for part in complexes.parts_like(x))) for x in arrays
        ]
    return [Array.fresh(tensor(x, dtype)) for x in arrays]


def stacked(x: Numbers) -> tuple[Extent, ...]:
    """The shape of a stack of matrices, checked."""
    if len(x.extents) < 2:
        raise error(
            f"{len(x.extents)}-dimensional array given. Array must be at least two-dimensional",
            kind=MatrixError,
        )
    return x.extents


def square(x: Numbers) -> Numbers:
    """A stack of square matrices, checked, with equal types of both extents."""
    n, m = stacked(x)[-2:]
    message = "Last 2 dimensions of the array must be square"
    if isinstance(n, int) and isinstance(m, int):
        if n != m:
            raise error(message, kind=MatrixError)
        return x
    if not emit.same_extent(n, m):
        emit.check(emit.compare("eq", emit.index(n), emit.index(m)), f"LinAlgError: {message}")
    if isinstance(n, int) or isinstance(m, int):
        order = n if isinstance(n, int) else m
        return part(x, (0, 0), (order, order))
    return x


def each_matrix(
    stack: Sequence[Extent],
    arrays: Sequence[Numbers],
    result: tuple[Extent, Extent],
    compute: Callable[..., Numbers],
    *,
    is_complex: bool | None = None,
) -> Numbers:
    """`compute` on the matrices of stacks that broadcast to `stack`; it gives matrices of shape `result`.

    They are complex if the arrays are, or as it is said.
    """
    if is_complex is None:
        is_complex = any(isinstance(x, Complex) for x in arrays)

    def every(*given: Numbers) -> Numbers:
        return compute(*given) if not stack else _one_by_one(stack, given, result, compute, is_complex)

    return with_derivative(every, *arrays)


def with_derivative(function: Callable[..., Any], *arrays: Numbers) -> Any:
    """Call what calls LAPACK, whose derivatives aren't those of level llvm, but may be parts of it."""
    if "llvm" not in current().levels[-1:]:
        return function(*arrays)
    from dialectad.frontend.checkpoint import differentiated_at

    return differentiated_at("linalg", function, *arrays)


def _one_by_one(
    stack: Sequence[Extent],
    arrays: Sequence[Numbers],
    result: tuple[Extent, Extent],
    compute: Callable[..., Numbers],
    is_complex: bool,
) -> Numbers:
    count = total(stack)
    sizes = [x.extents[-2:] for x in arrays]
    whole = [packed(x) for x in arrays]
    cores = [emit.shape(x)[-2:] for x in whole]
    flat = [
        emit.reshape(emit.broadcast(x, [*stack, *core]), [count, *core])
        for x, core in zip(whole, cores, strict=True)
    ]
    m, n = result
    rows = emit.add_index(m, m) if is_complex else m

    def body(i: SSAValue, done: SSAValue) -> SSAValue:
        parts = [
            unpacked(
                emit.extract_slice(value, [i, 0, 0], [1, *core], [1, 1, 1], frozenset({0})),
                *size,
                is_complex=isinstance(x, Complex),
            )
            for value, core, size, x in zip(flat, cores, sizes, arrays, strict=True)
        ]
        return emit.insert_slice(packed(compute(*parts)), done, [i, 0, 0], [1, rows, n], [1, 1, 1])

    init = emit.empty([count, rows, n], emit.element(whole[0]))
    made = emit.reshape(counted_loop(count, init, body), [*stack, rows, n])
    return unpacked(made, m, n, is_complex=is_complex)


def hermitian(x: Numbers, *, upper: bool) -> Numbers:
    """The symmetric or Hermitian matrix that has one triangle of a square matrix."""
    if not isinstance(x, Complex):
        return Array.fresh(mirrored(x.ssa(), upper=upper))
    im = np.triu(x.im, 1) if upper else np.tril(x.im, -1)
    return Complex(Array.fresh(mirrored(x.re.ssa(), upper=upper)), im - np.swapaxes(im, -1, -2))


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


def part(x: Numbers, starts: tuple[Extent, Extent], sizes: tuple[Extent, Extent]) -> Numbers:
    """The same part of all matrices of a stack."""
    stack = x.extents[:-2]
    offsets = [*[0] * len(stack), *starts]
    shape = [*stack, *sizes]
    return rearranged(lambda value: emit.extract_slice(value, offsets, shape, [1] * len(offsets)), x)


def require(holds: Any, message: str) -> None:
    """Raise a LinAlgError at run time unless a traced condition holds."""
    emit.check(holds.ssa(), f"LinAlgError: {message}")
