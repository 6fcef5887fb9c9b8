"""Sums, products, extremes and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineMap

from dialectad.errors import ShapeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import BOOL, INDEX, INT64, UINT64, DType
from dialectad.frontend.emit import PARALLEL, REDUCTION, Extent
from dialectad.frontend.numpy.support import (
    array,
    dtype_of,
    floating,
    implements,
    normalize_axes,
    operand,
    position,
    scalar_value,
    supported,
    tensor,
    total,
    values,
    wrapped,
)
from dialectad.frontend.tracers import Array, Scalar
from dialectad.frontend.tracing import error


class _NoValue:
    """The default of arguments for which None means something."""


NONE: Any = _NoValue()


@dataclass(frozen=True)
class _Monoid:
    """How a kind of dtype is reduced: a scalar op and what it starts from."""

    combine: type[Operation]
    start: float | int | bool


_INTEGER_SUM, _INTEGER_PRODUCT = _Monoid(arith.AddiOp, 0), _Monoid(arith.MuliOp, 1)
_SUM = {
    "f": _Monoid(arith.AddfOp, 0),
    "i": _INTEGER_SUM,
    "u": _INTEGER_SUM,
    "b": _Monoid(arith.OrIOp, False),
}
_PRODUCT = {
    "f": _Monoid(arith.MulfOp, 1),
    "i": _INTEGER_PRODUCT,
    "u": _INTEGER_PRODUCT,
    "b": _Monoid(arith.AndIOp, True),
}


def sum_of(dtype: DType) -> _Monoid:
    return _SUM[dtype.kind]


def product_of(dtype: DType) -> _Monoid:
    return _PRODUCT[dtype.kind]


def _maximum(dtype: DType) -> _Monoid:
    match dtype.kind:
        case "f":
            return _Monoid(arith.MaximumfOp, -np.inf)
        case "b":
            return _Monoid(arith.OrIOp, False)
        case "u":
            return _Monoid(arith.MaxUIOp, 0)
        case _:
            return _Monoid(arith.MaxSIOp, int(np.iinfo(dtype).min))


def _minimum(dtype: DType) -> _Monoid:
    match dtype.kind:
        case "f":
            return _Monoid(arith.MinimumfOp, np.inf)
        case "b":
            return _Monoid(arith.AndIOp, True)
        case "u":
            return _Monoid(arith.MinUIOp, int(np.iinfo(dtype).max))
        case _:
            return _Monoid(arith.MinSIOp, int(np.iinfo(dtype).max))


# --- the core ----------------------------------------------------------------------------------


def kept_shape(shape: Sequence[Extent], axes: Sequence[int]) -> list[Extent]:
    """The shape with `keepdims`."""
    return [1 if d in axes else n for d, n in enumerate(shape)]


def reduced(value: SSAValue, axes: Sequence[int], monoid: _Monoid, start: SSAValue | None = None) -> SSAValue:
    """A tensor reduced over axes."""
    if not axes and start is None:
        return value
    if start is None:
        start = emit.constant(monoid.start, emit.element(value))
    return emit.reduce(value, list(axes), start, monoid.combine)


def finish(value: SSAValue, shape: Sequence[Extent], axes: Sequence[int], keepdims: bool) -> Any:
    """The result of a reduction of a tensor that had `shape`."""
    return wrapped(_kept(value, shape, axes) if keepdims is True else value)


def _kept(value: SSAValue, shape: Sequence[Extent], axes: Sequence[int]) -> SSAValue:
    """A reduced tensor, or the scalar that it is reduced to, with the reduced axes as unit axes."""
    kept = kept_shape(shape, axes)
    return emit.reshape(value, kept) if emit.element(value) != value.type else emit.splat(value, kept)


def _masked(value: SSAValue, where: Any, otherwise: Any) -> SSAValue:
    """`value` with its elements replaced where the mask doesn't hold."""
    if where is True or where is NONE:
        return value
    (mask,) = values([operand(where)], [BOOL], emit.shape(value))
    return emit.select(mask, value, emit.like(value, otherwise))


