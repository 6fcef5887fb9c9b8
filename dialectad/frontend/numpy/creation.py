"""Arrays from numbers, shapes and nested lists. While tracing, all of them give traced (mutable) arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import i1
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineMap

from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit, tracers
from dialectad.frontend.dtypes import FLOAT64, INDEX, INT64, DType
from dialectad.frontend.emit import PARALLEL, Extent
from dialectad.frontend.numpy.support import (
    Operand,
    concrete_int,
    dtype_argument,
    dtype_of,
    extent,
    holds_tracer,
    implements,
    intercepts,
    is_weak,
    joined_dtype,
    known_int,
    operand,
    position,
    result_dtype,
    scalar_value,
    shape_argument,
    values,
)
from dialectad.frontend.tracers import Array, Scalar, Tracer, lift, supported
from dialectad.frontend.tracing import current, error

_SMALL = 64
"""Constant arrays up to this many elements are part of the code; larger ones are hidden parameters."""


# --- from values -------------------------------------------------------------------------------


def constant_array(x: np.ndarray[Any, Any]) -> SSAValue:
    """The value of an array of known elements, which nobody else writes into."""
    supported(x.dtype)
    if x.ndim == 0:
        return emit.splat(emit.constant(x.item(), dtypes.to_ir(x.dtype)), ())
    if x.size and (x == x.flat[0]).all():
        return emit.full(x.shape, x.flat[0].item(), dtypes.to_ir(x.dtype))
    if x.size <= _SMALL:
        return emit.dense(x)
    return current().read(current().capture(np.ascontiguousarray(x)))


def _nested(x: Any) -> bool:
    return isinstance(x, list | tuple)


def _leaves(x: Any) -> Iterator[Any]:
    if _nested(x):
        for item in x:
            yield from _leaves(item)
    else:
        yield x


def _nested_shape(x: Any) -> tuple[int, ...]:
    """The shape that the lists around the leaves have."""
    if not _nested(x):
        return ()
    shapes = {_nested_shape(item) for item in x}
    if len(shapes) > 1:
        raise error(
            "setting an array element with a sequence: the nested lists have different lengths or depths",
            kind=ShapeError,
        )
    return (len(x), *(shapes.pop() if shapes else ()))


def from_nested(x: Sequence[Any], dtype: DType | None) -> Array:
    """A new array from nested lists, of which some elements are traced."""
    leaves = [lift(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in _leaves(x)]
    leaves = [_scalar_if_flat(leaf) for leaf in leaves]
    shape = _nested_shape(x)
    dtype = dtype or (joined_dtype(*leaves) if leaves else FLOAT64)
    if any(isinstance(leaf, Array) for leaf in leaves):
        from dialectad.frontend.numpy.joining import stacked

        rows = stacked(leaves, dtype)
        return Array.fresh(emit.reshape(rows, [*shape, *emit.shape(rows)[1:]]))
    known = [leaf for leaf in leaves if not isinstance(leaf, Tracer)]
    if known and len(known) <= 4 * _SMALL and any(x != 0 for x in known):
        flat = [0 if isinstance(leaf, Tracer) else leaf for leaf in leaves]
        value = constant_array(np.array(flat, dtype).reshape(shape))
    elif known:
        value = emit.full(shape, 0, dtypes.to_ir(dtype))
    else:
        value = emit.empty(shape, dtypes.to_ir(dtype))
    for place, leaf in zip(np.ndindex(*shape), leaves, strict=True):
        if isinstance(leaf, Tracer):
            value = emit.insert(scalar_value(leaf, dtype), value, place)
    return Array.fresh(value)


def _scalar_if_flat(x: Any) -> Operand:
    if not tracers.is_number(x) and not isinstance(x, Tracer):
        raise error(
            f"a value of type {type(x).__name__!r} can't be an element of an array",
            hint="give numbers, or numpy.nan where there is none",
            kind=UnsupportedTypeError,
        )
    return operand(x)


@intercepts(np.array)
def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: Any = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
) -> Array:
    """numpy.array"""
    made = _array(object, None if dtype is None else supported(dtype), copy=copy is True)
    if made.ndim < ndmin:
        shape = [1] * (ndmin - made.ndim) + list(made.extents)
        return Array.fresh(emit.reshape(made.ssa(), shape))
    return made


def _array(x: Any, dtype: DType | None, *, copy: bool) -> Array:
    if _nested(x) and (holds_tracer(x) or any(isinstance(leaf, np.ndarray) for leaf in _leaves(x))):
        return from_nested(x, dtype)
    if isinstance(x, Array) or (isinstance(x, np.ndarray) and x.dtype != object):
        tracer = lift(x)
        assert isinstance(tracer, Array)
        if dtype is not None and dtype != tracer.dtype:
            return Array.fresh(emit.cast(tracer.ssa(), dtypes.to_ir(dtype)))
        return tracer.copy() if copy else tracer
    if isinstance(x, Scalar):
        return Array.fresh(emit.splat(scalar_value(x, dtype or x.dtype), ()))
    if isinstance(x, range):
        x = list(x)
    known = np.array(x)
    if known.dtype == object:
        raise error(
            f"an array can't be made of a {type(x).__name__}", kind=UnsupportedTypeError, hint="use numbers"
        )
    value = constant_array(known if dtype is None else known.astype(dtype))
    return Array.fresh(value)


@intercepts(np.asarray, np.asanyarray)
def asarray(a: Any, dtype: Any = None, order: Any = None, *, copy: bool | None = None) -> Array:
    """numpy.asarray"""
    return _array(a, None if dtype is None else supported(dtype), copy=copy is True)


@intercepts(np.ascontiguousarray, np.asfortranarray)
def ascontiguousarray(a: Any, dtype: Any = None) -> Array:
    """numpy.ascontiguousarray: at least one axis."""
    made = asarray(a, dtype)
    return made if made.ndim else Array.fresh(emit.reshape(made.ssa(), (1,)))


@intercepts(np.copy)
def copy(a: Any, order: Any = "K", subok: bool = False) -> Array:
    """numpy.copy"""
    return _array(a, None, copy=True)


@intercepts(np.asarray_chkfinite)
def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Array:
    """numpy.asarray_chkfinite"""
    from xdsl.dialects import math

    made = asarray(a, dtype)
    if made.dtype.kind == "f" and made.ndim:
        value = made.ssa()
        finite = emit.compare("olt", emit.op(math.AbsFOp(value)), emit.like(value, float("inf")))
        axes = list(range(made.ndim))
        every = emit.reduce(finite, axes, emit.constant(1, i1), arith.AndIOp)
        emit.check(emit.extract(every, []), "ValueError: array must not contain infs or NaNs")
    return made


# --- of one value ------------------------------------------------------------------------------


def filled(shape: Sequence[Extent], fill: Any, dtype: DType) -> Array:
    """A new array of which every element is `fill`."""
    if tracers.is_number(fill):
        fill = dtype.type(fill).item()
        return Array.fresh(emit.full(shape, fill, dtypes.to_ir(dtype)))
    (value,) = values([operand(fill)], [dtype], shape)
    return Array.fresh(value)


@intercepts(np.zeros)
def zeros(shape: Any, dtype: Any = None, order: Any = "C") -> Array:
    """numpy.zeros"""
    return filled(shape_argument(shape), 0, dtype_argument(dtype, FLOAT64))


@intercepts(np.ones)
def ones(shape: Any, dtype: Any = None, order: Any = "C") -> Array:
    """numpy.ones"""
    return filled(shape_argument(shape), 1, dtype_argument(dtype, FLOAT64))


@intercepts(np.empty)
def empty(shape: Any, dtype: Any = None, order: Any = "C") -> Array:
    """numpy.empty"""
    element = dtypes.to_ir(dtype_argument(dtype, FLOAT64))
    return Array.fresh(emit.empty(shape_argument(shape), element))


@intercepts(np.full)
def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C") -> Array:
    """numpy.full"""
    fill = operand(fill_value)
    return filled(shape_argument(shape), fill, dtype_argument(dtype, dtype_of(fill)))


def _like(a: Any, dtype: Any, shape: Any) -> tuple[tuple[Extent, ...], DType]:
    if isinstance(a, np.ndarray | np.generic):
        found, own = a.shape, a.dtype
    elif _nested(a):
        made = _array(a, None, copy=False)
        found, own = made.extents, made.dtype
    else:
        x = operand(a)
        found, own = (x.extents if isinstance(x, Array) else ()), dtype_of(x)
    return (tuple(found) if shape is None else shape_argument(shape)), supported(dtype or own)


@intercepts(np.zeros_like)
def zeros_like(a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None) -> Array:
    """numpy.zeros_like"""
    extents, dtype = _like(a, dtype, shape)
    return filled(extents, 0, dtype)


@intercepts(np.ones_like)
def ones_like(a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None) -> Array:
    """numpy.ones_like"""
    extents, dtype = _like(a, dtype, shape)
    return filled(extents, 1, dtype)


@intercepts(np.empty_like)
def empty_like(
    prototype: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None
) -> Array:
    """numpy.empty_like"""
    extents, dtype = _like(prototype, dtype, shape)
    return Array.fresh(emit.empty(extents, dtypes.to_ir(dtype)))


@intercepts(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None
) -> Array:
    """numpy.full_like"""
    extents, dtype = _like(a, dtype, shape)
    return filled(extents, operand(fill_value), dtype)


# --- by position -------------------------------------------------------------------------------


def generated(shape: Sequence[Extent], dtype: DType, element: Callable[..., SSAValue]) -> SSAValue:
    """A tensor of which each element is computed from its position."""
    n = len(shape)
    init = emit.empty(shape, dtypes.to_ir(dtype))
    return emit.generic(
        [], [AffineMap.identity(n)], [PARALLEL] * n, init, lambda _: element(*map(position, range(n)))
    )


def shifted_diagonal(i: SSAValue, j: SSAValue, k: int, predicate: str) -> SSAValue:
    """How the column j compares with the column of the k-th diagonal in row i."""
    diagonal = i if k == 0 else emit.op(arith.AddiOp(i, emit.constant(k, INDEX)))
    return emit.compare(predicate, j, diagonal)


@intercepts(np.eye)
def eye(N: Any, M: Any = None, k: Any = 0, dtype: Any = float, order: Any = "C") -> Array:
    """numpy.eye"""
    rows = extent(N)
    shape = (rows, rows if M is None else extent(M))
    dtype = dtype_argument(dtype, FLOAT64)
    offset, type_ = concrete_int(k, "the diagonal"), dtypes.to_ir(dtype)
    one, zero = emit.constant(1, type_), emit.constant(0, type_)

    def element(i: SSAValue, j: SSAValue) -> SSAValue:
        return emit.select(shifted_diagonal(i, j, offset, "eq"), one, zero)

    return Array.fresh(generated(shape, dtype, element))


@intercepts(np.identity)
def identity(n: Any, dtype: Any = None) -> Array:
    """numpy.identity"""
    return eye(n, dtype=dtype)


@intercepts(np.tri)
def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = float) -> Array:
    """numpy.tri"""
    rows = extent(N)
    dtype = dtype_argument(dtype, FLOAT64)
    offset, type_ = concrete_int(k, "the diagonal"), dtypes.to_ir(dtype)
    one, zero = emit.constant(1, type_), emit.constant(0, type_)

    def element(i: SSAValue, j: SSAValue) -> SSAValue:
        return emit.select(shifted_diagonal(i, j, offset, "sle"), one, zero)

    return Array.fresh(generated((rows, rows if M is None else extent(M)), dtype, element))


@intercepts(np.arange)
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Array:
    """numpy.arange"""
    if stop is None:
        start, stop = 0, start
    bounds: list[Any] = [operand(x) for x in (start, stop, 1 if step is None else step)]
    if not holds_tracer(bounds):
        return Array.fresh(_known_arange(bounds, dtype))
    if any(not dtypes.is_integral(dtype_of(x)) for x in bounds) or not (stride := known_int(bounds[2])):
        raise error(
            "numpy.arange needs integer bounds and a known step, or numbers that are known while compiling",
            hint="scale a range of integers: start + step * numpy.arange(count)",
        )
    first, last = (scalar_value(x, INT64) for x in bounds[:2])
    first, last = emit.cast(first, INDEX), emit.cast(last, INDEX)
    if stride < 0:
        count = emit.op(arith.CeilDivSIOp(emit.op(arith.SubiOp(first, last)), emit.constant(-stride, INDEX)))
    elif stride == 1:
        count = last if known_int(bounds[0]) == 0 else emit.op(arith.SubiOp(last, first))
    else:
        count = emit.op(arith.CeilDivSIOp(emit.op(arith.SubiOp(last, first)), emit.constant(stride, INDEX)))
    upper = bounds[1].interval if isinstance(bounds[1], Scalar) else None
    if not (stride == 1 and known_int(bounds[0]) == 0 and upper and upper[0] >= 0):
        count = emit.op(arith.MaxSIOp(count, emit.constant(0, INDEX)))
    found = dtype_argument(dtype, result_dtype(*bounds[:2]))

    def element(i: SSAValue) -> SSAValue:
        step_ = i if stride == 1 else emit.op(arith.MuliOp(i, emit.constant(stride, INDEX)))
        return emit.cast(emit.op(arith.AddiOp(first, step_)), dtypes.to_ir(found))

    return Array.fresh(generated((count,), found, element))


def _known_arange(bounds: Sequence[Any], dtype: Any) -> SSAValue:
    made = np.arange(*bounds, dtype=None if dtype is None else supported(dtype))
    supported(made.dtype)
    if made.size <= 4 or made.dtype == np.bool_:
        return constant_array(made)
    first, stride = made[0].item(), made[1].item() - made[0].item()
    return _progression(made.size, first, stride, made.dtype)


def _progression(count: Extent, first: Any, stride: Any, dtype: DType) -> SSAValue:
    """first, first + stride, ... as NumPy computes them: first + i * stride."""
    type_ = dtypes.to_ir(dtype)
    add, times = (arith.AddfOp, arith.MulfOp) if dtype.kind == "f" else (arith.AddiOp, arith.MuliOp)
    start, step = emit.constant(first, type_), emit.constant(stride, type_)

    def element(i: SSAValue) -> SSAValue:
        value = emit.cast(i, type_)
        value = value if stride == 1 else emit.op(times(value, step))
        return value if first == 0 else emit.op(add(value, start))

    return generated((count,), dtype, element)


@intercepts(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: Any = 0,
) -> Any:
    """numpy.linspace: start + i * step, and exactly stop at the end"""
    count = concrete_int(num, "the number of points")
    if count < 0:
        raise error(f"Number of samples, {count}, must be non-negative.", kind=ShapeError)
    bounds = [operand(start), operand(stop)]
    if any(isinstance(x, Array) for x in bounds):
        made, step = _between(bounds[0], bounds[1], count, count - 1 if endpoint else count)
        if dtype is not None:
            made = (np.floor(made) if np.dtype(dtype).kind in "iu" else made).astype(dtype)
        made = made if concrete_int(axis, "an axis") == 0 else np.moveaxis(made, 0, axis)
        return (made, step) if retstep else made
    found = result_dtype(*bounds, 1.0)
    element_type = dtypes.to_ir(found)
    first, last = (scalar_value(x, found) for x in bounds)
    intervals = count - 1 if endpoint else count
    width = emit.op(arith.SubfOp(last, first))
    known = not holds_tracer(bounds)
    if intervals > 0:
        step = emit.op(arith.DivfOp(width, emit.constant(intervals, element_type)))
    else:
        step = emit.constant(float("nan"), element_type)

    def element(i: SSAValue) -> SSAValue:
        # plus -0.0: a product that is rounded before it is added to, as NumPy's is
        scaled = emit.op(math.FmaOp(emit.cast(i, element_type), step, emit.constant(-0.0, element_type)))
        return emit.op(arith.AddfOp(scaled, first))

    if intervals <= 0:
        value = emit.splat(first, (count,))
    elif known and count <= _SMALL:
        value = constant_array(np.linspace(start, stop, count, endpoint, dtype=found))
    else:
        value = generated((count,), found, element)
        if endpoint:
            value = emit.insert(last, value, (count - 1,))
    if dtype is not None:
        target = supported(dtype)
        if dtypes.is_integral(target):
            value = emit.op(math.FloorOp(value))
        value = emit.cast(value, dtypes.to_ir(target))
    return (Array.fresh(value), Scalar(step)) if retstep else Array.fresh(value)


def _between(start: Any, stop: Any, count: int, intervals: int) -> tuple[Any, Any]:
    """Arrays along a new first axis, from one to the other; and by how much they differ."""
    dtype = result_dtype(start, stop, 1.0)
    first, width = lift(start).astype(dtype), np.subtract(stop, start, dtype=dtype)
    rank = np.ndim(width)
    numbers = np.arange(count, dtype=dtype).reshape((-1,) + (1,) * rank)
    step = width / intervals if intervals > 0 else np.full_like(width, np.nan)
    made = numbers * (step if intervals > 0 else width) + first
    if count > 1 and intervals == count - 1:
        made[-1] = stop
    return made, step


@implements(np.logspace)
def logspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: Any = 0,
) -> Any:
    """numpy.logspace"""
    if np.ndim(base):
        rank = max(map(np.ndim, (start, stop, base)))
        start, stop, base = (x if np.ndim(x) == rank else asarray(x)[(None,) * (rank - np.ndim(x))]
                             for x in (start, stop, base))  # fmt: skip
        base = np.expand_dims(base, axis)
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    result = np.power(base, exponents)
    return result if dtype is None else result.astype(dtype)


@implements(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: Any = 0
) -> Any:
    """numpy.geomspace"""
    count, bounds = concrete_int(num, "the number of points"), [operand(start), operand(stop)]
    message = "Geometric sequence cannot include zero"
    for bound in bounds:
        if isinstance(bound, Tracer):
            fine = operand(np.all(np.not_equal(bound, 0)))
            emit.check(fine.ssa(), f"ValueError: {message}")  # pyright: ignore[reportAttributeAccessIssue]
        elif bound == 0:
            raise error(message, kind=ShapeError)
    found = joined_dtype(*bounds, FLOAT64.type(0) if dtype is None else supported(dtype).type(0))
    first, last = (lift(x).astype(found) for x in bounds)
    sign: Any = np.sign(first)
    exponents = linspace(np.log10(first / sign), np.log10(last / sign), count, endpoint)
    made = np.power(10.0, exponents) * sign
    if count > 0:
        made[0] = first
    if count > 1 and endpoint:
        made[-1] = last
    made = made if concrete_int(axis, "an axis") == 0 else np.moveaxis(made, 0, axis)
    return made if dtype is None else made.astype(dtype)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Array, ...]:
    """numpy.meshgrid"""
    vectors = [emit.collapse(asarray(x).ssa()) for x in xi]
    order = list(range(len(vectors)))
    if indexing == "xy" and len(order) > 1:
        order[0], order[1] = 1, 0
    shape = [emit.shape(vectors[axis])[0] for axis in order]
    grids = []
    for axis, vector in enumerate(vectors):
        place = order.index(axis)
        own: list[Extent] = [1] * len(order)
        own[place] = shape[place]
        value = emit.reshape(vector, own)
        grids.append(Array.fresh(value if sparse else emit.broadcast(value, shape)))
    return tuple(grids)


@intercepts(np.indices)
def indices(dimensions: Any, dtype: Any = int, sparse: bool = False) -> Any:
    """numpy.indices"""
    from dialectad.frontend.numpy.joining import stacked

    shape = shape_argument(dimensions)
    found = dtype_argument(dtype, INT64)
    type_ = dtypes.to_ir(found)

    def grid(axis: int) -> SSAValue:
        if sparse:
            own: list[Extent] = [1] * len(shape)
            own[axis] = shape[axis]
            return generated(own, found, lambda *at: emit.cast(at[axis], type_))
        return generated(shape, found, lambda *at: emit.cast(at[axis], type_))

    grids = [Array.fresh(grid(axis)) for axis in range(len(shape))]
    return tuple(grids) if sparse else Array.fresh(stacked(grids, found))


@intercepts(np.require)
def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Array:
    """numpy.require: compiled code has its own memory, which fulfils whatever is required"""
    return asarray(a, dtype)


@implements(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """numpy.astype"""
    if is_weak(x):
        raise error("Input should be a NumPy array.", kind=UnsupportedTypeError)
    return x.astype(dtype, copy=copy)
