"""Arrays put together and taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialectad.errors import ShapeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import DType
from dialectad.frontend.emit import Extent
from dialectad.frontend.numpy.support import (
    Operand,
    array,
    concrete_int,
    extent,
    extents_of,
    implements,
    joined_dtype,
    normalize_axis,
    operand,
    require_same,
    scalar_value,
    tensor,
)
from dialectad.frontend.tracers import Array, Tracer, lift, shape_text, supported
from dialectad.frontend.tracing import error


def _sequence(arrays: Any) -> list[Any]:
    """The arrays to be joined: a list of them, or the rows of one."""
    if isinstance(arrays, Array | np.ndarray):
        return list(lift(arrays))  # pyright: ignore[reportCallIssue, reportArgumentType]
    if not isinstance(arrays, list | tuple):
        raise error("the arrays to be joined must come in a list or tuple", kind=ShapeError)
    if not arrays:
        raise error("need at least one array to concatenate", kind=ShapeError)
    return list(arrays)


def _ones(n: int) -> list[int]:
    return [1] * n


def stacked(rows: Sequence[Any], dtype: DType, axis: int = 0) -> SSAValue:
    """Scalars or arrays of one shape along a new axis."""
    items: list[Operand] = [operand(row) for row in rows]
    shape = extents_of(items[0])
    for item in items:
        found = extents_of(item)
        if len(found) != len(shape):
            raise error("all input arrays must have the same shape", kind=ShapeError)
        for a, b in zip(found, shape, strict=True):
            require_same(a, b, "all input arrays must have the same shape")
    whole = [*shape[:axis], len(items), *shape[axis:]]
    result = emit.empty(whole, dtypes.to_ir(dtype))
    sizes = [*shape[:axis], 1, *shape[axis:]]
    for i, item in enumerate(items):
        place = [0] * axis + [i] + [0] * (len(shape) - axis)
        value = scalar_value(item, dtype)
        if not shape:
            result = emit.insert(value, result, place)
        else:
            result = emit.insert_slice(value, result, place, sizes, _ones(len(sizes)))
    return result


def concatenated(parts: Sequence[SSAValue], axis: int) -> SSAValue:
    """Tensors of one element type along an axis that they have."""
    if len(parts) == 1:
        return parts[0]
    shapes = [emit.shape(part) for part in parts]
    first = shapes[0]
    for i, shape in enumerate(shapes):
        if len(shape) != len(first):
            raise error(
                "all the input array dimensions must match: the array at index 0 has"
                f" {len(first)} dimension(s) and the array at index {i} has {len(shape)} dimension(s)",
                kind=ShapeError,
            )
        for d in range(len(first)):
            if d != axis:
                require_same(
                    shape[d],
                    first[d],
                    "all the input array dimensions except for the concatenation axis must match exactly,"
                    f" but along dimension {d}, the array at index 0 has shape {shape_text(first)} and the"
                    f" array at index {i} has shape {shape_text(shape)}",
                )
    length: Extent = 0
    for shape in shapes:
        length = emit.add_index(length, shape[axis])
    result = emit.empty([*first[:axis], length, *first[axis + 1 :]], emit.element(parts[0]))
    at: Extent = 0
    for part, shape in zip(parts, shapes, strict=True):
        if not (isinstance(shape[axis], int) and shape[axis] == 0):
            place: list[Extent] = [0] * len(first)
            place[axis] = at
            result = emit.insert_slice(part, result, place, shape, _ones(len(first)))
        at = emit.add_index(at, shape[axis])
    return result


def _common(items: Sequence[Any], dtype: Any) -> DType:
    return supported(dtype) if dtype is not None else joined_dtype(*(_flat_operand(x) for x in items))


def _flat_operand(x: Any) -> Any:
    return lift(x) if isinstance(x, list | tuple | np.ndarray | Tracer) else operand(x)


@implements(np.concatenate)
def concatenate(arrays: Any, axis: Any = 0, *, dtype: Any = None, casting: str = "same_kind") -> Array:
    """numpy.concatenate"""
    items = [array(x) for x in _sequence(arrays)]
    found = _common(items, dtype)
    parts = [tensor(x, found) for x in items]
    if axis is None:
        return Array.fresh(concatenated([emit.collapse(p) for p in parts], 0))
    if any(emit.rank(p) == 0 for p in parts):
        raise error("zero-dimensional arrays cannot be concatenated", kind=ShapeError)
    return Array.fresh(concatenated(parts, normalize_axis(axis, emit.rank(parts[0]))))


@implements(np.stack)
def stack(arrays: Any, axis: Any = 0, *, dtype: Any = None, casting: str = "same_kind") -> Array:
    """numpy.stack"""
    items = _sequence(arrays)
    items = [lift(x) if isinstance(x, list | tuple) else x for x in items]
    found = _common(items, dtype)
    ndim = len(extents_of(operand(items[0])))
    return Array.fresh(stacked(items, found, normalize_axis(axis, ndim + 1)))


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Array:
    """numpy.hstack"""
    items = [np.atleast_1d(array(x)) for x in _sequence(tup)]
    return concatenate(items, 0 if items[0].ndim == 1 else 1, dtype=dtype)


@implements(np.vstack, np.row_stack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Array:
    """numpy.vstack"""
    return concatenate([np.atleast_2d(array(x)) for x in _sequence(tup)], 0, dtype=dtype)


@implements(np.dstack)
def dstack(tup: Any) -> Array:
    """numpy.dstack"""
    return concatenate([np.atleast_3d(array(x)) for x in _sequence(tup)], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Array:
    """numpy.column_stack"""
    items = [array(x) for x in _sequence(tup)]
    items = [np.atleast_2d(x).T if x.ndim < 2 else x for x in items]
    return concatenate(items, 1)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Array:
    """numpy.append"""
    return concatenate([arr, values], axis)


@implements(np.block)
def block(arrays: Any) -> Array:
    """numpy.block"""

    def depth(x: Any) -> int:
        return 1 + max(map(depth, x), default=0) if isinstance(x, list) else 0

    levels = depth(arrays)

    def build(x: Any, level: int) -> Any:
        if level == 0:
            made = array(x)
            missing = levels - made.ndim
            return made[(None,) * missing] if missing > 0 else made
        parts = [build(item, level - 1) for item in x]
        return concatenate(parts, parts[0].ndim - level)

    return build(arrays, levels)


# --- taking apart ------------------------------------------------------------------------------


def _sections(source: Array, where: Any, axis: int, *, uneven: bool) -> list[Array]:
    size = source.shape[axis]
    if isinstance(where, list | tuple | np.ndarray):
        bounds = [concrete_int(w, "a place to split at") for w in where]
        ends = [*bounds, size]
        starts = [0, *bounds]
    else:
        count = concrete_int(where, "the number of sections")
        if count <= 0:
            raise error("number sections must be larger than 0.", kind=ShapeError)
        each, extra = size // count, size % count
        if uneven:  # the first ones are longer
            starts = [
                i * each + (min(i, extra) if isinstance(extra, int) else np.minimum(i, extra))
                for i in range(count)
            ]
        else:
            require_same(extent(extra), 0, "array split does not result in an equal division")
            starts = [i * each for i in range(count)]
        ends = [*starts[1:], size]
    return [source[(*[slice(None)] * axis, slice(a, b))] for a, b in zip(starts, ends, strict=True)]


@implements(np.unstack)
def unstack(x: Any, /, *, axis: Any = 0) -> tuple[Any, ...]:
    """numpy.unstack"""
    source = array(x)
    if source.ndim == 0:
        raise error("Input array must be at least 1-d.", kind=ShapeError)
    return tuple(np.moveaxis(source, normalize_axis(axis, source.ndim), 0))


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Array]:
    """numpy.split: the parts are views."""
    source = array(ary)
    return _sections(source, indices_or_sections, normalize_axis(axis, source.ndim), uneven=False)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Array]:
    """numpy.array_split"""
    source = array(ary)
    return _sections(source, indices_or_sections, normalize_axis(axis, source.ndim), uneven=True)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Array]:
    """numpy.hsplit"""
    return split(ary, indices_or_sections, 0 if array(ary).ndim == 1 else 1)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Array]:
    """numpy.vsplit"""
    return split(ary, indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Array]:
    """numpy.dsplit"""
    return split(ary, indices_or_sections, 2)
