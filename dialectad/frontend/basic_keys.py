"""Basic keys: integers, slices and `None`, which make views.

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
from dialectad.frontend import emit, views
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.emit import Extent
from dialectad.frontend.tracers import (
    Array,
    Interval,
    Scalar,
    Tracer,
    lift,
)
from dialectad.frontend.tracing import error


def basic_view(array: Array, keys: Sequence[Any]) -> Array:
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
    return checked(key.index(), key.interval, extent, axis)


def checked(value: SSAValue, interval: Interval | None, extent: Extent, axis: int) -> SSAValue:
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
