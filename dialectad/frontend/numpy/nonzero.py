"""Functions that find elements: their results have shapes that are known only at run time."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.errors import ShapeError, UnsupportedTypeError
from dialectad.frontend import emit, masks
from dialectad.frontend.dtypes import BOOL, INT64, to_ir
from dialectad.frontend.numpy.support import array, implements, normalize_axis, tensor
from dialectad.frontend.tracers import Array
from dialectad.frontend.tracing import error


@implements(np.nonzero)
def nonzero(a: Any) -> tuple[Array, ...]:
    """numpy.nonzero"""
    source = array(a)
    if not source.ndim:
        raise error("nonzero of a 0-d array", hint="use numpy.atleast_1d", kind=UnsupportedTypeError)
    _, indices = masks.places(tensor(source, BOOL))
    return tuple(Array.fresh(emit.cast(index, to_ir(INT64))) for index in indices)


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Array:
    """numpy.flatnonzero"""
    return nonzero(array(a).ravel())[0]


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    """numpy.argwhere"""
    return np.stack(nonzero(a), axis=-1)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """numpy.extract"""
    return array(arr).ravel()[flatnonzero(condition)]


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None) -> Any:
    """numpy.compress"""
    source, chosen = array(a), array(condition)
    if chosen.ndim != 1:
        raise error("condition must be a 1-d array", kind=ShapeError)
    if axis is None:
        source, axis = source.ravel(), 0
    return np.take(source, flatnonzero(chosen), axis=normalize_axis(axis, source.ndim))
