"""NumPy's indexing: basic keys make views, integer arrays gather, boolean masks select on assignment.

Note [Index checks]
    An index is checked as NumPy checks it. What is known of an integer while tracing (`Scalar.interval`:
    the index of a loop over a constant range, and sums of it) often proves the check unnecessary; then
    none is emitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import SSAValue

from dialectad.errors import IndexRangeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit, views
from dialectad.frontend.dtypes import BOOL, INDEX
from dialectad.frontend.emit import Extent
from dialectad.frontend.tracers import (
    Array,
    Interval,
    Scalar,
    Tracer,
    broadcast_extents,
    extents,
    lift,
    write_out,
)
from dialectad.frontend.tracing import error


def load(array: Array, key: Any) -> Any:
    """`array[key]`"""
    keys = _expand(array, key)
    if any(_is_advanced(k) for k in keys):
        return _gather(array, keys)
    view = _view(array, keys)
    if _has_ellipsis(key):
        return view  # an array, also of no axes
    if view.view and isinstance(last := view.view[-1], views.Slice) and last.is_element:
        return Scalar(_element(array, view))
    return view if view.ndim else Scalar(emit.extract(view.ssa(), []))


def store(array: Array, key: Any, value: Any) -> None:
    """`array[key] = value`"""
    keys = _expand(array, key)
    if len(keys) == 1 and _is_mask(keys[0]):
        write_out(array, value, keys[0], "unsafe")
        return
    if any(_is_advanced(k) for k in keys):
        _scatter(array, keys, value)
        return
    view = _view(array, keys)
    if isinstance(value, Array) and value.storage is view.storage and value.view == view.view:
        return  # what `a[k] += v` ends with: the view is already written
    if view.view and isinstance(last := view.view[-1], views.Slice) and last.is_element:
        _set_element(array, view, last, value)
        return
    write_out(view, value, casting="unsafe")


def _element(array: Array, view: Array) -> SSAValue:
    step = view.view[-1]
    assert isinstance(step, views.Slice)
    whole = Array(view.storage, view.view[:-1]).ssa()
    return emit.extract(whole, step.offsets)


def _set_element(array: Array, view: Array, step: views.Slice, value: Any) -> None:
    tracer = lift(value)
    scalar = tracer.ssa()
    if extents(tracer):
        scalar = emit.extract(emit.reshape(scalar, ()), [])
    elif isinstance(tracer, Array):
        scalar = emit.extract(scalar, [])
    scalar = emit.cast(scalar, dtypes.to_ir(array.dtype))
    whole = Array(view.storage, view.view[:-1])
    whole.write(emit.insert(scalar, whole.ssa(), step.offsets))


# --- basic keys --------------------------------------------------------------------------------


def _expand(array: Array, key: Any) -> list[Any]:
    """The key as a list with one entry per axis (and the `None`s), the ellipsis replaced."""
    keys = list(key) if isinstance(key, tuple) else [key]
    keys = [list(k) if isinstance(k, tuple | range) else k for k in keys]
    used = sum(_axes_of(k) for k in keys if k is not None and k is not Ellipsis)
    if used > array.ndim:
        raise error(
            f"too many indices: the array is {array.ndim}-dimensional, but {used} were indexed",
            kind=IndexRangeError,
        )
    rest = [slice(None)] * (array.ndim - used)
    dots = [i for i, k in enumerate(keys) if k is Ellipsis]
    if len(dots) > 1:
        raise error("an index can only have a single ellipsis ('...')", kind=IndexRangeError)
    if dots:
        return keys[: dots[0]] + rest + keys[dots[0] + 1 :]
    return keys + rest


def _axes_of(key: Any) -> int:
    return lift(key).ndim if _is_mask(key) else 1


def _has_ellipsis(key: Any) -> bool:
    return key is Ellipsis or (isinstance(key, tuple) and any(k is Ellipsis for k in key))


def _is_mask(key: Any) -> bool:
    if isinstance(key, Array | np.ndarray):
        return key.dtype == BOOL
    return isinstance(key, list) and len(key) > 0 and all(isinstance(k, bool) for k in key)


def _is_advanced(key: Any) -> bool:
    return isinstance(key, list) or (isinstance(key, Array | np.ndarray) and key.ndim > 0)


def _view(array: Array, keys: Sequence[Any]) -> Array:
    """The view that basic keys (integers, slices, `None`) give."""
    shape = array.extents
    offsets: list[Extent] = []
    sizes: list[Extent] = []
    strides: list[int] = []
    dropped: set[int] = set()
    flipped: set[int] = set()
    result: list[Extent] = []
    axis = 0
    for key in keys:
        if key is None:
            result.append(1)
            continue
        if isinstance(key, slice):
            part = _slice(key, shape[axis])
            if part.reversed:
                flipped.add(len(offsets) - len(dropped))
            offset, size, stride = part.offset, part.size, part.stride
            result.append(size)
        else:
            offset, size, stride = integer(key, shape[axis], axis), 1, 1
            dropped.add(axis)
        offsets.append(offset)
        sizes.append(size)
        strides.append(stride)
        axis += 1
    whole = all(
        isinstance(o, int) and o == 0 and s == 1 and emit.same_extent(n, full)
        for o, n, s, full in zip(offsets, sizes, strides, shape, strict=True)
    )
    if not whole or dropped:
        step = views.Slice(tuple(offsets), tuple(sizes), tuple(strides), frozenset(dropped))
        array = array.viewed(step)
    if flipped:
        array = array.viewed(views.Flip(frozenset(flipped)))
    if None in keys:
        array = array.viewed(views.Reshape(array.extents, tuple(result)))
    return array if keys or array.view else Array(array.storage, array.view)


def integer(key: Any, extent: Extent, axis: int) -> Extent:
    """An integer index as an offset from the front, checked."""
    if isinstance(key, bool | np.bool_):
        raise error("a bool as an index is not supported", hint="use numpy.where")
    if isinstance(key, int | np.integer):
        key = int(key)
        if isinstance(extent, int):
            if not -extent <= key < extent:
                raise error(
                    f"index {key} is out of bounds for axis {axis} with size {extent}",
                    kind=IndexRangeError,
                )
            return key + extent if key < 0 else key
        key = lift(key)
    if isinstance(key, Array) and key.ndim == 0:
        key = Scalar(emit.extract(key.ssa(), []))
    if not isinstance(key, Scalar) or key.dtype.kind != "i":
        raise error(
            "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or"
            f" boolean arrays are valid indices, not {type(key).__name__}"
            + (f" of {key.dtype}" if isinstance(key, Tracer) else ""),
            kind=IndexRangeError,
        )
    return _checked(key.index(), key.interval, extent, axis)


def _checked(value: SSAValue, interval: Interval | None, extent: Extent, axis: int) -> SSAValue:
    """See Note [Index checks]."""
    low, high = interval or (-(2**63), 2**63 - 1)
    if isinstance(extent, int) and low >= 0 and high < extent:
        return value
    limit, zero = emit.index(extent), emit.constant(0, INDEX)
    if low < 0:
        wrapped = emit.op(arith.AddiOp(value, limit))
        value = emit.select(emit.compare("slt", value, zero), wrapped, value)
    inside = emit.compare("ult", value, limit)  # a negative number is a large one here
    size = extent if isinstance(extent, int) else "?"
    emit.check(inside, f"IndexError: index is out of bounds for axis {axis} with size {size}")
    return value


@dataclass(frozen=True)
class _Part:
    """What a slice selects of one axis: `size` elements from `offset` on; `reversed` afterwards."""

    offset: Extent
    size: Extent
    stride: int
    reversed: bool = False


def _slice(key: slice, extent: Extent) -> _Part:
    bounds = (key.start, key.stop)
    step = 1 if key.step is None else key.step
    if isinstance(step, Tracer):
        raise error("the step of a slice must be known while the function is compiled")
    if isinstance(extent, int) and not any(isinstance(b, Tracer) for b in bounds):
        start, stop, step = slice(*map(_python_int, (key.start, key.stop, step))).indices(extent)
        size = len(range(start, stop, step))
        if step < 0:
            return _Part(start + (size - 1) * step if size else 0, size, -step, reversed=True)
        return _Part(start if size else min(start, extent), size, step)
    if step < 0:
        raise error("a slice with a negative step needs bounds that are known while compiling")
    return _dynamic_slice(key, extent, int(step))


def _python_int(x: Any) -> Any:
    return x if x is None else int(x)


def _dynamic_slice(key: slice, extent: Extent, step: int) -> _Part:
    """A slice of which a bound, or the axis, is known only at run time."""
    start = _scalar(0 if key.start is None else key.start)
    stop = Scalar(emit.index(extent)) if key.stop is None else _scalar(key.stop)
    if key.stop is None and isinstance(extent, int):
        stop = Scalar(stop.value, interval=(extent, extent))
    (base, low), (base_stop, high) = start.offset, stop.offset
    if base is base_stop and step == 1 and key.stop is not None and high >= low:
        return _window(start, high - low, extent)
    lower, upper = _clamped(start, extent), _clamped(stop, extent)
    size = emit.sub_index(upper, lower)
    a, b = start.interval, stop.interval
    if not (a and b and a[1] <= b[0]) and not _proved_ordered(start, stop):
        size = emit.op(arith.MaxSIOp(emit.index(size), emit.constant(0, INDEX)))
    if step != 1:
        size = emit.add_index(size, step - 1)
        size = emit.op(arith.DivUIOp(emit.index(size), emit.constant(step, INDEX)))
    if isinstance(size, SSAValue) and (known := emit.static(size)) is not None:
        size = known
    return _Part(_known(lower), size, step)


def _known(value: Extent) -> Extent:
    if isinstance(value, int):
        return value
    constant = emit.static(value)
    return value if constant is None else constant


def _proved_ordered(start: Scalar, stop: Scalar) -> bool:
    return start.offset[0] is stop.offset[0] and start.offset[1] <= stop.offset[1]


def _window(start: Scalar, size: int, extent: Extent) -> _Part:
    """`a[i : i + size]`: the size is known, and that it fits is checked instead of clamped."""
    low, high = start.interval or (-(2**63), 2**63 - 1)
    value = start.index()
    if not (isinstance(extent, int) and low >= 0 and high + size <= extent):
        limit = emit.index(emit.sub_index(extent, size))
        inside = emit.compare("sle", value, limit)
        positive = emit.compare("sge", value, emit.constant(0, INDEX))
        emit.check(
            emit.op(arith.AndIOp(inside, positive)),
            f"IndexError: a slice of {size} elements reaches outside of its axis"
            " (its size is fixed while compiling, so that it isn't shortened)",
        )
    return _Part(value, size, 1)


def _scalar(bound: Any) -> Scalar:
    if isinstance(bound, Array) and bound.ndim == 0:
        return Scalar(emit.extract(bound.ssa(), []))
    tracer = lift(bound)
    if not isinstance(tracer, Scalar) or tracer.dtype.kind != "i":
        raise error("slice indices must be integers or None", kind=UnsupportedTypeError)
    return tracer


def _clamped(bound: Scalar, extent: Extent) -> Extent:
    """A bound of a slice, from the front and within the axis."""
    low, high = bound.interval or (-(2**63), 2**63 - 1)
    value = bound.index()
    limit = emit.index(extent)
    if low < 0:
        zero = emit.constant(0, INDEX)
        wrapped = emit.op(arith.AddiOp(value, limit))
        value = emit.select(emit.compare("slt", value, zero), wrapped, value)
        value = emit.op(arith.MaxSIOp(value, zero))
    if not (isinstance(extent, int) and high <= extent) and bound.value is not extent:
        value = emit.op(arith.MinSIOp(value, limit))
    return value


# --- integer arrays ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Advanced:
    """A key with integer arrays: the basic part as a view, and the arrays with the axes of it they index."""

    base: Array
    axes: tuple[int, ...]
    indices: tuple[SSAValue, ...]
    """Per axis: a tensor of `index`, all of one shape."""
    shape: tuple[Extent, ...]
    """The shape of the index arrays."""
    position: int
    """Where their axes go in the result."""


def _advanced(array: Array, keys: Sequence[Any]) -> _Advanced:
    if any(_is_mask(k) for k in keys):
        raise error(
            "an array indexed by a boolean mask has a shape that is known only at run time",
            hint="use numpy.where(mask, x, y), or assign: a[mask] = value",
        )
    # integers next to index arrays take part in the broadcasting, as in NumPy
    arrays = [(p, lift(k)) for p, k in enumerate(keys) if k is not None and not isinstance(k, slice)]
    for _, tracer in arrays:
        if tracer.dtype.kind != "i":
            raise error("arrays used as indices must be of integer (or boolean) type", kind=IndexRangeError)
    basic = [k if k is None or isinstance(k, slice) else slice(None) for k in keys]
    base = _view(array, basic)
    positions = [p for p, _ in arrays]
    together = positions == list(range(positions[0], positions[-1] + 1))
    shape = broadcast_extents(*(extents(t) for _, t in arrays))
    return _Advanced(
        base,
        tuple(positions),
        tuple(emit.broadcast(t.ssa(), shape) for _, t in arrays),
        shape,
        positions[0] if together else 0,
    )


def _for_each(shape: Sequence[Extent], init: SSAValue, body: Any) -> SSAValue:
    """Loops over `shape` that carry a tensor: `body(position, tensor) -> tensor`."""
    from dialectad.frontend.loops import counted_loop

    def nest(position: tuple[SSAValue, ...], value: SSAValue) -> SSAValue:
        if len(position) == len(shape):
            return body(position, value)
        return counted_loop(shape[len(position)], value, lambda i, v: nest((*position, i), v))

    return nest((), init)


def _offsets(key: _Advanced, position: Sequence[SSAValue], shape: Sequence[Extent]) -> list[Extent]:
    offsets: list[Extent] = [0] * len(shape)
    for axis, index in zip(key.axes, key.indices, strict=True):
        value = emit.cast(emit.extract(index, list(position)), INDEX)
        offsets[axis] = _checked(value, None, shape[axis], axis)
    return offsets


def _gather(array: Array, keys: Sequence[Any]) -> Array:
    """`out[p...] = base[indices[p...]]` for every position of the index arrays, a slice at a time."""
    key = _advanced(array, keys)
    source = key.base.ssa()
    shape = emit.shape(source)
    rest = [n for axis, n in enumerate(shape) if axis not in key.axes]
    result_shape = [*rest[: key.position], *key.shape, *rest[key.position :]]
    sizes = [1 if axis in key.axes else n for axis, n in enumerate(shape)]
    lead = key.position
    placed_sizes = [*rest[:lead], *([1] * len(key.shape)), *rest[lead:]]

    def body(position: tuple[SSAValue, ...], out: SSAValue) -> SSAValue:
        offsets = _offsets(key, position, shape)
        if not rest:
            return emit.insert(emit.extract(source, offsets), out, list(position))
        part = emit.extract_slice(source, offsets, sizes, [1] * len(shape), frozenset(key.axes))
        where = [*([0] * lead), *position, *([0] * (len(rest) - lead))]
        return emit.insert_slice(part, out, where, placed_sizes, [1] * len(where))

    init = emit.empty(result_shape, emit.element(source))
    return Array.fresh(_for_each(key.shape, init, body))


def _scatter(array: Array, keys: Sequence[Any], value: Any) -> None:
    """`base[indices[p...]] = value[p...]`, in order, so that the last of repeated indices wins."""
    key = _advanced(array, keys)
    shape = key.base.extents
    rest = [n for axis, n in enumerate(shape) if axis not in key.axes]
    lead = key.position
    target = [*rest[:lead], *key.shape, *rest[lead:]]
    source = emit.cast(lift(value).ssa(), dtypes.to_ir(array.dtype))
    source = emit.broadcast(source, target)
    sizes = [1 if axis in key.axes else n for axis, n in enumerate(shape)]
    placed_sizes = [*rest[:lead], *([1] * len(key.shape)), *rest[lead:]]
    dropped = frozenset(range(lead, lead + len(key.shape)))

    def body(position: tuple[SSAValue, ...], base: SSAValue) -> SSAValue:
        offsets = _offsets(key, position, shape)
        if not rest:
            return emit.insert(emit.extract(source, list(position)), base, offsets)
        where = [*([0] * lead), *position, *([0] * (len(rest) - lead))]
        part = emit.extract_slice(source, where, placed_sizes, [1] * len(where), dropped)
        return emit.insert_slice(part, base, offsets, sizes, [1] * len(shape))

    key.base.write(_for_each(key.shape, key.base.ssa(), body))


__all__ = ["integer", "load", "store"]
