"""Basic keys: integers, slices and `None`, which make views.

Note [Index checks]
    An index is checked as NumPy checks it. What is known of an integer while tracing (`Scalar.interval`:
    the index of a loop over a constant range, and sums of it) often proves the check unnecessary; then
    none is emitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import SSAValue

from dialectad.errors import IndexRangeError
from dialectad.frontend import dtypes, emit, views
from dialectad.frontend.dtypes import INDEX
from dialectad.frontend.emit import Extent
from dialectad.frontend.slicing import slice_of
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
            part = slice_of(key, shape[axis])
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
    if not isinstance(key, Scalar) or not dtypes.is_integral(key.dtype):
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
