"""What generated code calls besides NumPy.

An argument `like` tells what will be written into a new array: that decides what kind of array it must be,
as plain arrays can hold no derivative.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dialectad.frontend.tracers import Tracer
from dialectad.tape.tape import traced


def empty(shape: tuple[int, ...], dtype: Any, like: Any) -> Any:
    """A new array to write `like` into."""
    return np.empty(shape, dtype) if type(like) in _PLAIN else _hosted(np.empty(shape, dtype), like)


def copy(x: Any, like: Any = 0.0) -> Any:
    """A copy of an array to write `like` into."""
    if type(x) is not np.ndarray:
        return x if type(x) in _PYTHON else x.copy()
    return x.copy() if type(like) in _PLAIN else _hosted(x.copy(), like)


def expand(x: Any, shape: tuple[int, ...], dtype: Any, like: Any = 0.0) -> Any:
    """`x`, broadcast to a new array."""
    if type(x) not in _PLAIN:
        return np.broadcast_to(x, shape).copy()
    made = np.empty(shape, dtype)
    made[...] = x
    return made if type(like) in _PLAIN else _hosted(made, like)


def number(x: Any) -> Any:
    """The one element of an array without axes, or the number that stands for it."""
    return x[()] if hasattr(x, "__setitem__") else x


def cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype."""
    return dtype(x) if type(x) in _PYTHON else x.astype(dtype)


def join(elements: tuple[Any, ...], dtype: Any) -> Any:
    """A vector of numbers."""
    return np.stack([cast(x, dtype) for x in elements])


def pair(re: Any, im: Any) -> Any:
    """The complex number or array of these parts."""
    if type(re) not in _PLAIN or type(im) not in _PLAIN:
        return re + 1j * im
    made = np.empty(np.broadcast_shapes(np.shape(re), np.shape(im)), np.result_type(re, im, 1j))
    made.real, made.imag = re, im
    return made if made.ndim else made[()]


_PYTHON = frozenset((float, int, bool, complex))
_PLAIN = frozenset((np.ndarray, *_PYTHON, *np.sctypeDict.values()))


def _hosted(array: np.ndarray[Any, Any], like: Any) -> Any:
    """`array` as something that the tape or the trace to which `like` belongs can write into."""
    if isinstance(like, Tracer):
        return traced(array)
    return like.tape.fresh(array)


NAMESPACE: dict[str, Any] = {
    **{
        name: getattr(np, name)
        for name in (
            "add multiply maximum minimum fmax fmin where einsum power sqrt logical_not arange"
            " arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt ceil copysign cos cosh exp exp2 expm1"
            " floor fmod log log10 log1p log2 rint sin sinh tan tanh trunc inf nan"
            " float64 float32 complex128 complex64 int64 int32 int16 int8 bool_"
        ).split()
    },
    **{f"math_{name}": getattr(math, name) for name in dir(math) if not name.startswith("_")},
    "empty": empty,
    "copy": copy,
    "expand": expand,
    "cast": cast,
    "number": number,
    "join": join,
    "pair": pair,
}
"""The names that kernels use."""
