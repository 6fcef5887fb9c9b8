"""Running sums and what else looks at neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import Operation, SSAValue

from dialectad.errors import ShapeError
from dialectad.frontend import emit
from dialectad.frontend.dtypes import BOOL, DType
from dialectad.frontend.emit import Extent
from dialectad.frontend.numpy import reductions
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    dtype_of,
    implements,
    loop,
    normalize_axes,
    normalize_axis,
    operand,
    result_dtype,
    supported,
    tensor,
)
from dialectad.frontend.tracers import Array
from dialectad.frontend.tracing import error


def scanned(value: SSAValue, axis: int, combine: type[Operation], start: Any) -> SSAValue:
    """The running combination along an axis, row by row."""
    shape = emit.shape(value)
    rest = [n for d, n in enumerate(shape) if d != axis]
    element = emit.element(value)
    sizes: list[Extent] = [1 if d == axis else n for d, n in enumerate(shape)]
    ones = [1] * len(shape)

    def place(i: SSAValue) -> list[Extent]:
        return [i if d == axis else 0 for d in range(len(shape))]

    def body(i: SSAValue, total: SSAValue, out: SSAValue) -> Sequence[SSAValue]:
        if not rest:
            total = emit.op(combine(total, emit.extract(value, [i])))  # pyright: ignore[reportCallIssue]
            return total, emit.insert(total, out, [i])
        row = emit.extract_slice(value, place(i), sizes, ones, frozenset({axis}))
        total = emit.op(combine(total, row))  # pyright: ignore[reportCallIssue]
        return total, emit.insert_slice(total, out, place(i), sizes, ones)

    first = emit.constant(start, element) if not rest else emit.full(rest, start, element)
    return loop(shape[axis], [first, emit.empty(shape, element)], body)[1]


def _accumulator(a: Any, dtype: Any) -> DType:
    if dtype is not None:
        return supported(dtype)
    own = dtype_of(operand(a))
    return reductions.accumulator(own)


def accumulate(a: Any, axis: Any, dtype: DType, combine: type[Operation], start: Any) -> Array:
    """A scan over an axis, or over all elements."""
    value = tensor(a, dtype)
    if axis is None:
        value, axis = emit.collapse(value), 0
    return Array.fresh(scanned(value, normalize_axis(axis, emit.rank(value)), combine, start))


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None) -> Array:
    """numpy.cumsum"""
    found = _accumulator(a, dtype)
    combine = reductions.sum_of(found).combine
    return accumulate(a, axis, found, combine, 0)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None) -> Array:
    """numpy.cumprod"""
    found = _accumulator(a, dtype)
    combine = reductions.product_of(found).combine
    return accumulate(a, axis, found, combine, 1)


def _cumulative(function: Any, first: int, x: Any, axis: Any, dtype: Any, include_initial: bool) -> Any:
    source = array(x)
    if axis is None:
        if source.ndim != 1:
            raise error(
                "For arrays which have more than one dimension ``axis`` argument is required.",
                kind=ShapeError,
            )
        axis = 0
    result = function(source, axis, dtype)
    if not include_initial:
        return result
    shape = [1 if d == normalize_axis(axis, source.ndim) else n for d, n in enumerate(source.shape)]
    return np.concatenate([np.full(shape, first, result.dtype), result], axis=axis)


@implements(np.cumulative_sum)
def cumulative_sum(x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """numpy.cumulative_sum"""
    return _cumulative(cumsum, 0, x, axis, dtype, include_initial)


@implements(np.cumulative_prod)
def cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """numpy.cumulative_prod"""
    return _cumulative(cumprod, 1, x, axis, dtype, include_initial)


@implements(np.diff)
def diff(a: Any, n: Any = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> Any:
    """numpy.diff"""
    source = array(a)
    axis = normalize_axis(axis, source.ndim) if source.ndim else -1
    if source.ndim == 0:
        raise error("diff requires input that is at least one dimensional", kind=ShapeError)
    ends = [_end(x, source, axis) for x in (prepend, append)]
    parts = [x for x in (ends[0], source, ends[1]) if x is not None]
    source = np.concatenate(parts, axis=axis) if len(parts) > 1 else source
    times = concrete_int(n, "the order of differences")
    if times < 0:
        raise error(f"order must be non-negative but got {times}", kind=ShapeError)
    before = (*[slice(None)] * axis,)
    for _ in range(times):
        tail, head = source[(*before, slice(1, None))], source[(*before, slice(None, -1))]
        source = np.not_equal(tail, head) if source.dtype == BOOL else np.subtract(tail, head)
    return source


def _end(x: Any, source: Array, axis: int) -> Array | None:
    if x is None:
        return None
    made = array(x)
    if made.ndim:
        return made
    shape = [1 if d == axis else n for d, n in enumerate(source.extents)]
    return Array.fresh(emit.broadcast(made.ssa(), shape))


@implements(np.ediff1d)
def ediff1d(ary: Any) -> Array:
    """numpy.ediff1d"""
    return diff(np.ravel(array(ary)))


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None) -> Any:
    """numpy.gradient: second-order differences inside, first-order at the ends, with known spacing"""
    source = array(f)
    source = source if source.dtype.kind == "f" else source.astype(float)
    axes = normalize_axes(axis, source.ndim)
    steps = list(varargs) or [1.0]
    steps = steps * len(axes) if len(steps) == 1 else steps
    if len(steps) != len(axes) or any(len(getattr(operand(s), "shape", ())) for s in steps):
        raise error(
            "numpy.gradient is supported with one number as the spacing of each axis",
            hint="divide numpy.diff of the values by numpy.diff of the places",
        )
    results = []
    for d, step in zip(axes, steps, strict=True):
        before = (*[slice(None)] * d,)
        size = source.shape[d]
        if isinstance(size, int) and size < 2:
            raise error(
                "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1)"
                " elements are required.",
                kind=ShapeError,
            )

        def part(a: int | None, b: int | None, at: Any = before) -> Any:
            return source[(*at, slice(a, b))]

        first = (part(1, 2) - part(0, 1)) / step
        last = (part(-1, None) - part(-2, -1)) / step
        middle = (part(2, None) - part(None, -2)) / (2.0 * step)
        results.append(np.concatenate([first, middle, last], axis=d))
    return results[0] if len(results) == 1 else tuple(results)


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    """numpy.trapezoid"""
    source = array(y)
    d = normalize_axis(axis, source.ndim)
    before = (*[slice(None)] * d,)
    width: Any = dx
    if x is not None:
        points = array(x)
        width = diff(points, axis=0 if points.ndim == 1 else d)
        if points.ndim == 1:
            width = width[tuple(slice(None) if i == d else None for i in range(source.ndim))]
    pairs = source[(*before, slice(1, None))] + source[(*before, slice(None, -1))]
    return np.sum(width * pairs / 2.0, axis=d)


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Array:
    """numpy.convolve: a shifted copy of the longer one per element of the shorter one"""
    x, y = array(a), array(v)
    dtype = result_dtype(x, y)
    if x.ndim != 1 or y.ndim != 1:
        raise error("convolve takes vectors", kind=ShapeError)
    n, m = x.extents[0], y.extents[0]
    if not (isinstance(n, int) and isinstance(m, int)):
        raise error("convolve of vectors of unknown size", hint="write it as a loop")
    if n == 0 or m == 0:
        raise error(f"{'a' if n == 0 else 'v'} cannot be empty", kind=ShapeError)
    if m > n:
        x, y, n, m = y, x, m, n
    times, plus = {
        "f": (arith.MulfOp, arith.AddfOp),
        "b": (arith.AndIOp, arith.OrIOp),
    }.get(dtype.kind, (arith.MuliOp, arith.AddiOp))
    long, short = tensor(x, dtype), tensor(y, dtype)
    element = emit.element(long)
    init = emit.full((n + m - 1,), 0, element)

    def body(k: SSAValue, out: SSAValue) -> Sequence[SSAValue]:
        window = emit.extract_slice(out, [k], [n], [1])
        factor = emit.splat(emit.extract(short, [k]), (n,))
        window = emit.op(plus(window, emit.op(times(long, factor))))
        return (emit.insert_slice(window, out, [k], [n], [1]),)

    full = Array.fresh(loop(m, [init], body)[0])
    match mode:
        case "full":
            return full
        case "same":
            start = (m - 1) // 2
            return full[start : start + n]
        case "valid":
            return full[m - 1 : n]
        case _:
            raise error(f"mode must be one of 'full', 'same', 'valid' (got {mode!r})", kind=ShapeError)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Array:
    """numpy.correlate"""
    x: Any = np.atleast_1d(a)
    y: Any = np.conjugate(np.atleast_1d(v))
    convolved: Any = np.convolve  # which takes complex numbers, too
    result: Any = convolved(x, np.flip(y), mode)
    if mode == "same" and x.extents[0] < y.extents[0]:  # pyright: ignore[reportOperatorIssue]
        n, m = int(y.extents[0]), int(x.extents[0])  # pyright: ignore[reportArgumentType]
        start = m // 2
        return convolved(x, np.flip(y), "full")[start : start + n]
    return result
