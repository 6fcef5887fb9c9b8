"""Places in ascending vectors (`order.search`), and what is found by them."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.dialects import order
from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit, masks
from dialectad.frontend.dtypes import BOOL, INT64
from dialectad.frontend.numpy.selection import take
from dialectad.frontend.numpy.sorting import Rows, sort
from dialectad.frontend.numpy.support import (
    array,
    implements,
    joined_dtype,
    operand,
    require_same,
    signed_order,
    tensor,
)
from dialectad.frontend.tracers import Array, Scalar, Tracer
from dialectad.frontend.tracing import error


def vector(x: Any) -> Array:
    """`x` as an array with one axis."""
    found = array(x)
    if found.ndim != 1:
        deep = "too deep" if found.ndim else "of too small depth"
        raise error(f"object {deep} for desired array", kind=ShapeError)
    return found


def searched(a: Any, v: Any, side: str) -> Any:
    """How many elements of an ascending vector come before each of `v`, compared in one dtype."""
    dtype = joined_dtype(array(a), operand(v))
    source, wanted = array(a).astype(dtype), array(v).astype(dtype)
    flat = signed_order(emit.collapse(wanted.ssa()))
    dest = emit.empty(emit.shape(flat), dtypes.to_ir(INT64))
    found = emit.op(order.SearchOp(signed_order(source.ssa()), flat, dest, right=side == "right"))
    if wanted.ndim:
        return Array.fresh(emit.reshape(found, wanted.extents))
    length = source.extents[0]
    return Scalar(emit.extract(found, [0]), interval=(0, length) if isinstance(length, int) else None)


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: Any = "left", sorter: Any = None) -> Any:
    """numpy.searchsorted"""
    if side not in ("left", "right"):
        raise error(f"search side must be 'left' or 'right' (got {side!r})", kind=ShapeError)
    keys = vector(a)
    if sorter is not None:
        order_of = vector(sorter)
        if order_of.dtype.kind != "i":
            raise error("sorter must only contain integers", kind=UnsupportedTypeError)
        require_same(order_of.extents[0], keys.extents[0], "sorter.size must equal a.size")
        keys = take(keys, order_of)
    return searched(keys, v, side)


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: Any = False) -> Any:
    """numpy.digitize"""
    edges: Any = vector(bins) if isinstance(bins, Tracer) else np.asarray(bins)
    if edges.ndim != 1:
        vector(edges)
    side = "left" if right else "right"
    rises, falls = np.all(edges[1:] >= edges[:-1]), np.all(edges[1:] <= edges[:-1])
    message = "bins must be monotonically increasing or decreasing"
    if isinstance(edges, Array):
        ordered = operand(rises | falls)
        emit.check(ordered.ssa(), f"ValueError: {message}")  # pyright: ignore[reportAttributeAccessIssue]
        return operand(np.where(rises, searched(edges, x, side), _from_the_end(edges, x, side)))
    if not rises and not falls:
        raise error(message, kind=ShapeError)
    return searched(edges, x, side) if rises else _from_the_end(edges, x, side)


def _from_the_end(edges: Any, x: Any, side: str) -> Any:
    return edges.shape[0] - searched(edges[::-1], x, side)


@implements(np.isin)
def isin(
    element: Any,
    test_elements: Any,
    assume_unique: Any = False,
    invert: Any = False,
    *,
    kind: Any = None,
) -> Any:
    """numpy.isin"""
    wanted, ascending = array(element), sort(np.ravel(array(test_elements)))
    after, before = (array(searched(ascending, wanted, side)) for side in ("right", "left"))
    found: Any = np.logical_and(after > before, wanted == wanted)  # a NaN is in no array
    return np.logical_not(found) if invert else found


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """numpy.interp"""
    points, heights = array(xp), array(fp)
    points = points if points.dtype.kind == "f" else points.astype(float)
    at = array(x)
    last = points.shape[0] - 1
    segment = np.clip(searched(points, at, "right") - 1, 0, max(last - 1, 0))
    if last == 0:
        result = np.broadcast_to(heights[0], at.shape)
        x0 = x1 = points[0]
    else:
        x0, x1 = take(points, segment), take(points, segment + 1)
        y0, y1 = take(heights, segment), take(heights, segment + 1)
        result = y0 + (y1 - y0) / (x1 - x0) * (at - x0)
    result = np.where(at < points[0], heights[0] if left is None else left, result)
    result = np.where(at == points[last], heights[last], result)
    result = np.where(at > points[last], heights[last] if right is None else right, result)
    return operand(result)


# --- as many as there are ----------------------------------------------------------------------
# How many is known only at run time, so these arrays can be used, but not returned.


@implements(np.nonzero)
def nonzero(a: Any) -> tuple[Array, ...]:
    """numpy.nonzero"""
    holds = Array.fresh(tensor(a, BOOL))
    if not holds.ndim:
        raise error("Calling nonzero on 0d arrays is not allowed.", kind=ShapeError)
    return tuple(Array(numbers.storage) for numbers in masks.nonzero(holds))


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Array:
    """numpy.flatnonzero"""
    return nonzero(np.ravel(array(a)))[0]


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    """numpy.argwhere"""
    return np.stack(nonzero(a), axis=1)


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None) -> Any:
    """numpy.compress"""
    return take(a, flatnonzero(vector(condition)), axis)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """numpy.extract"""
    return take(np.ravel(array(arr)), flatnonzero(condition))


def _differs_from_the_one_before(ascending: Any, equal_nan: Any) -> Any:
    """A vector of bools; of the first element, too."""
    if ascending.extents == (0,):
        return np.zeros_like(ascending, bool)
    before, after = ascending[:-1], ascending[1:]
    differs: Any = after != before
    if ascending.dtype.kind == "f" and equal_nan:
        differs = differs & ~(np.isnan(before) & np.isnan(after))
    first = np.ones_like(ascending, bool)
    first[1:] = differs
    return first


@implements(np.unique)
def unique(
    ar: Any,
    return_index: Any = False,
    return_inverse: Any = False,
    return_counts: Any = False,
    axis: Any = None,
    *,
    equal_nan: Any = True,
    sorted: Any = True,
) -> Any:
    """numpy.unique: arrays of a length that is known only at run time"""
    if axis is not None:
        raise error(
            "numpy.unique along an axis is not supported",
            kind=UnsupportedTypeError,
            hint="sort the rows with numpy.lexsort, and compare neighbours",
        )
    source = array(ar)
    flat: Any = np.ravel(source)
    rows = Rows.along(flat, 0)
    order_of: Any = Array.fresh(emit.reshape(rows.order(), flat.extents))
    ascending = take(flat, order_of)
    first = _differs_from_the_one_before(ascending, equal_nan)
    places = flatnonzero(first)
    index = take(order_of, places)
    results: list[Any] = [take(flat, index)]
    if return_index:
        results.append(index)
    if return_inverse:
        inverse = np.zeros_like(order_of)
        inverse[order_of] = np.cumsum(first) - 1
        results.append(np.reshape(inverse, source.shape))
    if return_counts:
        results.append(np.diff(places, append=flat.shape[0]))
    return results[0] if len(results) == 1 else tuple(results)