def _reduce(
    a: Any,
    axis: Any,
    keepdims: Any,
    dtype: DType,
    monoid: _Monoid,
    initial: Any = NONE,
    where: Any = True,
) -> Any:
    value = tensor(a, dtype)
    shape = emit.shape(value)
    axes = normalize_axes(axis, len(shape))
    value = _masked(value, where, monoid.start)
    start = None if initial is NONE or initial is None else scalar_value(operand(initial), dtype)
    return finish(reduced(value, axes, monoid, start), shape, axes, keepdims)


def accumulator(dtype: DType) -> DType:
    """The dtype in which NumPy adds and multiplies."""
    return dtype if dtype.kind == "f" else UINT64 if dtype.kind == "u" else INT64


def _dtype(a: Any) -> DType:
    return dtype_of(a) if isinstance(a := operand(a), Scalar | Array) else np.dtype(type(a))


# --- sums and products -------------------------------------------------------------------------


@implements(np.sum)
def sum_(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: Any = False,
    initial: Any = NONE,
    where: Any = True,
) -> Any:
    """numpy.sum"""
    found = supported(dtype) if dtype is not None else accumulator(_dtype(a))
    return _reduce(a, axis, keepdims, found, sum_of(found), initial, where)


@implements(np.prod)
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: Any = False,
    initial: Any = NONE,
    where: Any = True,
) -> Any:
    """numpy.prod"""
    found = supported(dtype) if dtype is not None else accumulator(_dtype(a))
    return _reduce(a, axis, keepdims, found, product_of(found), initial, where)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """numpy.count_nonzero"""
    return sum_(Array.fresh(tensor(a, BOOL)), axis, keepdims=keepdims)


def _count(shape: Sequence[Extent], axes: Sequence[int], dtype: DType) -> SSAValue:
    """How many elements are reduced, as a float."""
    count = total(shape[d] for d in axes)
    if isinstance(count, int):
        return emit.constant(count, dtypes.to_ir(dtype))
    return emit.cast(count, dtypes.to_ir(dtype))


def _divided(value: SSAValue, by: SSAValue) -> SSAValue:
    if not emit.rank(value):
        return emit.op(arith.DivfOp(_scalar(value), _scalar(by)))
    return emit.op(arith.DivfOp(value, by if emit.rank(by) else emit.splat(_scalar(by), emit.shape(value))))


def _scalar(value: SSAValue) -> SSAValue:
    return value if emit.element(value) == value.type else emit.extract(value, [])


def _mean(value: SSAValue, axes: Sequence[int], dtype: DType, where: Any = True) -> tuple[SSAValue, SSAValue]:
    """The mean over axes and the number of elements it is of."""
    shape = emit.shape(value)
    summed = reduced(_masked(value, where, 0), axes, sum_of(dtype))
    if where is True or where is NONE:
        count = _count(shape, axes, dtype)
    else:
        (mask,) = values([operand(where)], [dtype], shape)
        count = reduced(mask, axes, sum_of(dtype))
    return _divided(summed, count), count


@implements(np.mean)
def mean(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False, where: Any = True) -> Any:
    """numpy.mean"""
    found = supported(dtype) if dtype is not None else floating(_dtype(a))
    value = tensor(a, found)
    axes = normalize_axes(axis, emit.rank(value))
    average, _ = _mean(value, axes, found, where)
    return finish(average, emit.shape(value), axes, keepdims)


def _variance(
    a: Any, axis: Any, dtype: Any, ddof: Any, where: Any, given: Any
) -> tuple[SSAValue, Sequence[Extent], Sequence[int]]:
    """The variance by its mean, which may be given."""
    found = supported(dtype) if dtype is not None else floating(_dtype(a))
    value = tensor(a, found)
    shape = emit.shape(value)
    axes = normalize_axes(axis, len(shape))
    average, count = _mean(value, axes, found, where)
    if given is not NONE:
        (average,) = values([operand(given)], [found], shape)
    elif shape:
        kept = emit.reshape(average, kept_shape(shape, axes)) if len(axes) < len(shape) else average
        average = emit.broadcast(kept, shape)
    else:
        average = emit.splat(_scalar(average), ())
    deviation = emit.op(arith.SubfOp(value, average))
    squares = _masked(emit.op(arith.MulfOp(deviation, deviation)), where, 0)
    summed = reduced(squares, axes, sum_of(found))
    known = total(shape[d] for d in axes)
    if isinstance(known, int) and (where is True or where is NONE) and isinstance(ddof, int | float):
        count = emit.constant(max(known - ddof, 0), dtypes.to_ir(found))
    else:
        less = emit.op(arith.SubfOp(count, _matching(count, scalar_value(operand(ddof), found))))
        count = emit.op(arith.MaximumfOp(less, emit.like(less, 0)))
    return _divided(summed, count), shape, axes


