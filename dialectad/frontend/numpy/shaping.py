"""The same elements under another shape or order: views, where NumPy gives views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dialectad.errors import ShapeError
from dialectad.frontend import emit, views
from dialectad.frontend.emit import Extent
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    extents_of,
    implements,
    normalize_axes,
    normalize_axis,
    operand,
    shape_argument,
    tensor,
)
from dialectad.frontend.tracers import Array, broadcast_extents, shape_text
from dialectad.frontend.tracing import error

# --- reshape -----------------------------------------------------------------------------------


def _target(source: Sequence[Extent], wanted: Sequence[Any]) -> list[Extent]:
    """The new shape, with the -1 in it worked out."""
    target = [w if isinstance(w, int) and w == -1 else shape_argument(w)[0] for w in wanted]
    unknown = [i for i, n in enumerate(target) if isinstance(n, int) and n == -1]
    if len(unknown) > 1:
        raise error("can only specify one unknown dimension", kind=ShapeError)
    static = all(isinstance(n, int) for n in (*source, *target))
    message = f"cannot reshape array of size {_size(source)} into shape {shape_text(target)}"
    if unknown:
        known = _product([n for n in target if not (isinstance(n, int) and n == -1)])
        size = _product(source)
        if isinstance(size, int) and isinstance(known, int):
            if known == 0 or size % known:
                raise error(message, kind=ShapeError)
            target[unknown[0]] = size // known
        else:
            target[unknown[0]] = _quotient(size, known)
        return target
    if static:
        if _product(source) != _product(target):
            raise error(message, kind=ShapeError)
    else:
        from dialectad.frontend.numpy.support import require_same

        require_same(_product(source), _product(target), message)
    return target


def _quotient(size: Extent, known: Extent) -> Extent:
    from xdsl.dialects import arith

    if isinstance(known, int) and known == 1:
        return size
    return emit.op(arith.DivUIOp(emit.index(size), emit.index(known)))


def _product(shape: Sequence[Extent]) -> Extent:
    total: Extent = 1
    for n in shape:
        total = emit.mul_index(total, n)
    return total


def _size(shape: Sequence[Extent]) -> Any:
    return _product(shape) if all(isinstance(n, int) for n in shape) else "?"


def _is_viewable(source: Array, target: Sequence[Extent]) -> bool:
    """Whether NumPy's reshape gives a view: asked of NumPy, with strides as this view has them."""
    if all(isinstance(step, views.Reshape) for step in source.view):
        return True
    layout = _layout(source)
    if layout is None or not all(isinstance(n, int) for n in target):
        last = source.view[-1]
        leading = isinstance(last, views.Slice) and all(
            isinstance(o, int) and o == 0 and isinstance(n, int) and n == base
            for o, n, base in zip(
                last.offsets[1:], last.sizes[1:], source.storage.type.get_shape()[1:], strict=False
            )
        )
        return len(source.view) == 1 and leading and last.strides[:1] in ((), (1,))  # pyright: ignore
    try:
        layout.shape = tuple(target)  # pyright: ignore[reportAttributeAccessIssue]
    except AttributeError:
        return False
    return True


def _layout(source: Array) -> np.ndarray[Any, Any] | None:
    """An array with the strides that the view has in NumPy, if its extents are known."""
    base = source.storage.type.get_shape()
    if any(n < 0 for n in base):
        return None
    strides = np.cumprod([1, *reversed(base)])[-2::-1] if base else []
    layout = np.lib.stride_tricks.as_strided(np.zeros(1, np.int8), base, tuple(int(s) for s in strides))
    for step in source.view:
        match step:
            case views.Permute():
                layout = layout.transpose(step.permutation)
            case views.Flip():
                layout = np.flip(layout, tuple(step.axes))
            case views.Reshape():
                if not all(isinstance(n, int) for n in step.after):
                    return None
                layout = layout.view()
                try:
                    layout.shape = step.after  # pyright: ignore[reportAttributeAccessIssue]
                except AttributeError:
                    return None
            case views.Slice():
                if not all(isinstance(n, int) for n in step.sizes):
                    return None
                keys = [
                    0 if axis in step.dropped else slice(0, int(n) * s if n else 0, s)  # pyright: ignore
                    for axis, (n, s) in enumerate(zip(step.sizes, step.strides, strict=True))
                ]
                if any(k == 0 and n == 0 for k, n in zip(keys, layout.shape, strict=True)):
                    return None
                layout = layout[tuple(keys)]
    return layout.view()


def reshaped(source: Array, target: Sequence[Extent]) -> Array:
    """A view if NumPy gives one, otherwise a copy."""
    before = source.extents
    if len(before) == len(target) and all(map(emit.same_extent, before, target)):
        return Array(source.storage, source.view)
    if _is_viewable(source, target):
        return source.viewed(views.Reshape(tuple(before), tuple(target)))
    return Array.fresh(emit.reshape(source.ssa(), target))


def _order(order: Any) -> bool:
    """Whether an `order=` argument means column-major."""
    if order not in ("C", "F", "A", "K"):
        raise error(f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})", kind=ShapeError)
    return order == "F"


