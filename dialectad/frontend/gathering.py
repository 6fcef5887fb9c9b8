"""Keys with integer arrays: loading gathers, storing scatters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue

from dialectad.errors import IndexRangeError, ShapeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.basic_keys import basic_view, checked
from dialectad.frontend.dtypes import INDEX, INT64, UINT64
from dialectad.frontend.emit import Extent
from dialectad.frontend.tracers import (
    Array,
    Tracer,
    as_stored,
    broadcast_extents,
    converted,
    extents,
    lift,
    shape_text,
)
from dialectad.frontend.tracing import error


class Inside(Array):
    """An index array whose elements are known to be in range."""

    __slots__ = ()


@dataclass(frozen=True)
class Advanced:
    """A key with integer arrays: the basic part as a view, and the arrays with the axes of it they index."""

    base: Array
    axes: tuple[int, ...]
    indices: tuple[SSAValue, ...]
    """Per axis: a tensor of `index`, all of one shape."""
    shape: tuple[Extent, ...]
    """The shape of the index arrays."""
    position: int
    """Where their axes go in the result."""
    inside: frozenset[int]
    """The axes whose indices are known to be in range."""


def advanced(array: Array, keys: Sequence[Any]) -> Advanced:
    # integers next to index arrays take part in the broadcasting, as in NumPy
    arrays = [(p, lift(k)) for p, k in enumerate(keys) if k is not None and not isinstance(k, slice)]
    for _, tracer in arrays:
        if not dtypes.is_integral(tracer.dtype):
            raise error("arrays used as indices must be of integer (or boolean) type", kind=IndexRangeError)
    basic = [k if k is None or isinstance(k, slice) else slice(None) for k in keys]
    base = basic_view(array, basic)
    positions = [p for p, _ in arrays]
    together = positions == list(range(positions[0], positions[-1] + 1))
    shape = broadcast_extents(*(extents(t) for _, t in arrays))
    return Advanced(
        base,
        tuple(positions),
        tuple(emit.broadcast(_signed(t), shape) for _, t in arrays),
        shape,
        positions[0] if together else 0,
        frozenset(p for p, k in enumerate(keys) if isinstance(k, Inside)),
    )


def _signed(tracer: Tracer) -> SSAValue:
    """The elements of an index array: a `uint64` from 2**63 on counts from the end, as for NumPy."""
    value = tracer.ssa()
    return emit.cast(value, dtypes.to_ir(INT64)) if tracer.dtype == UINT64 else value


def for_each(shape: Sequence[Extent], init: SSAValue, body: Any) -> SSAValue:
    """Loops over `shape` that carry a tensor: `body(position, tensor) -> tensor`."""
    from dialectad.frontend.loops import counted_loop

    def nest(position: tuple[SSAValue, ...], value: SSAValue) -> SSAValue:
        if len(position) == len(shape):
            return body(position, value)
        return counted_loop(shape[len(position)], value, lambda i, v: nest((*position, i), v))

    return nest((), init)


def checked_offsets(key: Advanced, position: Sequence[SSAValue], shape: Sequence[Extent]) -> list[Extent]:
    offsets: list[Extent] = [0] * len(shape)
    for axis, index in zip(key.axes, key.indices, strict=True):
        value = emit.cast(emit.extract(index, list(position)), INDEX)
        offsets[axis] = value if axis in key.inside else checked(value, None, shape[axis], axis)
    return offsets


def gather(array: Array, keys: Sequence[Any]) -> Array:
    """`out[p...] = base[indices[p...]]` for every position of the index arrays, a slice at a time."""
    key = advanced(array, keys)
    source = key.base.ssa()
    shape = emit.shape(source)
    rest = [n for axis, n in enumerate(shape) if axis not in key.axes]
    result_shape = [*rest[: key.position], *key.shape, *rest[key.position :]]
    sizes = [1 if axis in key.axes else n for axis, n in enumerate(shape)]
    lead = key.position
    placed_sizes = [*rest[:lead], *([1] * len(key.shape)), *rest[lead:]]

    def body(position: tuple[SSAValue, ...], out: SSAValue) -> SSAValue:
        offsets = checked_offsets(key, position, shape)
        if not rest:
            return emit.insert(emit.extract(source, offsets), out, list(position))
        part = emit.extract_slice(source, offsets, sizes, [1] * len(shape), frozenset(key.axes))
        where = [*([0] * lead), *position, *([0] * (len(rest) - lead))]
        return emit.insert_slice(part, out, where, placed_sizes, [1] * len(where))

    init = emit.empty(result_shape, emit.element(source))
    return Array.fresh(for_each(key.shape, init, body))


def broadcast_to(value: SSAValue, target: Sequence[Extent]) -> SSAValue:
    """A value that is assigned, broadcast to the shape of what it is assigned to, or checked to have it."""
    shape = emit.shape(value)
    while len(shape) > len(target) and shape[0] == 1:
        shape = shape[1:]
    found = broadcast_extents(shape, target)
    known = [p for p in zip(found, target, strict=False) if all(isinstance(n, int) for n in p)]
    if len(found) != len(target) or any(n != m for n, m in known):
        raise error(
            f"shape mismatch: value array of shape {shape_text(shape)} could not be broadcast to indexing"
            f" result of shape {shape_text(target)}",
            kind=ShapeError,
        )
    return emit.broadcast(emit.reshape(value, shape) if isinstance(value.type, TensorType) else value, found)


def scatter(array: Array, keys: Sequence[Any], value: Any) -> None:
    """`base[indices[p...]] = value[p...]`, in order, so that the last of repeated indices wins."""
    key = advanced(array, keys)
    shape = key.base.extents
    rest = [n for axis, n in enumerate(shape) if axis not in key.axes]
    lead = key.position
    target = [*rest[:lead], *key.shape, *rest[lead:]]
    source = broadcast_to(converted(as_stored(lift(value), "unsafe"), array.dtype), target)
    sizes = [1 if axis in key.axes else n for axis, n in enumerate(shape)]
    placed_sizes = [*rest[:lead], *([1] * len(key.shape)), *rest[lead:]]
    dropped = frozenset(range(lead, lead + len(key.shape)))

    def body(position: tuple[SSAValue, ...], base: SSAValue) -> SSAValue:
        offsets = checked_offsets(key, position, shape)
        if not rest:
            return emit.insert(emit.extract(source, list(position)), base, offsets)
        where = [*([0] * lead), *position, *([0] * (len(rest) - lead))]
        part = emit.extract_slice(source, where, placed_sizes, [1] * len(where), dropped)
        return emit.insert_slice(part, base, offsets, sizes, [1] * len(shape))

    key.base.write(for_each(key.shape, key.base.ssa(), body))