def _matching(like: SSAValue, value: SSAValue) -> SSAValue:
    return value if value.type == like.type else emit.splat(value, emit.shape(like))


def lost_degrees(ddof: Any, correction: Any) -> Any:
    return ddof if correction is NONE or correction is None else correction


@implements(np.var)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    *,
    keepdims: Any = False,
    where: Any = True,
    mean: Any = NONE,
    correction: Any = NONE,
) -> Any:
    """numpy.var"""
    value, shape, axes = _variance(a, axis, dtype, lost_degrees(ddof, correction), where, mean)
    return finish(value, shape, axes, keepdims)


@implements(np.std)
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    *,
    keepdims: Any = False,
    where: Any = True,
    mean: Any = NONE,
    correction: Any = NONE,
) -> Any:
    """numpy.std"""
    value, shape, axes = _variance(a, axis, dtype, lost_degrees(ddof, correction), where, mean)
    return finish(emit.op(math.SqrtOp(value)), shape, axes, keepdims)


@implements(np.average)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    """numpy.average"""
    if weights is None:
        result = mean(a, axis, keepdims=keepdims)
        count = sum_(np.ones_like(array(a)), axis, keepdims=keepdims)
        return (result, count * np.ones_like(result)) if returned else result
    source, w = array(a), array(weights)
    if w.ndim != source.ndim:
        if axis is None or w.ndim != 1:
            raise error("Axis must be specified when shapes of a and weights differ.", kind=ShapeError)
        (d,) = normalize_axes(axis, source.ndim)
        w = w[tuple(slice(None) if i == d else None for i in range(source.ndim))]
        w = np.broadcast_to(w, source.shape)
    scale = sum_(w, axis, keepdims=keepdims)
    result = sum_(source * w, axis, keepdims=keepdims) / scale
    return (result, scale) if returned else result


# --- extremes ----------------------------------------------------------------------------------


def _require_elements(shape: Sequence[Extent], axes: Sequence[int], name: str) -> None:
    message = f"zero-size array to reduction operation {name} which has no identity"
    counted = total(shape[d] for d in axes)
    if isinstance(counted, int):
        rest = total(n for d, n in enumerate(shape) if d not in axes)
        if counted == 0 and not (isinstance(rest, int) and rest == 0):
            raise error(message, kind=ShapeError)
    else:
        emit.check(emit.compare("sgt", counted, emit.constant(0, INDEX)), f"ValueError: {message}")


def _extreme(name: str, monoid: Any, a: Any, axis: Any, keepdims: Any, initial: Any, where: Any) -> Any:
    found = _dtype(a)
    if initial is NONE or initial is None:
        shape = emit.shape(tensor(a))
        _require_elements(shape, normalize_axes(axis, len(shape)), name)
        if where is not True and where is not NONE:
            raise error(f"reduction operation {name!r} does not have an identity, so `where` needs `initial`")
    return _reduce(a, axis, keepdims, found, monoid(found), initial, where)


@implements(np.max, np.amax)
def max_(a: Any, axis: Any = None, *, keepdims: Any = False, initial: Any = NONE, where: Any = True) -> Any:
    """numpy.max"""
    return _extreme("maximum", _maximum, a, axis, keepdims, initial, where)


@implements(np.min, np.amin)
def min_(a: Any, axis: Any = None, *, keepdims: Any = False, initial: Any = NONE, where: Any = True) -> Any:
    """numpy.min"""
    return _extreme("minimum", _minimum, a, axis, keepdims, initial, where)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """numpy.ptp"""
    return max_(a, axis, keepdims=keepdims) - min_(a, axis, keepdims=keepdims)