@implements(np.reshape)
def reshape(
    a: Any, /, shape: Any = None, order: Any = "C", *, newshape: Any = None, copy: Any = None
) -> Array:
    """numpy.reshape"""
    source = array(a)
    wanted = shape if shape is not None else newshape
    wanted = list(wanted) if isinstance(wanted, tuple | list) else [wanted]
    if _order(order):
        target = _target(source.extents, wanted)
        return reshaped(source.T, target[::-1]).T
    made = reshaped(source, _target(source.extents, wanted))
    return made.copy() if copy else made


@implements(np.ravel)
def ravel(a: Any, order: Any = "C") -> Array:
    """numpy.ravel"""
    source = array(a)
    source = source.T if _order(order) else source
    return reshaped(source, [_product(source.extents)])


def flatten(a: Any, order: Any = "C") -> Array:
    """ndarray.flatten: always a copy."""
    source = array(a)
    return Array.fresh(emit.collapse((source.T if _order(order) else source).ssa()))


# --- order of the axes -------------------------------------------------------------------------


def permuted(source: Array, permutation: Sequence[int]) -> Array:
    if list(permutation) == list(range(len(permutation))):
        return Array(source.storage, source.view)
    return source.viewed(views.Permute(tuple(permutation)))


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Array:
    """numpy.transpose"""
    source = array(a)
    if axes is None:
        return permuted(source, range(source.ndim)[::-1])
    order = normalize_axes(axes, source.ndim)
    if len(order) != source.ndim:
        raise error("axes don't match array", kind=ShapeError)
    return permuted(source, order)


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Array:
    """numpy.matrix_transpose"""
    return swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Array:
    """numpy.swapaxes"""
    source = array(a)
    i, j = normalize_axis(axis1, source.ndim), normalize_axis(axis2, source.ndim)
    order = list(range(source.ndim))
    order[i], order[j] = j, i
    return permuted(source, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Array:
    """numpy.moveaxis"""
    made = array(a)
    origins, targets = normalize_axes(source, made.ndim), normalize_axes(destination, made.ndim)
    if len(origins) != len(targets):
        raise error(
            "`source` and `destination` arguments must have the same number of elements", kind=ShapeError
        )
    order = [axis for axis in range(made.ndim) if axis not in origins]
    for target, origin in sorted(zip(targets, origins, strict=True)):
        order.insert(target, origin)
    return permuted(made, order)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: Any, start: Any = 0) -> Array:
    """numpy.rollaxis"""
    made = array(a)
    n = made.ndim
    origin, target = normalize_axis(axis, n), concrete_int(start, "start")
    target = target + n if target < 0 else target
    order = [d for d in range(n) if d != origin]
    order.insert(target - 1 if origin < target else target, origin)
    return permuted(made, order)


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Array:
    """numpy.flip"""
    source = array(m)
    axes = frozenset(normalize_axes(axis, source.ndim))
    return source.viewed(views.Flip(axes)) if axes else Array(source.storage, source.view)


@implements(np.fliplr)
def fliplr(m: Any) -> Array:
    """numpy.fliplr"""
    return flip(m, 1)


@implements(np.flipud)
def flipud(m: Any) -> Array:
    """numpy.flipud"""
    return flip(m, 0)


@implements(np.rot90)
def rot90(m: Any, k: Any = 1, axes: Any = (0, 1)) -> Array:
    """numpy.rot90"""
    source = array(m)
    i, j = normalize_axes(axes, source.ndim)
    match concrete_int(k, "the number of turns") % 4:
        case 0:
            return Array(source.storage, source.view)
        case 1:
            return swapaxes(flip(source, j), i, j)
        case 2:
            return flip(source, (i, j))
        case _:
            return flip(swapaxes(source, i, j), j)


# --- unit axes ---------------------------------------------------------------------------------


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Array:
    """numpy.expand_dims"""
    source = array(a)
    count = len(axis) if isinstance(axis, tuple | list) else 1
    new = normalize_axes(axis, source.ndim + count)
    rest = iter(source.extents)
    return reshaped(source, [1 if d in new else next(rest) for d in range(source.ndim + count)])


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Array:
    """numpy.squeeze"""
    source = array(a)
    shape = source.extents
    if axis is None:
        dropped = [d for d, n in enumerate(shape) if isinstance(n, int) and n == 1]
    else:
        dropped = normalize_axes(axis, source.ndim)
        if any(not isinstance(shape[d], int) or shape[d] != 1 for d in dropped):
            raise error(
                "cannot select an axis to squeeze out which has size not equal to one", kind=ShapeError
            )
    return reshaped(source, [n for d, n in enumerate(shape) if d not in dropped])


def _at_least(rank: int, x: Any) -> Array:
    source = array(x)
    shape = list(source.extents)
    if len(shape) >= rank:
        return source
    if rank == 3 and len(shape) == 2:
        return reshaped(source, [*shape, 1])
    if rank == 3 and len(shape) == 1:
        return reshaped(source, [1, *shape, 1])
    return reshaped(source, [1] * (rank - len(shape)) + shape)


