"""Python functions of the user's, called for parts of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dialectad.errors import ShapeError
from dialectad.frontend import calls, emit
from dialectad.frontend.dtypes import BOOL
from dialectad.frontend.numpy.stacks import numbers
from dialectad.frontend.numpy.support import (
    array,
    concrete_int,
    holds_tracer,
    implements,
    normalize_axis,
    total,
)
from dialectad.frontend.tracers import Array, broadcast_extents, lift
from dialectad.frontend.tracing import error


def _mapped(function: Callable[..., Any], *rows: Any) -> Any:
    """What a function gives for each of the slices along the first axis, stacked."""
    from dialectad.frontend.vmap import vmap

    return vmap(function)(*rows)


# --- along axes --------------------------------------------------------------------------------


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """numpy.apply_along_axis"""
    source: Any = array(arr)
    d = normalize_axis(axis, source.ndim)
    across = np.moveaxis(source, d, -1)
    outer = across.extents[:-1]
    count = concrete_int(total(outer), "the number of slices")
    if count == 0:
        raise error("Cannot apply_along_axis when any iteration dimensions are 0", kind=ShapeError)
    rows = np.reshape(across, (count, across.shape[-1]))
    results = array(_mapped(lambda row: calls.call(func1d)(row, *args, **kwargs), rows))
    inner = results.extents[1:]
    apart = np.reshape(results, (*outer, *inner))
    order = [*range(d), *range(len(outer), apart.ndim), *range(d, len(outer))]
    return np.transpose(apart, order)


@implements(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """numpy.apply_over_axes"""
    made: Any = numbers(a)
    rank = made.ndim
    for axis in [axes] if np.ndim(axes) == 0 else axes:
        d = normalize_axis(axis, rank)
        found: Any = numbers(calls.call(func)(made, d))
        if found.ndim == rank - 1:
            found = np.expand_dims(found, d)
        if found.ndim != rank:
            raise error("function is not returning an array of the correct shape", kind=ShapeError)
        made = found
    return made


# --- for elements ------------------------------------------------------------------------------


def vectorized(function: np.vectorize) -> Callable[..., Any]:
    """What to call instead of a `numpy.vectorize` object."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if not holds_tracer((*args, *kwargs.values())):
            return function(*args, **kwargs)
        return _vectorized(function, args, kwargs)

    return call


def _vectorized(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if function.signature is not None:
        raise error("numpy.vectorize with a signature is not supported", hint="use da.vmap")
    given: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
    mapped = {key: array(x) for key, x in given.items() if key not in function.excluded}
    if not mapped:
        return calls.call(function.pyfunc)(*args, **kwargs)
    shape = broadcast_extents(*(x.extents for x in mapped.values()))
    count = concrete_int(total(shape), "the number of calls")
    if count == 0 and function.otypes is None:
        raise error("cannot call `vectorize` on size 0 inputs unless `otypes` is set", kind=ShapeError)
    flat = [Array.fresh(emit.collapse(emit.broadcast(x.ssa(), shape))) for x in mapped.values()]

    narrow = any(x.dtype.itemsize < 8 and x.dtype != BOOL for x in mapped.values())

    def call(elements: Any) -> Any:
        at = {**given, **dict(zip(mapped, elements, strict=True))}
        return calls.call(function.pyfunc)(*(at[i] for i in range(len(args))), **{k: at[k] for k in kwargs})

    def once(*elements: Any) -> Any:
        """Of Python's numbers; but NumPy takes the dtype of the result from its own."""
        result = call([x.item() for x in elements])
        if not narrow:
            return result
        like = call(elements)
        if isinstance(result, tuple):
            return tuple(lift(x).astype(lift(y).dtype) for x, y in zip(result, like, strict=True))
        return lift(result).astype(lift(like).dtype)

    found = _mapped(once, *flat)
    parts = list(found) if isinstance(found, tuple) else [found]
    wanted = [None] * len(parts) if function.otypes is None else list(function.otypes)
    if len(wanted) != len(parts):
        raise error("the number of otypes is not that of the outputs", kind=ShapeError)
    made = [
        (array(part) if dtype is None else array(part).astype(dtype)).reshape(shape)
        for part, dtype in zip(parts, wanted, strict=True)
    ]
    return tuple(made) if isinstance(found, tuple) else made[0]


# --- by conditions -----------------------------------------------------------------------------


def _is_one(condlist: Any, rank: int) -> bool:
    """Whether a condition is given, rather than several."""
    if not isinstance(condlist, list | tuple) and np.ndim(condlist) == 0:
        return True
    return rank > 0 and not isinstance(condlist[0], list | np.ndarray | Array)


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """numpy.piecewise: each function takes the elements for which its condition holds"""
    source: Any = array(x)
    conditions = [condlist] if _is_one(condlist, source.ndim) else list(condlist)
    masks = [np.broadcast_to(array(c).astype(BOOL), source.shape) for c in conditions]
    functions = list(funclist)
    if len(masks) == len(functions) - 1:
        masks.append(np.logical_not(_any(masks)))
    if len(masks) != len(functions):
        n = len(masks)
        raise error(f"with {n} condition(s), either {n} or {n + 1} functions are expected", kind=ShapeError)
    made: Any = np.reshape(np.zeros_like(source), (-1,))
    flat = np.reshape(source, (-1,))
    for mask, function in zip(masks, functions, strict=True):
        chosen = np.reshape(mask, (-1,))
        made[chosen] = calls.call(function)(flat[chosen], *args, **kw) if callable(function) else function
    return np.reshape(made, source.shape)


def _any(masks: list[Any]) -> Any:
    found = masks[0]
    for mask in masks[1:]:
        found = found | mask
    return found
