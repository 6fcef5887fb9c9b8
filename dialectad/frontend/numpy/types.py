"""Questions about types, which are answered while tracing."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialectad.frontend.numpy.support import dtype_of, implements, intercepts, is_weak, operand, python_number
from dialectad.frontend.tracers import Array, Tracer
from dialectad.frontend.tracing import error


@intercepts(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """numpy.result_type"""
    return np.result_type(*map(_representative, arrays_and_dtypes))


def _representative(x: Any) -> Any:
    if not isinstance(x, Tracer):
        return x
    x = operand(x)
    return python_number(x) if is_weak(x) else dtype_of(x)


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    """numpy.can_cast"""
    return np.can_cast(from_.dtype, to, casting)  # pyright: ignore[reportArgumentType]


@intercepts(np.isscalar)
def isscalar(element: Any) -> bool:
    """numpy.isscalar"""
    return not isinstance(element, Array) if isinstance(element, Tracer) else np.isscalar(element)


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """numpy.iscomplexobj"""
    return False


@implements(np.iscomplex)
def iscomplex(x: Any) -> Any:
    """numpy.iscomplex"""
    return np.not_equal(0 * np.isfinite(x), 0)


@implements(np.isreal)
def isreal(x: Any) -> Any:
    """numpy.isreal"""
    return np.logical_not(iscomplex(x))


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    """numpy.isrealobj"""
    return True


@implements(np.real)
def real(val: Any) -> Any:
    """numpy.real"""
    return val


@implements(np.imag)
def imag(val: Any) -> Any:
    """numpy.imag"""
    return np.zeros_like(val)


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """numpy.angle"""
    turned = np.arctan2(np.zeros_like(z), z)
    return np.rad2deg(turned) if deg else turned


@implements(np.shares_memory, np.may_share_memory)
def shares_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    """numpy.shares_memory, when it is clear"""
    if not (isinstance(a, Array) and isinstance(b, Array)) or a.storage is not b.storage:
        return False
    if a.view == b.view or not a.view or not b.view:
        return True
    raise error(
        "whether two views share memory is not known while compiling",
        hint="compare the slices that they were made by",
    )


@implements(np.min_scalar_type)
def min_scalar_type(a: Any) -> np.dtype[Any]:
    """numpy.min_scalar_type"""
    return a.dtype


@implements(np.common_type)
def common_type(*arrays: Any) -> type:
    """numpy.common_type"""
    return np.common_type(*(np.empty(0, x.dtype) for x in arrays))


@implements(np.iterable)
def iterable(y: Any) -> bool:
    """numpy.iterable"""
    return not isinstance(y, Tracer) or y.ndim > 0