def _each(rank: int, arrays: Sequence[Any]) -> Any:
    made = tuple(_at_least(rank, x) for x in arrays)
    return made[0] if len(made) == 1 else made


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """numpy.atleast_1d"""
    return _each(1, arys)


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """numpy.atleast_2d"""
    return _each(2, arys)


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """numpy.atleast_3d"""
    return _each(3, arys)


# --- repetition --------------------------------------------------------------------------------


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Array:
    """numpy.broadcast_to (a copy)"""
    value, target = tensor(array), shape_argument(shape)
    source = emit.shape(value)
    found = broadcast_extents(source, target)
    if len(found) != len(target) or not all(map(emit.same_extent, found, target)):
        raise error(
            "operands can not be broadcast with remapped shapes:"
            f" {shape_text(source)} to {shape_text(target)}",
            kind=ShapeError,
        )
    return Array.fresh(emit.broadcast(value, target))


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Array, ...]:
    """numpy.broadcast_arrays (copies)"""
    parts = [tensor(x) for x in args]
    shape = broadcast_extents(*map(emit.shape, parts))
    return tuple(Array.fresh(emit.broadcast(p, shape)) for p in parts)


@implements(np.broadcast_shapes)
def broadcast_shapes(*args: Any) -> tuple[Any, ...]:
    """numpy.broadcast_shapes"""
    from dialectad.frontend.tracers import Scalar

    found = broadcast_extents(*map(shape_argument, args))
    return tuple(n if isinstance(n, int) else Scalar(n, weak=True) for n in found)


@implements(np.tile)
def tile(A: Any, reps: Any) -> Array:
    """numpy.tile"""
    value = tensor(A)
    counts = list(shape_argument(reps))
    shape = list(emit.shape(value))
    rank = max(len(counts), len(shape))
    counts = [1] * (rank - len(counts)) + counts
    shape = [1] * (rank - len(shape)) + shape
    apart: list[Extent] = []
    repeated: list[Extent] = []
    for count, n in zip(counts, shape, strict=True):
        apart += [1, n]
        repeated += [count, n]
    value = emit.broadcast(emit.reshape(value, apart), repeated)
    result = [emit.mul_index(count, n) for count, n in zip(counts, shape, strict=True)]
    return Array.fresh(emit.reshape(value, result))


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Array:
    """numpy.repeat"""
    value = tensor(a)
    if axis is None:
        value, axis = emit.collapse(value), 0
    shape = list(emit.shape(value))
    axis = normalize_axis(axis, len(shape))
    if isinstance(repeats, list | tuple | np.ndarray) and np.ndim(repeats):
        places = np.repeat(np.arange(int(shape[axis])), repeats)  # pyright: ignore[reportArgumentType]
        return Array.fresh(value)[(*[slice(None)] * axis, places)]
    count = shape_argument(repeats)[0]
    apart = [*shape[: axis + 1], 1, *shape[axis + 1 :]]
    repeated = [*shape[: axis + 1], count, *shape[axis + 1 :]]
    result = [*shape[:axis], emit.mul_index(shape[axis], count), *shape[axis + 1 :]]
    return Array.fresh(emit.reshape(emit.broadcast(emit.reshape(value, apart), repeated), result))


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Array:
    """numpy.roll, by known distances"""
    from dialectad.frontend.numpy.joining import concatenate

    source = array(a)
    if axis is None:
        return reshape(roll(ravel(source), shift, 0), source.shape)
    axes = (
        normalize_axes(axis, source.ndim)
        if not isinstance(axis, tuple)
        else tuple(normalize_axis(d, source.ndim) for d in axis)
    )
    shifts = list(shift) if isinstance(shift, tuple | list) else [shift]
    count = max(len(axes), len(shifts))
    axes = axes * count if len(axes) == 1 else axes
    shifts = shifts * count if len(shifts) == 1 else shifts
    if len(axes) != len(shifts):
        raise error("'shift' and 'axis' should be scalars or 1D sequences of one length", kind=ShapeError)
    for d, by in zip(axes, shifts, strict=True):
        size = source.shape[d]
        if isinstance(size, int) and size == 0:
            continue
        at = -concrete_int(by, "the distance to roll by")
        before = (*[slice(None)] * d,)
        if not isinstance(size, int):
            raise error("an axis of unknown size can't be rolled", hint="write it with slices")
        if at % size:
            parts = [source[(*before, slice(at % size, None))], source[(*before, slice(None, at % size))]]
            source = concatenate(parts, d)
    return source.copy() if source.view or source is a else source


# --- questions ---------------------------------------------------------------------------------


@implements(np.shape)
def shape(a: Any) -> tuple[Any, ...]:
    """numpy.shape"""
    return array(a).shape


@implements(np.size)
def size(a: Any, axis: Any = None) -> Any:
    """numpy.size"""
    source = array(a)
    if axis is None:
        return source.size
    found: Any = 1
    for d in normalize_axes(axis, source.ndim):
        found = found * source.shape[d]
    return found


@implements(np.ndim)
def ndim(a: Any) -> int:
    """numpy.ndim"""
    return len(extents_of(operand(a)))
