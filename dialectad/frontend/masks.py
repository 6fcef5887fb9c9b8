"""Boolean masks as keys: they stand for the index arrays that `nonzero` gives.

    a[m]               a[nonzero(m)]: an array of a length that is known only at run time
    a[m] = v           where(m, v, a), if `v` isn't an element for each that the mask picks
    a[m] op= v         the same, see Note [Picked and whole]

Note [Picked and whole]
    What a mask picks is an array that also knows itself spread over the whole shape: the elements that the
    mask doesn't pick are 1 there, at which no operator fails or has an infinite derivative. Operators in
    place act on both forms. A store with the same mask takes the whole form, which has a shape that is known;
    then nothing uses the other one, and it is removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialectad.errors import IndexRangeError, UnsupportedTypeError
from dialectad.frontend import dtypes, emit
from dialectad.frontend.dtypes import BOOL, INDEX, INT64, DType
from dialectad.frontend.emit import Extent
from dialectad.frontend.gathering import Inside, broadcast_to, gather, scatter
from dialectad.frontend.tracers import (
    BINARY,
    Array,
    Scalar,
    Tracer,
    apply_ufunc,
    extents,
    lift,
    write_out,
)
from dialectad.frontend.tracing import current, error


def is_mask(key: Any) -> bool:
    if isinstance(key, Array | np.ndarray):
        return key.dtype == BOOL
    return isinstance(key, list) and len(key) > 0 and all(isinstance(k, bool) for k in key)


def positions(value: SSAValue) -> SSAValue:
    """Where a vector of bools holds: as many numbers as are known to be only at run time."""
    from dialectad.frontend.numpy.support import loop

    (n,) = emit.shape(value)

    def note(i: SSAValue, count: SSAValue, out: SSAValue) -> Sequence[SSAValue]:
        out = emit.insert(emit.cast(i, dtypes.to_ir(INT64)), out, [count])  # over the last one, or behind it
        return emit.index(emit.add_index(count, emit.cast(emit.extract(value, [i]), INDEX))), out

    room = emit.empty([emit.add_index(n, 1)], dtypes.to_ir(INT64))
    count, found = loop(n, [emit.constant(0, INDEX), room], note)
    return emit.extract_slice(found, [0], [count], [1])


def nonzero(mask: Any) -> list[Array]:
    """An index array for each axis of a mask; of a concrete mask a concrete one."""
    if not isinstance(mask, Array):
        return [Inside(current().capture(k)) for k in np.nonzero(np.asarray(mask))]
    shape = mask.extents
    flat = positions(emit.collapse(mask.ssa()) if len(shape) != 1 else mask.ssa())
    found: list[Array] = []
    rest: Any = Array.fresh(flat)
    for n in reversed(shape[1:]):
        size = max(n, 1) if isinstance(n, int) else np.maximum(Scalar(n, weak=True), 1)  # pyright: ignore
        found.insert(0, Inside.fresh((rest % size).ssa()))
        rest = rest // size
    return [Inside.fresh(rest.ssa()), *found]


def expanded(array: Array, keys: Sequence[Any]) -> list[Any]:
    """The keys with index arrays for masks, which must have the shape of the axes that they stand for."""
    found: list[Any] = []
    axis = 0
    for key in keys:
        if is_mask(key):
            _check_shape(array, axis, key)
            indices = nonzero(key)
            axis += len(indices)
            found += indices
        else:
            axis += key is not None
            found.append(key)
    return found


def _check_shape(array: Array, axis: int, mask: Any) -> None:
    shape = mask.extents if isinstance(mask, Array) else np.shape(mask)
    for d, n in enumerate(shape, axis):
        m = array.extents[d]
        message = f"boolean index did not match indexed array along axis {d}"
        if isinstance(n, int) and isinstance(m, int):
            if n != m:
                raise error(
                    f"{message}; size of axis is {m} but size of corresponding boolean axis is {n}",
                    kind=IndexRangeError,
                )
        elif not emit.same_extent(n, m):
            emit.check(emit.compare("eq", emit.index(n), emit.index(m)), f"IndexError: {message}")


# --- what a mask picks -------------------------------------------------------------------------


class Picked(Array):
    """See Note [Picked and whole]."""

    __slots__ = ("current", "mask", "whole")

    mask: SSAValue
    whole: SSAValue
    current: SSAValue
    """The value of this array that `whole` goes with."""

    def whole_for(self, mask: SSAValue, shape: Sequence[Extent]) -> SSAValue | None:
        """The whole form, if it is of this mask and shape, and nothing else has written into this array."""
        same = mask is self.mask and tuple(emit.shape(self.whole)) == tuple(shape)
        return self.whole if same and current().read(self.storage) is self.current else None

    def update(self, ufunc: np.ufunc, other: Any) -> Any:
        """An operator in place."""
        from dialectad.frontend.numpy.support import result_dtype

        shape = emit.shape(self.whole)
        whole = self.whole_for(self.mask, shape)
        spread = None if whole is None else _spread(lift(other), self.mask, shape, result_dtype(self, other))
        result = apply_ufunc(ufunc, "__call__", (self, other), {"out": (self,)})
        if whole is not None and spread is not None:
            changed, by = Array.fresh(whole), Array.fresh(_or_one(self.mask, spread))
            apply_ufunc(ufunc, "__call__", (changed, by), {"out": (changed,)})
            self.whole, self.current = changed.ssa(), current().read(self.storage)
        return result


def _in_place(ufunc: np.ufunc) -> Any:
    return lambda self, other: self.update(ufunc, other)


for _name, _ufunc in BINARY.items():
    setattr(Picked, f"__i{_name}__", _in_place(_ufunc))


def _over(mask: SSAValue, shape: Sequence[Extent]) -> SSAValue:
    """A mask of the leading axes of an array of this shape, for all of it."""
    lead = emit.shape(mask)
    return emit.broadcast(emit.reshape(mask, [*lead, *[1] * (len(shape) - len(lead))]), shape)


def _or_one(mask: SSAValue, value: SSAValue) -> SSAValue:
    """A value where the mask holds, and 1 elsewhere."""
    return emit.select(_over(mask, emit.shape(value)), value, emit.like(value, 1))


def _spread(value: Tracer, mask: SSAValue, shape: Sequence[Extent], dtype: DType) -> SSAValue | None:
    """What goes with what a mask picks of an array, in the array's shape, if that has a known place there."""
    if isinstance(value, Picked):
        return value.whole_for(mask, shape)
    rest, own = len(shape) - emit.rank(mask), extents(value)
    if len(own) > rest and any(n != 1 for n in own[: len(own) - rest]):
        return None
    return broadcast_to(emit.cast(value.ssa(), dtypes.to_ir(dtype)), shape)


def load(array: Array, mask: Any) -> Array:
    """`array[mask]`"""
    keys = expanded(array, [mask])
    found = gather(array, [*keys, *[slice(None)] * (array.ndim - len(keys))])
    if not isinstance(mask, Array):
        return found
    picked = Picked(found.storage)
    picked.mask, picked.whole = mask.ssa(), _or_one(mask.ssa(), array.ssa())
    picked.current = current().read(found.storage)
    return picked


def store(array: Array, mask: Any, value: Any) -> None:
    """`array[mask] = value`"""
    keys = expanded(array, [mask])
    tracer = lift(value)
    holds = lift(np.asarray(mask) if isinstance(mask, list) else mask).ssa()
    if array.ndim == len(keys) and tracer.ndim > 1:
        raise error(
            "NumPy boolean array indexing assignment requires a 0 or 1-dimensional input,"
            f" input has {tracer.ndim} dimensions",
            kind=UnsupportedTypeError,
        )
    spread = _spread(tracer, holds, array.extents, array.dtype)
    if spread is not None:
        write_out(array, Array.fresh(spread), Array.fresh(_over(holds, array.extents)), "unsafe")
        return
    scatter(array, [*keys, *[slice(None)] * (array.ndim - len(keys))], tracer)
