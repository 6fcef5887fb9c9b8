"""NumPy's indexing: basic keys make views, integer arrays gather, boolean masks select on assignment."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialectad.errors import IndexRangeError
from dialectad.frontend import emit, masks, views
from dialectad.frontend.basic_keys import basic_view, integer
from dialectad.frontend.gathering import gather, scatter
from dialectad.frontend.masks import is_mask
from dialectad.frontend.tracers import (
    Array,
    Scalar,
    as_stored,
    converted,
    extents,
    lift,
    write_out,
)
from dialectad.frontend.tracing import error


def load(array: Array, key: Any) -> Any:
    """`array[key]`"""
    if is_mask(key):
        return masks.load(array, key)
    keys = masks.expanded(array, expand(array, key))
    if any(is_advanced(k) for k in keys):
        return gather(array, keys)
    view = basic_view(array, keys)
    if _has_ellipsis(key):
        return view  # an array, also of no axes
    if view.view and isinstance(last := view.view[-1], views.Slice) and last.is_element:
        return Scalar(_element(array, view))
    return view if view.ndim else Scalar(emit.extract(view.ssa(), []))


def store(array: Array, key: Any, value: Any) -> None:
    """`array[key] = value`"""
    if is_mask(key):
        masks.store(array, key, value)
        return
    keys = masks.expanded(array, expand(array, key))
    if any(is_advanced(k) for k in keys):
        scatter(array, keys, value)
        return
    view = basic_view(array, keys)
    if isinstance(value, Array) and value.storage is view.storage and value.view == view.view:
        return  # what `a[k] += v` ends with: the view is already written
    if view.view and isinstance(last := view.view[-1].here(), views.Slice) and last.is_element:
        _set_element(array, view, last, value)
        return
    write_out(view, value, casting="unsafe")


def _element(array: Array, view: Array) -> SSAValue:
    step = view.view[-1].here()
    assert isinstance(step, views.Slice)
    whole = Array(view.storage, view.view[:-1]).ssa()
    return emit.extract(whole, step.offsets)


def _set_element(array: Array, view: Array, step: views.Slice, value: Any) -> None:
    tracer = as_stored(lift(value), "unsafe")
    scalar = converted(tracer, array.dtype)
    if extents(tracer):
        scalar = emit.extract(emit.reshape(scalar, ()), [])
    elif isinstance(tracer, Array):
        scalar = emit.extract(scalar, [])
    whole = Array(view.storage, view.view[:-1])
    whole.write(emit.insert(scalar, whole.ssa(), step.offsets))


# --- basic keys --------------------------------------------------------------------------------


def expand(array: Array, key: Any) -> list[Any]:
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
    return lift(key).ndim if is_mask(key) else 1


def _has_ellipsis(key: Any) -> bool:
    return key is Ellipsis or (isinstance(key, tuple) and any(k is Ellipsis for k in key))


def is_advanced(key: Any) -> bool:
    return isinstance(key, list) or (isinstance(key, Array | np.ndarray) and key.ndim > 0)


__all__ = ["integer", "load", "store"]
