"""Elements taken out, put in, or put over others."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.errors import IndexRangeError, ShapeError
from dialectad.frontend import emit
from dialectad.frontend.dtypes import BOOL, INT64
from dialectad.frontend.numpy.creation import asarray
from dialectad.frontend.numpy.searching import flatnonzero
from dialectad.frontend.numpy.selection import take
from dialectad.frontend.numpy.stacks import numbers
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    holds_tracer,
    implements,
    known_int,
    normalize_axis,
    operand,
    require_same,
    shape_argument,
    total,
)
from dialectad.frontend.tracers import Array, Scalar, Tracer, broadcast_extents, converted, write_out
from dialectad.frontend.tracing import error


def _along(arr: Any, axis: Any) -> tuple[Any, int]:
    """An array and the axis along which it is changed: None is that of all elements."""
    source: Any = array(arr)
    return (np.ravel(source), 0) if axis is None else (source, normalize_axis(axis, source.ndim))


def _known_extent(source: Any, d: int, function: str) -> int:
    return concrete_int(source.shape[d], f"the extent of the axis along which numpy.{function} works")


# --- out and in --------------------------------------------------------------------------------


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """numpy.delete"""
    source, d = _along(arr, axis)
    places: Any = asarray(obj) if holds_tracer([obj]) and known_int(obj) is None else obj
    if isinstance(places, Array) and places.dtype != BOOL and places.size == 1:
        places = operand(np.reshape(places, ()))
    if isinstance(places, Scalar):
        return take(source, _all_but(places, _known_extent(source, d, "delete"), d), d)
    if isinstance(places, Array):
        kept = _mask(places, source.shape[d], d)
        return take(source, flatnonzero(kept), d)
    n = _known_extent(source, d, "delete")
    try:
        return take(source, np.delete(np.arange(n), places), d)
    except (IndexError, ValueError) as problem:
        text = str(problem).replace("axis 0", f"axis {d}")
        raise error(text, kind=IndexRangeError if isinstance(problem, IndexError) else ShapeError) from None


def _all_but(place: Scalar, n: int, d: int) -> Any:
    """The indices but for one."""
    inside = np.logical_and(place >= -n, place < n)  # pyright: ignore[reportOperatorIssue]
    emit.check(inside.ssa(), f"IndexError: index out of bounds for axis {d} with size {n}")
    before = np.arange(max(n - 1, 0))
    at = np.where(place < 0, place + n, place)  # pyright: ignore[reportOperatorIssue]
    return before + np.greater_equal(before, at).astype(INT64)


def _mask(places: Any, n: Any, d: int) -> Any:
    """Which elements stay."""
    if places.dtype == BOOL:
        message = (
            f"boolean array argument obj to delete must be one dimensional and match the axis length of {n}"
        )
        if places.ndim != 1:
            raise error(message, kind=ShapeError)
        require_same(places.extents[0], array(np.empty(0)).extents[0] if n is None else _extent(n), message)
        return np.logical_not(places)
    kept: Any = asarray(np.ones(concrete_int(n, "the extent"), bool))
    kept[places] = False
    return kept


def _extent(n: Any) -> Any:
    return n if isinstance(n, int) else n.index()


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Array:
    """numpy.insert, at known places"""
    source, d = _along(arr, axis)
    if isinstance(obj, Tracer):
        raise error(
            "numpy.insert needs to know the places while the function is compiled",
            hint="concatenate the parts, or choose with numpy.where",
        )
    n = _known_extent(source, d, "insert")
    new = array(values).astype(source.dtype)
    if new.ndim < source.ndim:
        new = new[(None,) * (source.ndim - new.ndim)]
    places: Any = range(*obj.indices(n)) if isinstance(obj, slice) else obj
    if np.ndim(places) == 0:
        new = np.moveaxis(new, 0, d)
    number = np.size(places)
    if number == 1:
        number = concrete_int(new.shape[d], "the number of new elements")
    try:
        order = np.insert(np.arange(n), obj, np.arange(n, n + number))
    except (IndexError, ValueError) as problem:
        text = str(problem).replace("axis 0", f"axis {d}")
        raise error(text, kind=IndexRangeError if isinstance(problem, IndexError) else ShapeError) from None
    shape = [number if k == d else m for k, m in enumerate(source.extents)]
    spread = Array.fresh(emit.broadcast(new.ssa(), broadcast_extents(new.extents, shape)))
    return take(np.concatenate([source, spread], axis=d), order, d)


@implements(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb") -> Any:
    """numpy.trim_zeros: of a vector, whose new length is known only at run time"""
    source: Any = numbers(filt)
    if source.ndim != 1:
        raise error("numpy.trim_zeros is supported for vectors", hint="slice the array", kind=ShapeError)
    if not set(trim.lower()) <= set("fb"):
        raise error(f"unexpected character(s) in `trim`: {trim!r}", kind=ShapeError)
    n = source.shape[0]
    if isinstance(n, int) and n == 0:
        return source
    holds = np.not_equal(source, 0)
    some = np.any(holds)
    first = np.where(some, np.argmax(holds), 0) if "f" in trim.lower() else 0
    last = n - np.argmax(holds[::-1]) if "b" in trim.lower() else n
    return source[first : np.where(some, last, 0)]


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """numpy.resize: the elements again and again, as often as it takes"""
    flat, shape = _flat(a), shape_argument(new_shape)
    if flat.size == 0 or 0 in shape:
        return asarray(np.zeros([concrete_int(n, "a size") for n in shape], flat.dtype))
    wanted = np.arange(concrete_int(total(shape), "the new size"))
    elements: Any = take(flat, wanted % _known_extent(flat, 0, "resize"))
    return elements.reshape(shape)


# --- over others -------------------------------------------------------------------------------


def _flat(x: Any) -> Any:
    return np.ravel(array(x))


def _target(a: Any, function: str) -> Any:
    if not isinstance(a, Array):
        raise error(
            f"numpy.{function} needs an array of the function",
            hint="an array of the surrounding program must be passed as an argument to be written into",
        )
    return a


def _new(values: Any, a: Any) -> Any:
    """Values that are put into an array, as a vector of its dtype."""
    return _flat(Array.fresh(converted(array(values), a.dtype)))


def _cyclic(values: Any, places: Any) -> Any:
    """The values of these numbers, counted round and round."""
    n = concrete_int(values.shape[0], "the number of values")
    return take(values, places % n)


@implements(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """numpy.put"""
    target, places = _target(a, "put"), _flat(ind)
    flat, values = _flat(target).copy(), _new(v, target)
    if 0 in (*places.extents, *values.extents):
        return
    n = flat.shape[0]
    if mode == "wrap":
        places = places % n
    elif mode == "clip":
        places = np.clip(places, 0, n - 1)
    elif mode != "raise":
        raise error(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})", kind=ShapeError)
    count = concrete_int(places.shape[0], "the number of places")
    flat[places] = _cyclic(values, np.arange(count))
    target.write(flat.reshape(target.shape).ssa())


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """numpy.place: the first values, as many as the mask has places"""
    target, holds = _target(arr, "place"), _flat(array(mask).astype(BOOL))
    require_same(total(target.extents), holds.extents[0], "place: mask and data must be the same size")
    values = _new(vals, target)
    if 0 in values.extents:
        none: Any = np.logical_not(np.any(holds))
        emit.check(none.ssa(), "ValueError: Cannot insert from an empty array!")
        return
    rank = np.maximum(np.cumsum(holds) - 1, 0)
    write_out(target, np.reshape(_cyclic(values, rank), target.shape), np.reshape(holds, target.shape))


@implements(np.putmask)
def putmask(a: Any, /, mask: Any, values: Any) -> None:
    """numpy.putmask: the values with the numbers of the places, counted round and round"""
    target, holds = _target(a, "putmask"), array(mask)
    require_same(total(target.extents), total(holds.extents), "putmask: mask and data must be the same size")
    given = _new(values, target)
    if 0 in (*given.extents, *target.extents):
        return
    count = concrete_int(total(target.extents), "the size of the array")
    spread = np.reshape(_cyclic(given, np.arange(count)), target.shape)
    write_out(target, spread, np.reshape(holds, target.shape), "unsafe")