@implements(np.any)
def any_(a: Any, axis: Any = None, *, keepdims: Any = False, where: Any = True) -> Any:
    """numpy.any"""
    return _reduce(a, axis, keepdims, BOOL, sum_of(BOOL), where=where)


@implements(np.all)
def all_(a: Any, axis: Any = None, *, keepdims: Any = False, where: Any = True) -> Any:
    """numpy.all"""
    return _reduce(a, axis, keepdims, BOOL, product_of(BOOL), where=where)


def _arg_extreme(name: str, monoid: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    """The least position of what equals the extreme, or is NaN (an extreme is NaN if an element is)."""
    value = tensor(a)
    whole = emit.shape(value)
    if axis is None:
        value = emit.collapse(value)
        (d,) = (0,)
    else:
        (d,) = normalize_axes(axis, len(whole))
    shape = emit.shape(value)
    n, size = len(shape), shape[d]
    if isinstance(size, int):
        rest = total(m for i, m in enumerate(shape) if i != d)
        if size == 0 and rest != 0:
            raise error(f"attempt to get {name} of an empty sequence", kind=ShapeError)
    else:
        emit.check(
            emit.compare("sgt", size, emit.constant(0, INDEX)),
            f"ValueError: attempt to get {name} of an empty sequence",
        )
    dtype = emit.dtype(value)
    extreme = reduced(value, [d], monoid(dtype))
    type_ = dtypes.to_ir(INT64)
    most = emit.constant(2**63 - 1, type_)
    init = emit.splat(most, [m for i, m in enumerate(shape) if i != d])
    kept = _without(n, d)

    def body(x: SSAValue, best: SSAValue, least: SSAValue) -> SSAValue:
        hit = emit.compare("ueq" if dtype.kind == "f" else "eq", x, best)
        if dtype.kind == "f":  # unordered or equal: with a NaN extreme only NaNs count
            nan = emit.compare("uno", x, x)
            hit = emit.select(emit.compare("uno", best, best), nan, hit)
        here = emit.select(hit, emit.cast(position(d), type_), most)
        return emit.op(arith.MinSIOp(here, least))

    iterators = [REDUCTION if i == d else PARALLEL for i in range(n)]
    found = emit.generic([value, extreme], [AffineMap.identity(n), kept, kept], iterators, init, body)
    axes = list(range(len(whole))) if axis is None else [d]
    result = finish(found, whole, axes, keepdims)
    if isinstance(result, Scalar) and isinstance(size, int):
        result.interval = (0, size - 1)
    return result


def _without(n: int, axis: int) -> AffineMap:
    """Drops one dimension."""
    results = AffineMap.identity(n).results
    return AffineMap(n, 0, tuple(r for i, r in enumerate(results) if i != axis))


@implements(np.argmax)
def argmax(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """numpy.argmax"""
    return _arg_extreme("argmax", _maximum, a, axis, keepdims)


@implements(np.argmin)
def argmin(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """numpy.argmin"""
    return _arg_extreme("argmin", _minimum, a, axis, keepdims)


# --- without NaN -------------------------------------------------------------------------------


def _nan_extreme(function: Any, fold: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    """With the elements that are NaN left out; NaN where all are."""
    if _dtype(a).kind != "f":
        return function(a, axis, keepdims=keepdims)
    shape = emit.shape(tensor(a))
    axes = normalize_axes(axis, len(shape))
    _require_elements(shape, axes, "fmax" if function is max_ else "fmin")
    found = _dtype(a)
    start = emit.constant(float("nan"), dtypes.to_ir(found))
    return finish(reduced(tensor(a), axes, _Monoid(fold, 0), start), shape, axes, keepdims)


@implements(np.nanmax)
def nanmax(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """numpy.nanmax"""
    return _nan_extreme(max_, arith.MaxnumfOp, a, axis, keepdims)


@implements(np.nanmin)
def nanmin(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """numpy.nanmin"""
    return _nan_extreme(min_, arith.MinnumfOp, a, axis, keepdims)
