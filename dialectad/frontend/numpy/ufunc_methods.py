"""The methods of ufuncs: `reduce`, `accumulate`, `reduceat`, `outer`, `at`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import SSAValue

from dialectad.frontend import dtypes, emit, tracers
from dialectad.frontend.numpy import folds, reductions, scans
from dialectad.frontend.numpy.reductions import NONE
from dialectad.frontend.numpy.support import array, dtype_of, operand
from dialectad.frontend.tracers import Array, lift
from dialectad.frontend.tracing import error

REDUCERS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: reductions.sum_,
    np.multiply: reductions.prod,
    np.maximum: reductions.max_,
    np.minimum: reductions.min_,
    np.logical_and: reductions.all_,
    np.logical_or: reductions.any_,
}


def apply(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """`ufunc.method(*inputs, **kwargs)` on tracers."""
    implementation = _METHODS[method]
    out = kwargs.pop("out", None)
    out = out[0] if isinstance(out, tuple) else out
    result = implementation(ufunc, *inputs, **kwargs)
    return result if out is None else tracers.write_out(out, result)


def reduce(
    ufunc: np.ufunc,
    a: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = NONE,
    where: Any = True,
) -> Any:
    """ufunc.reduce: over the first axis, unless told otherwise"""
    if ufunc in (np.logaddexp, np.logaddexp2) and initial is NONE and where is True and dtype is None:
        return _log_sum_exp(ufunc, a, axis, keepdims)
    if ufunc not in REDUCERS:
        return folds.reduce(ufunc, a, axis, dtype, keepdims, initial, where)
    options: dict[str, Any] = {"keepdims": keepdims}
    if ufunc in (np.add, np.multiply):
        options["dtype"] = dtype
    elif dtype is not None:
        a = array(a).astype(dtype)
    if where is not True:
        options["where"] = where
    if initial is not NONE:
        options["initial"] = initial
    return REDUCERS[ufunc](a, axis, **options)


def _log_sum_exp(ufunc: np.ufunc, a: Any, axis: Any, keepdims: bool) -> Any:
    """max + log(sum(exp(x - max))); an infinite maximum is replaced by 0."""
    exp, log = (np.exp, np.log) if ufunc is np.logaddexp else (np.exp2, np.log2)
    source = array(a)
    high = reductions.max_(source, axis, keepdims=True)
    safe = np.where(np.isfinite(high), high, 0.0)
    summed = log(reductions.sum_(exp(source - safe), axis, keepdims=keepdims))
    base = safe if keepdims else reductions.max_(array(safe), axis)
    return summed + base


def accumulate(ufunc: np.ufunc, a: Any, axis: Any = 0, dtype: Any = None) -> Any:
    """ufunc.accumulate"""
    found = np.dtype(dtype) if dtype is not None else dtype_of(operand(a))
    kind = found.kind
    match ufunc:
        case np.add:
            return scans.cumsum(a, axis, dtype)
        case np.multiply:
            return scans.cumprod(a, axis, dtype)
        case np.maximum | np.minimum:
            monoid = (reductions._maximum if ufunc is np.maximum else reductions._minimum)(found)
            return scans.accumulate(a, axis, found, monoid.combine, monoid.start)
        case np.logical_and if kind == "b":
            return scans.accumulate(a, axis, found, arith.AndIOp, True)
        case np.logical_or if kind == "b":
            return scans.accumulate(a, axis, found, arith.OrIOp, False)
        case _:
            return folds.accumulate(ufunc, a, axis, dtype)


def outer(ufunc: np.ufunc, a: Any, b: Any, **kwargs: Any) -> Any:
    """ufunc.outer"""
    x, y = array(a), array(b)
    return ufunc(x[(..., *[None] * y.ndim)], y, **kwargs)


def at(ufunc: np.ufunc, a: Any, indices: Any, b: Any = None) -> None:
    """ufunc.at: `a[indices] = ufunc(a[indices], b)`, once for every index, also repeated ones"""
    from dialectad.frontend import gathering, indexing

    if not isinstance(a, Array):
        raise error(f"numpy.{ufunc.__name__}.at needs an array of the function")
    keys = indexing.expand(a, indices)
    if not any(indexing.is_advanced(k) for k in keys):
        a[indices] = ufunc(a[indices]) if b is None else ufunc(a[indices], b)
        return
    key = gathering.advanced(a, keys)
    shape = key.base.extents
    rest = [n for axis, n in enumerate(shape) if axis not in key.axes]
    lead = key.position
    target = [*rest[:lead], *key.shape, *rest[lead:]]
    element = dtypes.to_ir(a.dtype)
    source = None if b is None else emit.broadcast(array(b).ssa(), target)
    sizes = [1 if axis in key.axes else n for axis, n in enumerate(shape)]
    placed = [*rest[:lead], *([1] * len(key.shape)), *rest[lead:]]
    ones = [1] * len(shape)

    def body(position: tuple[SSAValue, ...], base: SSAValue) -> SSAValue:
        offsets = gathering.checked_offsets(key, position, shape)
        where = [*([0] * lead), *position, *([0] * (len(rest) - lead))]
        if not rest:
            old = tracers.wrap(emit.extract(base, offsets))
            new = [] if source is None else [tracers.wrap(emit.extract(source, where))]
            value = emit.cast(lift(ufunc(old, *new)).ssa(), element)
            return emit.insert(value, base, offsets)
        old = Array.fresh(emit.extract_slice(base, offsets, sizes, ones, frozenset(key.axes)))
        new = []
        if source is not None:
            dropped = frozenset(range(lead, lead + len(key.shape)))
            new = [Array.fresh(emit.extract_slice(source, where, placed, [1] * len(where), dropped))]
        value = emit.cast(lift(ufunc(old, *new)).ssa(), element)
        return emit.insert_slice(value, base, offsets, sizes, ones)

    key.base.write(gathering.for_each(key.shape, key.base.ssa(), body))


_METHODS: dict[str, Callable[..., Any]] = {
    "reduce": reduce,
    "accumulate": accumulate,
    "reduceat": folds.reduceat,
    "outer": outer,
    "at": at,
}
