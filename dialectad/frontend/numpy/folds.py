"""`reduce`, `accumulate` and `reduceat` of any ufunc of two operands, one row after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialectad.errors import IndexRangeError, ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import BOOL, DType
from dialectad.frontend.numpy.reductions import NONE
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    holds_tracer,
    loop,
    normalize_axes,
    normalize_axis,
    tensor,
)
from dialectad.frontend.numpy.ufuncs.loops import loop_dtypes
from dialectad.frontend.tracers import Array, lift, supported, wrap
from dialectad.frontend.tracing import error

_REORDERABLE = (np.fmax, np.fmin)
"""Ufuncs without identity for which the order of the operands doesn't matter."""


def _dtype(ufunc: np.ufunc, source: Any, dtype: Any) -> DType:
    """The dtype in which NumPy combines the elements."""
    if ufunc.nin != 2 or ufunc.nout != 1:
        raise error(f"{ufunc.__name__} doesn't combine two operands to one", kind=ShapeError)
    if ufunc is np.logical_xor:
        return BOOL
    given = source if dtype is None else source.astype(supported(dtype))
    types, _ = loop_dtypes(ufunc, [given, given])
    if types[0] != types[-1] or types[1] != types[-1]:
        raise error(
            f"numpy.{ufunc.__name__} gives another dtype than it takes, and can't be repeated",
            kind=UnsupportedTypeError,
        )
    return types[-1]


def _row(value: SSAValue, axis: int, i: Any) -> Any:
    """What lies at one place of an axis: an array, or a number."""
    shape = emit.shape(value)
    if len(shape) == 1:
        return wrap(emit.extract(value, [i]))
    offsets = [i if d == axis else 0 for d in range(len(shape))]
    sizes = [1 if d == axis else n for d, n in enumerate(shape)]
    return wrap(emit.extract_slice(value, offsets, sizes, [1] * len(shape), frozenset({axis})))


def _combined(ufunc: np.ufunc, total: Any, row: Any, dtype: DType) -> SSAValue:
    return emit.cast(lift(ufunc(total, row)).ssa(), dtypes.to_ir(dtype))


def _folded(ufunc: np.ufunc, value: SSAValue, axis: int, start: Any, mask: SSAValue | None) -> SSAValue:
    """The rows along an axis combined; from the first one, unless there is a start."""
    dtype, first = emit.dtype(value), 0 if start is not None else 1
    total = _row(value, axis, 0).ssa() if start is None else start

    def body(i: SSAValue, total: SSAValue) -> Sequence[SSAValue]:
        at = emit.add_index(i, first)
        made = _combined(ufunc, wrap(total), _row(value, axis, at), dtype)
        return [made if mask is None else emit.select(_row(mask, axis, at).ssa(), made, total)]

    return loop(emit.sub_index(emit.shape(value)[axis], first), [total], body)[0]


def _start(value: SSAValue, axis: int, number: Any, dtype: DType) -> SSAValue:
    """A row of which every element is a number."""
    rest = [n for d, n in enumerate(emit.shape(value)) if d != axis]
    scalar = array(number).astype(dtype).ssa()
    return emit.broadcast(scalar, rest) if rest else emit.extract(scalar, [])


def reduce(ufunc: np.ufunc, a: Any, axis: Any, dtype: Any, keepdims: bool, initial: Any, where: Any) -> Any:
    """ufunc.reduce"""
    source = array(a)
    found = _dtype(ufunc, source, dtype)
    value, rank = tensor(source, found), source.ndim
    axes = normalize_axes(axis, rank)
    name, identity = ufunc.__name__, ufunc.identity
    if len(axes) > 1 and identity is None and ufunc not in _REORDERABLE:
        message = f"reduction operation {name!r} is not reorderable, so at most one axis may be specified"
        raise error(message, kind=ShapeError)
    start = identity if initial is NONE else initial
    if where is not True and start is None:
        raise error(
            f"reduction operation {name!r} does not have an identity, so `where` needs `initial`",
            kind=ShapeError,
        )
    mask = None if where is True else emit.broadcast(array(where).astype(BOOL).ssa(), emit.shape(value))
    for k, d in enumerate(sorted(axes, reverse=True)):
        own = start if k == 0 else None
        if own is None and k == 0:
            n = concrete_int(array(Array.fresh(value)).shape[d], f"an extent that {name} reduces")
            if n == 0:
                message = f"zero-size array to reduction operation {name} which has no identity"
                raise error(message, kind=ShapeError)
        if own is None and emit.shape(value)[d] == 0:
            own = identity
        seed = None if own is None else _start(value, d, own, found)
        value = _folded(ufunc, value, d, seed, mask if k == 0 else None)
    result = wrap(value)
    if not keepdims:
        return result
    kept = [1 if d in axes else n for d, n in enumerate(source.extents)]
    return Array.fresh(emit.reshape(array(result).ssa(), kept))


def accumulate(ufunc: np.ufunc, a: Any, axis: Any, dtype: Any) -> Any:
    """ufunc.accumulate"""
    source = array(a)
    if source.ndim == 0:
        raise error("cannot accumulate on a scalar", kind=UnsupportedTypeError)
    found, d = _dtype(ufunc, source, dtype), normalize_axis(axis, source.ndim)
    value = tensor(source, found)
    shape = emit.shape(value)
    if concrete_int(source.shape[d], "the extent that is accumulated") == 0:
        return Array.fresh(value)
    sizes = [1 if k == d else n for k, n in enumerate(shape)]

    def body(i: SSAValue, total: SSAValue, out: SSAValue) -> Sequence[SSAValue]:
        at = emit.add_index(i, 1)
        made = _combined(ufunc, wrap(total), _row(value, d, at), found)
        places = [at if k == d else 0 for k in range(len(shape))]
        if len(shape) == 1:
            return made, emit.insert(made, out, places)
        return made, emit.insert_slice(made, out, places, sizes, [1] * len(shape))

    first = _row(value, d, 0).ssa()
    return Array.fresh(loop(emit.sub_index(shape[d], 1), [first, value], body)[1])


def reduceat(ufunc: np.ufunc, a: Any, indices: Any, axis: Any = 0, dtype: Any = None) -> Any:
    """ufunc.reduceat, at known places"""
    source: Any = array(a)
    if holds_tracer([indices]):
        raise error(
            f"numpy.{ufunc.__name__}.reduceat needs to know the places while the function is compiled",
            hint="write it as a loop",
        )
    d = normalize_axis(axis, source.ndim)
    n = concrete_int(source.shape[d], "the extent that is reduced")
    places = np.asarray(indices).tolist()
    parts: list[Any] = []
    for place, following in zip(places, [*places[1:], n], strict=True):
        if not 0 <= place < n:
            raise error(
                f"index {place} out-of-bounds in {ufunc.__name__}.reduceat [0, {n})", kind=IndexRangeError
            )
        part = source[(slice(None),) * d + (slice(place, max(following, place + 1)),)]
        parts.append(ufunc.reduce(part, axis=d, dtype=dtype, keepdims=True, initial=None))
    return np.concatenate(parts, axis=d)
